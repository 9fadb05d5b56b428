"""What a model answered to inputs that are near each other: whether that looks like a search, or like what a sensor sends.

A camera before a still scene sends near frames at even intervals, and the answer stays as it is. Where near inputs belong to
many different answers, the features that were logged are too coarse to say that the inputs themselves are alike. Without
answers nothing is said.
"""

from __future__ import annotations

from typing import Final

import msgspec

from caiso.engine.detect.statistics.measures import median, trend

_KEPT: Final = 60
_LEAST: Final = 12
_STEADY: Final = 3.0  # z of a rise or fall
_SPREAD: Final = 0.1  # of scores that stay as they are
_EVEN: Final = 0.3  # how far intervals may lie apart, as a share of the middle one
_SLOW_US: Final = 200_000
_LABELS: Final = 4
_AGREE: Final = 0.4


class Outcomes(msgspec.Struct):
    """The last answers to near inputs; ``agree`` says of each whether the input that it is near had the same one."""

    times: list[int] = []
    labels: list[str] = []
    scores: list[float] = []
    agree: list[bool] = []
    of: dict[int, str] = {}  # answers by the place or number of an input

    def keep(self, place: int, label: str) -> None:
        """Remember the answer to an input that others may be near."""
        if label:
            self.of[place] = label
            while len(self.of) > _KEPT * 8:
                del self.of[next(iter(self.of))]

    def note(self, time_us: int, label: str, score: float | None, place: int) -> None:
        """Take in the answer to an input that is near the one at ``place``."""
        self.times.append(time_us)
        self.labels.append(label)
        if score is not None:
            self.scores.append(score)
        if label and place in self.of:
            self.agree.append(self.of[place] == label)
        for kept in (self.times, self.labels, self.scores, self.agree):
            del kept[:-_KEPT]

    def are_natural(self) -> bool:
        """Whether they are what a sensor or coarse features give."""
        if len(self.labels) < _LEAST or not all(self.labels):
            return False
        return self._are_coarse() or self._are_still()

    def _are_coarse(self) -> bool:
        return (
            len(self.agree) >= _LEAST
            and sum(self.agree) < _AGREE * len(self.agree)
            and len(set(self.labels)) >= _LABELS
        )

    def _are_still(self) -> bool:
        if len(set(self.labels)) > 1 or len(self.scores) < len(self.labels):
            return False
        if max(self.scores) - min(self.scores) > _SPREAD or abs(trend(self.scores)) > _STEADY:
            return False
        gaps = sorted(after - before for before, after in zip(self.times, self.times[1:], strict=False))
        middle = median([float(gap) for gap in gaps])
        low, high = gaps[len(gaps) // 10], gaps[-1 - len(gaps) // 10]
        return middle >= _SLOW_US and high - low <= _EVEN * middle
