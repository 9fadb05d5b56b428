"""ADWIN: a window over a stream of numbers that shrinks when its older part has another mean (Bifet and Gavalda 2007)."""

from __future__ import annotations

import math
from typing import Final

import msgspec

_PER_ROW: Final = 5
_CLOCK: Final = 32  # samples between two looks
_LEAST: Final = 5  # samples on either side of a cut


class Bucket(msgspec.Struct, array_like=True):
    """Some neighbouring samples as one: their sum and the sum of squares about their mean."""

    total: float
    variance: float


class Adwin(msgspec.Struct):
    """Exponential histogram of the window; row ``i`` has buckets of 2**i samples, the oldest first."""

    delta: float
    rows: list[list[Bucket]] = []
    width: int = 0
    total: float = 0.0
    variance: float = 0.0
    seen: int = 0
    dropped: int = 0  # by the last cut
    mean_before: float = 0.0  # of what that cut dropped
    spread_before: float = 0.0

    @property
    def mean(self) -> float:
        return self.total / self.width if self.width else 0.0

    @property
    def spread(self) -> float:
        """The standard deviation within the window."""
        return math.sqrt(max(self.variance, 0.0) / self.width) if self.width else 0.0

    def add(self, value: float) -> bool:
        """Take a sample in; True when the window was cut because of a change."""
        if self.width:
            self.variance += (value - self.mean) ** 2 * self.width / (self.width + 1)
        self.total += value
        self.width += 1
        self.seen += 1
        if not self.rows:
            self.rows = [[]]
        self.rows[0].append(Bucket(value, 0.0))
        self._compress()
        return self.seen % _CLOCK == 0 and self.width > 2 * _LEAST and self._cut()

    def _compress(self) -> None:
        for row, buckets in enumerate(self.rows):
            if len(buckets) <= _PER_ROW:
                return
            first, second = buckets[0], buckets[1]
            size = 1 << row
            joined = Bucket(
                first.total + second.total,
                first.variance + second.variance + (first.total / size - second.total / size) ** 2 * size / 2,
            )
            del buckets[:2]
            if row + 1 == len(self.rows):
                self.rows.append([])
            self.rows[row + 1].append(joined)

    def _cut(self) -> bool:
        """Drop the oldest bucket as long as some cut of the window divides two means that differ too much."""
        before, width, total = self.spread, self.width, self.total
        while self.width > 2 * _LEAST and self._differs():
            self._drop()
        if self.width == width:
            return False
        self.spread_before, self.dropped = before, width - self.width
        self.mean_before = (total - self.total) / self.dropped
        return True

    def _differs(self) -> bool:
        count, total = 0, 0.0
        spread = max(self.variance, 0.0) / self.width
        rounding = 1e-9 * (1 + abs(self.mean))
        confidence = math.log(2 * math.log(max(self.width, 3)) / self.delta)
        for row in range(len(self.rows) - 1, -1, -1):
            for bucket in self.rows[row]:
                count += 1 << row
                total += bucket.total
                left = self.width - count
                if count < _LEAST or left < _LEAST:
                    continue
                size = 1 / (1 / count + 1 / left)
                limit = math.sqrt(2 / size * spread * confidence) + 2 / (3 * size) * confidence * math.sqrt(spread)
                if abs(total / count - (self.total - total) / left) > limit + rounding:
                    return True
        return False

    def _drop(self) -> None:
        row = len(self.rows) - 1
        bucket = self.rows[row].pop(0)
        size = 1 << row
        self.width -= size
        self.total -= bucket.total
        if self.width:
            self.variance -= bucket.variance + (bucket.total / size - self.mean) ** 2 * size * self.width / (
                self.width + size
            )
        if not self.rows[row]:
            self.rows.pop()
