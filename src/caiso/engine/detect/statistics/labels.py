"""Label integrity: the labels of a data set are distributed otherwise than in the versions before.

Each event tells a data set's label counts; PSI of the version against the one before (and against the first that was
seen, so that small steps add up). Flipped and injected labels shift the distribution; a clean-label attack does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt

from caiso.engine.detect.signal import Facts
from caiso.engine.detect.statistics.measures import psi, psi_noise
from caiso.engine.detect.statistics.observer import Columns, Observer, Seen, State, note
from caiso.engine.detect.statistics.settings import Chance, FieldName, Settings, Share
from caiso.engine.detect.statistics.values import counts_of, numbers_text
from caiso.engine.packs import Between

_LABELS = 200


@dataclass(frozen=True, kw_only=True)
class LabelsSettings(Settings):
    """``moved`` is the share of samples that changed sides in all, beside the index itself.

    Of a rare label an index of all sees nothing: ``times`` is how often more or less frequent one label must have become,
    by more than ``deviations`` of what chance does to so many samples.
    """

    value: FieldName = "dataset.label_counts"
    version: FieldName = "dataset.version"
    writer: FieldName = "writer"
    psi: Annotated[float, Between(0.01, 5)] = 0.1
    moved: Share = 0.05
    times: Annotated[float, Between(1.2, 100)] = 2.5
    deviations: Annotated[float, Between(3, 100)] = 10
    chance: Chance = 1e-6
    least: Annotated[int, Between(10, 1_000_000)] = 200
    timespan: timedelta = timedelta(minutes=1)
    keys: Annotated[int, Between(1, 50_000)] = 2_000

    naming: ClassVar[tuple[str, ...]] = ("value", "version", "writer")


class LabelsState(State):
    """The counts of the first and the last version."""

    first: dict[str, float] = {}  # noqa: RUF012
    last: dict[str, float] = {}  # noqa: RUF012
    versions: int = 0
    version: str = ""


class Labels(Observer[LabelsSettings, LabelsState]):
    """PSI of label counts between versions."""

    settings_type = LabelsSettings
    state_type = LabelsState

    def sample(self, columns: Columns, row: int) -> tuple[dict[str, float], str, str] | None:
        counts = counts_of(columns[self.settings.value][row], most=_LABELS)
        if counts is None or sum(counts.values()) < self.settings.least:
            return None
        version, writer = columns[self.settings.version][row], columns[self.settings.writer][row]
        return counts, str(version or "")[:80], str(writer or "")[:80]

    def observe(self, state: LabelsState, seen: Seen) -> Facts | None:
        counts, version, writer = seen.sample
        before, first = state.last, state.first
        was = state.version
        state.last, state.version = counts, version
        state.versions += 1
        if not first:
            state.first = counts
            return None
        for reference, name in ((before, f"version {was or 'before'}"), (first, "the first version")):
            facts = self._compared(reference, counts, name)
            if facts:
                note(state, seen)
                state.first = counts  # what was reported is the new ground: the next version is judged by it
                return {**facts, "versions seen": state.versions} | ({"writer": writer} if writer else {})
        return None

    def _changed(self, before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]) -> int | None:
        """The label that became so many times more or less frequent; one that is new or gone is a matter of the index."""
        expected = before / before.sum() * after.sum()
        both = (before > 0) & (after > 0) & (np.maximum(expected, after) >= self.settings.least / 2)
        if not both.any():
            return None
        ratio = np.ones_like(before)
        ratio[both] = after[both] / expected[both]
        times = np.maximum(ratio, 1 / ratio)
        chance = np.sqrt(np.maximum(expected, 1) * (1 + after.sum() / before.sum()))
        found = both & (times >= self.settings.times) & (np.abs(after - expected) >= self.settings.deviations * chance)
        return int(np.where(found, times, 0).argmax()) if found.any() else None

    def _compared(
        self, reference: dict[str, float], counts: dict[str, float], name: str
    ) -> dict[str, str | float] | None:
        labels = sorted(reference.keys() | counts.keys())
        before = np.array([reference.get(label, 0.0) for label in labels])
        after = np.array([counts.get(label, 0.0) for label in labels])
        index = psi(before, after)
        noise = psi_noise(len(labels), before.sum(), after.sum(), false_alarm=self.settings.chance)
        shift = after / after.sum() - before / before.sum()
        moved = float(np.abs(shift).sum() / 2)
        most = int(np.abs(shift).argmax())
        if index < max(self.settings.psi, noise) or moved < self.settings.moved:
            changed = self._changed(before, after)
            if changed is None:
                return None
            most = changed
        return {
            "PSI": round(index, 2),
            "limit": self.settings.psi,
            "labels on the other side": f"{moved:.0%}",
            "moved most": f"{labels[most]}: {_percent(before[most] / before.sum())} to {_percent(after[most] / after.sum())}",
            "samples": f"{numbers_text(float(before.sum()))} to {numbers_text(float(after.sum()))}",
            "compared with": name,
        }


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.1 else f"{share:.1%}"
