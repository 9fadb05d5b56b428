"""Shows what a scenario closes, breaks, loads and costs, before somebody decides on it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from caiso.engine.coverage.apply import Applied, apply
from caiso.engine.coverage.deficiencies import DeficiencyReport, deficiencies
from caiso.engine.coverage.load import PersonLoad, RoleLoad
from caiso.engine.coverage.organisation.changes import Scenario
from caiso.engine.coverage.organisation.whole import Organisation
from caiso.engine.coverage.segregation import Conflict, Dependency, conflicts, dependencies
from caiso.engine.coverage.snapshot import Snapshot
from caiso.engine.coverage.states import RANK, Coverage, State, coverage
from caiso.errors import DomainError

MOST_COMPARED = 3


class UnableToCompare(DomainError):
    """Too many scenarios, or the same one twice."""


class UnableToAdopt(DomainError):
    """A decision without a name or a reason is none."""


@dataclass(frozen=True, slots=True)
class DutyChange:
    """A duty whose state differs; None where the duty does not exist on that side."""

    duty: str
    before: State | None
    after: State | None
    reason: str


@dataclass(frozen=True, slots=True)
class LoadChange:
    """Hours a week asked of a role or person; `created` says that the overload is new."""

    name: str
    before_hours: float
    after_hours: float
    capacity_hours: float
    overloaded: bool
    created: bool


@dataclass(frozen=True, slots=True)
class CostChange:
    """Money once, and a year's pay before and after."""

    one_off: float
    annual_before: float
    annual_after: float

    @property
    def annual_difference(self) -> float:
        return self.annual_after - self.annual_before


@dataclass(frozen=True)
class Difference:
    """Before and after, side by side."""

    scenario: Scenario
    before: Coverage
    after: Coverage
    applied: Applied

    @cached_property
    def changes(self) -> tuple[DutyChange, ...]:
        found = []
        for duty in dict.fromkeys((*self.before.by_id, *self.after.by_id)):
            old, new = self.before.by_id.get(duty), self.after.by_id.get(duty)
            old_state, new_state = old.state if old else None, new.state if new else None
            if old_state != new_state:
                reason = new.worst.public_reasons[0] if new else "the duty no longer exists"
                found.append(DutyChange(duty, old_state, new_state, reason))
        return tuple(found)

    @cached_property
    def closed(self) -> tuple[DutyChange, ...]:
        """Not covered before, covered after."""
        return tuple(change for change in self.changes if change.after == "covered" and change.before is not None)

    @cached_property
    def broken(self) -> tuple[DutyChange, ...]:
        """Covered before and no longer, or in a worse state than before."""
        return tuple(
            change
            for change in self.changes
            if change.before and (change.after is None or RANK[change.after] < RANK[change.before])
        )

    @cached_property
    def lost(self) -> tuple[DutyChange, ...]:
        """Covered before and no longer."""
        return tuple(change for change in self.broken if change.before == "covered")

    @cached_property
    def newly_contested(self) -> tuple[DutyChange, ...]:
        return tuple(change for change in self.changes if change.after == "contested")

    @cached_property
    def newly_unstaffed(self) -> tuple[DutyChange, ...]:
        return tuple(change for change in self.changes if change.after == "unstaffed")

    @cached_property
    def role_loads(self) -> tuple[LoadChange, ...]:
        """Roles whose load changed, heaviest first."""
        names = dict.fromkeys((*self.before.loads, *self.after.loads))
        return _loads(names, self.before.loads, self.after.loads)

    @cached_property
    def person_loads(self) -> tuple[LoadChange, ...]:
        """People whose load changed, heaviest first."""
        names = dict.fromkeys((*self.before.people, *self.after.people))
        return _loads(names, self.before.people, self.after.people)

    @cached_property
    def overloads_created(self) -> tuple[LoadChange, ...]:
        return tuple(load for load in self.person_loads if load.created)

    @cached_property
    def dependencies_created(self) -> tuple[Dependency, ...]:
        """Duties that from now on hang on one person, and did not hang on this person before."""
        known = {(old.person, old.role, duty) for old in dependencies(self.before.snapshot) for duty in old.duties}
        found = []
        for new in dependencies(self.after.snapshot):
            duties = tuple(duty for duty in new.duties if (new.person, new.role, duty) not in known)
            if duties:
                security = tuple(duty for duty in new.ai_security if duty in duties)
                found.append(Dependency(new.person, new.role, duties, security))
        return tuple(found)

    @cached_property
    def conflicts_created(self) -> tuple[Conflict, ...]:
        return _only(conflicts(self.after.snapshot), conflicts(self.before.snapshot))

    @cached_property
    def conflicts_resolved(self) -> tuple[Conflict, ...]:
        return _only(conflicts(self.before.snapshot), conflicts(self.after.snapshot))

    @cached_property
    def deficiencies_before(self) -> DeficiencyReport:
        return deficiencies(self.before)

    @cached_property
    def deficiencies_after(self) -> DeficiencyReport:
        return deficiencies(self.after)

    @cached_property
    def cost(self) -> CostChange:
        return CostChange(
            self.applied.one_off_cost, annual_cost(self.before.snapshot), annual_cost(self.after.snapshot)
        )


