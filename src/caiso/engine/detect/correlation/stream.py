"""What one batch brings to the correlations: who is heard in which row, when, and as what."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from caiso.engine.detect.batch import Batch, event_moments, event_times
from caiso.engine.detect.correlation.clocks import SourceClocks
from caiso.engine.detect.correlation.keys import Keys, Rosters, picked
from caiso.engine.detect.correlation.occurrence import Firing, Occurrences

Ints = npt.NDArray[np.int64]
T = TypeVar("T")

_LARGE: Final = 1024  # rows of a batch whose keys are certainly numbered
_SMALL: Final = 512  # matches that are looked through for each correlation anew, rather than sorted


class Wanted(NamedTuple):
    """The base rules that a correlation hears, of those of a rule set."""

    numbers: list[int]
    marks: npt.NDArray[np.bool_]  # by number

    @classmethod
    def among(cls, names: Sequence[str], own: Set[str]) -> Wanted:
        """``own`` among all ``names``."""
        marks = np.array([name in own for name in names], dtype=np.bool_)
        return cls(np.flatnonzero(marks).tolist(), marks)


class Chosen(NamedTuple):
    """What one correlation hears of a batch itself: distinct rows, ascending, and every match behind them."""

    rows: Ints
    matched: tuple[Ints, Ints]  # row and base rule number of every match, by row; several may be of one row

    def bits(self, of_rule: Ints) -> Ints:
        """For each row the bits of its rules, joined; ``of_rule`` has them by base rule number."""
        rows, rules = self.matched
        values = of_rule[rules]
        if len(rows) == len(self.rows):
            return values
        return np.bitwise_or.reduceat(values, np.flatnonzero(_firsts(rows)))


@dataclass
class Heard:
    """What one correlation hears of a batch and of other correlations, in order of arrival; lists of equal length.

    ``rows`` are places in the batch. ``moved`` has the firings that no event of their own completed, by place.
    """

    rows: list[int]
    held: Sequence[int]  # numbers of occurrences
    times: Sequence[int]
    chosen: Chosen
    names: Sequence[str]
    nested: list[tuple[str, ...] | None] = field(default_factory=list)  # by place: the rule whose firing it is
    moved: dict[int, Firing] = field(default_factory=dict)

    @cached_property
    def rules(self) -> list[tuple[str, ...]]:
        """The rules that matched at each place, or the one that fired there."""
        own = iter(_by_row(*self.chosen.matched, self.names))
        if not self.nested:
            return list(own)
        return [next(own) if fired is None else fired for fired in self.nested]

    def of(self, column: Sequence[T]) -> Sequence[T]:
        """The value of a column at each place."""
        every = not self.nested and len(self.rows) == len(column)
        return column if every else picked(column, self.rows)

    def bits(self, of_rule: Ints, of_name: Callable[[tuple[str, ...]], int]) -> list[int]:
        """For each place the bits of its rules, joined; ``of_rule`` has them by base rule number."""
        if self.nested:
            return [of_name(names) for names in self.rules]
        return self.chosen.bits(of_rule).tolist()  # type: ignore[no-any-return]


class Stream:
    """A batch with its matches; columns that several correlations need are made once.

    ``matches``: arrays of row and base rule number, sorted by row. ``names``: the base rules by number.
    """

    def __init__(
        self,
        batch: Batch,
        matches: tuple[Ints, Ints],
        names: Sequence[str],
        clocks: SourceClocks,
        rosters: Rosters | None = None,
    ) -> None:
        self.batch = batch
        self.clocks = clocks
        self.keys = Keys(batch, rosters or Rosters())
        self._rows, self._rules = matches
        self._names = names
        self.numbers: Ints = np.zeros(0, dtype=np.int64)  # of occurrences, by row
        self._occurrences = Occurrences()
        self._firings: dict[str, list[Firing]] = {}

    def note(self, occurrences: Occurrences, wanted: npt.NDArray[np.bool_], grouped: Set[str]) -> None:
        """Note an occurrence for every row that some correlation hears.

        ``wanted`` marks their base rules by number, and ``grouped`` has fields that alone are keys of some.
        """
        self._occurrences = occurrences
        rows = _distinct(self._rows[wanted[self._rules]])
        self.numbers = occurrences.note(self.batch, rows, grouped if len(rows) > _LARGE else frozenset())

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
        if not len(self.batch) or self.moments is None:
            return max(self.times, default=0)
        return int(self.moments.max())

    @cached_property
    def oldest(self) -> int:
        """The earliest event time of the batch."""
        return min(self.times, default=0) if self.moments is None else int(self.moments.min(initial=self.newest))

    def fired(self, rule: str, firings: Iterable[Firing]) -> None:
        """Let correlations that listen to ``rule`` hear these firings."""
        self._firings.setdefault(rule, []).extend(firings)

    @cached_property
    def moments(self) -> Ints | None:
        """The event times as an array; None where one is too far off for that."""
        return event_moments(self.batch)

    def rows_of(self, name: str) -> list[int]:
        """The rows in which one base rule matched, ascending."""
        if name not in self._names:
            return []
        return self._rows[self._rules == self._names.index(name)].tolist()  # type: ignore[no-any-return]

    @cached_property
    def _matches(self) -> tuple[list[int], list[int]]:
        return self._rows.tolist(), self._rules.tolist()

    def matched(self, row: int) -> list[int]:
        """The numbers of the base rules that matched in a row."""
        rows, rules = self._matches
        return rules[bisect_left(rows, row) : bisect_right(rows, row)]

    @cached_property
    def _by_rule(self) -> tuple[Ints, Ints]:
        """The places of the matches, sorted by rule, and where each rule's begin."""
        rules = self._rules.astype(np.uint16) if len(self._names) < 1 << 16 else self._rules  # sorted in fewer steps
        starts = np.zeros(len(self._names) + 1, dtype=np.int64)
        np.cumsum(np.bincount(self._rules, minlength=len(self._names)), out=starts[1:])
        return np.argsort(rules, kind="stable"), starts

    @cached_property
    def _present(self) -> set[int]:
        """The numbers of the rules that matched."""
        if len(self._rules) <= _SMALL:
            return set(self._rules.tolist())
        return set(np.flatnonzero(np.diff(self._by_rule[1])).tolist())

    def has_any(self, wanted: Wanted, names: Sequence[str]) -> bool:
        """Whether a wanted base rule matched, or a correlation with one of these names fired."""
        if not self._present.isdisjoint(wanted.numbers):
            return True
        return bool(self._firings) and any(name in self._firings for name in names)

    def chosen(self, wanted: Wanted) -> Chosen:
        """The rows in which a wanted base rule matched."""
        if len(self._rules) <= _SMALL:
            here = wanted.marks[self._rules]
            rows, rules = self._rows[here], self._rules[here]
        else:
            places, starts = self._by_rule
            found = [places[starts[rule] : starts[rule + 1]] for rule in wanted.numbers]
            if len(found) == 1:
                rows, rules = self._rows[found[0]], self._rules[found[0]]
                return Chosen(rows, (rows, rules))
            own = np.sort(np.concatenate([places[:0], *found]))
            rows, rules = self._rows[own], self._rules[own]
        return Chosen(_distinct(rows), (rows, rules))

    def heard(self, chosen: Chosen, names: Sequence[str]) -> Heard:
        """Everything that a correlation over ``names`` hears: rows of its own, and firings of others."""
        rows: list[int] = chosen.rows.tolist()
        times = self.times if len(rows) == len(self.batch) else picked(self.times, rows)
        heard = Heard(rows, self.numbers[chosen.rows].tolist(), times, chosen, self._names)
        if not self._firings:
            return heard
        nested = [(name, firing) for name in names for firing in self._firings.get(name, ())]
        return self._merged(heard, nested) if nested else heard

    def _merged(self, heard: Heard, nested: Sequence[tuple[str, Firing]]) -> Heard:
        """Put other correlations' firings where they happened: after the event that completed them."""
        items = [
            _Item(row, 0, held, at, None, None)
            for row, held, at in zip(heard.rows, heard.held, heard.times, strict=True)
        ]
        items += [
            _Item(firing.row, order, self._occurrences.add(firing.what), firing.time_us, (name,), firing)
            for order, (name, firing) in enumerate(nested, start=1)
        ]
        items.sort(key=lambda item: (item.row, item.order))
        return Heard(
            [item.row for item in items],
            [item.held for item in items],
            [item.time_us for item in items],
            heard.chosen,
            heard.names,
            [item.name for item in items],
            {place: item.firing for place, item in enumerate(items) if item.firing and not item.firing.by_event},
        )


def _firsts(rows: Ints) -> npt.NDArray[np.bool_]:
    """Marks where each different number of an ascending array stands first."""
    marks = np.empty(len(rows), dtype=np.bool_)
    marks[:1] = True
    np.not_equal(rows[1:], rows[:-1], out=marks[1:])
    return marks


def _distinct(rows: Ints) -> Ints:
    """The different numbers of an ascending array."""
    return rows if len(rows) < 2 else rows[_firsts(rows)]


def _by_row(rows: Ints, rules: Ints, names: Sequence[str]) -> list[tuple[str, ...]]:
    """For each distinct row the names of the rules that matched in it."""
    numbers = rules.tolist()
    starts = np.flatnonzero(_firsts(rows)).tolist()
    if len(starts) == len(numbers):
        single = {number: (names[number],) for number in set(numbers)}
        return [single[number] for number in numbers]
    return [
        tuple(names[number] for number in numbers[start:end])
        for start, end in zip(starts, [*starts[1:], len(numbers)], strict=True)
    ]


class _Item(NamedTuple):
    row: int
    order: int
    held: int
    time_us: int
    name: tuple[str, ...] | None
    firing: Firing | None
