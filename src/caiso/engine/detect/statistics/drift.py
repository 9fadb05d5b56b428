"""Drift: has the distribution of a score, a label or the inputs changed for good, segment by segment?

The first ``reference`` samples that span ``learn`` are what is normal; then windows of at least ``samples`` samples and
``timespan`` are compared with them. PSI with its usual limits (0.1 watch, 0.25 act) above what chance alone gives; the
test of Kolmogorov and Smirnov with Bonferroni's correction over dimensions; ADWIN (Bifet and Gavalda 2007) where a
change should be noticed within a window. Vectors are compared dimension by dimension, long ones after projection.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import numpy as np

from caiso.engine.detect.signal import Facts
from caiso.engine.detect.statistics.adwin import Adwin
from caiso.engine.detect.statistics.measures import ks, psi, psi_noise
from caiso.engine.detect.statistics.observer import Columns, Observer, Seen, State
from caiso.engine.detect.statistics.settings import Chance, FieldName, Settings, microseconds
from caiso.engine.detect.statistics.sheet import Sheet
from caiso.engine.detect.statistics.values import Vector, number, numbers_text, reduced, span_text, vector
from caiso.engine.packs import Between

_BINS = 10
_LABELS = 50
_WINDOWS = 60  # whose distances are remembered
_KEPT = 400  # samples of a window that are kept as they are, for the test of Kolmogorov and Smirnov


@dataclass(frozen=True, kw_only=True)
class DriftSettings(Settings):
    """``sustained`` windows one after the other must differ; ``chance`` is the false alarms allowed for each window.

    With ``beyond``, a window must also be so many times farther from the reference than any of the ``usual`` windows before
    it, so that nights and weekends which differ from the whole week are no drift.
    """

    value: FieldName
    test: Literal["psi", "ks", "adwin"] = "psi"
    timespan: timedelta = timedelta(hours=1)
    learn: timedelta = timedelta(hours=1)
    reference: Annotated[int, Between(100, 5_000)] = 500
    samples: Annotated[int, Between(50, 5_000)] = 300
    psi: Annotated[float, Between(0.05, 5)] = 0.25
    distance: Annotated[float, Between(0.02, 1)] = 0.15
    chance: Chance = 1e-4
    sustained: Annotated[int, Between(1, 10)] = 2
    beyond: Annotated[float, Between(0, 10)] = 0
    usual: Annotated[int, Between(1, 50)] = 4
    keys: Annotated[int, Between(1, 5_000)] = 500

    naming: ClassVar[tuple[str, ...]] = ("value",)
    lasting: ClassVar[tuple[str, ...]] = ("timespan", "quiet", "learn")

    def mistakes(self) -> Iterable[tuple[str, str]]:
        if self.samples > self.reference:
            yield "samples", f"samples {self.samples} is more than reference {self.reference}, expected at most as many"


class Window(msgspec.Struct):
    """What a window holds: counts by bin and dimension, some samples as they are."""

    begun: int
    count: int = 0
    bins: list[list[float]] = []
    labels: dict[str, float] = {}
    kept: list[list[float]] = []


class Turn(msgspec.Struct):
    """A change that must last before it is reported: since when, and what was before it."""

    at: int
    mean: float
    spread: float
    dropped: int


class DriftState(State):
    """What was normal, and the window that is open."""

    reference: Window | None = None
    learned: bool = False
    edges: list[list[float]] = []  # noqa: RUF012 - by dimension
    window: Window | None = None
    differing: int = 0
    adwin: Adwin | None = None
    turned: Turn | None = None
    usual: list[float] = []  # noqa: RUF012 - the distances of the windows so far


Sample = float | str | Vector


class Drift(Observer[DriftSettings, DriftState]):
    """PSI, Kolmogorov-Smirnov or ADWIN on a number, a label or a vector."""

    settings_type = DriftSettings
    state_type = DriftState

    def columns(self, stream: Sheet) -> Columns:
        return {**super().columns(stream), "": stream.parsed(self.settings.value, vector)}

    def sample(self, columns: Columns, row: int) -> Sample | None:
        value = columns[self.settings.value][row]
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int | float):
            return number(value)
        found = columns[""][row]
        if isinstance(found, np.ndarray):
            return None if self.settings.test == "adwin" else reduced(found)
        return value[:80] if isinstance(value, str) and value and self.settings.test == "psi" else None

    def observe(self, state: DriftState, seen: Seen) -> Facts | None:
        if self.settings.test == "adwin":
            return self._adapting(state, seen)
        if not state.learned:
            self._learn(state, seen)
            return None
        window = state.window
        if window is None:
            window = state.window = self._window(state, seen.time_us)
        self._count(state, window, seen.sample)
        if window.count < self.settings.samples or seen.time_us - window.begun < self.span_us:
            return None
        state.window = None
        facts = self._compared(state, window, seen.time_us)
        state.differing = state.differing + 1 if facts else 0
        if facts and state.differing >= self.settings.sustained:
            return {**facts, "windows in a row": state.differing}
        return None

    # -- learning -----------------------------------------------------------------------------------------------

    def _learn(self, state: DriftState, seen: Seen) -> None:
        learning = state.reference
        if learning is None or (learning.kept and len(learning.kept[0]) != len(_plain(seen.sample))):
            learning = state.reference = Window(begun=seen.time_us)
        learning.count += 1
        most = self.settings.reference
        if len(learning.kept) < most:
            learning.kept.append(_plain(seen.sample))
        else:  # an even sample of everything so far, without chance: each later one takes the place of an earlier one
            place = _scattered(learning.count)
            if place < most:
                learning.kept[place] = _plain(seen.sample)
        if isinstance(seen.sample, str):
            _tally(learning.labels, seen.sample)
        if learning.count >= most and seen.time_us - learning.begun >= microseconds(self.settings.learn):
            self._settle(state, learning)

    def _settle(self, state: DriftState, learning: Window) -> None:
        state.learned = True
        if not learning.labels:
            matrix = np.array(learning.kept)
            shares = np.linspace(0, 1, _BINS + 1)[1:-1]
            state.edges = [sorted(set(np.quantile(column, shares).tolist())) for column in matrix.T]
            learning.bins = [
                np.bincount(np.searchsorted(edges, column), minlength=len(edges) + 1).astype(float).tolist()
                for edges, column in zip(state.edges, matrix.T, strict=True)
            ]
            learning.kept = matrix[:_KEPT].tolist() if self.settings.test == "ks" else []
        else:
            learning.kept = []

    def _window(self, state: DriftState, time_us: int) -> Window:
        return Window(begun=time_us, bins=[[0.0] * (len(edges) + 1) for edges in state.edges])

    def _count(self, state: DriftState, window: Window, sample: Sample) -> None:
        if isinstance(sample, str):
            if not state.edges:
                window.count += 1
                _tally(window.labels, sample)
            return
        values = _plain(sample)
        if len(values) != len(state.edges):
            self.counters.unusable += 1
            return
        window.count += 1
        for value, edges, bins in zip(values, state.edges, window.bins, strict=True):
            bins[int(np.searchsorted(edges, value))] += 1
        if self.settings.test == "ks":
            if len(window.kept) < _KEPT:
                window.kept.append(values)
            elif (place := _scattered(window.count)) < _KEPT:
                window.kept[place] = values

    # -- judging ------------------------------------------------------------------------------------------------

    def _compared(self, state: DriftState, window: Window, now: int) -> dict[str, Any] | None:
        reference = state.reference
        if reference is None:
            return None
        about = {
            "samples": window.count,
            "period": span_text(now - window.begun),
            "compared with": f"{reference.count:,} samples",
        }
        if reference.labels:
            return self._labels(reference, window, about)
        return (
            self._tested(state, reference, window, about)
            if self.settings.test == "ks"
            else self._indexed(state, window, about)
        )

    def _labels(self, reference: Window, window: Window, about: dict[str, Any]) -> dict[str, Any] | None:
        names = sorted(reference.labels.keys() | window.labels.keys())
        before = np.array([reference.labels.get(name, 0.0) for name in names])
        after = np.array([window.labels.get(name, 0.0) for name in names])
        index = psi(before, after)
        if index < max(
            self.settings.psi, psi_noise(len(names), before.sum(), after.sum(), false_alarm=self.settings.chance)
        ):
            return None
        shift = after / after.sum() - before / before.sum()
        name = names[int(np.abs(shift).argmax())]
        moved = f"{before[names.index(name)] / before.sum():.0%} to {after[names.index(name)] / after.sum():.0%}"
        return {"PSI": round(index, 2), "limit": self.settings.psi, "moved most": f"{name}: {moved}", **about}

    def _indexed(self, state: DriftState, window: Window, about: dict[str, Any]) -> dict[str, Any] | None:
        assert state.reference is not None  # noqa: S101 - the caller looked
        dimensions = len(state.edges)
        over: list[tuple[float, int]] = []
        for dimension, (before, after) in enumerate(zip(state.reference.bins, window.bins, strict=True)):
            expected, actual = np.array(before), np.array(after)
            noise = psi_noise(len(before), expected.sum(), actual.sum(), false_alarm=self.settings.chance / dimensions)
            index = psi(expected, actual)
            if index >= max(self.settings.psi, noise):
                over.append((index, dimension))
        if not over:
            return None
        index, dimension = max(over)
        facts: dict[str, Any] = {"PSI": round(index, 2), "limit": self.settings.psi}
        if dimensions > 1:
            facts |= {"dimensions that moved": f"{len(over)} of {dimensions}", "most in dimension": dimension}
        return {**facts, **about}

    def _tested(
        self, state: DriftState, reference: Window, window: Window, about: dict[str, Any]
    ) -> dict[str, Any] | None:
        before, after = np.array(reference.kept), np.array(window.kept)
        found = [ks(np.sort(before[:, place]), after[:, place]) for place in range(before.shape[1])]
        if self.settings.beyond and self._is_usual(state, max(distance for distance, _ in found)):
            return None
        moved: list[tuple[float, float, int]] = []
        for dimension, (distance, chance) in enumerate(found):
            if distance >= self.settings.distance and chance * before.shape[1] <= self.settings.chance:
                moved.append((distance, chance, dimension))
        if not moved:
            return None
        distance, chance, dimension = max(moved)
        facts: dict[str, Any] = {"KS distance": round(distance, 2), "by chance": f"{chance:.1g}"}
        if before.shape[1] > 1:
            facts |= {"dimensions that moved": f"{len(moved)} of {before.shape[1]}", "most in dimension": dimension}
        return {**facts, **about}

    def _is_usual(self, state: DriftState, distance: float) -> bool:
        """Whether windows as far off came before, or too few came to say; what is out of the ordinary is not learned."""
        usual, settings = state.usual, self.settings
        if len(usual) >= settings.usual and distance >= settings.beyond * max(usual):
            return False
        usual.append(distance)
        del usual[:-_WINDOWS]
        return True

    def _adapting(self, state: DriftState, seen: Seen) -> Facts | None:
        if not isinstance(seen.sample, float):
            self.counters.unusable += 1
            return None
        adwin = state.adwin
        if adwin is None:
            adwin = state.adwin = Adwin(delta=self.settings.chance)
        cut = adwin.add(seen.sample) and adwin.seen >= self.settings.reference and state.turned is None
        if cut and abs(adwin.mean - adwin.mean_before) >= self.settings.distance * adwin.spread_before:
            state.turned = Turn(seen.time_us, adwin.mean_before, adwin.spread_before, adwin.dropped)
        turned = state.turned
        if turned is None or seen.time_us - turned.at < self.span_us:
            return None
        state.turned = None
        if abs(adwin.mean - turned.mean) < self.settings.distance * turned.spread:
            return None  # a burst, after which all is as it was
        return {
            "mean before": numbers_text(turned.mean),
            "mean now": numbers_text(adwin.mean),
            "over": f"{adwin.width:,} samples",
            "dropped": f"{turned.dropped:,} older samples",
        }


def _plain(sample: Sample) -> list[float]:
    if isinstance(sample, str):
        return []
    return [sample] if isinstance(sample, float) else sample.astype(float).tolist()


def _tally(labels: dict[str, float], label: str) -> None:
    name = label if label in labels or len(labels) < _LABELS else "(other)"
    labels[name] = labels.get(name, 0.0) + 1


def _scattered(count: int) -> int:
    """A place in 0 … count - 1, evenly spread over counts, the same in every run (Knuth's multiplicative hash)."""
    return (count * 2_654_435_761 % (1 << 32)) * count >> 32
