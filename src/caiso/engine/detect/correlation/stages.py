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


class Together(_Stages):
    """``temporal``: every rule (or as many as the condition asks, or one of several sets), in any order."""

    def __init__(self, rule: Rule, logic: Correlation, limits: Limits) -> None:
        super().__init__(rule, logic, limits)
        self._masks = logic.masks
        self._count = len(logic.rules)

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

    def possible(self, rows: Rows, fresh: Ints, *, in_order: bool) -> Ints:
        at, bits = rows.at, rows.whats
        since = at - self.span_us
        covered = [_latest(at, bits, stage) >= since for stage in range(self._count)]
        found = np.zeros(len(at), dtype=np.bool_)
        for mask in self._masks:
            holds = np.ones(len(at), dtype=np.bool_)
            for stage in range(self._count):
                if mask >> stage & 1:
                    holds &= covered[stage]
            found |= holds
        return np.flatnonzero(found)

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

    def possible(self, rows: Rows, fresh: Ints, *, in_order: bool) -> Ints:
        at, bits = rows.at, rows.whats
        begins = np.where(bits & 1, at, NEVER)  # of the latest chain up to a stage that an entry could end
        for stage in range(1, self._count):
            before = np.maximum.accumulate(begins)
            begins = np.full(len(at), NEVER)
            begins[1:] = np.where(bits[1:] >> stage & 1, before[:-1], NEVER)
        return np.flatnonzero(begins >= at - self.span_us)

    def _check(self, state: KeyState, position: int) -> list[int] | None:
        if len(state.times) < self._count:
            return None
        span = self.span_us
        near = around(state.times, position, span)
        return in_order(state.times, state.whats, near, self._count, span)


def _latest(at: Ints, bits: Ints, stage: int) -> Ints:
    """For each entry when a stage was last seen, as a place in time."""
    return np.maximum.accumulate(np.where(bits >> stage & 1, at, NEVER))


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
