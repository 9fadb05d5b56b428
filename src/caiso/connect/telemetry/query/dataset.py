"""The events that somebody may see, as a data set that is filtered before any SQL sees it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any, Final

import pyarrow.compute as pc
import pyarrow.dataset as ds

from caiso.connect.telemetry.query.jobs import HIDDEN, quoted
from caiso.connect.telemetry.table import COLUMN_TYPES, SCHEMA

SOURCE: Final = "caiso_events_in_scope"
_EXTRA: Final = ("attributes", "integers", "others", "resource")

# The columns that a person may ask for, in the order in which they are listed.
COLUMNS: Final = ("happened_at", *(name for name in COLUMN_TYPES if name not in HIDDEN), *_EXTRA)


def scoped(
    root: Path, paths: Sequence[str], *, start_us: int, end_us: int, feeds: Sequence[tuple[str, str]] | None
) -> Any:
    """The parts as one data set, without what lies outside the period or the feeds."""
    data = ds.dataset([str(root / path) for path in paths], schema=SCHEMA, format="parquet")
    time = pc.field("time")
    inside = (time >= start_us) & (time < end_us)
    return data.filter(inside if feeds is None else inside & _in_feeds(feeds))


def _in_feeds(feeds: Sequence[tuple[str, str]]) -> Any:
    by_source: dict[str, list[str]] = {}
    for source, service in feeds:
        by_source.setdefault(source, []).append(service)
    if not by_source:
        return pc.scalar(False)  # noqa: FBT003 - an Arrow literal
    return reduce(or_, (_of_source(source, services) for source, services in by_source.items()))


def _of_source(source: str, services: list[str]) -> Any:
    service = pc.field("service.name")
    named = service.isin(services)
    here = named | ~service.is_valid() if "" in services else named
    return (pc.field("source.id") == source) & here


def view_sql() -> str:
    """The view ``events`` that questions are asked of: every column but the hidden ones, and the time as a timestamp."""
    columns = ", ".join(quoted(name) for name in COLUMNS if name != "happened_at")
    return f'CREATE VIEW events AS SELECT make_timestamp("time") AS happened_at, {columns} FROM {SOURCE}'  # noqa: S608 - constants
