"""Says of every duty in exactly one word whether somebody fit and free answers for it, and why."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal

from caiso.engine.coverage.load import PersonLoad, RoleLoad, hours_text, person_loads, role_loads
from caiso.engine.coverage.organisation.model import FAMILIES, STAGES, Assignment, Duty
from caiso.engine.coverage.organisation.whole import Organisation
from caiso.engine.coverage.snapshot import Seat, Snapshot

State = Literal["unowned", "contested", "unstaffed", "unqualified", "covered"]
# From worst to best; the first that holds is the state.
STATES: tuple[State, ...] = ("unowned", "contested", "unstaffed", "unqualified", "covered")
RESTRICTED = "less was attested than the duty needs; who may see skills sees what"
RANK: dict[State, int] = {state: rank for rank, state in enumerate(STATES)}


@dataclass(frozen=True, slots=True)
class Shortfall:
    """How many levels a role lacks in a competence; `assumed` until somebody attested, then `person` is named."""

    role: str
    competence: str
    needed: int
    held: int
    assumed: bool
    person: str | None = None

    @property
    def levels(self) -> int:
        return self.needed - self.held


@dataclass(frozen=True, slots=True)
class ScopeState:
    """The state in one scope (`` is the whole organisation) with the records that caused it."""

    scope: str
    state: State
    accountable: tuple[str, ...]
    reasons: tuple[str, ...]
    records: tuple[str, ...]
    shortfalls: tuple[Shortfall, ...] = ()
    assumed: bool = False
    acting: bool = False

    @property
    def public_reasons(self) -> tuple[str, ...]:
        """The reasons without what was attested of a person: that is for those who may see skills."""
        if self.state != "unqualified":
            return self.reasons
        told = (
            RESTRICTED if short.person else reason for short, reason in zip(self.shortfalls, self.reasons, strict=True)
        )
        return tuple(dict.fromkeys(told))


@dataclass(frozen=True, slots=True)
class DutyState:
    """A duty's state: the worst over its scopes."""

    duty: Duty
    state: State
    scopes: tuple[ScopeState, ...]

    @property
    def worst(self) -> ScopeState:
        return min(self.scopes, key=lambda scope: RANK[scope.state])

    @property
    def accountable(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(role for scope in self.scopes for role in scope.accountable))

    @property
    def shortfalls(self) -> tuple[Shortfall, ...]:
        return tuple(dict.fromkeys(short for scope in self.scopes for short in scope.shortfalls))

    @property
    def assumed(self) -> bool:
        """Covered, but on the word of the template only."""
        return any(scope.assumed for scope in self.scopes)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many duties are in each state, of how many."""

    counts: dict[State, int]
    total: int

    @property
    def share_covered(self) -> float | None:
        """None when there is nothing to cover."""
        return self.counts["covered"] / self.total if self.total else None


@dataclass(frozen=True)
class Coverage:
    """Coverage of all duties as of a day, with totals by family, stage, AI system and unit."""

    as_of: date
    snapshot: Snapshot
    duties: tuple[DutyState, ...]
    loads: dict[str, RoleLoad]

    @cached_property
    def by_id(self) -> dict[str, DutyState]:
        return {state.duty.id: state for state in self.duties}

    @cached_property
    def people(self) -> dict[str, PersonLoad]:
        return person_loads(self.snapshot, self.loads)

    @cached_property
    def total(self) -> Tally:
        return tally(state.state for state in self.duties)

    @cached_property
    def ai_security(self) -> Tally:
        return tally(state.state for state in self.duties if state.duty.ai_security)

    @cached_property
    def families(self) -> dict[str, Tally]:
        return {
            family: tally(state.state for state in self.duties if state.duty.family == family)
            for family in FAMILIES
            if any(state.duty.family == family for state in self.duties)
        }

    @cached_property
    def stages(self) -> dict[str, Tally]:
        return {
            stage: tally(state.state for state in self.duties if stage in state.duty.stages)
            for stage in STAGES
            if any(stage in state.duty.stages for state in self.duties)
        }

    @cached_property
    def systems(self) -> dict[str, Tally]:
        """AI security duties as each AI system finds them: its own owners, else its units', else the general ones."""
        duties = [duty for duty in self.snapshot.duties.values() if duty.ai_security]
        scopes = {system: scopes_of_system(self.snapshot, system) for system in self.snapshot.systems}
        return self._by_scopes(duties, scopes)

    @cached_property
    def units(self) -> dict[str, Tally]:
        """All duties as each unit finds them."""
        scopes = {unit: scopes_of_unit(self.snapshot, unit) for unit in self.snapshot.units}
        return self._by_scopes(list(self.snapshot.duties.values()), scopes)

    def _by_scopes(self, duties: Sequence[Duty], scopes: dict[str, tuple[str, ...]]) -> dict[str, Tally]:
        judge = _Judge(self.snapshot, self.loads)
        return {name: tally(judge.nearest(duty, nearest).state for duty in duties) for name, nearest in scopes.items()}


