"""An organisation on one day: who holds what, indexed once so that every computation reads the same picture."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from caiso.engine.coverage.organisation.model import (
    FULL_TIME_HOURS,
    AiSystem,
    Assignment,
    Competence,
    Delegate,
    Duty,
    Holding,
    Person,
    ReportingLine,
    Role,
    Unit,
    active,
)
from caiso.engine.coverage.organisation.whole import Organisation


@dataclass(frozen=True, slots=True)
class Level:
    """A role's level in a competence: `assumed` comes from the role, else `person` attested it."""

    level: int
    assumed: bool
    person: str | None = None


@dataclass(frozen=True, slots=True)
class Seat:
    """One holder of a role on the day: hours a week for the role, and who stands in while they are away.

    `stand_ins` are here and named for the whole role or, when they list duties, for these alone.
    """

    holding: Holding
    person: Person
    hours: float
    stand_ins: tuple[Delegate, ...] = ()
    absent: bool = False

    @property
    def stand_in(self) -> Delegate | None:
        """Who stands in for the whole role."""
        return next((delegate for delegate in self.stand_ins if not delegate.duties), None)

    @property
    def available(self) -> bool:
        """Whether somebody fills the seat, the holder or who stands in for the whole role."""
        return not self.absent or self.stand_in is not None

    @property
    def filled_by(self) -> str | None:
        """The person who fills the seat."""
        if not self.absent:
            return self.person.id
        return self.stand_in.delegate if self.stand_in else None

    def named_for(self, duty: str) -> Delegate | None:
        """Who stands in for this duty alone."""
        return next((delegate for delegate in self.stand_ins if duty in delegate.duties), None)

    def answers_for(self, duty: str) -> str | None:
        """The person who answers for a duty from this seat on the day; None when nobody does."""
        named = self.named_for(duty)
        return named.delegate if named else self.filled_by


