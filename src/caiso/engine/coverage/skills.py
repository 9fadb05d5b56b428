"""Measures skill gaps of teams, plans the training that closes them, and scores people against a role."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from caiso.engine.coverage.organisation.catalogue import ScorecardItem, Training
from caiso.engine.coverage.organisation.model import Person
from caiso.engine.coverage.organisation.whole import Organisation
from caiso.engine.coverage.snapshot import Snapshot
from caiso.engine.packs import quoted
from caiso.errors import DomainError

GROUPS = ("technical", "leadership", "business", "qualification", "attribute")


class UnableToScore(DomainError):
    """There is nobody, or no such person, to score."""


@dataclass(frozen=True, slots=True)
class Course:
    """A training for a number of people, with what it costs them together."""

    training: str
    competence: str
    people: int
    cost: float
    hours: float


@dataclass(frozen=True, slots=True)
class TeamGap:
    """A team's need against what its people attested. `missing_levels` is summed over those who need it and attested;
    `not_attested` people are neither counted as able nor as lacking. `gap` is levels per attested person.
    """

    unit: str | None
    competence: str
    needed: int
    people: int
    attested: int
    not_attested: int
    missing_levels: int
    courses: tuple[Course, ...]

    @property
    def gap(self) -> float | None:
        return self.missing_levels / self.attested if self.attested else None


@dataclass(frozen=True, slots=True)
class ItemScore:
    """One scorecard item: the best attested level, who has it, and the evidence; None when nothing is on record."""

    item: ScorecardItem
    level: int | None
    person: str | None
    evidence: tuple[str, ...]

    @property
    def gap(self) -> int | None:
        return max(0, self.item.needed - self.level) if self.level is not None else None


@dataclass(frozen=True, slots=True)
class Development:
    """A step of a development plan: close a gap by training, or find evidence first."""

    item: str
    title: str
    step: Literal["train", "practise", "attest"]
    missing_levels: int | None
    courses: tuple[Course, ...]


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A role's scorecard for one person, or for several who share the role (best of each counts)."""

    role: str
    people: tuple[str, ...]
    items: tuple[ItemScore, ...]
    plan: tuple[Development, ...]

    def share_met(self, group: str | None = None) -> float | None:
        """Items met by items that have evidence; None when none has."""
        known = [score for score in self.items if score.gap is not None and group in (None, score.item.group)]
        return sum(1 for score in known if score.gap == 0) / len(known) if known else None

    @property
    def unknown(self) -> int:
        return sum(1 for score in self.items if score.level is None)


def courses_for(trainings: Sequence[Training], competence: str, *, held: int, needed: int) -> tuple[Training, ...]:
    """The cheapest chain of trainings from a level to another; empty when none leads there."""
    best: dict[int, tuple[float, tuple[Training, ...]]] = {held: (0.0, ())}
    for level in range(needed):
        if level not in best:
            continue
        cost, chain = best[level]
        for training in trainings:
            reaches = training.competence == competence and training.from_ <= level < training.to
            if reaches:
                known = best.get(training.to)
                if known is None or cost + training.cost < known[0]:
                    best[training.to] = (cost + training.cost, (*chain, training))
    reached = [entry for level, entry in best.items() if level >= needed]
    return min(reached, key=lambda entry: entry[0])[1] if reached else ()


def team_gaps(organisation: Organisation, *, as_of: date) -> tuple[TeamGap, ...]:
    """Every need of every team; the people closest to the level are the ones meant, when only some need it."""
    by_unit: dict[str, list[Person]] = defaultdict(list)
    for person in organisation.people:
        if person.unit:
            by_unit[person.unit].append(person)
    gaps = []
    for need in organisation.needs:
        people = by_unit.get(need.unit, []) if need.unit else organisation.people
        levels = [_attested(person, need.competence, as_of) for person in people]
        known = sorted((level for level in levels if level is not None), reverse=True)
        meant = known[: need.people] if need.people is not None else known
        missing = [level for level in meant if level < need.level]
        courses = _plan(organisation, need.competence, held=missing, needed=need.level)
        gaps.append(
            TeamGap(
                unit=need.unit,
                competence=need.competence,
                needed=need.level,
                people=need.people or len(people),
                attested=len(meant),
                not_attested=len(people) - len(known),
                missing_levels=sum(need.level - level for level in missing),
                courses=courses,
            )
        )
    return tuple(sorted(gaps, key=lambda gap: (-gap.missing_levels, gap.unit or "", gap.competence)))


