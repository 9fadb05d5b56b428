"""What one batch brings to the correlations: who is heard in which row, when, and as what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from caiso.engine.detect.batch import Batch, event_times
from caiso.engine.detect.correlation.clocks import SourceClocks
from caiso.engine.detect.correlation.keys import Keys
from caiso.engine.detect.correlation.occurrence import Firing, Held, Sightings

Ints = npt.NDArray[np.int64]
T = TypeVar("T")


@dataclass
class Heard:
    """What one correlation hears of a batch, in order of arrival; lists of equal length.

    ``rows`` are places in the batch. ``moved`` has the firings that no event of their own completed, by place.
    """

    rows: list[int]
    held: Sequence[Held]
    times: Sequence[int]
    matched: tuple[Ints, Ints]  # row and base rule number of every match, by row; several may be of one row
    names: Sequence[str]
    nested: list[tuple[str, ...] | None] = field(default_factory=list)  # by place: the rule whose firing it is
    moved: dict[int, Firing] = field(default_factory=dict)

    @cached_property
    def rules(self) -> list[tuple[str, ...]]:
        """The rules that matched at each place, or the one that fired there."""
        own = iter(_by_row(*self.matched, self.names))
        if not self.nested:
            return list(own)
        return [next(own) if fired is None else fired for fired in self.nested]

    def of(self, column: Sequence[T]) -> Sequence[T]:
        """The value of a column at each place."""
        every = not self.nested and len(self.rows) == len(column)
        return column if every else _picked(column, self.rows)

    def bits(self, of_rule: Ints, of_name: Callable[[tuple[str, ...]], int]) -> list[int]:
        """For each place the bits of its rules, joined; ``of_rule`` has them by base rule number."""
        rows, rules = self.matched
        if self.nested:
            return [of_name(names) for names in self.rules]
        values = of_rule[rules]
        if len(rows) == len(self.rows):
            return values.tolist()  # type: ignore[no-any-return]
        starts = np.flatnonzero(np.concatenate(([True], rows[1:] != rows[:-1])))
        return np.bitwise_or.reduceat(values, starts).tolist()  # type: ignore[no-any-return]


class Stream:
    """A batch with its matches; columns that several correlations need are made once.

    ``matches``: arrays of row and base rule number, sorted by row. ``names``: the base rules by number.
    """

    def __init__(self, batch: Batch, matches: tuple[Ints, Ints], names: Sequence[str], clocks: SourceClocks) -> None:
        self.batch = batch
        self.clocks = clocks
        self.keys = Keys(batch)
        self._rows, self._rules = matches
        self._names = names
        self._firings: dict[str, list[Firing]] = {}

    @cached_property
    def times(self) -> Sequence[int]:
        """Event times in microseconds."""
        return event_times(self.batch)

    @cached_property
    def marks(self) -> tuple[list[str], list[int]]:
        """For each row its source, and how far that source's time had come when the row arrived."""
        return self.clocks.marks(self.batch, self.times)

    @cached_property
    def newest(self) -> int:
        """The latest event time of the batch."""
        return max(self.times, default=0)

    def fired(self, rule: str, firings: Iterable[Firing]) -> None:
        """Let correlations that listen to ``rule`` hear these firings."""
        self._firings.setdefault(rule, []).extend(firings)

    def heard_rows(self, wanted: npt.NDArray[np.bool_]) -> list[int]:
        """The distinct rows in which a wanted base rule matched, ascending."""
        return _distinct(self._rows[wanted[self._rules]]).tolist()  # type: ignore[no-any-return]

    def rows_of(self, name: str) -> list[int]:
        """The rows in which one base rule matched, ascending."""
        if name not in self._names:
            return []
        return self._rows[self._rules == self._names.index(name)].tolist()  # type: ignore[no-any-return]

    def heard(self, wanted: npt.NDArray[np.bool_], names: Sequence[str], sightings: Sightings) -> Heard:
        """Everything that a correlation over ``names`` hears; ``wanted`` marks its base rules by number."""
        chosen = wanted[self._rules]
        matched = (self._rows[chosen], self._rules[chosen])
        rows: list[int] = _distinct(matched[0]).tolist()
        every = len(rows) == len(self.batch)
        held = sightings.of_row if every else _picked(sightings.of_row, rows)
        heard = Heard(rows, held, self.times if every else _picked(self.times, rows), matched, self._names)
        nested = [(name, firing) for name in names for firing in self._firings.get(name, ())]
        return _merged(heard, nested) if nested else heard


def _picked(column: Sequence[T], rows: Sequence[int]) -> Sequence[T]:
    """The values of a column in some rows, without a step in Python for each."""
    return itemgetter(*rows)(column) if len(rows) > 1 else [column[row] for row in rows]


def _distinct(rows: Ints) -> Ints:
    """The different numbers of an ascending array."""
    if not rows.size:
        return rows
    return rows[np.concatenate(([True], rows[1:] != rows[:-1]))]


def _by_row(rows: Ints, rules: Ints, names: Sequence[str]) -> list[tuple[str, ...]]:
    """For each distinct row the names of the rules that matched in it."""
    numbers = rules.tolist()
    starts = np.flatnonzero(np.concatenate(([True], rows[1:] != rows[:-1]))).tolist() if rows.size else []
    if len(starts) == len(numbers):
        single = {number: (names[number],) for number in set(numbers)}
        return [single[number] for number in numbers]
    return [
        tuple(names[number] for number in numbers[start:end])
        for start, end in zip(starts, [*starts[1:], len(numbers)], strict=True)
    ]


def _merged(heard: Heard, nested: Sequence[tuple[str, Firing]]) -> Heard:
    """Put other correlations' firings where they happened: after the event that completed them."""
    items = [
        _Item(row, 0, held, at, None, None) for row, held, at in zip(heard.rows, heard.held, heard.times, strict=True)
    ]
    items += [
        _Item(firing.row, order, firing.occurrence(), firing.time_us, (name,), firing)
        for order, (name, firing) in enumerate(nested, start=1)
    ]
    items.sort(key=lambda item: (item.row, item.order))
    return Heard(
        [item.row for item in items],
        [item.held for item in items],
        [item.time_us for item in items],
        heard.matched,
        heard.names,
        [item.name for item in items],
        {place: item.firing for place, item in enumerate(items) if item.firing and not item.firing.by_event},
    )


class _Item(NamedTuple):
    row: int
    order: int
    held: Held
    time_us: int
    name: tuple[str, ...] | None
    firing: Firing | None
