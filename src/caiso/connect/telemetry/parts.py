"""Parquet parts: one file per batch by hour of arrival, numbered, with the log ranges that they hold in their metadata.

A part's appearance under its name is what fixes the order of events; it is written aside, synced, linked and the
folder synced. The columns are those of ``table``; none ever holds content.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from caiso.connect.telemetry import threads, words
from caiso.connect.telemetry.keys import make_folder, sync_folder
from caiso.connect.telemetry.parquet import pq
from caiso.connect.telemetry.table import ATTRIBUTES, INTEGERS, RESOURCE, TEXT_COLUMNS, of_today
from caiso.connect.telemetry.threads import THREAD_COLUMNS, write_threads
from caiso.connect.telemetry.wal import Position
from caiso.errors import DomainError

_META: Final = b"caiso"
_PART = re.compile(r"part-(\d{10})\.parquet")
_COMPACT = re.compile(r"compact-(\d{10})-(\d{10})\.parquet")
_HOUR = re.compile(r"hour=(\d{4}-\d{2}-\d{2}T\d{2})")
_ROW_GROUP: Final = 65_536

# Ids are all different: a dictionary of them costs time and saves nothing.
_UNIQUE: Final = frozenset(
    {"event.id", "span_id", "parent_span_id", "gen_ai.response.id", "gen_ai.tool.call.id", "content.ref"}
)
_DICTIONARY: Final = [
    *(name for name in TEXT_COLUMNS if name not in _UNIQUE),
    RESOURCE, f"{ATTRIBUTES}.key_value.key", f"{INTEGERS}.key_value.key",
]  # fmt: skip


class UnableToWritePart(DomainError):
    """A part whose number is already taken: another detector is alive."""


class UnableToReadPart(DomainError):
    """A file that is not a part of ours."""


@dataclass(frozen=True, slots=True)
class Range:
    """What a part holds of one writer's log: from the first position up to, not including, the second."""

    writer: str
    start: Position
    end: Position


class Reject(msgspec.Struct, frozen=True, gc=False):
    """A record that the normaliser refused; ``ref`` leads to the beginning of it in the content store.

    ``place`` is its number among all records of its request, which ``request_ref`` leads to, if it was kept.
    """

    id: str
    source_id: str
    signal: str
    ingest_us: int
    index: int
    reason: str
    ref: str = ""
    place: int = 0
    request_ref: str = ""
    request_id: str = ""  # under which the content store keeps the request


@dataclass(frozen=True, slots=True)
class PartInfo:
    """A part as the database should know it; ``path`` is relative to the events folder.

    A compacted part covers the numbers from ``number`` to ``last_number``.
    """

    number: int
    last_number: int
    path: str
    hour: str
    rows: int
    size: int
    first_time_us: int
    last_time_us: int
    ranges: tuple[Range, ...] = ()
    rejects: tuple[Reject, ...] = ()
    duplicates: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)


class _Meta(msgspec.Struct):
    """The JSON in a part's file metadata."""

    number: int
    last_number: int
    hour: str
    first_time_us: int
    last_time_us: int
    ranges: list[tuple[str, int, int, int, int]]
    rejects: list[Reject]
    duplicates: int
    kinds: dict[str, int]


def hour_of(time_us: int) -> str:
    """Return the name of an hour, ``YYYY-MM-DDTHH`` in UTC."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)
    return moment.strftime("%Y-%m-%dT%H")


def write_part(
    root: Path,
    number: int,
    table: pa.Table,
    *,
    hour: str,
    ranges: Sequence[Range],
    rejects: Sequence[Reject] = (),
    duplicates: int = 0,
) -> PartInfo:
    """Write a part durably under a number that nobody has taken; raises ``UnableToWritePart``."""
    times = pc.min_max(table.column("time")).as_py()
    kinds = {pair["values"] or "": pair["counts"] for pair in pc.value_counts(table.column("event.kind")).to_pylist()}
    meta = _Meta(
        number=number,
        last_number=number,
        hour=hour,
        first_time_us=times["min"] or 0,
        last_time_us=times["max"] or 0,
        ranges=[(r.writer, r.start.segment, r.start.offset, r.end.segment, r.end.offset) for r in ranges],
        rejects=list(rejects),
        duplicates=duplicates,
        kinds=kinds,
    )
    return _write(root, f"part-{number:010d}.parquet", table, meta)


def _write(root: Path, name: str, table: pa.Table, meta: _Meta) -> PartInfo:
    folder = root / f"hour={meta.hour}"
    if not folder.is_dir():
        make_folder(folder)
        sync_folder(root)
    final = folder / name
    temporary = folder / f".{name}.{os.getpid()}.tmp"
    with temporary.open("wb") as file:
        pq.write_table(
            table.replace_schema_metadata({_META: msgspec.json.encode(meta)}),
            file,
            compression="zstd",
            compression_level=1,
            use_dictionary=_DICTIONARY,
            row_group_size=_ROW_GROUP,
            write_statistics=True,
        )
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, final)  # unlike a rename, a link never replaces a part that is already there
    except FileExistsError as error:
        raise UnableToWritePart(f"{final} is already there; another detector wrote it") from error
    finally:
        temporary.unlink()
    write_threads(final, table)  # only now is the number surely ours; a part without it is read for every thread
    sync_folder(folder)
    return _info(meta, f"{folder.name}/{name}", table.num_rows, final.stat().st_size)


def _info(meta: _Meta, path: str, rows: int, size: int) -> PartInfo:
    return PartInfo(
        number=meta.number,
        last_number=meta.last_number,
        path=path,
        hour=meta.hour,
        rows=rows,
        size=size,
        first_time_us=meta.first_time_us,
        last_time_us=meta.last_time_us,
        ranges=tuple(Range(w, Position(a, b), Position(c, d)) for w, a, b, c, d in meta.ranges),
        rejects=tuple(meta.rejects),
        duplicates=meta.duplicates,
        kinds=meta.kinds,
    )


def read_info(root: Path, path: str) -> PartInfo:
    """Read what a part says about itself; raises ``UnableToReadPart``."""
    file = root / path
    try:
        found = pq.read_metadata(file)
        meta = msgspec.json.decode((found.metadata or {}).get(_META, b""), type=_Meta)
    except (OSError, pa.ArrowInvalid, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise UnableToReadPart(f"{file}: not a part of ours: {error}") from error
    return _info(meta, path, found.num_rows, file.stat().st_size)


def read_part(root: Path, path: str) -> pa.Table:
    """Return a part's events in their fixed order."""
    try:
        return of_today(pq.read_table(root / path, partitioning=None).replace_schema_metadata(None))
    except (OSError, pa.ArrowInvalid) as error:
        raise UnableToReadPart(f"{root / path}: {error}") from error


