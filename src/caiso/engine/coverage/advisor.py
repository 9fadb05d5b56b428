"""Ranks where a role may report, with a reason for every point."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from caiso.engine.coverage.organisation.catalogue import Alternative, LinePoints, ProfileRule
from caiso.engine.coverage.organisation.model import Profile
from caiso.engine.coverage.organisation.whole import Organisation
from caiso.engine.coverage.snapshot import Snapshot
from caiso.engine.packs import quoted
from caiso.errors import DomainError

MOST_POINTS = 5.0
# Each of several dotted lines gives less than a single one, since attention is divided; a contact without a line less still.
DIVIDED_PART = 0.7
CONTACT_PART = 0.4


class UnableToAdvise(DomainError):
    """There is nothing to compare, or a weight names no criterion."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Where a part of the points or of a weight comes from."""

    source: Literal["solid", "dotted", "contact", "profile", "cap", "base", "chosen"]
    superior: str | None
    points: float
    text: str


@dataclass(frozen=True, slots=True)
class CriterionScore:
    """Points from 0 to 5 on one criterion; the reasons add up to the points."""

    criterion: str
    points: float
    weight: float
    reasons: tuple[Reason, ...]

    @property
    def weighted(self) -> float:
        return self.points * self.weight


@dataclass(frozen=True, slots=True)
class Weight:
    """How much a criterion counts; the reasons add up to the value."""

    criterion: str
    value: float
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Ranked:
    """An alternative with its place; `score` is the part, 0 to 1, of all weighted points that could be had."""

    place: int
    alternative: Alternative
    score: float
    criteria: tuple[CriterionScore, ...]

    @property
    def strongest(self) -> tuple[CriterionScore, ...]:
        """The three criteria that add most."""
        return tuple(sorted(self.criteria, key=lambda part: (-part.weighted, part.criterion))[:3])

    @property
    def weakest(self) -> tuple[CriterionScore, ...]:
        """The three criteria that cost most."""
        lost = sorted(self.criteria, key=lambda part: (-(MOST_POINTS - part.points) * part.weight, part.criterion))
        return tuple(lost[:3])


@dataclass(frozen=True, slots=True)
class Advice:
    """The ranking, the weights behind it, and what sets the first apart from the second."""

    profile: Profile
    weights: tuple[Weight, ...]
    ranking: tuple[Ranked, ...]
    deciding: tuple[str, ...]


def advise(
    organisation: Organisation, profile: Profile | None = None, *, weights: Mapping[str, float] | None = None
) -> Advice:
    """Rank the alternatives for a profile (else the organisation's own); `weights` set by hand win over all rules."""
    known = profile or organisation.profile or Profile()
    if not organisation.alternatives or not organisation.criteria:
        raise UnableToAdvise("the organisation has no alternatives or no criteria; start it with extends: default")
    chosen = {**known.weights, **(weights or {})}
    weighed = _weights(organisation, known, chosen)
    scored = [
        (alternative, _score(organisation, alternative, known, weighed)) for alternative in organisation.alternatives
    ]
    ranking = rank(scored)
    return Advice(known, weighed, ranking, _deciding(ranking))


def rank(scored: Sequence[tuple[Alternative, Sequence[CriterionScore]]]) -> tuple[Ranked, ...]:
    """Order by weighted points; a tie goes to the primary alternative, then by id.

    The sum is linear, so more points on any criterion never cost a place.
    """
    totals = []
    for alternative, parts in scored:
        possible = sum(part.weight for part in parts) * MOST_POINTS
        score = sum(part.weighted for part in parts) / possible if possible else 0.0
        totals.append((alternative, score, tuple(parts)))
    totals.sort(key=lambda entry: (-round(entry[1], 12), not entry[0].primary, entry[0].id))
    return tuple(
        Ranked(place, alternative, score, parts) for place, (alternative, score, parts) in enumerate(totals, start=1)
    )


def current_structure(snapshot: Snapshot, role: str) -> Alternative | None:
    """The role's present lines as an alternative, to be scored beside the others; None without a solid line."""
    solid = [line.to for line in snapshot.lines if line.from_ == role and line.kind == "solid"]
    if not solid:
        return None
    dotted = tuple(line.to for line in snapshot.lines if line.from_ == role and line.kind == "dotted")
    return Alternative(
        id="current",
        role=role,
        title="As it is today",
        description="The lines on record.",
        solid=solid[0],
        dotted=dotted,
    )


