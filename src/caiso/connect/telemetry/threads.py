"""Which parts can hold one conversation, MCP session or trace: beside each part, the sorted hashes of the ids in it.

Asked by its id alone, a conversation may lie anywhere within months; opening every part for it would cost more with
each day. A part without such a file (an older version wrote it) may hold anything, and is read.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

THREAD_COLUMNS: Final = ("aisoc.session", "gen_ai.conversation.id", "trace_id")
ENDING: Final = ".threads"
_HEAD: Final = b"caiso threads 1\n"
_HASH_BYTES: Final = 4  # two ids share one by chance once in four billion: a part is then read in vain


def beside(part: Path) -> Path:
    """Where the hashes of a part lie."""
    return part.with_suffix(ENDING)


def write_threads(part: Path, table: pa.Table) -> None:
    """Keep the hashes of a part's ids durably; `table` holds at least the columns of ids."""
    found: set[str] = set()
    for name in THREAD_COLUMNS:
        found.update(filter(None, pc.unique(table.column(name)).to_pylist()))
    hashes = array("I", sorted({_hash(value) for value in found}))
    target = beside(part)
    draft = target.with_name(f".{target.name}.tmp")
    with draft.open("wb") as file:
        file.write(_HEAD + _little(hashes).tobytes())
        file.flush()
        os.fsync(file.fileno())
    draft.replace(target)


def may_hold(part: Path, thread: str) -> bool:
    """Whether the part can hold events of the thread; only a whole file beside it can say no."""
    try:
        with beside(part).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            size = len(data) - len(_HEAD)
            if data[: len(_HEAD)] != _HEAD or size % _HASH_BYTES or sys.byteorder != "little":
                return True
            with memoryview(data) as whole, whole[len(_HEAD) :] as body, body.cast("I") as hashes:
                wanted = _hash(thread)
                place = bisect_left(hashes, wanted)
                return place < len(hashes) and hashes[place] == wanted
    except (OSError, ValueError):  # not there, or empty
        return True


def without_threads(root: Path, paths: Iterable[str]) -> list[str]:
    """The parts that have no such file yet."""
    return [path for path in paths if not beside(root / path).exists()]


def _hash(thread: str) -> int:
    digest = hashlib.blake2b(thread.encode("utf-8", "surrogatepass"), digest_size=_HASH_BYTES).digest()
    return int.from_bytes(digest, "little")


def _little(hashes: array[int]) -> array[int]:
    if sys.byteorder != "little":
        hashes.byteswap()
    return hashes
