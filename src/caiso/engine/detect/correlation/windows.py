"""Whether entries, sorted by time, make a correlation true: exact, whatever order they arrived in.

Every function takes the times of one key's entries in ascending order (microseconds), the place of the entry that
has just arrived, and the span; it returns the places of the entries that make the correlation true, or None.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

Places = list[int]


def around(times: Sequence[int], position: int, span: int) -> range:
    """The places that can share a window with the one given."""
    at = times[position]
    if times[0] >= at - span and times[-1] <= at + span:
        return range(len(times))
    return range(bisect_left(times, at - span), bisect_right(times, at + span))


def enough(times: Sequence[int], position: int, threshold: int, span: int) -> Places | None:
    """The first run of ``threshold`` entries within the span that holds the new one."""
    for first in range(max(0, position - threshold + 1), position + 1):
        last = first + threshold - 1
        if last >= len(times):
            return None
        if times[last] - times[first] <= span:
            return list(range(first, last + 1))
    return None


def reached(
    times: Sequence[int], values: Sequence[float], near: range, threshold: float, span: int, *, strict: bool = False
) -> Places | None:
    """The first window whose values add up to the threshold.

    Sums are rounded once (``fsum``), so that the answer depends on the entries alone and not on what came before.
    """
    first = near.start
    for last in near:
        while times[last] - times[first] > span:
            first += 1
        total = math.fsum(values[first : last + 1])
        if total > threshold or (total == threshold and not strict):
            return list(range(first, last + 1))
    return None


def distinct(times: Sequence[int], values: Sequence[object], near: range, threshold: int, span: int) -> Places | None:
    """The first window with enough different values, shown by the latest entry of each value."""
    first = near.start
    held: dict[object, int] = {}
    for last in near:
        value = values[last]
        held[value] = held.get(value, 0) + 1
        while times[last] - times[first] > span:
            gone = values[first]
            held[gone] -= 1
            if not held[gone]:
                del held[gone]
            first += 1
        if len(held) >= threshold:
            return sorted({values[place]: place for place in range(first, last + 1)}.values())
    return None


def together(
    times: Sequence[int], stages: Sequence[int], near: range, wanted: Sequence[int], span: int
) -> Places | None:
    """Entries within the span that between them cover every stage of one of the ``wanted`` sets (bits).

    One entry may cover several stages; of each stage the latest entry is shown.
    """
    for last in near:
        for mask in wanted:
            missing, chosen = mask, []
            for place in range(last, near.start - 1, -1):
                if times[last] - times[place] > span:
                    break
                if stages[place] & missing:
                    missing &= ~stages[place]
                    chosen.append(place)
                if not missing:
                    return chosen[::-1]
    return None


def in_order(times: Sequence[int], stages: Sequence[int], near: range, count: int, span: int) -> Places | None:
    """Different entries, one for each stage in turn, within the span; the chain that starts latest wins."""
    chains: list[Places | None] = [None] * count
    for place in near:
        bits = stages[place]
        for stage in range(count - 1, -1, -1):  # downwards, so that one entry is not used twice
            if not bits >> stage & 1:
                continue
            before = chains[stage - 1] if stage else []
            if before is not None and (not before or times[place] - times[before[0]] <= span):
                chains[stage] = [*before, place]
        if chains[-1] is not None:
            return chains[-1]
    return None


def percentile(values: Sequence[float], rank: float) -> float:
    """The linearly interpolated percentile, 0 to 100, as NumPy and most query languages have it."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * rank / 100
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
