"""Correlations whose answer is known only when the window has ended: what did not happen, and what the mean was.

A key's window begins with its first entry and lasts the span. It is judged when the time of its source (``clocks``)
has passed its end by the lateness that events are allowed; the next window begins with the first entry after it.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final, NamedTuple

from caiso.engine.detect.correlation.bounds import Limits
from caiso.engine.detect.correlation.correlator import Correlator, Plain, What
from caiso.engine.detect.correlation.occurrence import Firing
from caiso.engine.detect.correlation.state import KeyState
from caiso.engine.detect.correlation.stream import Heard, Stream
from caiso.engine.detect.correlation.values import value_column
from caiso.engine.detect.correlation.windows import percentile
from caiso.engine.detect.rule import Correlation, CorrelationKind, Rule

RELATIONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "lt": lt, "lte": le, "gt": gt, "gte": ge, "eq": eq, "neq": ne,
}  # fmt: skip
_NUMERIC: Final = frozenset(
    {
        CorrelationKind.VALUE_SUM,
        CorrelationKind.VALUE_AVG,
        CorrelationKind.VALUE_PERCENTILE,
        CorrelationKind.VALUE_MEDIAN,
    }
)
_TEMPORAL: Final = frozenset({CorrelationKind.TEMPORAL, CorrelationKind.TEMPORAL_ORDERED})


class _Due(NamedTuple):
    """When a key's window can be judged."""

    at_us: int
    key: str


