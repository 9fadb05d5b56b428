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
    """One holder of a role on the day: hours a week for the role, and who stands in while they are away."""

    holding: Holding
    person: Person
    hours: float
    stand_in: Delegate | None = None
    absent: bool = False

    @property
    def available(self) -> bool:
        return not self.absent or self.stand_in is not None


class Snapshot:
    """The organisation as of a day; build once, read often."""

    def __init__(self, organisation: Organisation, as_of: date) -> None:
        self.organisation = organisation
        self.as_of = as_of

    @cached_property
    def duties(self) -> dict[str, Duty]:
        return {duty.id: duty for duty in self.organisation.duties}

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
                stand_in = stand_ins.get((person_id, held.role)) if absent else None
                found[held.role].append(Seat(held, person, share / scale * full, stand_in, absent))
        return found

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

    def level(self, role_id: str, competence: str) -> Level:
        """The best a role brings: its holders' attested levels, and its own assumption for holders not attested."""
        known = self._levels[role_id]
        if competence not in known:
            known[competence] = self._best(role_id, competence)
        return known[competence]

    def _best(self, role_id: str, competence: str) -> Level:
        role = self.roles[role_id]
        assumption = Level(role.competences.get(competence, 0), assumed=not role.confirmed)
        seats = [seat for seat in self.seats.get(role_id, ()) if seat.available]
        found = [self._attested(seat.person, competence) or assumption for seat in seats]
        # An attested level wins a tie: it says more than an assumption.
        return max(found, key=lambda level: (level.level, not level.assumed), default=assumption)

    def _attested(self, person: Person, competence: str) -> Level | None:
        for skill in person.skills:
            if skill.competence == competence and skill.attested(self.as_of):
                return Level(skill.level, assumed=False, person=person.id)
        return None

    def staffed(self, role_id: str) -> bool:
        return any(seat.available for seat in self.seats.get(role_id, ()))

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

    def _stand_ins(self) -> dict[tuple[str, str], Delegate]:
        found: dict[tuple[str, str], Delegate] = {}
        for delegate in self.organisation.delegates:
            stands = self.people.get(delegate.delegate)
            away = stands is None or any(active(period, self.as_of) for period in stands.absences)
            if active(delegate, self.as_of) and not away and not delegate.duties:
                found.setdefault((delegate.person, delegate.role), delegate)
        return found