def coverage(organisation: Organisation, *, as_of: date) -> Coverage:
    """The state of every duty on a day."""
    snapshot = Snapshot(organisation, as_of)
    loads = role_loads(snapshot)
    judge = _Judge(snapshot, loads)
    return Coverage(as_of, snapshot, tuple(judge.duty(duty) for duty in snapshot.duties.values()), loads)


def history(organisation: Organisation, days: Sequence[date]) -> tuple[Coverage, ...]:
    """Coverage on each of the days, oldest first."""
    return tuple(coverage(organisation, as_of=day) for day in sorted(set(days)))


def change_days(organisation: Organisation) -> tuple[date, ...]:
    """Days on which something dated begins or has just ended, so that a trend misses no step."""
    found: set[date] = set()
    for records in (organisation.holdings, organisation.assignments, organisation.delegates, organisation.lines):
        for record in records:
            if record.since_on:
                found.add(record.since_on)
            if record.until_on and record.until_on < date.max:
                found.add(date.fromordinal(record.until_on.toordinal() + 1))
    return tuple(sorted(found))


def state_for_system(view: Coverage, duty_id: str, system: str) -> ScopeState:
    """How one AI system finds one duty."""
    judge = _Judge(view.snapshot, view.loads)
    return judge.nearest(view.snapshot.duties[duty_id], scopes_of_system(view.snapshot, system))


def scopes_of_system(snapshot: Snapshot, system: str) -> tuple[str, ...]:
    found = snapshot.systems.get(system)
    return (f"system:{system}", *scopes_of_unit(snapshot, found.unit if found else None))


def scopes_of_unit(snapshot: Snapshot, unit: str | None) -> tuple[str, ...]:
    """The unit, those above it, the whole organisation."""
    return (*(f"unit:{step}" for step in snapshot.unit_path(unit)), "")


def tally(states: Iterable[State]) -> Tally:
    found = Counter(states)
    return Tally({state: found[state] for state in STATES}, sum(found.values()))


