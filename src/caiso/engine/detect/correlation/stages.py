"""Different things within the span: together in any order, or one after the other."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from caiso.engine.detect.correlation.bounds import Limits
from caiso.engine.detect.correlation.correlator import Correlator, What
from caiso.engine.detect.correlation.occurrence import Occurrences
from caiso.engine.detect.correlation.packed import NEVER, Flags, Ints, Rows
from caiso.engine.detect.correlation.rounds import Ends, near_to
from caiso.engine.detect.correlation.state import KeyState
from caiso.engine.detect.correlation.stream import Chosen, Heard, Stream
from caiso.engine.detect.correlation.windows import around, in_order, together
from caiso.engine.detect.rule import Correlation, Rule


class _Stages(Correlator):
    """Entries carry the stages that they are, as bits."""

    enough = 600  # there is more to look through, and more fires

    def __init__(self, rule: Rule, logic: Correlation, limits: Limits) -> None:
        super().__init__(rule, logic, limits)
        self._stage: dict[str, int] = {}
        for number, name in enumerate(logic.rules):
            self._stage[name] = self._stage.get(name, 0) | 1 << number

    def listen(self, names: Sequence[str], occurrences: Occurrences) -> None:
        super().listen(names, occurrences)
        self._bits_of_rule = np.array([self._stage.get(name, 0) for name in names], dtype=np.int64)

    def _whats(self, stream: Stream, heard: Heard) -> Sequence[What | None]:
        found: list[Any] = heard.bits(self._bits_of_rule, self._bits)
        return [bits or None for bits in found] if self._excusing else found

    def columns(self, stream: Stream, chosen: Chosen) -> tuple[npt.NDArray[Any], Flags | None] | None:
        return chosen.bits(self._bits_of_rule), None

    def _bits(self, rules: tuple[str, ...]) -> int:
        bits = 0
        for name in rules:
            bits |= self._stage.get(name, 0)
        return bits

    def _leave(self, state: KeyState) -> None:
        """What a stage's latest entry was is kept though it goes: the check that follows looks at what is there."""

    def ends(self, rows: Rows, fresh: Ints, *, in_order: bool) -> Ends:
        if len(rows.at) < 2 * len(fresh):
            return self._ends(rows)
        near = near_to(rows.at, fresh, self.span_us)
        ends, show, _ = self._ends(rows.take(near))

        def moved(places: Ints) -> tuple[Ints, Ints]:
            counts, shown = show(np.searchsorted(near, places))
            return counts, near[shown]

        return Ends(near[ends], moved)

    def _ends(self, rows: Rows) -> Ends:
        """The windows that are complete among all these."""
        raise NotImplementedError


class Together(_Stages):
    """``temporal``: every rule (or as many as the condition asks, or one of several sets), in any order."""

    def __init__(self, rule: Rule, logic: Correlation, limits: Limits) -> None:
        super().__init__(rule, logic, limits)
        self._masks = logic.masks
        self._count = len(logic.rules)
        self._stages_of = [[stage for stage in range(self._count) if mask >> stage & 1] for mask in logic.masks]

    def _advance(self, state: KeyState, time_us: int, what: Any) -> bool:
        latest = state.tally
        if state.start < 0:
            latest = state.tally = [NEVER] * self._count
            state.start = 0
            first = bisect_left(state.times, time_us - self.span_us)
            for at, bits in zip(state.times[first:], state.whats[first:], strict=True):
                _note(latest, at, bits)
        else:
            _note(latest, time_us, what)
        since = time_us - self.span_us
        covered = sum(1 << stage for stage, at in enumerate(latest) if at >= since)
        return any(covered & mask == mask for mask in self._masks)

    def _ends(self, rows: Rows) -> Ends:
        at, bits = rows.at, rows.whats
        since = at - self.span_us
        latest = [_latest(bits >> stage & 1) for stage in range(self._count)]
        covered = [(places >= 0) & (at[places] >= since) for places in latest]
        which = np.full(len(at), -1)  # the first of the masks that holds
        for number in range(len(self._masks) - 1, -1, -1):
            which[np.logical_and.reduce([covered[stage] for stage in self._stages_of[number]])] = number

        def show(ends: Ints) -> tuple[Ints, Ints]:
            own = np.full((len(ends), self._count), -1)
            for number, stages in enumerate(self._stages_of):
                here = which[ends] == number
                for stage in stages:
                    own[here, stage] = latest[stage][ends[here]]
            own.sort(axis=1)
            wanted = own >= 0  # an entry that is several stages is shown once
            wanted[:, 1:] &= own[:, 1:] != own[:, :-1]
            return wanted.sum(axis=1), own[wanted]

        return Ends(np.flatnonzero(which >= 0), show)

    def _check(self, state: KeyState, position: int) -> list[int] | None:
        span = self.span_us
        return together(state.times, state.whats, around(state.times, position, span), self._masks, span)


