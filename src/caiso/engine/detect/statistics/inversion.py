"""Model inversion: the confidence of one class climbs steadily, as when somebody optimises an input towards it.

Fredrikson et al. 2015 and black-box variants take steps and keep what the model likes better. Mann and Kendall's test
asks whether a client's confidences for one class rise over its last queries more than by chance, and by enough. An
attacker who mixes the steps with other queries of the same class hides the climb.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar

import msgspec

from caiso.engine.detect.signal import Facts
from caiso.engine.detect.statistics.measures import median, trend
from caiso.engine.detect.statistics.observer import Columns, Observer, Seen, State, note
from caiso.engine.detect.statistics.settings import FieldName, Settings, Share
from caiso.engine.detect.statistics.values import number, span_text
from caiso.engine.packs import Between

_CLASSES = 20


@dataclass(frozen=True, kw_only=True)
class InversionSettings(Settings):
    """``climb`` is the z of the rise, ``gain`` how much the median of the last quarter lies above the first's."""

    value: FieldName = "output.confidence"
    label: FieldName = "output.label"
    window: Annotated[int, Between(20, 500)] = 80
    queries: Annotated[int, Between(20, 500)] = 40
    every: Annotated[int, Between(1, 100)] = 10
    climb: Annotated[float, Between(2, 50)] = 6
    gain: Share = 0.2
    timespan: timedelta = timedelta(hours=6)

    naming: ClassVar[tuple[str, ...]] = ("value", "label")


class Series(msgspec.Struct):
    """The last confidences of one class."""

    times: list[int] = []
    values: list[float] = []
    count: int = 0


class InversionState(State):
    """One client's confidences by class."""

    classes: dict[str, Series] = {}  # noqa: RUF012


class Inversion(Observer[InversionSettings, InversionState]):
    """A steady climb of confidence."""

    settings_type = InversionSettings
    state_type = InversionState

    def sample(self, columns: Columns, row: int) -> tuple[str, float] | None:
        confidence = number(columns[self.settings.value][row])
        return None if confidence is None else (str(columns[self.settings.label][row] or "")[:80], confidence)

    def observe(self, state: InversionState, seen: Seen) -> Facts | None:
        settings = self.settings
        label, confidence = seen.sample
        series = state.classes.pop(label, None) or Series()
        state.classes[label] = series
        if len(state.classes) > _CLASSES:
            del state.classes[next(iter(state.classes))]
        gone = max(0, len(series.times) + 1 - settings.window)
        while gone < len(series.times) and series.times[gone] < seen.time_us - self.span_us:
            gone += 1
        del series.times[:gone], series.values[:gone]
        series.times.append(seen.time_us)
        series.values.append(confidence)
        series.count += 1
        note(state, seen)
        if len(series.values) < settings.queries or series.count % settings.every:
            return None
        quarter = len(series.values) // 4
        before, now = median(series.values[:quarter]), median(series.values[-quarter:])
        if now - before < settings.gain:
            return None
        climb = trend(series.values)
        if climb < settings.climb:
            return None
        return {
            "confidence": f"{before:.2f} to {now:.2f}",
            "class": label or "(none)",
            "queries": len(series.values),
            "climb (Mann-Kendall z)": round(climb, 1),
            "limit": settings.climb,
            "within": span_text(seen.time_us - series.times[0]),
        }
