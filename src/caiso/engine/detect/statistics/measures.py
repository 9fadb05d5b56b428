"""The mathematics of the statistical detectors, on plain numbers: what they conclude from it stands elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_NORMAL: Final = NormalDist()
_TINY: Final = 1e-300
MAD_TO_SIGMA: Final = 1.4826


def psi(reference: Floats, current: Floats) -> float:
    """Population stability index of two histograms; half a count is added to each bin, so that none is empty."""
    expected = (reference + 0.5) / (reference.sum() + 0.5 * reference.size)
    actual = (current + 0.5) / (current.sum() + 0.5 * current.size)
    return float(((actual - expected) * np.log(actual / expected)).sum())


def psi_noise(bins: int, reference: float, current: float, *, false_alarm: float = 1e-4) -> float:
    """What the index reaches by chance alone: over (1/n + 1/m) it is distributed as chi-square with bins - 1 degrees."""
    return chi_square_quantile(max(bins - 1, 1), 1 - false_alarm) * (1 / reference + 1 / current)


@lru_cache(maxsize=256)
def chi_square_quantile(degrees: int, probability: float) -> float:
    """Wilson and Hilferty's approximation, good to a percent from one degree of freedom on in the upper tail."""
    share = 2 / (9 * degrees)
    return degrees * max(0.0, 1 - share + _NORMAL.inv_cdf(probability) * math.sqrt(share)) ** 3


def ks(reference: Floats, current: Floats) -> tuple[float, float]:
    """Kolmogorov and Smirnov's distance of two samples and its asymptotic p-value; ``reference`` is sorted."""
    other = np.sort(current)
    everything = np.concatenate((reference, other))
    below = np.searchsorted(reference, everything, side="right") / reference.size
    above = np.searchsorted(other, everything, side="right") / other.size
    distance = float(np.abs(below - above).max())
    size = math.sqrt(reference.size * other.size / (reference.size + other.size))
    return distance, _kolmogorov((size + 0.12 + 0.11 / size) * distance)


def _kolmogorov(value: float) -> float:
    """How probable a distance this large is by chance (Stephens' form of the argument is the caller's)."""
    if value < 0.3:
        return 1.0
    total = sum((1 if k % 2 else -1) * math.exp(-2 * (k * value) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, 2 * total))


def shapiro_w(values: Floats) -> float:
    """Shapiro and Wilk's W of at least 12 values by Royston's approximation of its weights; 1.0 is perfectly normal.

    Equal values give 0.0: nothing natural answers that evenly.
    """
    ordered = np.sort(values)
    spread = ordered - ordered.mean()
    total = float(spread @ spread)
    if total <= 1e-12 * max(1.0, float(ordered @ ordered)):
        return 0.0
    return min(1.0, float(_shapiro_weights(ordered.size) @ ordered) ** 2 / total)


@lru_cache(maxsize=64)
def _shapiro_weights(count: int) -> Floats:
    scores = np.array([_NORMAL.inv_cdf((i - 0.375) / (count + 0.25)) for i in range(1, count + 1)])
    squares = float(scores @ scores)
    u = 1 / math.sqrt(count)
    raw = scores / math.sqrt(squares)
    last = raw[-1] + np.polyval([-2.706056, 4.434685, -2.071190, -0.147981, 0.221157, 0.0], u)
    second = raw[-2] + np.polyval([-3.582633, 5.682633, -1.752461, -0.293762, 0.042981, 0.0], u)
    phi = (squares - 2 * scores[-1] ** 2 - 2 * scores[-2] ** 2) / (1 - 2 * last**2 - 2 * second**2)
    weights = scores / math.sqrt(phi)
    weights[-1], weights[-2], weights[0], weights[1] = last, second, -last, -second
    return weights


def median(values: Sequence[float]) -> float:
    """The middle value; the mean of the two middle ones where there is none."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def robust_spread(values: Sequence[float], centre: float) -> float:
    """The standard deviation that the median absolute deviation stands for."""
    return MAD_TO_SIGMA * median([abs(value - centre) for value in values])


def chance_of_share(hits: int, count: int, usual: float) -> float:
    """An upper bound (Chernoff) of the chance to see so many hits among ``count`` when each has the chance ``usual``."""
    share = hits / count
    if share <= usual:
        return 1.0
    if usual <= 0:
        return 0.0
    divergence = share * math.log(share / usual)
    if share < 1:
        divergence += (1 - share) * math.log((1 - share) / (1 - usual))
    return math.exp(-count * divergence)


def trend(values: Sequence[float]) -> float:
    """Mann and Kendall's z: how many standard deviations the series rises more often than by chance; ties count for none."""
    series = np.asarray(values, dtype=np.float64)
    count = series.size
    rising = np.sign(series[None, :] - series[:, None])
    score = float(np.triu(rising, 1).sum())
    _, ties = np.unique(series, return_counts=True)
    spread = (count * (count - 1) * (2 * count + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    if spread <= 0:
        return 0.0
    return (score - math.copysign(1, score)) / math.sqrt(spread) if score else 0.0


def entropy(counts: Sequence[int]) -> float:
    """Shannon entropy in bits."""
    total = sum(counts)
    return -sum(count / total * math.log2(max(count / total, _TINY)) for count in counts if count) if total else 0.0
