"""Bounded memories that methods share: recent vectors, a window of yes and no against what is usual, recent numbers."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from caiso.engine.detect.statistics.measures import MAD_TO_SIGMA, chance_of_share
from caiso.engine.detect.statistics.values import Vector

_FADES_AT: Final = 20_000
_CHANGED: Final = 32
_KNOWN: Final = 100  # samples of others after which their share is known


class Rows(msgspec.Struct):
    """The last ``most`` arrays of one size and kind (``f4``, ``u4``), oldest overwritten first."""

    size: int
    most: int
    kind: str = "f4"
    data: bytearray = bytearray()
    place: int = 0

    def __len__(self) -> int:
        return len(self.data) // (4 * self.size)

    def all(self) -> npt.NDArray[Any]:
        """Every array, a row each; in no order that means anything."""
        return np.frombuffer(self.data, dtype=self.kind).reshape(-1, self.size)

    def add(self, array: npt.NDArray[Any]) -> int:
        """Keep an array; returns the row where it stands now."""
        row = self.place
        if len(self) < self.most:
            self.data += array.astype(self.kind).tobytes()
        else:
            self.all()[row] = array
        self.place = (row + 1) % self.most
        return row


class Spread(msgspec.Struct):
    """Running mean and variance of vectors of one size, dimension by dimension."""

    size: int
    count: int = 0
    mean: bytearray = bytearray()
    squares: bytearray = bytearray()

    def add(self, vector: Vector) -> None:
        if not self.count:
            self.mean, self.squares = bytearray(8 * self.size), bytearray(8 * self.size)
        self.count += 1
        mean, squares = np.frombuffer(self.mean), np.frombuffer(self.squares)
        gap = vector - mean
        mean += gap / self.count
        squares += gap * (vector - mean)

    def scale(self) -> npt.NDArray[np.float64]:
        """The standard deviation of each dimension; 1 where nothing varies."""
        found = np.sqrt(np.frombuffer(self.squares) / max(self.count, 1))
        return np.where(found > 0, found, 1.0)


class Usual(msgspec.Struct):
    """How often something is so among all peers; old counts fade."""

    hits: float = 0.0
    count: float = 0.0

    def add(self, hit: bool) -> None:  # noqa: FBT001 - the thing that is counted
        self.hits += hit
        self.count += 1
        if self.count >= _FADES_AT:
            self.hits /= 2
            self.count /= 2

    def expected(
        self, judged: Shares, own: Usual, *, least: float, assumed: float, known: int = 2 * _KNOWN
    ) -> Expected:
        """The share to expect of a window: that of the peers or of this key itself, whichever is larger.

        What stands in that window is left out; ``assumed`` holds where too little is known, of the key itself fewer than ``known``.
        """
        peers = self._without(judged, least=least, assumed=assumed)
        if own.count - judged.count < known:
            return peers
        mine = own._without(judged, least=least, assumed=assumed, known=known)
        return mine._replace(text=f"{mine.text} of its own") if mine.share > peers.share else peers

    def _without(self, judged: Shares, *, least: float, assumed: float, known: int = _KNOWN) -> Expected:
        count = max(0.0, self.count - judged.count)
        if count < min(known, _KNOWN):
            return Expected(max(least, assumed), f"{max(least, assumed):.0%}, assumed")
        share = min(1.0, (max(0.0, self.hits - judged.hits) + 0.5) / (count + 1))
        # Two standard errors above what was seen: little was seen.
        upper = min(0.999, max(least, share + 2 * math.sqrt(share * (1 - share) / count)))
        return Expected(upper, f"{share:.1%} of {count:,.0f}")


class Expected(NamedTuple):
    """The share to judge by, and how a page says it."""

    share: float
    text: str


class Shares(msgspec.Struct):
    """A window of the last samples, each yes or no with its time."""

    times: list[int] = []
    marks: list[bool] = []
    hits: int = 0

    def add(self, time_us: int, hit: bool, *, most: int, since: int) -> None:  # noqa: FBT001
        """Take a sample in; what is too old, or one too many, goes."""
        self.times.append(time_us)
        self.marks.append(hit)
        self.hits += hit
        gone = max(0, len(self.times) - most)
        while gone < len(self.times) and self.times[gone] < since:
            gone += 1
        if gone:
            self.hits -= sum(self.marks[:gone])
            del self.times[:gone], self.marks[:gone]

    @property
    def count(self) -> int:
        return len(self.marks)

    def chance(self, usual: float) -> float:
        """How probable so many hits are where ``usual`` is the share to expect."""
        return chance_of_share(self.hits, self.count, usual)


class Recent(msgspec.Struct):
    """The last numbers, also in order of size."""

    most: int
    arrived: list[float] = []
    ordered: list[float] = []
    place: int = 0

    def __len__(self) -> int:
        return len(self.arrived)

    def add(self, value: float) -> None:
        if len(self.arrived) < self.most:
            self.arrived.append(value)
        else:
            gone = self.arrived[self.place]
            del self.ordered[bisect_left(self.ordered, gone)]
            self.arrived[self.place] = value
            self.place = (self.place + 1) % self.most
        insort(self.ordered, value)

    def quantile(self, share: float) -> float:
        """The value below which this share of the numbers lies; of few numbers never the largest."""
        return self.ordered[int(share * (len(self.ordered) - 1))]


class Latest(msgspec.Struct):
    """The last numbers, and what they come to: worked out when it is asked for and a part of them changed since."""

    most: int
    values: list[float] = []
    place: int = 0
    count: int = 0  # of all that ever came
    looked: int = 0  # how many had come when the summary was made
    summary: list[float] = []

    def __len__(self) -> int:
        return len(self.values)

    def add(self, value: float) -> None:
        self.count += 1
        if len(self.values) < self.most:
            self.values.append(value)
        else:
            self.values[self.place] = value
            self.place = (self.place + 1) % self.most

    def extend(self, values: Sequence[float]) -> None:
        """Add several, in order."""
        self.count += len(values)
        room = self.most - len(self.values)
        self.values += values[:room]
        for value in values[room:]:
            self.values[self.place] = value
            self.place = (self.place + 1) % self.most

    def come_to(self, summarise: Callable[[npt.NDArray[np.float64]], list[float]]) -> list[float]:
        """What ``summarise`` makes of the numbers in order of size; up to one in 32 of them may have changed since."""
        if not self.summary or self.count - self.looked > len(self.values) // _CHANGED:
            self.summary = summarise(np.sort(np.array(self.values)))
            self.looked = self.count
        return self.summary


def quantile(ordered: npt.NDArray[np.float64], share: float) -> float:
    """The value below which this share of the numbers lies; of few numbers never the largest."""
    return float(ordered[int(share * (len(ordered) - 1))])


def middle(ordered: npt.NDArray[np.float64]) -> float:
    """The median of ordered numbers; NumPy's own takes longer to look at its arguments than at them."""
    return float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def robust(ordered: npt.NDArray[np.float64]) -> tuple[float, float]:
    """The median, and the standard deviation that the median absolute deviation from it stands for."""
    centre = middle(ordered)
    return centre, MAD_TO_SIGMA * middle(np.sort(np.abs(ordered - centre)))
