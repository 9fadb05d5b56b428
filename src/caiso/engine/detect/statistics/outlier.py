"""Outliers: single calls that cost, take or say far more than is usual for this key (sponge examples, latency, tokens).

Numbers of this kind are skewed, so they are judged by their logarithm: distance from the median in units of the median
absolute deviation, or from an exponentially weighted mean in units of its deviation. What a key has no history for is
judged by what is usual among all keys of the rule.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import msgspec
import numpy as np

from caiso.engine.detect.correlation.occurrence import Firing
from caiso.engine.detect.correlation.stream import Heard
from caiso.engine.detect.signal import Facts
from caiso.engine.detect.statistics.measures import Floats
from caiso.engine.detect.statistics.memory import Latest, quantile, robust
from caiso.engine.detect.statistics.observer import FORGOTTEN_US, Observer, Seen, State, note
from caiso.engine.detect.statistics.settings import FieldName, Positive, Settings
from caiso.engine.detect.statistics.sheet import Pair, Sheet
from caiso.engine.detect.statistics.values import numbers_text, span_text
from caiso.engine.packs import Between

_LARGEST_LOG = 700.0  # of which there is still an exponential
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


class OutlierState(State):
    """One key's history and its outliers within the timespan.

    History is the latest numbers, or the weighted mean and variance of their logarithms.
    """

    recent: Latest | None = None
    mean: float = 0.0
    variance: float = 0.0
    outliers: list[tuple[int, float]] = []  # noqa: RUF012


class Usual(NamedTuple):
    """The logarithm of what is usual and its deviation, and numbers below which nearly all lie."""

    centre: float
    spread: float
    high: float
    rare: float


class Judged(NamedTuple):
    """What an outlier is above, what that is worked out from, and whose it is."""

    limit: float
    usual: Usual
    whose: str


class Outlier(Observer[OutlierSettings, OutlierState]):
    """Robust z or EWMA on one number of each event."""

    settings_type = OutlierSettings
    state_type = OutlierState

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._peers = Latest(_PEERS)
        self._weighted = self.settings.baseline == "ewma"

    def begin(self, seen: Seen) -> OutlierState:
        return OutlierState(newest=seen.time_us, recent=Latest(self.settings.memory))

    def follow(self, stream: Sheet, heard: Heard, pairs: Sequence[Pair], keys: Sequence[str | None]) -> list[Firing]:
        """What is below ``least`` cannot be an outlier, so that it is only learned."""
        settings = self.settings
        if stream.is_absent(settings.value):
            return self.pass_over(keys)
        firings: list[Firing] = []
        learned: list[float] = []
        states, least, slack, weighted = self.states, settings.least, self.slack_us, self._weighted
        samples = heard.of(self._samples(stream))
        for row, pair, key, sample in zip(heard.rows, pairs, keys, samples, strict=True):
            if key is not None and sample is not None and sample < least:
                state = states.get(key)
                if state is not None and -slack <= (gap := pair[0] - state.newest) <= FORGOTTEN_US:
                    states.move_to_end(key)
                    if gap > 0:
                        state.newest = pair[0]
                    if weighted:
                        self._weigh(state, sample)
                    else:
                        state.recent.add(sample)  # type: ignore[union-attr]  # begin sets it
                    learned.append(sample)
                    continue
            self._peers.extend(learned)
            learned.clear()
            self.look(key, row, pair, sample, firings)
        self._peers.extend(learned)
        return firings

    def _samples(self, stream: Sheet) -> Sequence[float | None]:
        """A number for each row; None where there is none that can be judged."""
        value, per = self.settings.value, self.settings.per
        return stream.once(("outlier", value, per), lambda: _samples(stream, value, per))

    def observe(self, state: OutlierState, seen: Seen) -> Facts | None:
        settings, sample = self.settings, seen.sample
        judged = self._judged(state) if sample >= settings.least else None
        if judged is None or sample <= judged.limit:
            self._learn(state, sample)
            return None
        # An outlier is learned as no more than the limit: few cannot make themselves usual, a lasting change can.
        limit, usual, whose = judged
        self._learn(state, limit)
        note(state, seen)
        state.outliers = [item for item in state.outliers if item[0] >= seen.time_us - self.span_us]
        state.outliers.append((seen.time_us, sample))
        del state.outliers[: -settings.sustained]
        if len(state.outliers) < settings.sustained:
            return None
        first = min(at for at, _ in state.outliers)
        shown = self._shown
        return {
            "highest": shown(max(value for _, value in state.outliers)),
            "usual": f"{shown(math.expm1(usual.centre))}, 95 % below {shown(usual.high)}",
            "limit": shown(limit),
            "outliers": len(state.outliers),
            "within": span_text(max(seen.time_us - first, 0)),
            "usual for": whose,
        }

    def _shown(self, value: float) -> str:
        return span_text(value) if self.settings.value.endswith("_us") else numbers_text(value)

    def _judged(self, state: OutlierState) -> Judged | None:
        """What this key is judged by: its own history, or that of all keys; None while neither is known."""
        settings, peers = self.settings, self._peers
        assert state.recent is not None  # noqa: S101 - begin sets it
        if state.recent.count < settings.samples:
            if peers.count < settings.samples:
                return None
            usual = Usual(*peers.come_to(_summary))
            # The peers are many kinds of clients, not one.
            return Judged(max(self._limit(usual), usual.rare), usual, f"all keys, {peers.count + 1:,} calls")
        if self._weighted:
            spread = math.sqrt(state.variance)
            usual = Usual(state.mean, spread, math.expm1(state.mean + 2 * spread), 0.0)
        else:
            usual = Usual(*state.recent.come_to(_summary))
        return Judged(self._limit(usual), usual, f"this key, {state.recent.count + 1:,} calls")

    def _limit(self, usual: Usual) -> float:
        high = usual.centre + self.settings.deviations * max(usual.spread, 0.05)
        return max(math.expm1(min(high, _LARGEST_LOG)), self.settings.factor * math.expm1(usual.centre))

    def _learn(self, state: OutlierState, sample: float) -> None:
        self._peers.add(sample)
        assert state.recent is not None  # noqa: S101 - begin sets it
        if self._weighted:
            self._weigh(state, sample)
        else:
            state.recent.add(sample)

    def _weigh(self, state: OutlierState, sample: float) -> None:
        assert state.recent is not None  # noqa: S101 - begin sets it
        count = state.recent.count = state.recent.count + 1
        weight = max(1 / count, 2 / (self.settings.memory + 1))
        gap = math.log1p(sample) - state.mean
        state.mean += weight * gap
        state.variance = (1 - weight) * (state.variance + weight * gap * gap)

    def shared(self) -> Any:
        return self._peers

    def take_shared(self, plain: Any) -> None:
        self._peers = msgspec.convert(plain, Latest)


def _samples(stream: Sheet, value: str, per: str | None) -> Sequence[float | None]:
    found = stream.amounts(value)
    if per is None:
        return [one if one is None or one >= 0 else None for one in found]
    return [
        None if one is None or one < 0 or divisor is None or divisor <= 0 else one / divisor
        for one, divisor in zip(found, stream.amounts(per), strict=True)
    ]


def _summary(ordered: Floats) -> list[float]:
    centre, spread = robust(np.log1p(ordered))
    return [centre, max(spread, 1e-9), quantile(ordered, 0.95), quantile(ordered, _RARE)]
