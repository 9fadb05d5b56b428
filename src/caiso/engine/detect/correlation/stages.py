"""Different things within the span: together in any order, or one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from caiso.engine.detect.correlation.bounds import Limits
from caiso.engine.detect.correlation.correlator import Correlator, KeyState, What
from caiso.engine.detect.correlation.stream import Heard, Stream
from caiso.engine.detect.correlation.windows import around, in_order, together
from caiso.engine.detect.rule import Correlation, Rule

_NEVER = -(1 << 62)


class _Stages(Correlator):
    """Entries carry the stages that they are, as bits."""

    def __init__(self, rule: Rule, logic: Correlation, limits: Limits) -> None:
        super().__init__(rule, logic, limits)
        self._stage: dict[str, int] = {}
        for number, name in enumerate(logic.rules):
            self._stage[name] = self._stage.get(name, 0) | 1 << number

    def listen(self, names: Sequence[str]) -> None:
        super().listen(names)
        self._bits_of_rule = np.array([self._stage.get(name, 0) for name in names], dtype=np.int64)

    def _whats(self, stream: Stream, heard: Heard) -> Sequence[What | None]:
        found: list[Any] = heard.bits(self._bits_of_rule, self._bits)
        return [bits or None for bits in found] if self._excusing else found

    def _bits(self, rules: tuple[str, ...]) -> int:
        bits = 0
        for name in rules:
            bits |= self._stage.get(name, 0)
        return bits


class Together(_Stages):
    """``temporal``: every rule (or as many as the condition asks, or one of several sets), in any order."""

    def __init__(self, rule: Rule, logic: Correlation, limits: Limits) -> None:
        super().__init__(rule, logic, limits)
        self._masks = logic.masks
        self._count = len(logic.rules)

    def _advance(self, state: KeyState, time_us: int, what: Any) -> bool:
        latest = state.tally
        if state.start < 0:
            latest = state.tally = [_NEVER] * self._count
            state.start = 0
            for at, bits in zip(state.times, state.whats, strict=True):
                _note(latest, at, bits)
        else:
            _note(latest, time_us, what)
        since = time_us - self.span_us
        covered = sum(1 << stage for stage, at in enumerate(latest) if at >= since)
        return any(covered & mask == mask for mask in self._masks)

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
            begins = state.tally = [_NEVER] * self._count
            for at, bits in zip(state.times[:-1], state.whats[:-1], strict=True):
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

    def _check(self, state: KeyState, position: int) -> list[int] | None:
        if len(state.times) < self._count:
            return None
        span = self.span_us
        near = around(state.times, position, span)
        return in_order(state.times, state.whats, near, self._count, span)


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
