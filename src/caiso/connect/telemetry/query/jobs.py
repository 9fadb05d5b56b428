"""What a question is handed and what it gives back, as plain data: pages hold it without loading DuckDB."""

from __future__ import annotations

from typing import Final

import msgspec

from caiso.errors import DomainError

Value = str | int | float | bool | None
MAX_SQL: Final = 20_000
MOST_ROWS: Final = 10_000
HIDDEN: Final = frozenset({"content.ref"})  # columns that nobody asks for


class UnableToAsk(DomainError):
    """The question is none that may be asked here, or it took too much."""


class QueryJob(msgspec.Struct, frozen=True, tag="query"):
    """A statement over the events of a period; ``feeds`` are what whoever asks may see, None for everything."""

    sql: str
    parameters: list[Value]
    events: str
    paths: list[str]
    start_us: int
    end_us: int
    feeds: list[tuple[str, str]] | None
    rows: int = 1_000
    seconds: float = 30.0
    memory_mb: int = 512


class Answer(msgspec.Struct, frozen=True):
    """A table; ``cut`` says why there is less than was asked for."""

    columns: list[str]
    types: list[str]
    rows: list[list[Value]]
    cut: str = ""
    seconds: float = 0.0
    caged: bool = False


def quoted(name: str) -> str:
    """A column's name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'