def read_ids(root: Path, path: str) -> list[str]:
    """Return the event ids of a part in order."""
    table = pq.read_table(root / path, columns=["event.id"], partitioning=None)
    return [str(value) for value in table.column("event.id").to_pylist()]


def index_threads(root: Path, path: str) -> None:
    """Write what lies beside a part that was written without it."""
    try:
        table = pq.read_table(root / path, columns=list(THREAD_COLUMNS), partitioning=None)
    except (OSError, pa.ArrowInvalid) as error:
        raise UnableToReadPart(f"{root / path}: {error}") from error
    write_threads(root / path, table)


def list_parts(root: Path, *, after: int) -> list[PartInfo]:
    """Return the parts on disk whose number is above the given one, ascending; for recovery, never for queries."""
    if not root.is_dir():
        return []
    found: list[tuple[int, str]] = []
    for folder in root.iterdir():
        if not _HOUR.fullmatch(folder.name):
            continue
        for file in folder.iterdir():
            match = _PART.fullmatch(file.name)
            if match and int(match[1]) > after:
                found.append((int(match[1]), f"{folder.name}/{file.name}"))
    return [read_info(root, path) for _, path in sorted(found)]


def clean(root: Path, *, known: Iterable[str]) -> list[str]:
    """Delete half-written files, compacted ones that no database row names and what lay beside parts; returns what went."""
    named = set(known)
    gone: list[str] = []
    for file in root.glob("hour=*/*"):
        path = f"{file.parent.name}/{file.name}"
        if file.name.endswith(".tmp") or (_COMPACT.fullmatch(file.name) and path not in named):
            file.unlink()
            gone.append(path)
    for file in root.glob("hour=*/*"):
        if file.suffix in (threads.ENDING, words.ENDING) and not file.with_suffix(".parquet").exists():
            file.unlink()  # what lay beside a part that went
    return gone


def compact(root: Path, parts: Sequence[PartInfo], *, snapshot: int) -> PartInfo:
    """Write one part that holds several of one hour, ordered by event time; the caller swaps the rows in its database.

    Only parts that a state snapshot already covers may go: a restart replays the later ones in their own order.
    The replaced files stay until ``remove`` is called, ten minutes later, because readers may still hold their list.
    """
    ordered = sorted(parts, key=lambda part: part.number)
    if len(ordered) < 2 or len({part.hour for part in ordered}) != 1:
        raise UnableToWritePart("compaction takes two or more parts of the same hour")
    if ordered[-1].last_number > snapshot:
        raise UnableToWritePart(f"part {ordered[-1].last_number} is newer than the snapshot at part {snapshot}")
    table = pa.concat_tables([of_today(pq.read_table(root / part.path, partitioning=None)) for part in ordered])
    kinds: dict[str, int] = {}
    for part in ordered:
        for kind, count in part.kinds.items():
            kinds[kind] = kinds.get(kind, 0) + count
    filled = [part for part in ordered if part.rows]
    meta = _Meta(
        number=ordered[0].number,
        last_number=ordered[-1].last_number,
        hour=ordered[0].hour,
        first_time_us=min((part.first_time_us for part in filled), default=0),
        last_time_us=max((part.last_time_us for part in filled), default=0),
        ranges=[],
        rejects=[],
        duplicates=sum(part.duplicates for part in ordered),
        kinds=kinds,
    )
    name = f"compact-{meta.number:010d}-{meta.last_number:010d}.parquet"
    # What stands there was never named: had it been, its parts would not be there to be joined once more.
    (root / f"hour={meta.hour}" / name).unlink(missing_ok=True)
    return _write(root, name, table.sort_by([("time", "ascending"), ("event.id", "ascending")]), meta)


def remove(root: Path, paths: Iterable[str]) -> int:
    """Delete part files and the hour folders that this leaves empty; returns how many went."""
    count = 0
    folders: set[Path] = set()
    for path in paths:
        file = root / path
        if file.resolve().parent.parent != root.resolve():
            raise UnableToReadPart(f"{path!r} is not the path of a part")
        if file.exists():
            file.unlink()
            folders.add(file.parent)
            count += 1
        # After the part: who indexes it meanwhile looks whether it is still there when the index is.
        for other in (threads.beside(file), words.beside(file)):
            other.unlink(missing_ok=True)
    for folder in folders:
        if not any(folder.iterdir()):
            folder.rmdir()
    return count
