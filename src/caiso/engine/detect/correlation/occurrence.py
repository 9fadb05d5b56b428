"""What correlations remember of an event: its id and whom it is about, never its text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress, repeat
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from caiso.engine.detect.batch import Batch
from caiso.engine.detect.correlation.keys import picked
from caiso.engine.detect.signal import ENTITY_FIELDS, MAX_ENTITY_CHARS, Facts


class Occurrence(NamedTuple):
    """Something that happened: an event that base rules matched, or another correlation's firing."""

    event_ids: tuple[str, ...]
    entity: Mapping[str, str]
    first_time_us: int


KINDS: Final = tuple(ENTITY_FIELDS)
_LOOK: Final = 20_000  # occurrences, before those that nothing refers to are looked for

Ints = npt.NDArray[np.int64]


class Occurrences:
    """The occurrences that the entries of all correlations refer to by number, in columns.

    Millions are noted and few are ever looked at, so an event's is made of its columns only when it is asked for
    (``joined``). Numbers rise with every event and are never used twice; what another correlation's firing was stands
    apart, under numbers below zero.
    """

    def __init__(self) -> None:
        # Numbers of the first rows, ascending; after them come, without gaps, the numbers up to ``_next``.
        self._sparse: Ints = np.zeros(0, dtype=np.int64)
        self._next = 0
        self._ids: list[str] = []
        self._columns: dict[str, list[str | None]] = {}  # by kind of entity; a kind that no event has, has no column
        self._firings: dict[int, Occurrence] = {}
        self._next_firing = -1
        self._kept = 0  # so many were needed when that was last looked at

    def __len__(self) -> int:
        return len(self._ids) + len(self._firings)

    def note(self, batch: Batch, rows: Ints) -> Ints:
        """Take in some rows of a batch; returns by row the number of its occurrence, and nothing of use for others."""
        numbers = np.arange(self._next, self._next + len(rows))
        if not len(rows):
            return np.zeros(len(batch), dtype=np.int64)
        every = len(rows) == len(batch)
        wanted = None if every else rows.tolist()
        present = batch.fields()
        columns: dict[str, Sequence[str | None]] = {}
        for kind, fields in ENTITY_FIELDS.items():
            known = [field for field in fields if field in present]
            if known:
                columns[kind] = _first_of([_at(batch.column(field), wanted) for field in known])
        self._append(_names(_at(batch.column("event.id"), wanted)), columns)
        if every:
            return numbers
        by_row = np.zeros(len(batch), dtype=np.int64)
        by_row[rows] = numbers
        return by_row

    def _append(self, names: Sequence[str], columns: Mapping[str, Sequence[str | None]]) -> None:
        before = len(self._ids)
        self._ids += names
        self._next += len(names)
        for kind in columns.keys() - self._columns.keys():
            self._columns[kind] = [None] * before
            self._columns = {kind: self._columns[kind] for kind in KINDS if kind in self._columns}
        for kind, column in self._columns.items():
            column += columns.get(kind) or repeat(None, len(names))

    def add(self, occurrence: Occurrence) -> int:
        """Keep another correlation's firing; returns its number."""
        number = self._next_firing
        self._next_firing -= 1
        self._firings[number] = occurrence
        return number

    def joined(self, numbers: Sequence[int], times: Sequence[int]) -> Occurrence:
        """Several occurrences as one; ``times``: when their events happened."""
        if self._firings and min(numbers) < 0:
            return _joined([self._opened(number, at) for number, at in zip(numbers, times, strict=True)])
        places = self._places(numbers)
        ids = self._ids
        entity = {}
        for kind, column in self._columns.items():
            for place in reversed(places):
                value = column[place]
                if value:
                    entity[kind] = value
                    break
        return Occurrence(tuple(dict.fromkeys([ids[place] for place in places])), entity, min(times))

    def _opened(self, number: int, time_us: int) -> Occurrence:
        return self._firings[number] if number < 0 else self.joined([number], [time_us])

    def _places(self, numbers: Sequence[int]) -> list[int]:
        ahead, sparse = self._next - len(self._ids), len(self._sparse)
        return [
            place if (place := number - ahead) >= sparse else int(self._sparse.searchsorted(number))
            for number in numbers
        ]

    @property
    def is_due(self) -> bool:
        """Whether it is time to forget what nothing refers to any more."""
        return len(self) > 2 * self._kept + _LOOK

    @property
    def is_worth_forgetting(self) -> bool:
        """Whether a good part of them may not be needed, so that a snapshot is better without it."""
        return 2 * len(self) > 3 * self._kept

    def forget(self, live: Ints) -> None:
        """Keep only the occurrences with these numbers."""
        others = live[live < 0].tolist()
        self._firings = {number: self._firings[number] for number in others}
        own = live[live >= 0]
        first = self._next - len(self._ids) + len(self._sparse)  # of those without gaps
        dense = own >= first
        needed = np.zeros(len(self._ids), dtype=np.bool_)
        needed[own[dense] - self._next + len(self._ids)] = True
        needed[np.searchsorted(self._sparse, own[~dense])] = True
        self._sparse = np.concatenate((self._sparse, np.arange(first, self._next)))[needed]
        marks = needed.tobytes()
        self._ids = list(compress(self._ids, marks))
        columns = {kind: list(compress(column, marks)) for kind, column in self._columns.items()}
        self._columns = {kind: column for kind, column in columns.items() if any(column)}
        self._kept = len(self)

    def save(self) -> dict[str, Any]:
        """Everything as plain data."""
        first = self._next - len(self._ids) + len(self._sparse)
        return {
            "numbers": np.concatenate((self._sparse, np.arange(first, self._next))).tobytes(),
            "kept": self._kept,
            "next": (self._next, self._next_firing),
            "ids": self._ids,
            "columns": self._columns,
            "firings": self._firings,
        }

    def load(self, saved: Mapping[str, Any]) -> None:
        """Take up what ``save`` gave."""
        self._sparse = np.frombuffer(saved["numbers"], dtype=np.int64)
        self._next, self._next_firing = saved["next"]
        self._ids = saved["ids"]
        self._columns = {kind: column for kind, column in saved["columns"].items() if kind in ENTITY_FIELDS}
        self._firings = {
            number: Occurrence(tuple(ids), entity, first) for number, (ids, entity, first) in saved["firings"].items()
        }
        self._kept = saved["kept"]


