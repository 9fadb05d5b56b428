"""Reads events by DuckDB from an explicit list of parts, with bound parameters and no way out to other files.

The list comes from the database, never from a glob: a glob meets files that come and go during compaction.
A page is found on few columns first, newest parts first, and only its rows are then read whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb

from caiso.connect.telemetry.parts import PartInfo
from caiso.connect.telemetry.table import INT_COLUMNS, TEXT_COLUMNS, Event, to_event
from caiso.connect.telemetry.threads import THREAD_COLUMNS, may_hold
from caiso.connect.telemetry.words import SEARCHED, Wanted, lowered
from caiso.errors import DomainError

MAX_PAGE: Final = 1000
MAX_OFFSET: Final = 100_000
_MAX_INTERVALS: Final = 2000
_MAX_VALUES: Final = 500
_MAX_CONVERSATION: Final = 10_000
_FIRST_BITE: Final = 100_000  # rows
_PATH = re.compile(r"hour=\d{4}-\d{2}-\d{2}T\d{2}/(?:part|compact)-[0-9-]{1,32}\.parquet")

SORTS: Final = (*INT_COLUMNS, "event.kind", "service.name", "user.id", "gen_ai.tool.name", "gen_ai.request.model")
MENUS: Final = tuple(
    name for name in TEXT_COLUMNS if name not in ("event.id", "span_id", "parent_span_id", "content.ref")
)
_ONE_PART: Final = "FROM read_parquet(?, hive_partitioning = false, file_row_number = true)"
_TOGETHER: Final = 65_536  # rows whose texts are taken at once: a large part takes no more memory than a small one


class UnableToQuery(DomainError):
    """A filter, sort or page that is not offered."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events; empty means no restriction.

    ``equals`` maps a fixed column to one value or several; ``text`` is looked for in names, ids and attributes,
    never in content. Times are microseconds, the end is not included. ``feeds`` limits to (source id, service name)
    pairs: what somebody may see of a shared source.
    """

    start_us: int | None = None
    end_us: int | None = None
    equals: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    text: str = ""
    marked: bool | None = None
    feeds: Sequence[tuple[str, str]] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Events of one page and whether there are more after it."""

    events: list[Event]
    more: bool


def _quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _select(columns: str, where: str, tail: str = "") -> str:
    """Columns, conditions and tail are made here of constant names; what a caller says is always a bound value."""
    return f"SELECT {columns} FROM events WHERE {where} {tail}"  # noqa: S608  see above


