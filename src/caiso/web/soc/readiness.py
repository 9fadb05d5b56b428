"""Telemetry readiness: which live rules the fields that really arrive can feed, and what switching on one more would unlock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from caiso.engine.detect.requirements import Component, Requirement, shipped_requirements, with_derived
from caiso.web.soc.models import DetectionRule, Feed, Source
from caiso.web.soc.presentation import technique_name

# A field that did not arrive for this long is no longer counted on.
FIELD_MEMORY = timedelta(days=30)


@dataclass(frozen=True)
class Needy:
    """A live rule, and which of its fields did not arrive."""

    rule: DetectionRule
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Gain:
    """Fields that, once they arrive, feed these rules; `techniques` are those that no rule can see until then."""

    fields: tuple[str, ...]
    rules: tuple[DetectionRule, ...]
    techniques: tuple[str, ...]
    steps: tuple[str, ...]  # what a sender does for it

    @property
    def named_techniques(self) -> list[tuple[str, str]]:
        """(id, name) of each."""
        return [(technique, technique_name(technique)) for technique in self.techniques]


@dataclass(frozen=True)
class Standing:
    """One requirement: which of its fields arrive, and how many live rules wait for one of the others."""

    requirement: Requirement
    arriving: tuple[str, ...]
    waiting: int

    @property
    def missing(self) -> tuple[str, ...]:
        """The fields of it that do not arrive."""
        return tuple(name for name in self.requirement.fields if name not in self.arriving)


@dataclass(frozen=True)
class Part:
    """The requirements on one component."""

    component: Component
    standings: tuple[Standing, ...]

    @property
    def met(self) -> int:
        """How many of its requirements are met."""
        return sum(bool(one.arriving) for one in self.standings)


@dataclass(frozen=True)
class Readiness:
    """What a set of arriving fields is good for."""

    rules: tuple[Needy, ...]
    gains: tuple[Gain, ...]
    parts: tuple[Part, ...]
    unnamed: tuple[str, ...]  # fields that rules wait for and no requirement names

    @property
    def fed(self) -> int:
        """How many live rules get every field that they need."""
        return sum(not one.missing for one in self.rules)

    @property
    def percent(self) -> int | None:
        """The score; nothing without live rules."""
        return 100 * self.fed // len(self.rules) if self.rules else None

    @property
    def techniques(self) -> list[str]:
        """The techniques that live rules are about."""
        return sorted({name for one in self.rules for name in one.rule.techniques})

    @property
    def seen(self) -> list[str]:
        """Those of them for which at least one rule is fed."""
        return sorted(seen_techniques(self.rules))

    @property
    def requirements(self) -> int:
        """How many requirements there are."""
        return sum(len(part.standings) for part in self.parts)

    @property
    def met(self) -> int:
        """How many of them are met."""
        return sum(part.met for part in self.parts)


def still_arriving(seen: Mapping[str, str], *, now: datetime) -> frozenset[str]:
    """The fields that arrived within the memory, and what is made of them; `seen` is {field: last time, ISO 8601}."""
    oldest = (now - FIELD_MEMORY).isoformat()
    return with_derived(frozenset(name for name, at in seen.items() if at >= oldest))


def fields_of(feeds: Iterable[Feed], *, now: datetime) -> frozenset[str]:
    """What arrives through any of these feeds."""
    return frozenset[str]().union(*(still_arriving(feed.fields_seen, now=now) for feed in feeds))


def live_rules() -> list[DetectionRule]:
    """The rules that readiness is about; entity risk is about the signals of the others."""
    live = DetectionRule.objects.filter(is_loaded=True, state=DetectionRule.State.LIVE).exclude(kind="risk")
    return list(live.only("slug", "title", "severity", "techniques", "needs").order_by("title"))


def source_readiness(source: Source, *, now: datetime) -> Readiness:
    """How ready a source's telemetry is for the live rules."""
    return readiness(live_rules(), fields_of(source.feeds.all(), now=now))


def fed_rules(rules: Iterable[DetectionRule], arriving: frozenset[str]) -> int:
    """How many of the rules get every field that they need."""
    return sum(arriving.issuperset(rule.needs) for rule in rules)


def readiness(rules: Sequence[DetectionRule], arriving: frozenset[str]) -> Readiness:
    """Which rules are fed, what would feed the others, and how the requirements stand."""
    needy = tuple(Needy(rule, tuple(sorted(set(rule.needs) - arriving))) for rule in rules)
    wanted = {name for one in needy for name in one.missing}
    components = [component for pack in shipped_requirements() for component in pack.components]
    parts = tuple(
        Part(component, tuple(_standing(one, needy, arriving) for one in component.requirements))
        for component in components
    )
    named = {name for component in components for one in component.requirements for name in one.fields}
    return Readiness(needy, tuple(_gains(needy, components)), parts, tuple(sorted(wanted - named)))


def seen_techniques(rules: Iterable[Needy]) -> set[str]:
    """The techniques for which at least one rule is fed."""
    return {name for one in rules if not one.missing for name in one.rule.techniques}


def _standing(requirement: Requirement, needy: Sequence[Needy], arriving: frozenset[str]) -> Standing:
    waiting = sum(not set(requirement.fields).isdisjoint(one.missing) for one in needy)
    return Standing(requirement, tuple(name for name in requirement.fields if name in arriving), waiting)


def _gains(needy: Sequence[Needy], components: Sequence[Component]) -> list[Gain]:
    """Each set of fields that some rule lacks, with everything that it would feed; the most techniques first, then the least work."""
    seen = seen_techniques(needy)
    steps = _steps(components)
    gains = []
    for fields in {one.missing for one in needy if one.missing}:
        fed = tuple(one.rule for one in needy if one.missing and set(one.missing) <= set(fields))
        fresh = sorted({name for rule in fed for name in rule.techniques} - seen)
        told = dict.fromkeys(steps[name] for name in fields if name in steps)
        gains.append(Gain(fields, fed, tuple(fresh), tuple(told)))
    gains = [gain for gain in gains if not any(_does_as_much(other, gain) for other in gains)]
    return sorted(gains, key=lambda gain: (-len(gain.techniques), -len(gain.rules), len(gain.fields), gain.fields))


def _does_as_much(other: Gain, gain: Gain) -> bool:
    """Whether fewer of the same fields already show every technique that these would."""
    return bool(gain.techniques) and set(other.fields) < set(gain.fields) and other.techniques == gain.techniques


def _steps(components: Sequence[Component]) -> dict[str, str]:
    """{field: what to switch on for it}; the first requirement that names a field speaks for it."""
    steps: dict[str, str] = {}
    for component in components:
        for one in component.requirements:
            for name in one.fields:
                steps.setdefault(name, one.switch_on)
    return steps