class _Judge:
    """Judges (duty, accountable roles) pairs once each, since most scopes share them."""

    def __init__(self, snapshot: Snapshot, loads: dict[str, RoleLoad]) -> None:
        self.snapshot = snapshot
        self.beyond = {role: frozenset(load.beyond) for role, load in loads.items()}
        self.loads = loads
        self._known: dict[tuple[str, str, tuple[str, ...]], ScopeState] = {}

    def duty(self, duty: Duty) -> DutyState:
        owners = self.snapshot.owners.get(duty.id, {})
        scopes = set(owners)
        if "" not in scopes and not self._whole(scopes):
            scopes.add("")
        states = tuple(self.state(duty, scope, owners.get(scope, ())) for scope in sorted(scopes))
        return DutyState(duty, min((state.state for state in states), key=RANK.__getitem__), states)

    def nearest(self, duty: Duty, scopes: Sequence[str]) -> ScopeState:
        scope, owners = self.snapshot.accountable(duty.id, scopes)
        return self.state(duty, scope, owners)

    def state(self, duty: Duty, scope: str, owners: Sequence[Assignment]) -> ScopeState:
        roles = tuple(dict.fromkeys(owner.role for owner in owners))
        key = (duty.id, scope, roles)
        if key not in self._known:
            records = tuple(owner.record for owner in owners)
            self._known[key] = self._judge(duty, scope, roles, records=records)
        return self._known[key]

    def _whole(self, scopes: Iterable[str]) -> bool:
        """Whether owners of parts leave nothing over: every top unit, or every AI system, has its own."""
        tops = {f"unit:{unit.id}" for unit in self.snapshot.units.values() if unit.parent is None}
        systems = {f"system:{system}" for system in self.snapshot.systems}
        given = set(scopes)
        return bool(tops and tops <= given) or bool(systems and systems <= given)

    def _judge(self, duty: Duty, scope: str, roles: tuple[str, ...], *, records: tuple[str, ...]) -> ScopeState:
        if not roles:
            partly = duty.id in self.snapshot.owners
            reason = "no role is accountable" + (" outside the scopes that have an owner" if partly else "")
            return ScopeState(scope, "unowned", (), (reason,), (f"duty:{duty.id}",))
        if len(roles) > 1:
            titles = ", ".join(self.snapshot.roles[role].title for role in roles)
            reason = f"{len(roles)} roles are accountable in the same scope: {titles}"
            return ScopeState(scope, "contested", roles, (reason,), records)
        role = roles[0]
        shortfalls = shortfalls_of(self.snapshot, duty, role)
        seats = self.snapshot.seats.get(role, [])
        records = (*records, *_records(seats, duty.id))
        acting = bool(seats) and all(seat.holding.acting for seat in seats)
        idle = self._unstaffed(duty, role)
        if idle:
            return ScopeState(scope, "unstaffed", roles, (idle,), records, shortfalls, acting=acting)
        if shortfalls:
            reasons = tuple(describe(self.snapshot, short) for short in shortfalls)
            return ScopeState(scope, "unqualified", roles, reasons, records, shortfalls, acting=acting)
        assumed = any(self.snapshot.level(role, competence, duty.id).assumed for competence in duty.requires)
        reason = f"{self.snapshot.roles[role].title} is accountable, staffed and qualified"
        reason += " by the template's assumption, not attested" if assumed else ""
        return ScopeState(scope, "covered", roles, (reason,), records, assumed=assumed, acting=acting)

    def _unstaffed(self, duty: Duty, role: str) -> str:
        title = self.snapshot.roles[role].title
        if not self.snapshot.seats.get(role, []):
            return f"{title} is vacant"
        if not self.snapshot.staffed(role, duty.id):
            return f"every holder of {title} is absent and nobody stands in"
        if duty.id in self.beyond[role]:
            load = self.loads[role]
            return (
                f"past capacity: {title} is asked for {hours_text(load.demand_hours)} h a week of "
                f"{hours_text(load.capacity_hours)} h, and this duty comes after what fits"
            )
        return ""


def _records(seats: Sequence[Seat], duty: str) -> tuple[str, ...]:
    """The holdings read, and for who is away the delegation by which somebody stands in."""
    found = []
    for seat in seats:
        found.append(seat.holding.record)
        delegate = seat.named_for(duty) or seat.stand_in
        if delegate:
            found.append(delegate.record)
    return tuple(found)


def shortfalls_of(snapshot: Snapshot, duty: Duty, role: str) -> tuple[Shortfall, ...]:
    """What the role lacks for the duty, competence by competence."""
    found = []
    level = snapshot.level
    for competence, needed in duty.requires.items():
        held = level(role, competence, duty.id)
        if held.level < needed:
            found.append(Shortfall(role, competence, needed, held.level, held.assumed, held.person))
    return tuple(found)


def describe(snapshot: Snapshot, short: Shortfall) -> str:
    """One shortfall as a sentence with titles."""
    basis = "assumed by the template" if short.assumed else "attested" if short.person else "confirmed"
    competence = snapshot.competences.get(short.competence)
    return (
        f"{snapshot.roles[short.role].title} lacks {short.levels} in {competence.title if competence else short.competence}: "
        f"needs {short.needed}, holds {short.held} ({basis})"
    )