class InOrder(_Stages):
    """``temporal_ordered``: the rules one after the other, each by an event of its own."""

    def __init__(self, rule: Rule, logic: Correlation, limits: Limits) -> None:
        super().__init__(rule, logic, limits)
        self.least = self._count = len(logic.rules)
        self._last = self._count - 1
        self._single = {1 << stage: stage for stage in range(self._count)}  # most events are one stage only

    def _advance(self, state: KeyState, time_us: int, what: Any) -> bool:
        span = self.span_us
        if state.start < 0:
            begins = state.tally = [NEVER] * self._count
            first = bisect_left(state.times, time_us - span)
            for at, bits in zip(state.times[first:-1], state.whats[first:-1], strict=True):
                _lengthen(begins, at, bits, span)
            state.start = 0
        else:
            begins = state.tally
        stage = self._single.get(what, -1)
        if stage < 0:
            return _lengthen(begins, time_us, what, span)
        if stage == 0:
            begins[0] = time_us
            return stage == self._last
        before = begins[stage - 1]
        if before < time_us - span:
            return False
        begins[stage] = before
        return stage == self._last

    def _ends(self, rows: Rows) -> Ends:
        at, bits = rows.at, rows.whats
        marks = (bits & 1).astype(np.bool_)  # what ends a chain up to a stage
        here: Ints = np.flatnonzero(marks)  # the same as places
        begins = here  # where their chains begin
        links: list[tuple[Ints, Ints]] = []
        for stage in range(1, self._count):
            behind: Ints = np.cumsum(marks) - marks  # how many chains up to the stage before end before a place
            marks = (bits >> stage & 1).astype(np.bool_) & (behind > 0)
            wanted = np.flatnonzero(marks)
            before: Ints = behind[wanted] - 1
            links.append((here, before))
            here, begins = wanted, begins[before]
        done = np.flatnonzero(at[here] - at[begins] <= self.span_us)

        def show(ends: Ints) -> tuple[Ints, Ints]:
            own = np.empty((len(ends), self._count), dtype=np.int64)
            own[:, -1] = ends
            numbers = np.searchsorted(here, ends)
            for stage in range(self._count - 2, -1, -1):
                places, before = links[stage]
                numbers = before[numbers]
                own[:, stage] = places[numbers]
            return np.full(len(ends), self._count), own.ravel()

        return Ends(here[done], show)

    def _check(self, state: KeyState, position: int) -> list[int] | None:
        if len(state.times) < self._count:
            return None
        span = self.span_us
        near = around(state.times, position, span)
        return in_order(state.times, state.whats, near, self._count, span)


def _latest(marks: Ints) -> Ints:
    """For each place the latest one up to it that is marked, -1 where none is."""
    return np.maximum.accumulate(np.where(marks, np.arange(len(marks)), -1))


def _note(latest: list[int], time_us: int, bits: int) -> None:
    """Note when each stage was last seen."""
    stage = 0
    while bits:
        if bits & 1:
            latest[stage] = time_us
        bits >>= 1
        stage += 1


def _lengthen(begins: list[int], time_us: int, bits: int, span: int) -> bool:
    """Note an entry in the latest beginnings of the chains up to each stage; True when it completes one."""
    last = len(begins) - 1
    if bits == 1:
        begins[0] = time_us
        return last == 0
    done = False
    for stage in range(last, 0, -1):  # downwards, so that one entry is not used twice
        if bits >> stage & 1 and begins[stage - 1] >= time_us - span:
            begins[stage] = begins[stage - 1]
            done = done or stage == last
    if bits & 1:
        begins[0] = time_us
        done = done or last == 0
    return done