class EventReader:
    """A DuckDB connection that can read below one folder of events and nothing else; not shared between threads."""

    def __init__(self, events_root: Path, *, threads: int = 2, memory: str = "512MB") -> None:
        self._root = events_root.resolve()
        self._link: Any = duckdb.connect(":memory:", config={"threads": threads, "memory_limit": memory})
        self._link.execute("SET autoinstall_known_extensions = false")
        self._link.execute("SET autoload_known_extensions = false")
        self._link.execute("SET python_enable_replacements = false")
        self._link.execute("SET enable_object_cache = true")
        self._link.execute(f"SET allowed_directories = [{_literal(str(self._root) + '/')}]")
        self._link.execute("SET temp_directory = ''")
        self._link.execute("SET enable_external_access = false")
        self._link.execute("SET lock_configuration = true")

    def close(self) -> None:
        """Free the connection."""
        self._link.close()

    def __enter__(self) -> EventReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- questions ----------------------------------------------------------------------------------------------

    def page(
        self,
        parts: Sequence[PartInfo],
        wanted: EventFilter,
        *,
        sort: str = "time",
        descending: bool = True,
        limit: int = 50,
        offset: int = 0,
    ) -> Page:
        """Return one page of matching events."""
        if sort not in SORTS:
            raise UnableToQuery(f"events cannot be sorted by {sort[:60]!r}; by {', '.join(SORTS)} they can")
        if not (1 <= limit <= MAX_PAGE and 0 <= offset <= MAX_OFFSET):
            raise UnableToQuery(f"a page has 1 to {MAX_PAGE} events and begins before {MAX_OFFSET}")
        need = offset + limit + 1
        hits: list[_Hit] = []
        for chunk, rest in _chunks(self._worth(parts, wanted), by_time=sort == "time", descending=descending):
            hits = self._best(
                [*hits, *self._hits(chunk, wanted, sort, descending=descending, limit=need)], descending, need
            )
            if len(hits) == need and rest and _settled(hits[-1], rest, descending=descending):
                break
        found = self._whole(hits[offset : offset + limit])
        return Page(found, len(hits) == need)

    def event(self, parts: Sequence[PartInfo], event_id: str) -> Event | None:
        """Return one event by its id."""
        rows = self._rows(parts, _select("*", f"{_quoted('event.id')} = ?", "LIMIT 1"), [event_id])
        return to_event(rows[0]) if rows else None

    def events(self, parts: Sequence[PartInfo], event_ids: Sequence[str]) -> list[Event]:
        """Return events by id, in time order; those of an alert."""
        sql = _select("*", f"list_contains(?, {_quoted('event.id')})", f"ORDER BY {_quoted('time')}")
        return [to_event(row) for row in self._rows(parts, sql, [list(event_ids)[:_MAX_CONVERSATION]])]

    def conversation(self, parts: Sequence[PartInfo], session: str, *, limit: int = 2000) -> list[Event]:
        """Return one conversation, MCP session or trace in the order of its events."""
        if not 1 <= limit <= _MAX_CONVERSATION:
            raise UnableToQuery(f"1 to {_MAX_CONVERSATION} events of a conversation can be read")
        parts = [part for part in parts if may_hold(self._root / part.path, session)]
        where = " OR ".join(f"{_quoted(column)} = ?" for column in THREAD_COLUMNS)
        sql = _select(f"filename, file_row_number, {_quoted('time')}", where, "ORDER BY 3, 1, 2 LIMIT ?")
        return self._whole([_Hit(*row) for row in self._tuples(parts, sql, [session, session, session, limit])])

    def values(
        self, parts: Sequence[PartInfo], column: str, wanted: EventFilter, *, limit: int = 100
    ) -> list[tuple[str, int]]:
        """Return the commonest values of a column with their counts, for a filter menu."""
        if column not in MENUS:
            raise UnableToQuery(f"{column[:60]!r} has no menu of values")
        where, values = _where(wanted)
        name = _quoted(column)
        where = f"{where} AND {name} IS NOT NULL AND {name} <> ''"
        sql = _select(f"{name}, count(*)", where, f"GROUP BY {name} ORDER BY 2 DESC, 1 LIMIT ?")
        return [
            (row[0], row[1])
            for row in self._tuples(self._worth(parts, wanted), sql, [*values, min(limit, _MAX_VALUES)])
        ]

    def counts(
        self, parts: Sequence[PartInfo], wanted: EventFilter, *, interval_us: int, by: str = ""
    ) -> list[tuple[int, str, int]]:
        """Return (interval's start in microseconds, value of ``by`` or empty, count), ascending."""
        if by and by not in MENUS:
            raise UnableToQuery(f"events cannot be counted by {by[:60]!r}")
        if interval_us < 1_000_000:
            raise UnableToQuery("an interval has at least one second")
        where, values = _where(wanted)
        group = f"coalesce({_quoted(by)}, '')" if by else "''"
        start = f"({_quoted('time')} // ?) * ?"
        sql = _select(f"{start}, {group}, count(*)", where, "GROUP BY 1, 2 ORDER BY 1, 2 LIMIT ?")
        rows = self._tuples(self._worth(parts, wanted), sql, [interval_us, interval_us, *values, _MAX_INTERVALS])
        return [(int(at), str(value), int(count)) for at, value, count in rows]

    def count(self, parts: Sequence[PartInfo], wanted: EventFilter) -> int:
        """Return how many events match."""
        where, values = _where(wanted)
        found = self._tuples(self._worth(parts, wanted), _select("count(*)", where), values)
        return int(found[0][0]) if found else 0

    def rows(self, path: str) -> int:
        """How many events a part holds."""
        return int(self._link.execute(f"SELECT count(*) {_ONE_PART}", [self._file(path)]).fetchone()[0])

    def searched_texts(self, path: str) -> Iterator[list[str]]:
        """What a search looks into of one part, as it compares it: some rows of one column at a time, each text once."""
        file, rows = self._file(path), self.rows(path)
        columns = {row[0] for row in self._link.execute(f"DESCRIBE SELECT * {_ONE_PART}", [file]).fetchall()}
        for column in (name for name in SEARCHED if name in columns):
            sql = f"SELECT DISTINCT {lowered(column)} {_ONE_PART} WHERE file_row_number BETWEEN ? AND ?"
            for begin in range(0, rows, _TOGETHER):
                found = self._link.execute(sql, [file, begin, begin + _TOGETHER - 1]).fetchall()
                yield [text for (text,) in found if text]

    # -- execution ----------------------------------------------------------------------------------------------

    def _worth(self, parts: Sequence[PartInfo], wanted: EventFilter) -> list[PartInfo]:
        """Leave out the parts that cannot match: by their times, and by what lies beside them of a searched text."""
        found = _within(parts, wanted)
        if not wanted.text:
            return found
        text = Wanted(_searched(wanted))
        return [part for part in found if text.may_be_in(self._root / part.path)]

    def _hits(
        self, parts: Sequence[PartInfo], wanted: EventFilter, sort: str, *, descending: bool, limit: int
    ) -> list[_Hit]:
        where, values = _where(wanted)
        order = "DESC" if descending else "ASC"
        tail = f"ORDER BY 3 {order} NULLS LAST, 1 {order}, 2 {order} LIMIT ?"
        sql = _select(f"filename, file_row_number, {_quoted(sort)}", where, tail)
        return [_Hit(*row) for row in self._tuples(parts, sql, [*values, limit])]

    @staticmethod
    def _best(hits: list[_Hit], descending: bool, limit: int) -> list[_Hit]:  # noqa: FBT001  private, named at the call
        filled = sorted(
            (hit for hit in hits if hit.key is not None),
            key=lambda hit: (hit.key, hit.file, hit.row),
            reverse=descending,
        )
        return (filled + [hit for hit in hits if hit.key is None])[:limit]

    def _whole(self, hits: Sequence[_Hit]) -> list[Event]:
        """Read the rows of a page, in its order."""
        if not hits:
            return []
        numbers = [hit.row for hit in hits]
        sql = (
            "SELECT * FROM read_parquet(?, union_by_name = true, hive_partitioning = false, filename = true, "
            "file_row_number = true) WHERE file_row_number BETWEEN ? AND ? AND list_contains(?, file_row_number)"
        )
        files = sorted({hit.file for hit in hits})
        result = self._link.execute(sql, [files, min(numbers), max(numbers), sorted(set(numbers))])
        names = [column[0] for column in result.description]
        rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
        found = {(row.pop("filename"), row.pop("file_row_number")): row for row in rows}
        return [to_event(found[hit.file, hit.row]) for hit in hits]

    def _rows(self, parts: Sequence[PartInfo], sql: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        result = self._run(parts, sql, values)
        if result is None:
            return []
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def _tuples(self, parts: Sequence[PartInfo], sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        result = self._run(parts, sql, values)
        return [] if result is None else list(result.fetchall())

    def _run(self, parts: Sequence[PartInfo], sql: str, values: Sequence[Any]) -> Any:
        if not parts:
            return None
        files = [self._file(part.path) for part in parts]
        source = "read_parquet(?, union_by_name = true, hive_partitioning = false)"
        before = sql.index("FROM events")
        bound = sql[:before].count("?")  # parameters that stand before the list of files
        text = sql.replace("FROM events", f"FROM {source}", 1)
        return self._link.execute(text, [*values[:bound], files, *values[bound:]])

    def _file(self, path: str) -> str:
        """Only a file directly below an hour folder of ours, whatever the list says; a glob sign is in none of them."""
        if not _PATH.fullmatch(path):
            raise UnableToQuery(f"{path[:120]!r} is not the path of a part")
        return str(self._root / path)


@dataclass(frozen=True, slots=True)
class _Hit:
    """A row by its place, and the value that it is sorted by."""

    file: str
    row: int
    key: Any


def _within(parts: Sequence[PartInfo], wanted: EventFilter) -> list[PartInfo]:
    """Leave out the parts whose times cannot match."""
    return [
        part
        for part in parts
        if part.rows
        and (wanted.start_us is None or part.last_time_us >= wanted.start_us)
        and (wanted.end_us is None or part.first_time_us < wanted.end_us)
    ]


def _searched(wanted: EventFilter) -> str:
    """The text as it is compared."""
    return wanted.text.lower()[:200]


def _chunks(
    parts: list[PartInfo], *, by_time: bool, descending: bool
) -> Iterator[tuple[list[PartInfo], list[PartInfo]]]:
    """Yield (parts to read now, parts left) in ever larger bites, the most promising first; else all at once."""
    if not by_time:
        if parts:
            yield parts, []
        return
    ordered = sorted(parts, key=lambda part: part.last_time_us if descending else -part.first_time_us, reverse=True)
    bite = _FIRST_BITE
    while ordered:
        rows = count = 0
        while count < len(ordered) and rows < bite:
            rows += ordered[count].rows
            count += 1
        chunk, ordered = ordered[:count], ordered[count:]
        yield chunk, ordered
        bite *= 4


def _settled(last: _Hit, rest: list[PartInfo], *, descending: bool) -> bool:
    """True when no part that is left can hold an event before the last one of the page."""
    if descending:
        return bool(last.key > max(part.last_time_us for part in rest))
    return bool(last.key < min(part.first_time_us for part in rest))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _where(wanted: EventFilter) -> tuple[str, list[Any]]:
    conditions: list[str] = ["true"]
    values: list[Any] = []
    if wanted.start_us is not None:
        conditions.append(f"{_quoted('time')} >= ?")
        values.append(wanted.start_us)
    if wanted.end_us is not None:
        conditions.append(f"{_quoted('time')} < ?")
        values.append(wanted.end_us)
    for column, value in wanted.equals.items():
        if column not in TEXT_COLUMNS:
            raise UnableToQuery(f"events cannot be filtered by {column[:60]!r}")
        if isinstance(value, str):
            conditions.append(f"{_quoted(column)} = ?")
            values.append(value)
        else:
            conditions.append(f"list_contains(?, {_quoted(column)})")
            values.append([str(item) for item in value][:_MAX_VALUES])
    if wanted.feeds is not None:
        # A separator that no name can hold, so that two names cannot be cut differently.
        pair = f"{_quoted('source.id')} || chr(31) || coalesce({_quoted('service.name')}, '')"
        conditions.append(f"list_contains(?, {pair})")
        values.append([f"{source}\x1f{service}" for source, service in wanted.feeds])
    if wanted.marked is not None:
        conditions.append(f"{_quoted('time.marked')} {'<>' if wanted.marked else '='} ''")
    if wanted.text:
        conditions.append("(" + " OR ".join(f"contains({lowered(name)}, ?)" for name in SEARCHED) + ")")
        values += [_searched(wanted)] * len(SEARCHED)
    return " AND ".join(conditions), values
