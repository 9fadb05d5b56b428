"""Annotators: the labels that one of them gives are distributed otherwise than before, and otherwise than those of the others.

A season, a campaign or a new guideline moves what everybody labels; somebody who turns labels moves alone. Each batch is
compared with all earlier batches of its writer. Whoever is first in a new season looks alone, so that one odd batch is only
noted; the next one is also compared with what the other writers of the same data set handed in since.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, ClassVar, NamedTuple

import msgspec
import numpy as np

from caiso.engine.detect.signal import Facts
from caiso.engine.detect.statistics.measures import psi, psi_noise
from caiso.engine.detect.statistics.observer import Columns, Observer, Seen, State, note
from caiso.engine.detect.statistics.settings import Chance, FieldName, Settings, Share
from caiso.engine.detect.statistics.values import counts_of, numbers_text
from caiso.engine.packs import Between

_LABELS = 100
_FADES_AT = 50_000  # labels of a writer's history, after which old ones count half
_WRITERS = 200
_SETS = 500


@dataclass(frozen=True, kw_only=True)
class LabellersSettings(Settings):
    """``others`` is how many other writers must be known; ``moved`` the share of a batch that is labelled otherwise.

    ``times`` is how much farther a writer must have moved than the others, on the scale of odds.
    """

    value: FieldName = "dataset.label_counts"
    set: FieldName = "dataset.id"
    writer: FieldName = "writer"
    psi: Annotated[float, Between(0.01, 5)] = 0.1
    moved: Share = 0.05
    others: Annotated[int, Between(1, 50)] = 2
    times: Annotated[float, Between(1, 20)] = 2
    batches: Annotated[int, Between(1, 100)] = 3
    chance: Chance = 1e-6
    least: Annotated[int, Between(10, 1_000_000)] = 100
    timespan: timedelta = timedelta(days=7)
    keys: Annotated[int, Between(1, 50_000)] = 2_000

    naming: ClassVar[tuple[str, ...]] = ("value", "set", "writer")


class LabellersState(State):
    """What one writer labelled so far."""

    history: dict[str, float] = {}  # noqa: RUF012
    batches: int = 0
    odd_since: int = -1


class Latest(msgspec.Struct):
    """The last batch of a writer, when it came, and what the writer's batches before it were like."""

    at: int
    counts: dict[str, float]
    before: dict[str, float]


class Batch(NamedTuple):
    """The counts of a batch, whose it is and of which data set."""

    counts: dict[str, float]
    writer: str
    set: str


class Moved(NamedTuple):
    """By how much two distributions differ, which label most, and its shares before and after."""

    psi: float
    label: str
    before: float
    after: float


class Labellers(Observer[LabellersSettings, LabellersState]):
    """PSI of a batch against its writer's earlier ones and against those of the others."""

    settings_type = LabellersSettings
    state_type = LabellersState

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._sets: dict[str, dict[str, Latest]] = {}

    def sample(self, columns: Columns, row: int) -> Batch | None:
        settings = self.settings
        counts = counts_of(columns[settings.value][row], most=_LABELS)
        writer, named = columns[settings.writer][row], columns[settings.set][row]
        if counts is None or sum(counts.values()) < settings.least or not writer:
            return None
        return Batch(counts, str(writer)[:120], str(named or "")[:120])

    def observe(self, state: LabellersState, seen: Seen) -> Facts | None:
        batch: Batch = seen.sample
        writers = self._writers(batch)
        others = [one for one in writers.values() if one.at > state.odd_since and sum(one.before.values()) > 0]
        writers[batch.writer] = Latest(seen.time_us, batch.counts, dict(state.history))
        own = self._moved(state.history, batch.counts) if state.batches >= self.settings.batches else None
        if own is None or seen.time_us - state.odd_since > self.span_us:
            state.odd_since = -1
        if own is None:
            self._learn(state, batch.counts)
            return None
        note(state, seen)
        if state.odd_since < 0:
            state.odd_since = seen.time_us
            return None
        return self._judged(batch, own, others)

    def _judged(self, batch: Batch, own: Moved, others: list[Latest]) -> Facts | None:
        if len(others) < self.settings.others:
            return None
        before, after = (
            _share(_together(parts), own.label)
            for parts in ([one.before for one in others], [one.counts for one in others])
        )
        mine, theirs = _odds(own.after) - _odds(own.before), _odds(after) - _odds(before)
        if abs(mine) < self.settings.times * abs(theirs) and mine * theirs > 0:
            return None  # the others moved as well
        return {
            "PSI": round(own.psi, 2),
            "limit": self.settings.psi,
            "moved most": f"{own.label}: {own.before:.1%} to {own.after:.1%}",
            "with the others": f"{before:.1%} to {after:.1%}",
            "labels": numbers_text(sum(batch.counts.values())),
            "other writers": len(others),
            "writer": batch.writer,
        }

    def _moved(self, before: Mapping[str, float], after: Mapping[str, float]) -> Moved | None:
        """How a batch differs, None where it does not by enough or by no more than chance."""
        settings = self.settings
        labels = sorted(before.keys() | after.keys())
        expected = np.array([before.get(label, 0.0) for label in labels])
        actual = np.array([after.get(label, 0.0) for label in labels])
        index = psi(expected, actual)
        noise = psi_noise(len(labels), expected.sum(), actual.sum(), false_alarm=settings.chance)
        shares = expected / expected.sum(), actual / actual.sum()
        shift = shares[1] - shares[0]
        if index < max(settings.psi, noise) or float(np.abs(shift).sum() / 2) < settings.moved:
            return None
        most = int(np.abs(shift).argmax())
        return Moved(index, labels[most], float(shares[0][most]), float(shares[1][most]))

    def _learn(self, state: LabellersState, counts: Mapping[str, float]) -> None:
        state.batches += 1
        history = state.history
        for label, count in counts.items():
            history[label] = history.get(label, 0.0) + count
        if sum(history.values()) > _FADES_AT:
            state.history = {label: count / 2 for label, count in history.items()}

    def _writers(self, batch: Batch) -> dict[str, Latest]:
        """The last batches of everybody who labels this data set, the one who did longest ago first."""
        writers = self._sets.get(batch.set)
        if writers is None:
            if len(self._sets) >= _SETS:
                del self._sets[next(iter(self._sets))]
            writers = self._sets[batch.set] = {}
        writers.pop(batch.writer, None)
        if len(writers) >= _WRITERS:
            del writers[next(iter(writers))]
        return writers

    def shared(self) -> Any:
        return self._sets

    def take_shared(self, plain: Any) -> None:
        self._sets = msgspec.convert(plain, dict[str, dict[str, Latest]])


def _share(counts: dict[str, float], label: str) -> float:
    return counts.get(label, 0.0) / max(sum(counts.values()), 1.0)


def _odds(share: float) -> float:
    """The logarithm of the odds, of shares that are neither none nor all."""
    bounded = min(max(share, 1e-3), 1 - 1e-3)
    return math.log(bounded / (1 - bounded))


def _together(batches: list[dict[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for batch in batches:
        for label, count in batch.items():
            found[label] = found.get(label, 0.0) + count
    return found
