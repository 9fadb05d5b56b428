"""A batch of events by column and by row, however they came."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from types import NoneType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from caiso.engine.detect.condition import value_of
from caiso.engine.detect.schema import SESSION_ALIAS, SESSION_SOURCES

Event = Mapping[str, object]
Ints = npt.NDArray[np.int64]


class Batch(Protocol):
    """Events by column and by row; an absent value is None, a column that no event has is all None."""

    def __len__(self) -> int: ...

    def fields(self) -> set[str]: ...

    def column(self, name: str) -> Sequence[object]: ...

    def row(self, number: int) -> Event: ...

    def encoded(self, name: str) -> tuple[Ints, Sequence[object]]:
        """The column as numbers, and the values that they stand for; equal values may have several numbers."""
        ...


def encode(column: Sequence[object]) -> tuple[Ints, Sequence[object]]:
    """A column as numbers into its different values."""
    numbers: defaultdict[object, int] = defaultdict(count().__next__)
    try:
        found = np.fromiter(map(numbers.__getitem__, column), dtype=np.int64, count=len(column))
    except TypeError:  # lists are no keys
        return np.arange(len(column), dtype=np.int64), column
    if set(map(type, numbers)) <= {str, NoneType}:  # True and 1 would be one key
        return found, list(numbers)
    return np.arange(len(column), dtype=np.int64), column


def different(numbers: Ints) -> Ints:
    """The different numbers, ascending; NumPy's own way by hashes takes five to fifteen times as long as sorting."""
    found = np.sort(numbers)
    return found if len(found) < 2 else found[np.concatenate(([True], found[1:] != found[:-1]))]


class Events:
    """A batch of flat mappings."""

    def __init__(self, rows: Sequence[Event]) -> None:
        self.rows = rows
        self._columns: dict[str, list[object]] = {}
        self._fields: set[str] | None = None
        self._encoded: dict[str, tuple[Ints, Sequence[object]]] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def fields(self) -> set[str]:
        """Every field that some event has, and the alias, which all may have."""
        if self._fields is None:
            self._fields = {SESSION_ALIAS}.union(*self.rows)
        return self._fields

    def column(self, name: str) -> Sequence[object]:
        found = self._columns.get(name)
        if found is None:
            if name == SESSION_ALIAS:
                found = [value_of(row, name) for row in self.rows]
            else:
                found = [row.get(name) for row in self.rows]
            self._columns[name] = found
        return found

    def encoded(self, name: str) -> tuple[Ints, Sequence[object]]:
        found = self._encoded.get(name)
        if found is None:
            found = self._encoded[name] = encode(self.column(name))
        return found

    def row(self, number: int) -> Event:
        return self.rows[number]


@dataclass(slots=True)
class _Row(Mapping[str, object]):
    """One event of a columnar batch; a field is looked up only when it is asked for."""

    batch: Columns
    number: int

    def get(self, name: str, default: Any = None) -> Any:
        column = self.batch.made.get(name)
        if column is None:
            column = self.batch.column(name)
        value = column[self.number]
        return default if value is None else value

    def __getitem__(self, name: str) -> object:
        value = self.batch.column(name)[self.number]
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (name for name in self.batch.names if self.batch.column(name)[self.number] is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Columns:
    """A batch whose columns become Python values only when a rule asks for them.

    ``sources`` gives for each field a function of no arguments that makes its column.
    """

    def __init__(self, count: int, sources: Mapping[str, Callable[[], Sequence[object]]]) -> None:
        self._count = count
        self._sources = sources
        self.made: dict[str, Sequence[object]] = {}
        self._absent = [None] * count
        self._encoded: dict[str, tuple[Ints, Sequence[object]]] = {}

    @classmethod
    def of_table(cls, table: Any) -> Columns:
        """A batch that is a ``pyarrow.Table``."""
        return cls(int(table.num_rows), {name: table.column(name).to_pylist for name in table.column_names})

    @property
    def names(self) -> Sequence[str]:
        return list(self._sources)

    def __len__(self) -> int:
        return self._count

    def fields(self) -> set[str]:
        return {SESSION_ALIAS, *self._sources}

    def column(self, name: str) -> Sequence[object]:
        found = self.made.get(name)
        if found is None:
            source = self._sources.get(name)
            found = source() if source is not None else self._absent
            if name == SESSION_ALIAS:
                found = self._sessions(found)
            self.made[name] = found
        return found

    def _sessions(self, given: Sequence[object]) -> Sequence[object]:
        """As ``session_of`` does it for a mapping."""
        if all(given):
            return given
        others = [self.column(name) for name in SESSION_SOURCES]
        return [
            str(value) if (value := next((found for found in values if found), None)) else None
            for values in zip(given, *others, strict=True)
        ]

    def encoded(self, name: str) -> tuple[Ints, Sequence[object]]:
        found = self._encoded.get(name)
        if found is None:
            found = self._encoded[name] = encode(self.column(name))
        return found

    def row(self, number: int) -> Event:
        return _Row(self, number)


def event_time(event: Event) -> int:
    """The event's own time in microseconds; where a clock ran ahead, the time at which the event arrived."""
    return _time(event.get("time"), event.get("ingest_time"), event.get("time.marked"))


def event_times(batch: Batch) -> Sequence[int]:
    """``event_time`` of every event."""
    times = batch.column("time")
    marks = batch.column("time.marked") if "time.marked" in batch.fields() else ()
    if "future" not in marks and set(map(type, times)) <= {int}:
        return times  # type: ignore[return-value]  # just checked
    marks = batch.column("time.marked")
    return [_time(*values) for values in zip(times, batch.column("ingest_time"), marks, strict=True)]


def event_moments(batch: Batch) -> Ints | None:
    """The same as an array; None where one is too far off for that."""
    if "time.marked" not in batch.fields() or "future" not in batch.column("time.marked"):
        try:
            found = np.array(batch.column("time"))
        except (OverflowError, ValueError):  # lists of different lengths
            found = np.zeros(0)
        if found.dtype == np.int64 and found.ndim == 1 and found.min(initial=2) > 1:  # else there may be a bool
            return found
    try:
        return np.array(event_times(batch), dtype=np.int64)
    except OverflowError:
        return None


def _time(sent: object, arrived: object, mark: object) -> int:
    for value in (arrived, sent) if mark == "future" else (sent, arrived):
        if isinstance(value, int | float) and not isinstance(value, bool):
            return int(value)
    return 0