class Snapshot:
    """The organisation as of a day; build once, read often."""

    def __init__(self, organisation: Organisation, as_of: date) -> None:
        self.organisation = organisation
        self.as_of = as_of

    @cached_property
    def duties(self) -> dict[str, Duty]:
        return {duty.id: duty for duty in self.organisation.duties}

    @cached_property
    def competences(self) -> dict[str, Competence]:
        return {competence.id: competence for competence in self.organisation.competences}

    @cached_property
    def roles(self) -> dict[str, Role]:
        """Roles that exist; a template becomes a role only when a scenario adds it."""
        return {role.id: role for role in self.organisation.roles if not role.template}

    @cached_property
    def people(self) -> dict[str, Person]:
        return {person.id: person for person in self.organisation.people}

    @cached_property
    def systems(self) -> dict[str, AiSystem]:
        return {system.id: system for system in self.organisation.systems}

    @cached_property
    def units(self) -> dict[str, Unit]:
        return {unit.id: unit for unit in self.organisation.units}

    @cached_property
    def assignments(self) -> dict[str, list[Assignment]]:
        """By duty, those in force on the day and given to a role that exists."""
        found: dict[str, list[Assignment]] = defaultdict(list)
        for assignment in self.organisation.assignments:
            if assignment.role in self.roles and active(assignment, self.as_of):
                found[assignment.duty].append(assignment)
        return found

    @cached_property
    def owners(self) -> dict[str, dict[str, list[Assignment]]]:
        """By duty and scope (`` is the whole organisation), who is accountable."""
        found: dict[str, dict[str, list[Assignment]]] = defaultdict(dict)
        for duty, assignments in self.assignments.items():
            for assignment in assignments:
                if assignment.kind == "A":
                    found[duty].setdefault(assignment.scope, []).append(assignment)
        return found

    def accountable(self, duty: str, scopes: Iterable[str]) -> tuple[str, list[Assignment]]:
        """The first of `scopes` (nearest first) in which somebody is accountable, with those assignments."""
        owners = self.owners.get(duty, {})
        for scope in scopes:
            if scope in owners:
                return scope, owners[scope]
        return "", []

    @cached_property
    def holdings(self) -> dict[str, list[Holding]]:
        """By person."""
        found: dict[str, list[Holding]] = defaultdict(list)
        for holding in self.organisation.holdings:
            if holding.role in self.roles and holding.person in self.people and active(holding, self.as_of):
                found[holding.person].append(holding)
        return found

    @cached_property
    def seats(self) -> dict[str, list[Seat]]:
        """By role. Shares that together exceed the week are scaled down; a share left out is an equal part."""
        stand_ins = self._stand_ins()
        found: dict[str, list[Seat]] = defaultdict(list)
        for person_id, holdings in self.holdings.items():
            person = self.people[person_id]
            shares = [1 / len(holdings) if held.share is None else held.share for held in holdings]
            scale = max(1.0, sum(shares))
            absent = any(active(period, self.as_of) for period in person.absences)
            for held, share in zip(holdings, shares, strict=True):
                full = person.hours_per_week / FULL_TIME_HOURS * self.roles[held.role].capacity_hours
                standing = tuple(stand_ins.get((person_id, held.role), ())) if absent else ()
                found[held.role].append(Seat(held, person, share / scale * full, standing, absent))
        return found

    def free_hours(self, person: Person) -> float:
        """Hours of the week that the person's own roles leave."""
        holdings = self.holdings.get(person.id, [])
        taken = sum(1 / len(holdings) if held.share is None else held.share for held in holdings)
        return person.hours_per_week * max(0.0, 1.0 - taken)

    @cached_property
    def lines(self) -> list[ReportingLine]:
        return [
            line
            for line in self.organisation.lines
            if line.from_ in self.roles and line.to in self.roles and active(line, self.as_of)
        ]

    @cached_property
    def _levels(self) -> dict[str, dict[str, Level]]:
        return defaultdict(dict)

    def level(self, role_id: str, competence: str, duty: str = "") -> Level:
        """The best a role brings (for one duty): what was attested of who fills it, the role's assumption for the rest."""
        known = self._levels[role_id]
        key = f"{competence}:{duty}" if duty and duty in self.taken_over(role_id) else competence
        if key not in known:
            known[key] = self._best(role_id, competence, duty)
        return known[key]

    def _best(self, role_id: str, competence: str, duty: str) -> Level:
        role = self.roles[role_id]
        assumption = Level(role.competences.get(competence, 0), assumed=not role.confirmed)
        seats = self.seats.get(role_id, ())
        people = [seat.answers_for(duty) if duty else seat.filled_by for seat in seats]
        found = [self._attested(self.people[person], competence) or assumption for person in people if person]
        # An attested level wins a tie: it says more than an assumption.
        return max(found, key=lambda level: (level.level, not level.assumed), default=assumption)

    def _attested(self, person: Person, competence: str) -> Level | None:
        for skill in person.skills:
            if skill.competence == competence and skill.attested(self.as_of):
                return Level(skill.level, assumed=False, person=person.id)
        return None

    def staffed(self, role_id: str, duty: str = "") -> bool:
        """Whether somebody fills the role, or answers for the one duty."""
        seats = self.seats.get(role_id, ())
        return any(seat.available or (duty and seat.named_for(duty)) for seat in seats)

    def taken_over(self, role_id: str) -> dict[str, str]:
        """Duties of an absent holder for which somebody was named, with that person."""
        return self._taken.get(role_id, {})

    @cached_property
    def _taken(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for role_id, seats in self.seats.items():
            for seat in seats:
                for delegate in reversed(seat.stand_ins):
                    for duty in delegate.duties:
                        found.setdefault(role_id, {})[duty] = delegate.delegate
        return found

    def capacity(self, role_id: str) -> float:
        """Hours a week that the role's available holders can give."""
        return sum(seat.hours for seat in self.seats.get(role_id, ()) if seat.available)

    def unit_path(self, unit: str | None) -> list[str]:
        """The unit and those above it, nearest first."""
        path: list[str] = []
        while unit is not None and unit not in path:
            path.append(unit)
            unit = self.units[unit].parent if unit in self.units else None
        return path

    def _stand_ins(self) -> dict[tuple[str, str], list[Delegate]]:
        found: dict[tuple[str, str], list[Delegate]] = defaultdict(list)
        for delegate in self.organisation.delegates:
            stands = self.people.get(delegate.delegate)
            away = stands is None or any(active(period, self.as_of) for period in stands.absences)
            if active(delegate, self.as_of) and not away:
                found[delegate.person, delegate.role].append(delegate)
        return found
