"""Risk of an entity: what signals add to a user, agent, key, model or service, how it fades, and when it is an alert.

A signal adds severity x confidence x precision of its rule; the same rule again within a day adds half as much each
time, so that one noisy rule cannot make an alert of itself. Risk halves with every half-life of event time. It is an
alert when it passes the threshold of that kind of entity, or when rules of three ATLAS tactics point at one entity
within a day. Everything is a function of the signals and their times.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Final, NamedTuple

from caiso.engine.packs import compose, to_plain

KINDS: Final = ("user", "agent", "api_key", "model", "service")
POINTS: Final[Mapping[str, float]] = {"informational": 2, "low": 8, "medium": 20, "high": 45, "critical": 80}
CONFIDENCE: Final[Mapping[str, float]] = {"content": 0.5, "statistic": 0.75, "single": 0.8, "correlation": 0.95}
CANARY: Final = 0.5
UNKNOWN_PRECISION: Final = 0.7  # what a rule without verdicts is taken for
PRIOR_VERDICTS: Final = 5  # how many verdicts that assumption counts for
MOST_REPEATS: Final = 6  # the same rule again adds nothing worth a record after so many within a day
DEFAULT_THRESHOLD: Final = 100.0
DAY_US: Final = 86_400_000_000
TACTIC_FILE: Final = "content/techniques/atlas-2026.09-tactics.yaml"


@dataclass(frozen=True)
class RiskSettings:
    """What an organisation decides: how fast risk fades, and from where it is an alert."""

    half_life_hours: float = 24.0
    thresholds: Mapping[str, float] = field(
        default_factory=lambda: {"user": 100.0, "agent": 100.0, "api_key": 100.0, "model": 300.0, "service": 300.0}
    )
    tactics: int = 3

    @property
    def half_life_us(self) -> float:
        return self.half_life_hours * 3_600_000_000


class Addition(NamedTuple):
    """What one signal adds to one entity."""

    at_us: int
    rule: str
    points: float
    tactics: tuple[str, ...] = ()


class Crossing(NamedTuple):
    """A moment at which an entity became an alert: by its risk, or by the tactics that meet in it."""

    at_us: int
    risk: float
    tactics: tuple[str, ...]


@dataclass
class Standing:
    """One entity's risk as of a moment, and what was told of it already."""

    risk: float = 0.0
    at_us: int = 0
    told: float = 0.0
    told_at_us: int = 0
    met: bool = False  # an alert told that tactics meet, and they still do

    def add(self, addition: Addition, within: Iterable[Addition], kind: str, settings: RiskSettings) -> Crossing | None:
        """Take an addition in; ``within`` are those of the day before it, itself included.

        After an alert as much again must come before the next: what was told already fades with the risk.
        """
        moment = max(self.at_us, addition.at_us)
        self.risk = faded(self.risk, moment - self.at_us, settings) if self.at_us else 0.0
        self.risk += faded(addition.points, moment - addition.at_us, settings)
        self.at_us = moment
        rules = {one.rule: one.tactics for one in within}
        # As many tactics need as many rules; mostly there are few, and telling them apart is the dearer part.
        tactics = distinct_tactics(rules) if len(rules) >= settings.tactics else []
        joined = len(tactics) >= settings.tactics
        left: float = faded(self.told, moment - self.told_at_us, settings) if self.told else 0.0
        passed = self.risk >= settings.thresholds.get(kind, DEFAULT_THRESHOLD) + left
        news, self.met = joined and not self.met, joined
        if not passed and not news:
            return None
        self.told, self.told_at_us = self.risk, moment
        return Crossing(moment, self.risk, tuple(tactics) if news else ())


def confidence_of(kind: str, *, content_only: bool, state: str) -> float:
    """How far a rule of this kind is believed: what was only said is believed least, a sequence of deeds most."""
    base = CONFIDENCE["content"] if content_only else CONFIDENCE.get(kind, CONFIDENCE["single"])
    return base * CANARY if state == "canary" else base


def precision_of(right: int, verdicts: int) -> float:
    """The share of verdicts that were right, drawn towards what an unknown rule is taken for while they are few."""
    return (right + UNKNOWN_PRECISION * PRIOR_VERDICTS) / (verdicts + PRIOR_VERDICTS)


def points_of(severity: str, *, confidence: float, precision: float, repeats: int) -> float:
    """What a signal adds; ``repeats`` is how often its rule fired for this entity within the day before."""
    return POINTS.get(severity, POINTS["low"]) * confidence * precision * 0.5**repeats


def faded(risk: float, elapsed_us: float, settings: RiskSettings) -> float:
    """Risk after some time; a signal that comes late adds what would be left of it."""
    return float(risk * 2 ** (-elapsed_us / settings.half_life_us))


def rank_of(risk: float, at_us: int, settings: RiskSettings) -> float:
    """A number by which entities can be ordered by their risk at any moment: fading changes all of them alike."""
    return math.log2(max(risk, 1e-9)) + at_us / settings.half_life_us


def crossings(additions: Iterable[Addition], kind: str, settings: RiskSettings) -> list[Crossing]:
    """When these additions of one entity, by time, would have made alerts."""
    standing, within, found = Standing(), deque[Addition](), []
    for addition in additions:
        within.append(addition)
        while within[0].at_us < addition.at_us - DAY_US:
            within.popleft()
        crossing = standing.add(addition, within, kind, settings)
        if crossing is not None:
            found.append(crossing)
    return found


def distinct_tactics(by_rule: Mapping[str, Collection[str]]) -> list[str]:
    """The most tactics that can be told from each other when each rule stands for one: one rule alone is one tactic."""
    holder: dict[str, str] = {}  # tactic -> rule

    def placed(rule: str, tried: set[str]) -> bool:
        for tactic in by_rule[rule]:
            if tactic in tried:
                continue
            tried.add(tactic)
            if tactic not in holder or placed(holder[tactic], tried):
                holder[tactic] = rule
                return True
        return False

    for rule in sorted(by_rule):
        placed(rule, set())
    return sorted(holder)


def tactics_of(techniques: Sequence[str]) -> tuple[str, ...]:
    """The ATLAS tactics that a rule's techniques serve; of a sub-technique that is not listed, those of its parent."""
    known = _tactics()[1]
    found = [tactic for name in techniques for tactic in known.get(name) or known.get(name.rpartition(".")[0], ())]
    return tuple(dict.fromkeys(found))


def tactic_name(tactic: str) -> str:
    """The name of a tactic, such as Exfiltration."""
    return _tactics()[0].get(tactic, tactic)


@cache
def _tactics() -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    value = to_plain(compose(resources.files("caiso").joinpath(TACTIC_FILE).read_bytes()))
    if not isinstance(value, dict):
        raise TypeError(f"{TACTIC_FILE} is not a mapping")
    return dict(value["tactics"]), {name: tuple(tactics) for name, tactics in value["techniques"].items()}