@dataclass(frozen=True, slots=True)
class Adoption:
    """A scenario made real: the new organisation and the decision that stands behind it."""

    organisation: Organisation
    difference: Difference
    decided_by: str
    reason: str
    decided_on: date
    pending: tuple[str, ...]


def try_scenario(organisation: Organisation, scenario: Scenario, *, as_of: date) -> Difference:
    """The difference a scenario would make; the organisation given is not touched.

    `after` is seen on the day of the last change, so that later steps of a plan count.
    """
    applied = apply(organisation, scenario, as_of=as_of)
    last = max([as_of, *(change.on for change in scenario.changes if change.on)])
    return Difference(
        scenario, coverage(organisation, as_of=as_of), coverage(applied.organisation, as_of=last), applied
    )


def compare(organisation: Organisation, scenarios: Sequence[Scenario], *, as_of: date) -> tuple[Difference, ...]:
    """Up to three scenarios against the same organisation."""
    if len(scenarios) > MOST_COMPARED:
        raise UnableToCompare(f"{len(scenarios)} scenarios were given, at most {MOST_COMPARED} are compared")
    if len({scenario.id for scenario in scenarios}) < len(scenarios):
        raise UnableToCompare("the same scenario was given twice")
    return tuple(try_scenario(organisation, scenario, as_of=as_of) for scenario in scenarios)


def adopt(organisation: Organisation, scenario: Scenario, *, as_of: date, decided_by: str, reason: str) -> Adoption:
    """The new organisation with who decided and why; planned training stays pending until it is attested."""
    if not decided_by.strip() or not reason.strip():
        raise UnableToAdopt("adopting a scenario needs the name of who decided and the reason")
    difference = try_scenario(organisation, scenario, as_of=as_of)
    real = apply(organisation, scenario, as_of=as_of, planned=False)
    return Adoption(real.organisation, difference, decided_by, reason, as_of, real.pending)


def annual_cost(snapshot: Snapshot) -> float:
    """A year's pay for all holders, by the part of their week that each role takes."""
    total = 0.0
    for role, seats in snapshot.seats.items():
        full = snapshot.roles[role].capacity_hours
        for seat in seats:
            total += snapshot.roles[role].annual_cost * (seat.hours / full if full else 1.0)
    return total


def _loads(
    names: Iterable[str], before: Mapping[str, RoleLoad | PersonLoad], after: Mapping[str, RoleLoad | PersonLoad]
) -> tuple[LoadChange, ...]:
    found = []
    for name in names:
        old, new = before.get(name), after.get(name)
        was, now = (old.demand_hours if old else 0.0), (new.demand_hours if new else 0.0)
        if abs(was - now) < 1e-9:
            continue
        capacity = new.capacity_hours if new else 0.0
        over = bool(new and new.overloaded and capacity > 0)
        created = over and not (old and old.overloaded and old.capacity_hours > 0)
        found.append(LoadChange(name, was, now, capacity, over, created))
    return tuple(sorted(found, key=lambda load: (-load.after_hours, load.name)))


def _only(these: Iterable[Conflict], without: Iterable[Conflict]) -> tuple[Conflict, ...]:
    known = {conflict.key for conflict in without}
    return tuple(conflict for conflict in these if conflict.key not in known)
