"""One question: opens the data set, locks DuckDB, checks the statement, and gives back a bounded table."""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import duckdb
import orjson
import pyarrow as pa

from caiso.connect.telemetry.query import cage
from caiso.connect.telemetry.query.dataset import SOURCE, scoped, view_sql
from caiso.connect.telemetry.query.guard import check_statement
from caiso.connect.telemetry.query.jobs import MAX_SQL, MOST_ROWS, Answer, QueryJob, UnableToAsk, Value

Tell = Callable[[int, int, str], None]
_MOST_BYTES: Final = 4 << 20
_MOST_CELL: Final = 4_000
_MOST_COLUMNS: Final = 200
_SAFE_INT: Final = 2**53
_KIND: Final = re.compile(r"^[A-Z][A-Za-z ]{1,40} Error: ")
_SETTINGS: Final = (
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET python_enable_replacements = false",
    "SET python_scan_all_frames = false",
    "SET temp_directory = ''",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


def ask(job: QueryJob, tell: Tell = lambda done, total, note: None) -> Answer:
    """Answer one question; raises ``UnableToAsk`` with what a person can do about it."""
    if len(job.sql) > MAX_SQL:
        raise UnableToAsk(f"the statement has {len(job.sql):,} characters, at most {MAX_SQL:,} are read")
    if not 1 <= job.rows <= MOST_ROWS:
        raise UnableToAsk(f"1 to {MOST_ROWS:,} rows are given back")
    begun = time.monotonic()
    link, caged = _opened(job)
    with _Watch(link, job.seconds, tell):
        try:
            columns, types, rows, cut = _run(link, job)
        except duckdb.InterruptException:
            raise UnableToAsk(
                f"it took longer than {job.seconds:g} seconds and was stopped; narrow the period or the question"
            ) from None
        except duckdb.OutOfMemoryException:
            raise UnableToAsk(
                f"it needed more than {job.memory_mb} MB and was stopped; ask for fewer rows or groups"
            ) from None
        except duckdb.Error as error:
            raise UnableToAsk(_first_lines(error)) from None
    return Answer(columns, types, rows, cut, round(time.monotonic() - begun, 3), caged)


def _opened(job: QueryJob) -> tuple[Any, bool]:
    """A connection that sees the view ``events`` and can reach nothing else; whether the kernel holds the process as well."""
    pa.set_cpu_count(1)
    pa.set_io_thread_count(2)
    root = Path(job.events)
    config: dict[str, str | bool | int | float | list[str]] = {"threads": 1, "memory_limit": f"{job.memory_mb}MB"}
    link = duckdb.connect(":memory:", config=config)
    if job.paths:
        data = scoped(root, job.paths, start_us=job.start_us, end_us=job.end_us, feeds=job.feeds)
        link.register(SOURCE, data)
    else:
        from caiso.connect.telemetry.table import SCHEMA  # noqa: PLC0415 - only where there are no events at all

        link.register(SOURCE, SCHEMA.empty_table())
    link.execute(view_sql())
    link.execute(
        "SELECT happened_at FROM events LIMIT 0"
    ).fetchall()  # loads what DuckDB loads late, before the cage closes
    for setting in _SETTINGS:
        link.execute(setting)
    return link, cage.close([root])


def _checked(link: Any, sql: str) -> str:
    """The statement as DuckDB wrote it down after reading it: what was checked is what runs, without comments or a ``;``."""
    serialised = link.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()[0][0]
    check_statement(serialised)
    return str(link.execute("SELECT json_deserialize_sql(?)", [serialised]).fetchall()[0][0])


def _run(link: Any, job: QueryJob) -> tuple[list[str], list[str], list[list[Value]], str]:
    sql = _checked(link, job.sql)
    shape = link.sql(sql, params=job.parameters or None)
    columns, types = [str(name)[:200] for name in shape.columns], [str(kind)[:80] for kind in shape.types]
    if len(columns) > _MOST_COLUMNS:
        raise UnableToAsk(f"the answer has {len(columns)} columns, at most {_MOST_COLUMNS} are shown")
    rows, cut = _bounded(link.execute(_outer(sql, types, job.rows + 1), job.parameters or None), job.rows)
    return columns, types, rows, cut


def _outer(sql: str, types: list[str], most: int) -> str:
    """The statement with a limit, which lets DuckDB find a sorted answer without sorting everything.

    Times with a zone become text: Python's DuckDB would need a further package for them.
    """
    cells = [f"CAST(c{at} AS VARCHAR)" if "WITH TIME ZONE" in kind else f"c{at}" for at, kind in enumerate(types)]
    names = ", ".join(f"c{at}" for at in range(len(types)))
    return f"SELECT {', '.join(cells)} FROM ({sql}) AS answer({names}) LIMIT {most}"  # noqa: S608 - it went through the guard


def _bounded(answer: Any, most: int) -> tuple[list[list[Value]], str]:
    """Rows until there are enough of them or they are too large; what comes after is never fetched."""
    shown: list[list[Value]] = []
    size = 0
    while row := answer.fetchone():
        if len(shown) == most:
            return shown, f"the first {most:,} rows; there are more"
        cells = [_plain(value) for value in row]
        size += sum(len(cell) if isinstance(cell, str) else 8 for cell in cells)
        if size > _MOST_BYTES:
            return shown, f"the first {len(shown):,} rows: more would be larger than {_MOST_BYTES >> 20} MB"
        shown.append(cells)
    return shown, ""


def _plain(value: Any) -> Value:
    """A value as JSON and a table hold it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, int):
        return value if abs(value) < _SAFE_INT else str(value)
    if isinstance(value, float | Decimal):
        number = float(value)
        return number if math.isfinite(number) else str(value)
    if isinstance(value, datetime | date | time_of_day):
        return value.isoformat()
    if isinstance(value, timedelta | UUID):
        return str(value)
    if isinstance(value, bytes):
        return _cut(value[:_MOST_CELL].hex())
    return _cut(orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode())


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CELL else text[:_MOST_CELL] + "…"


def _first_lines(error: duckdb.Error) -> str:
    """DuckDB's own words, without its name for the kind of error, advice on settings, and the picture of the statement."""
    text = str(error).split("\n\nLINE ", 1)[0].strip()
    lines = [line for line in text.splitlines() if not line.startswith("Use SET ")]
    return _KIND.sub("", "\n".join(lines))[:1_000]


class _Watch:
    """Interrupts a question whose time is over, and tells how far it is."""

    def __init__(self, link: Any, seconds: float, tell: Tell) -> None:
        self._link, self._seconds, self._tell = link, seconds, tell
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(2)

    def _look(self) -> None:
        for spent in self._ticks():
            if spent >= self._seconds:
                self._link.interrupt()
            self._tell(int(min(spent, self._seconds)), int(self._seconds), f"{spent:.0f} s")

    def _ticks(self) -> Iterator[float]:
        begun = time.monotonic()
        while not self._over.wait(0.25):
            yield time.monotonic() - begun
