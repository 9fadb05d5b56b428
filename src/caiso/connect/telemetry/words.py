"""Which parts can hold a text that somebody searches for: beside each part, the set of all short runs of bytes in it.

A search that finds little would otherwise read every column of every part. The set may have too much in it, never too
little: its runs come from DuckDB's own lower-case form of the searched columns, byte for byte what a search compares. A
part without such a file, or with one of another version, may hold anything, and is read. ``wording`` makes the files.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

# Columns of ``table``, by name: pages that only ask whether parts are indexed do without Arrow.
SEARCHED: Final = (
    "event.name", "service.name", "gen_ai.conversation.id", "trace_id", "user.id", "gen_ai.tool.name",
    "gen_ai.agent.name", "gen_ai.request.model", "aisoc.egress.host", "attributes", "integers", "others", "resource",
)  # fmt: skip
ENDING: Final = ".words"
LENGTHS: Final = (2, 3, 5)  # bytes of a run: two for the shortest words, five to tell ids from one another
SPREAD: Final = 0x9E3779B97F4A7C15  # spreads runs over 64 bits, of which the leading ones are a place
FEWEST_BITS: Final = 10
MOST_BITS: Final = 24  # 2 MB for the largest parts
_HEAD_BYTES: Final = 64
_MASK: Final = (1 << 64) - 1


class WordsJob(msgspec.Struct, frozen=True):
    """Parts to index, by their paths below the folder of events."""

    root: str
    paths: list[str]


class WordsReport(msgspec.Struct, frozen=True):
    """Which parts are indexed now, and why others cannot be; those that went meanwhile are in neither."""

    indexed: list[str]
    broken: dict[str, str]


def lowered(column: str) -> str:
    """SQL for what a search looks into of a column."""
    return f'lower("{column}"::VARCHAR)'


@cache
def label() -> str:
    """Names how the sets are made; another DuckDB may write a map of attributes as another text."""
    made = f"1 {version('duckdb')} {LENGTHS} {' '.join(map(lowered, SEARCHED))}"
    return blake2b(made.encode(), digest_size=16).hexdigest()


def beside(part: Path) -> Path:
    """Where the set of a part lies."""
    return part.with_suffix(ENDING)


def head(bits: int) -> bytes:
    """How a file begins whose places have so many bits."""
    return f"caiso words {label()} {bits}\n".encode().ljust(_HEAD_BYTES, b"\n")


class Wanted:
    """A text that is searched for, in lower case as the search compares it."""

    def __init__(self, text: str) -> None:
        data = text.encode("utf-8", "surrogatepass")
        # Long runs first: they are the rare ones.
        self._hashes = list(dict.fromkeys(one for length in sorted(LENGTHS)[::-1] for one in _hashes(data, length)))

    def may_be_in(self, part: Path) -> bool:
        """Whether the part can hold the text; only a whole file beside it, of this version, can say no."""
        if not self._hashes:
            return True
        try:
            with beside(part).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                bits = _bits_of(data)
                return bits is None or all(_has(data, value >> (64 - bits)) for value in self._hashes)
        except (OSError, ValueError):  # not there, or empty
            return True


def _hashes(data: bytes, length: int) -> Iterator[int]:
    for begin in range(len(data) - length + 1):
        run = length << (8 * length) | int.from_bytes(data[begin : begin + length], "big")
        yield (run * SPREAD) & _MASK


def _bits_of(data: mmap.mmap) -> int | None:
    """How many bits a place has; None where the file is not whole or of another version."""
    given = data[:_HEAD_BYTES]
    last = given.rstrip(b"\n").rpartition(b" ")[2]
    if not last.isdigit() or not FEWEST_BITS <= (bits := int(last)) <= MOST_BITS or given != head(bits):
        return None
    return bits if len(data) == _HEAD_BYTES + (1 << bits) // 8 else None


def _has(data: mmap.mmap, place: int) -> bool:
    return bool(data[_HEAD_BYTES + (place >> 3)] >> (place & 7) & 1)
