"""What a scenario is: ordinary traffic, an attack, what is varied for the trade-off, and who escapes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Event = dict[str, Any]
Made = Iterable[Event]

BASE_US = 1_790_000_000_000_000 - 1_790_000_000_000_000 % 86_400_000_000  # midnight, UTC
HOUR = 3600.0
DAY = 24 * HOUR


@dataclass(frozen=True)
class Scenario:
    """One rule on made traffic. Times of events are seconds from the beginning, under ``at``."""

    rule: str
    benign: Callable[[random.Random, float], list[Event]]  # so many days of ordinary traffic
    attack: Callable[[random.Random], list[Event]]  # from its own beginning
    vary: str  # the setting of the rule by which detection is traded for silence
    values: Sequence[float]
    days: float  # of ordinary traffic in one run
    before: float  # days of it before the attack
    ordinary: str  # what the ordinary traffic holds, in words
    attacks: str  # what the attacks are, in words
    evaded_by: str
    attack_only: bool = False  # the attack stands in a stream of its own


def stamped(events: Iterable[Event], name: str, start: float = 0.0) -> list[Event]:
    """Events with id and time, in order of time."""
    ordered = sorted(events, key=lambda event: event["at"])
    return [
        {"event.id": f"{name}-{number}", "time": BASE_US + int((start + event["at"]) * 1e6), "trace_id": f"{name}-{number}",
         **{key: value for key, value in event.items() if key != "at"}}
        for number, event in enumerate(ordered)
    ]  # fmt: skip


def office_hours(rng: random.Random, days: float, per_day: float) -> list[float]:
    """Moments at which a person does something: mostly by day, hardly at the week-end."""
    moments = []
    for day in range(int(days) + 1):
        rate = per_day * (0.1 if day % 7 >= 5 else 1.0) * rng.lognormvariate(0, 0.3)
        for _ in range(poisson(rng, rate)):
            hour = min(max(rng.gauss(13, 3), 0), 23.99) if rng.random() < 0.95 else rng.uniform(0, 24)
            moments.append(day * DAY + hour * HOUR + rng.uniform(0, 60))
    return sorted(moment for moment in moments if moment < days * DAY)


def steady(rng: random.Random, days: float, per_day: float) -> list[float]:
    """Moments of a machine that works around the clock."""
    moments, at = [], 0.0
    while at < days * DAY:
        at += rng.expovariate(per_day / DAY)
        moments.append(at)
    return [moment for moment in moments if moment < days * DAY]


def poisson(rng: random.Random, mean: float) -> int:
    """A count; the normal approximation where it is large."""
    if mean > 50:
        return max(0, round(rng.gauss(mean, mean**0.5)))
    limit, product, count = 2.718281828459045 ** (-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count