class Closing(Correlator):
    """Judges windows when they have ended. A state's ``newest`` is where its window begins."""

    def __init__(self, rule: Rule, logic: Correlation, limits: Limits) -> None:
        super().__init__(rule, logic, limits)
        self._due: dict[str, list[_Due]] = {}  # by source, as heaps
        self._silencing: dict[str, list[int]] = {}  # times of what keeps a key silent, sorted
        self._stage: dict[str, int] = {}
        for number, name in enumerate(logic.rules):
            self._stage[name] = self._stage.get(name, 0) | 1 << number

    def feed(self, stream: Stream) -> list[Firing]:
        heard = stream.heard(stream.chosen(self.base), self.logic.heard)
        keys = self._keys(stream, heard) if heard.rows else []
        whats = self._whats(stream, heard) if heard.rows else []
        firings: list[Firing] = []
        sources, marks = stream.marks
        for place, key in enumerate(keys):
            row = heard.rows[place]
            self._close(sources[row], marks[row], row, firings)
            if key is None:
                self.counters.ungrouped += 1
                continue
            if self._excusing and not self._excusing.isdisjoint(heard.rules[place]):
                self._silence(key, heard.times[place])
            if whats[place] is not None:
                self._take(key, whats[place], heard, place, sources[row])
        for source in list(self._due):
            self._close(source, stream.clocks.estimate(source), len(stream.batch) - 1, firings)
        if len(self.states) + len(self._silencing) > self.limits.max_keys:
            self._bound()
        return firings

    def _take(self, key: str, what: What | None, heard: Heard, place: int, source: str) -> None:
        time_us = heard.times[place]
        state = self.states.get(key) or self._open(key, time_us, source)
        if time_us < state.newest:
            self.counters.late += 1
        elif len(state.times) >= self.limits.max_entries:
            self.counters.evicted_entries += 1
        else:
            position = bisect_right(state.times, time_us)
            state.times.insert(position, time_us)
            state.whats.insert(position, what)
            state.held.insert(position, heard.held[place])

    def _open(self, key: str, begin_us: int, source: str) -> KeyState:
        state = self.states[key] = KeyState(newest=begin_us)
        heapq.heappush(self._due.setdefault(source, []), _Due(begin_us + self.keep_us, key))
        return state

    def _close(self, source: str, mark: int, row: int, firings: list[Firing]) -> None:
        """Judge every window of a source that its time has passed."""
        waiting = self._due.get(source)
        while waiting and waiting[0].at_us < mark:
            key = heapq.heappop(waiting).key
            state = self.states.pop(key, None)
            if state is None:
                continue
            count = bisect_right(state.times, state.newest + self.logic.span_us)
            if self._is_true(state, key, count):
                firings.append(self._firing(state, key, count, row))
            if count < len(state.times):  # what came after the window begins the next one
                following = self._open(key, state.times[count], source)
                following.times, following.whats = state.times[count:], state.whats[count:]
                following.held = state.held[count:]

    def _firing(self, state: KeyState, key: str, count: int, row: int) -> Firing:
        times = state.times[:count]
        what = self.occurrences.joined(state.held[:count], times)
        return Firing(row, key, times[-1], what, self.logic.group_by, by_event=False)

    def _is_true(self, state: KeyState, key: str, count: int) -> bool:
        if self._is_silent(key, state.newest):
            self.counters.suppressed += 1
            return False
        whats = state.whats[:count]
        if self.logic.kind in _TEMPORAL:
            bits = 0
            for what in whats:
                bits |= what
            return any(bits & must == must and not bits & must_not for must, must_not in self.logic.terms)
        return RELATIONS[self.logic.relation](self._measured(whats), self.logic.threshold)

    def _measured(self, whats: Sequence[Any]) -> float:
        kind = self.logic.kind
        if kind is CorrelationKind.EVENT_COUNT:
            return len(whats)
        if kind is CorrelationKind.VALUE_COUNT:
            return len(set(whats))
        if kind is CorrelationKind.VALUE_SUM:
            return math.fsum(whats)
        if kind is CorrelationKind.VALUE_AVG:
            return math.fsum(whats) / len(whats)
        return percentile(whats, self.logic.percentile)

    def _whats(self, stream: Stream, heard: Heard) -> Sequence[What | None]:
        if self.logic.kind in _TEMPORAL:
            return [self._means(rules, self._bits) for rules in heard.rules]
        if self.logic.kind is CorrelationKind.EVENT_COUNT:
            return [0 if self.counts(rules) else None for rules in heard.rules]
        return value_column(self, stream, heard, numeric=self.logic.kind in _NUMERIC)

    def _bits(self, rules: tuple[str, ...]) -> int | None:
        bits = 0
        for name in rules:
            bits |= self._stage.get(name, 0)
        return bits or None

    def _silence(self, key: str, time_us: int) -> None:
        times = self._silencing.setdefault(key, [])
        insort(times, time_us)
        del times[: bisect_left(times, times[-1] - 2 * self.keep_us)]
        del times[: -self.limits.max_entries]

    def _is_silent(self, key: str, begin_us: int) -> bool:
        """Whether something within the window, or within the span before it, keeps the key silent."""
        times = self._silencing.get(key)
        if not times:
            return False
        span = self.logic.span_us
        return bisect_right(times, begin_us + span) > bisect_left(times, begin_us - span)

    def _bound(self) -> None:
        surplus = len(self.states) - self.limits.max_keys
        if surplus > 0:
            for key in heapq.nsmallest(surplus, self.states, key=lambda key: (self.states[key].newest, key)):
                del self.states[key]
            self.counters.evicted_keys += surplus
            for source, waiting in self._due.items():
                self._due[source] = [due for due in waiting if due.key in self.states]
                heapq.heapify(self._due[source])
        surplus = len(self._silencing) - self.limits.max_keys
        for key in heapq.nsmallest(max(surplus, 0), self._silencing, key=lambda key: (self._silencing[key][-1], key)):
            del self._silencing[key]

    def save(self) -> Plain:
        return {**super().save(), "due": self._due, "silencing": self._silencing}

    def _saved(self, key: str, state: KeyState) -> tuple[object, ...]:
        return key, state.newest, 0, -1, [], state.times, state.whats, state.held

    def load(self, saved: Plain) -> None:
        super().load(saved)
        self._silencing = saved["silencing"]
        self._due = {source: [_Due(*due) for due in waiting] for source, waiting in saved["due"].items()}
