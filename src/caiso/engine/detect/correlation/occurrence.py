"""What correlations remember of an event: its id and whom it is about, never its text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from caiso.engine.detect.batch import Batch, different
from caiso.engine.detect.correlation.keys import picked
from caiso.engine.detect.correlation.pieces import FULL, Pieces
from caiso.engine.detect.correlation.sealed import numbered
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
        self._rows = Pieces()
        self._kinds: list[str] = []  # of entities that some event had
        self._firings: dict[int, Occurrence] = {}
        self._next_firing = -1
        self._kept = 0  # so many were needed when that was last looked at
        self._left = 0  # and so many were left

    def __len__(self) -> int:
        return len(self._rows) + len(self._firings)

    def note(self, batch: Batch, rows: Ints, encoded: Set[str] = frozenset()) -> Ints:
        """Take in some rows of a batch; returns by row the number of its occurrence, and nothing of use for others.

        ``encoded``: columns that somebody needs as numbers anyway.
        """
        if not len(rows):
            return np.zeros(len(batch), dtype=np.int64)
        every = len(rows) == len(batch)
        wanted = None if every else rows.tolist()
        present = batch.fields()
        columns: dict[str, Sequence[str | None]] = {}
        for kind, fields in ENTITY_FIELDS.items():
            known = [field for field in fields if field in present]
            if len(known) == 1 and known[0] in encoded and _all_fit(batch.encoded(known[0])[1]):
                if len(rows) >= FULL:  # a piece of its own: nothing will be added to it
                    codes, values = batch.encoded(known[0])
                    columns[kind] = numbered(codes if every else codes[rows], values)  # type: ignore[arg-type]  # texts
                else:
                    columns[kind] = _at(batch.column(known[0]), wanted)  # type: ignore[assignment]  # texts
            elif known:
                columns[kind] = _first_of([_at(batch.column(field), wanted) for field in known])
        self._learn(columns.keys())
        numbers = self._rows.append(_names(_at(batch.column("event.id"), wanted)), columns)
        if every:
            return numbers
        by_row = np.zeros(len(batch), dtype=np.int64)
        by_row[rows] = numbers
        return by_row

    def _learn(self, kinds: Set[str]) -> None:
        if not kinds <= set(self._kinds):
            self._kinds = [kind for kind in KINDS if kind in kinds or kind in self._kinds]

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
        found = self._rows.find_each(numbers)
        ids = dict.fromkeys([piece.ids[row] for piece, row in found])
        entity: dict[str, str] = {}
        found.reverse()
        for kind in self._kinds:
            for piece, row in found:
                column = piece.columns.get(kind)
                value = column[row] if column is not None else None
                if value:
                    entity[kind] = value
                    break
        return Occurrence(tuple(ids), entity, min(times))

    def several(self, numbers: Ints, counts: Ints, begins: Sequence[int]) -> list[Occurrence]:
        """``joined`` for several firings at once, none of them over another's firing.

        ``numbers``: those of each firing one after the other, ``counts`` of them; ``begins``: their earliest times.
        """
        which, rows, ids, kinds = self._rows.find(numbers)
        names = [ids[piece][row] for piece, row in zip(which, rows, strict=True)]
        single = len(set(names)) == len(names)
        columns = [(kind, kinds[kind]) for kind in self._kinds if kind in kinds]
        occurrences = []
        first = 0
        for end, begin in zip(np.cumsum(counts).tolist(), begins, strict=True):
            entity = {}
            for kind, found in columns:
                for place in range(end - 1, first - 1, -1):
                    column = found[which[place]]
                    value = column[rows[place]] if column is not None else None
                    if value:
                        entity[kind] = value
                        break
            own = names[first:end]
            occurrences.append(Occurrence(tuple(own if single else dict.fromkeys(own)), entity, begin))
            first = end
        return occurrences

    def _opened(self, number: int, time_us: int) -> Occurrence:
        return self._firings[number] if number < 0 else self.joined([number], [time_us])

    @property
    def is_due(self) -> bool:
        """Whether it is time to forget what nothing refers to any more."""
        return len(self) > self._left + self._kept + _LOOK

    @property
    def is_worth_forgetting(self) -> bool:
        """Whether a good part of them may not be needed, so that a snapshot is better without it."""
        return 2 * len(self) > 2 * self._left + self._kept

    def forget(self, live: Ints) -> None:
        """Forget the occurrences without these numbers, or most of them: twice as many as are needed may be left."""
        others = live[live < 0].tolist()
        self._firings = {number: self._firings[number] for number in others}
        own = different(live[live >= 0])
        self._rows.forget(own)
        self._kept = len(own) + len(self._firings)
        self._left = len(self)

    def save(self) -> dict[str, Any]:
        """Everything as plain data, for ``pieces_of``."""
        return {
            "rows": self._rows.save(),
            "kept": self._kept,
            "next": (self._rows.next, self._next_firing),
            "firings": self._firings,
        }

    def load(self, saved: Mapping[str, Any]) -> None:
        """Take up what ``save`` gave."""
        next_number, self._next_firing = saved["next"]
        self._rows.load(saved["rows"], next_number, ENTITY_FIELDS.keys())
        self._firings = {
            number: Occurrence(tuple(ids), entity, first) for number, (ids, entity, first) in saved["firings"].items()
        }
        self._learn({kind for piece in saved["rows"] for kind in piece["columns"] if kind in ENTITY_FIELDS})
        self._kept = saved["kept"]
        self._left = len(self)


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
    if _all_fit(found):
        return found  # type: ignore[return-value]  # just checked
    return [
        value if value is None or (type(value) is str and len(value) <= MAX_ENTITY_CHARS) else _bounded(value)
        for value in found
    ]


def _all_fit(values: Sequence[object]) -> bool:
    """Whether all are texts that need not be cut."""
    return set(map(type, values)) == {str} and max(map(len, values)) <= MAX_ENTITY_CHARS  # type: ignore[arg-type]  # texts


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