def scorecard(organisation: Organisation, role: str, people: Sequence[str], *, as_of: date) -> Scorecard:
    """Score the holder, a candidate, or several people who would share the role."""
    known = {person.id: person for person in organisation.people}
    unknown = [name for name in people if name not in known]
    if unknown or not people:
        raise UnableToScore(f"unknown person {quoted(unknown[0])}" if unknown else "nobody was given to score")
    chosen = [known[name] for name in people]
    items = tuple(
        _item_score(organisation, item, chosen, as_of=as_of) for item in organisation.scorecard if item.role == role
    )
    if not items:
        raise UnableToScore(f"the organisation has no scorecard for role {quoted(role)}")
    return Scorecard(role, tuple(people), items, tuple(_development(organisation, items)))


def compare_candidates(
    organisation: Organisation, role: str, people: Sequence[str], *, as_of: date
) -> tuple[Scorecard, ...]:
    """One scorecard each, the fullest first; nobody is put ahead for what is unknown."""
    cards = [scorecard(organisation, role, [person], as_of=as_of) for person in people]
    return tuple(sorted(cards, key=lambda card: (-_met(card), card.unknown, card.people)))


def skill_matrix(snapshot: Snapshot, people: Iterable[str]) -> dict[str, dict[str, int | None]]:
    """By person and competence, the attested level; None where nobody attested."""
    competences = [competence.id for competence in snapshot.organisation.competences]
    return {
        name: {competence: _attested(snapshot.people[name], competence, snapshot.as_of) for competence in competences}
        for name in people
    }


def _met(card: Scorecard) -> int:
    return sum(1 for score in card.items if score.gap == 0)


def _attested(person: Person, competence: str, as_of: date) -> int | None:
    levels = [skill.level for skill in person.skills if skill.competence == competence and skill.attested(as_of)]
    return max(levels, default=None)


def _item_score(organisation: Organisation, item: ScorecardItem, people: Sequence[Person], *, as_of: date) -> ItemScore:
    found: list[tuple[int, str, str]] = []
    for person in people:
        seen = [
            record
            for record in organisation.scorecard_evidence
            if record.person == person.id and record.item == item.id and record.on <= as_of
        ]
        if seen:
            # What was seen of the person replaces older sightings: people change both ways.
            latest = max(seen, key=lambda record: (record.on, record.id))
            found.append((latest.level, person.id, f"scorecard:{latest.id}"))
        elif item.competence is not None:
            level = _attested(person, item.competence, as_of)
            if level is not None:
                found.append((level, person.id, f"skill:{person.id}:{item.competence}"))
    if not found:
        return ItemScore(item, None, None, ())
    best = max(found, key=lambda entry: entry[0])
    return ItemScore(item, best[0], best[1], tuple(entry[2] for entry in found))


def _development(organisation: Organisation, items: Sequence[ItemScore]) -> Iterable[Development]:
    for score in sorted(items, key=lambda score: -(score.gap or 0)):
        if score.level is None:
            yield Development(score.item.id, score.item.title, "attest", None, ())
        elif score.gap:
            courses: tuple[Course, ...] = ()
            if score.item.competence:
                courses = _plan(organisation, score.item.competence, held=[score.level], needed=score.item.needed)
            yield Development(score.item.id, score.item.title, "train" if courses else "practise", score.gap, courses)


def _plan(organisation: Organisation, competence: str, *, held: Sequence[int], needed: int) -> tuple[Course, ...]:
    counts: dict[str, int] = defaultdict(int)
    trainings = {training.id: training for training in organisation.trainings}
    for level in held:
        for training in courses_for(organisation.trainings, competence, held=level, needed=needed):
            counts[training.id] += 1
    return tuple(
        Course(name, competence, people, trainings[name].cost * people, trainings[name].hours * people)
        for name, people in counts.items()
    )
