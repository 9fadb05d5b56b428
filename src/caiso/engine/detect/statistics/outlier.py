"""Outliers: single calls that cost, take or say far more than is usual for this key (sponge examples, latency, tokens).

Numbers of this kind are skewed, so they are judged by their logarithm: distance from the median in units of the median
absolute deviation, or from an exponentially weighted mean in units of its deviation. What a key has no history for is
judged by what is usual among all keys of the rule.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from caiso.engine.detect.signal import Facts
from caiso.engine.detect.statistics.measures import median, robust_spread
from caiso.engine.detect.statistics.memory import Recent
from caiso.engine.detect.statistics.observer import Columns, Observer, Seen, State, note
from caiso.engine.detect.statistics.settings import FieldName, Positive, Settings
from caiso.engine.detect.statistics.values import number, numbers_text, span_text
from caiso.engine.packs import Between

_LOOK_EVERY = 16  # samples between two computations of what is usual
_PEERS = 2_000
_RARE = 0.995


@dataclass(frozen=True, kw_only=True)
class OutlierSettings(Settings):
    """``value`` alone, or ``value`` divided by ``per``; ``sustained`` outliers within the timespan are a firing."""

    value: FieldName
    per: FieldName | None = None
    baseline: Literal["median", "ewma"] = "median"
    deviations: Annotated[float, Between(3, 100)] = 6
    factor: Annotated[float, Between(1, 1_000)] = 3
    least: Positive = 0
    samples: Annotated[int, Between(20, 10_000)] = 50
    sustained: Annotated[int, Between(1, 1_000)] = 3
    memory: Annotated[int, Between(20, 1_000)] = 200
    timespan: timedelta = timedelta(minutes=10)

    naming: ClassVar[tuple[str, ...]] = ("value", "per")

    def mistakes(self) -> Iterable[tuple[str, str]]:
        if self.samples > 10 * self.memory:
            yield "samples", f"samples {self.samples} is more than ten times memory {self.memory}"


class Baseline(msgspec.Struct):
    """What is usual: the last logarithms, or their weighted mean and variance."""

    recent: Recent
    count: int = 0
    centre: float = 0.0
    spread: float = 0.0
    mean: float = 0.0
    variance: float = 0.0


class OutlierState(State):
    """One key's history and its outliers within the timespan."""

    usual: Baseline | None = None
    outliers: list[tuple[int, float]] = []  # noqa: RUF012


class Outlier(Observer[OutlierSettings, OutlierState]):
    """Robust z or EWMA on one number of each event."""

    settings_type = OutlierSettings
    state_type = OutlierState

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._peers = Baseline(Recent(_PEERS))

    def sample(self, columns: Columns, row: int) -> float | None:
        value = number(columns[self.settings.value][row])
        if value is None or value < 0 or self.settings.per is None:
            return value if value is not None and value >= 0 else None
        divisor = number(columns[self.settings.per][row])
        return value / divisor if divisor is not None and divisor > 0 else None

    def begin(self, seen: Seen) -> OutlierState:
        return OutlierState(newest=seen.time_us, usual=Baseline(Recent(self.settings.memory)))

    def observe(self, state: OutlierState, seen: Seen) -> Facts | None:
        settings, value = self.settings, math.log1p(seen.sample)
        assert state.usual is not None  # noqa: S101 - begin sets it
        usual, whose = (state.usual, "this key") if state.usual.count >= settings.samples else (self._peers, "all keys")
        limit = self._limit(usual) if usual.count >= settings.samples else None
        if limit is not None and usual is self._peers and usual.recent.arrived:
            limit = max(limit, usual.recent.quantile(_RARE))  # the peers are many kinds of clients, not one
        odd = limit is not None and value > limit and seen.sample >= settings.least
        for baseline in (state.usual, self._peers):
            self._learn(baseline, value, limit if odd else None)
        if not odd:
            return None
        note(state, seen)
        state.outliers = [item for item in state.outliers if item[0] >= seen.time_us - self.span_us]
        state.outliers.append((seen.time_us, seen.sample))
        del state.outliers[: -settings.sustained]
        if len(state.outliers) < settings.sustained:
            return None
        first = min(at for at, _ in state.outliers)
        high = usual.recent.quantile(0.95) if usual.recent.arrived else usual.mean + 2 * math.sqrt(usual.variance)
        shown = self._shown
        return {
            "highest": shown(max(sample for _, sample in state.outliers)),
            "usual": f"{shown(math.expm1(usual.centre))}, 95 % below {shown(math.expm1(high))}",
            "limit": shown(math.expm1(limit or 0.0)),
            "outliers": len(state.outliers),
            "within": span_text(max(seen.time_us - first, 0)),
            "usual for": f"{whose}, {usual.count:,} calls",
        }

    def _shown(self, value: float) -> str:
        return span_text(value) if self.settings.value.endswith("_us") else numbers_text(value)

    def _limit(self, usual: Baseline) -> float:
        settings = self.settings
        if settings.baseline == "ewma" and usual is not self._peers:
            usual.centre, usual.spread = usual.mean, math.sqrt(usual.variance)
        elif not usual.count % _LOOK_EVERY or not usual.spread:
            usual.centre = median(usual.recent.ordered)
            usual.spread = max(robust_spread(usual.recent.ordered, usual.centre), 1e-9)
        return max(
            usual.centre + settings.deviations * max(usual.spread, 0.05),
            math.log1p(settings.factor * math.expm1(usual.centre)),
        )

    def _learn(self, baseline: Baseline, value: float, limit: float | None) -> None:
        """An outlier is learned as no more than the limit: few cannot make themselves usual, a lasting change can."""
        value = value if limit is None else min(value, limit)
        baseline.count += 1
        if self.settings.baseline == "ewma" and baseline is not self._peers:
            weight = max(1 / baseline.count, 2 / (self.settings.memory + 1))
            gap = value - baseline.mean
            baseline.mean += weight * gap
            baseline.variance = (1 - weight) * (baseline.variance + weight * gap * gap)
        else:
            baseline.recent.add(value)

    def shared(self) -> Any:
        return self._peers

    def take_shared(self, plain: Any) -> None:
        self._peers = msgspec.convert(plain, Baseline)
