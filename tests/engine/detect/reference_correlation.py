"""A slow, separate reading of correlations: with every event, every window of its key is looked at again."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from caiso.engine.detect.correlation import LATENESS_US
from caiso.engine.detect.rule import Correlation, CorrelationKind, Rule

Event = Mapping[str, Any]
Found = tuple[str, tuple[str, ...]]  # rule, event ids
TEMPORAL = (CorrelationKind.TEMPORAL, CorrelationKind.TEMPORAL_ORDERED)


@dataclass
class Kept:
    at: int
    number: int
    ids: tuple[str, ...]
    stages: frozenset[int]
    value: Any
    entity: Event


@dataclass
class Memory:
    newest: int
    kept: list[Kept] = field(default_factory=list)
    quiet: tuple[int, int] = (1, 0)
    excused: list[int] = field(default_factory=list)


class SlowCorrelation:
    """One correlation that judges at once; ``take`` answers with what fired."""

    def __init__(self, rule: Rule, logic: Correlation) -> None:
        self.rule, self.logic = rule, logic
        self.memories: dict[str, Memory] = {}

    def take(self, event: Event, number: int, matched: Sequence[str], kept: Kept) -> list[Kept] | None:
        logic = self.logic
        parts = [event.get(name) for name in logic.group_by]
        if None in parts:
            return None
        key, span, at = "\x1f".join(map(str, parts)), logic.span_us, kept.at
        excuses = any(name in logic.unless for name in matched)
        stages = frozenset(place for place, name in enumerate(logic.rules) if name in matched)
        value = event.get(logic.value_fields[0]) if logic.value_fields else 0
        usable = bool(stages) and value is not None
        if not usable and not excuses:
            return None
        memory = self.memories.setdefault(key, Memory(at))
        if excuses:
            memory.excused.append(at)
        if not usable:
            return None
        if any(0 <= at - moment <= span for moment in memory.excused) or at < memory.newest - span - LATENESS_US:
            return None
        before = memory.newest
        memory.newest = max(before, at)
        if memory.quiet[0] <= at <= memory.quiet[1]:
            return None
        memory.kept = [one for one in memory.kept if one.at >= memory.newest - span - LATENESS_US]
        memory.kept.append(Kept(at, number, kept.ids, stages, value, kept.entity))
        memory.kept.sort(key=lambda one: (one.at, one.number))
        chosen = self.window(memory.kept)
        if chosen:
            memory.quiet = (chosen[0].at, chosen[-1].at + span)
            memory.kept = [one for one in memory.kept if not memory.quiet[0] <= one.at <= memory.quiet[1]]
        return chosen

    def window(self, kept: list[Kept]) -> list[Kept] | None:
        """The first window, by its last entry, that makes the correlation true."""
        for last in range(len(kept)):
            inside = [one for one in kept[: last + 1] if kept[last].at - one.at <= self.logic.span_us]
            chosen = self.judge(inside)
            if chosen:
                return chosen
        return None

    def judge(self, inside: list[Kept]) -> list[Kept] | None:
        kind, least = self.logic.kind, self.logic.threshold
        if kind is CorrelationKind.EVENT_COUNT:
            return inside[-int(least) :] if len(inside) >= least else None
        if kind is CorrelationKind.VALUE_COUNT:
            latest = {one.value: one for one in inside}
            ordered = [one for one in inside if latest[one.value] is one]
            return ordered if len(latest) >= least else None
        if kind is CorrelationKind.VALUE_SUM:
            total = math.fsum(one.value for one in inside)
            return inside if total > least or (total == least and self.logic.relation == "gte") else None
        if kind is CorrelationKind.TEMPORAL:
            return self._together(inside)
        return self._chain(inside)

    def _together(self, inside: list[Kept]) -> list[Kept] | None:
        for must in self.logic.masks:
            missing = {stage for stage in range(len(self.logic.rules)) if must >> stage & 1}
            chosen: list[Kept] = []
            for one in reversed(inside):
                if one.stages & missing:
                    missing -= one.stages
                    chosen.insert(0, one)
            if not missing:
                return chosen
        return None

    def _chain(self, inside: list[Kept]) -> list[Kept] | None:
        """The chain that ends with the last entry and begins latest, its earlier steps as late as they can be."""
        chains: list[list[Kept]] = [[inside[-1]]] if len(self.logic.rules) - 1 in inside[-1].stages else []
        for stage in range(len(self.logic.rules) - 2, -1, -1):
            longer = []
            for chain in chains:
                place = next(number for number, one in enumerate(inside) if one is chain[0])
                longer += [[one, *chain] for one in inside[:place] if stage in one.stages]
            chains = longer
        return max(chains, key=lambda chain: [(one.at, one.number) for one in chain], default=None)


def measured(logic: Correlation, inside: list[Kept]) -> float:
    values = [one.value for one in inside]
    if logic.kind is CorrelationKind.EVENT_COUNT:
        return len(values)
    if logic.kind is CorrelationKind.VALUE_COUNT:
        return len(set(values))
    if logic.kind is CorrelationKind.VALUE_SUM:
        return math.fsum(values)
    if logic.kind is CorrelationKind.VALUE_AVG:
        return statistics.fmean(values)
    if logic.kind is CorrelationKind.VALUE_MEDIAN:
        return statistics.median(values)
    import numpy as np

    return float(np.percentile(values, logic.percentile))


class SlowWindow:
    """One correlation that judges when a window has ended, for a single source of events."""

    def __init__(self, rule: Rule, logic: Correlation) -> None:
        self.rule, self.logic = rule, logic
        self.open: dict[str, list[Kept]] = {}
        self.begin: dict[str, int] = {}
        self.silent: list[tuple[str, int]] = []

    def take(self, event: Event, matched: Sequence[str], kept: Kept, mark: int) -> list[list[Kept]]:
        """Returns the windows that came true before this event is looked at."""
        logic = self.logic
        fired = self.close(mark)
        parts = [event.get(name) for name in logic.group_by]
        if None in parts:
            return fired
        key = "\x1f".join(map(str, parts))
        if any(name in logic.unless for name in matched):
            self.silent.append((key, kept.at))
        stages = frozenset(place for place, name in enumerate(logic.rules) if name in matched)
        value = event.get(logic.value_fields[0]) if logic.value_fields else 0
        if stages and value is not None:
            begin = self.begin.setdefault(key, kept.at)
            if kept.at >= begin:
                own = self.open.setdefault(key, [])
                own.append(Kept(kept.at, kept.number, kept.ids, stages, value, {}))
                own.sort(key=lambda one: (one.at, one.number))
        return fired

    def close(self, mark: int) -> list[list[Kept]]:
        fired = []
        while True:
            due = sorted((begin, key) for key, begin in self.begin.items())
            ended = [(begin, key) for begin, key in due if begin + self.logic.span_us + LATENESS_US < mark]
            if not ended:
                return fired
            begin, key = ended[0]
            inside = [one for one in self.open[key] if one.at <= begin + self.logic.span_us]
            after = [one for one in self.open[key] if one.at > begin + self.logic.span_us]
            if self.judge(key, begin, inside):
                fired.append(inside)
            del self.open[key], self.begin[key]
            if after:
                self.open[key], self.begin[key] = after, after[0].at

    def judge(self, key: str, begin: int, inside: list[Kept]) -> bool:
        logic = self.logic
        span = logic.span_us
        if any(name == key and begin - span <= at <= begin + span for name, at in self.silent):
            return False
        if logic.kind in TEMPORAL:
            seen = frozenset().union(*(one.stages for one in inside))
            bits = sum(1 << stage for stage in seen)
            return any(bits & must == must and not bits & never for must, never in logic.terms)
        found, wanted = measured(logic, inside), logic.threshold
        return {
            "lt": found < wanted, "lte": found <= wanted, "gt": found > wanted, "gte": found >= wanted,
            "eq": found == wanted, "neq": found != wanted,
        }[logic.relation]  # fmt: skip