def _matches(rule: ProfileRule, profile: Profile) -> bool:
    return all(str(getattr(profile, name, None)) in values for name, values in rule.when.items())


def _weights(organisation: Organisation, profile: Profile, chosen: Mapping[str, float]) -> tuple[Weight, ...]:
    known = {criterion.id for criterion in organisation.criteria}
    for name, value in chosen.items():
        if name not in known:
            raise UnableToAdvise(
                f"weight for unknown criterion {quoted(name)}, expected one of {', '.join(sorted(known))}"
            )
        if not 0 <= value <= 10:
            raise UnableToAdvise(f"weight {value} of {name} is out of range, expected 0 to 10")
    found = []
    for criterion in organisation.criteria:
        if criterion.id in chosen:
            value = chosen[criterion.id]
            found.append(Weight(criterion.id, value, (Reason("chosen", None, value, "Set by hand."),)))
            continue
        reasons = [
            Reason("base", None, criterion.weight, "The weight for an organisation about which nothing is known.")
        ]
        for rule in organisation.profile_rules:
            if rule.criterion == criterion.id and rule.weight and _matches(rule, profile):
                reasons.append(Reason("profile", None, rule.weight, rule.reason))
        found.append(Weight(criterion.id, *_capped(reasons, 10.0)))
    if not any(weight.value for weight in found):
        raise UnableToAdvise("every weight is 0; nothing would be compared")
    return tuple(found)


def _score(
    organisation: Organisation, alternative: Alternative, profile: Profile, weights: Sequence[Weight]
) -> tuple[CriterionScore, ...]:
    points = {(entry.criterion, entry.superior): entry for entry in organisation.points}
    scores = []
    for weight in weights:
        reasons: list[Reason] = []
        solid = points.get((weight.criterion, alternative.solid))
        if solid:
            reasons.append(Reason("solid", alternative.solid, solid.solid, solid.reason))
        reasons += _beside(points, weight.criterion, alternative)
        for rule in organisation.profile_rules:
            hits = rule.criterion == weight.criterion and rule.superior == alternative.solid
            if hits and rule.points and _matches(rule, profile):
                reasons.append(Reason("profile", rule.superior, rule.points, rule.reason))
        total, explained = _capped(reasons, MOST_POINTS)
        scores.append(CriterionScore(weight.criterion, total, weight.value, explained))
    return tuple(scores)


def _beside(points: Mapping[tuple[str, str], LinePoints], criterion: str, alternative: Alternative) -> Iterator[Reason]:
    """What dotted lines and contacts add."""
    several = len(alternative.dotted) > 1
    for superior in alternative.dotted:
        entry = points.get((criterion, superior))
        if entry and entry.dotted:
            text = f"{entry.reason} (one of {len(alternative.dotted)} dotted lines)" if several else entry.reason
            yield Reason("dotted", superior, entry.dotted * (DIVIDED_PART if several else 1.0), text)
    for superior in alternative.contacts:
        entry = points.get((criterion, superior))
        if entry and entry.dotted:
            yield Reason("contact", superior, entry.dotted * CONTACT_PART, f"{entry.reason} (contact without a line)")


def _capped(reasons: Sequence[Reason], most: float) -> tuple[float, tuple[Reason, ...]]:
    """The sum within 0 and `most`; what was cut off is a reason of its own, so that reasons always add up."""
    total = sum(reason.points for reason in reasons)
    kept = min(max(total, 0.0), most)
    if kept == total:
        return kept, tuple(reasons)
    text = f"No more than {most:g} can be had." if total > most else "No less than 0 can be had."
    return kept, (*reasons, Reason("cap", None, kept - total, text))


def _deciding(ranking: Sequence[Ranked]) -> tuple[str, ...]:
    """The criteria on which the first gains most over the second, largest first."""
    if len(ranking) < 2:
        return ()
    second = {part.criterion: part.weighted for part in ranking[1].criteria}
    gains = [(part.weighted - second[part.criterion], part.criterion) for part in ranking[0].criteria]
    return tuple(criterion for gain, criterion in sorted(gains, key=lambda entry: (-entry[0], entry[1])) if gain > 0)[
        :3
    ]