def _at(column: Sequence[object], rows: Sequence[int] | None) -> Sequence[object]:
    return column if rows is None else picked(column, rows)


def _names(column: Sequence[object]) -> Sequence[str]:
    if set(map(type, column)) == {str}:
        return column  # type: ignore[return-value]  # just checked
    return ["" if name is None else str(name) for name in column]


def _first_of(columns: Sequence[Sequence[object]]) -> Sequence[str | None]:
    """For each row the first value that is not empty, as bounded text."""
    found, *others = columns
    if others:
        found = [next(filter(None, values), None) for values in zip(found, *others, strict=True)]
    if set(map(type, found)) == {str} and max(map(len, found)) <= MAX_ENTITY_CHARS:  # type: ignore[arg-type]  # texts
        return found  # type: ignore[return-value]  # just checked
    return [
        value if value is None or (type(value) is str and len(value) <= MAX_ENTITY_CHARS) else _bounded(value)
        for value in found
    ]


def _bounded(value: object) -> str | None:
    return str(value)[:MAX_ENTITY_CHARS] if value else None


class Firing(NamedTuple):
    """A correlation that came true when the event at ``row`` of the batch arrived.

    ``time_us`` is that of its latest entry. ``what`` has the ids of all events behind it, each once, in order of their
    times, and who is involved; where entries disagree the latest one counts, as it completed the picture.
    ``by_event`` is False where the event at ``row`` only moved the time on, and is not part of what happened.
    """

    row: int
    key: str
    time_us: int
    what: Occurrence
    group_by: tuple[str, ...]
    by_event: bool = True
    facts: Facts = MappingProxyType({})


def _joined(occurrences: Sequence[Occurrence]) -> Occurrence:
    entity: dict[str, str] = {}
    for occurrence in occurrences:
        entity.update(occurrence.entity)
    ids = dict.fromkeys(name for occurrence in occurrences for name in occurrence.event_ids)
    return Occurrence(tuple(ids), entity, min(occurrence.first_time_us for occurrence in occurrences))
