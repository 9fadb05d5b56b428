"""Hours a week that duties ask of roles and people, and which duties fit into the time there is."""

from collections import defaultdict
from dataclasses import dataclass

from caiso.engine.coverage.snapshot import Snapshot

# Of a duty's hours, the accountable role keeps this part while another staffed role does the work.
OVERSIGHT_PART = 0.25
CONSULTED_PART = 0.05
MOST_CONSULTED_HOURS = 0.5


@dataclass(frozen=True, slots=True)
class Demand:
    """What one duty asks of one role; `kind` is the strongest letter it holds."""

    duty: str
    role: str
    kind: str
    hours: float
    priority: int
    records: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoleLoad:
    """`beyond` are the duties for which no hour is left, served in order of priority.

    `elsewhere` is asked of whoever was named for these duties while the holder is away, not of the role's hours.
    """

    role: str
    demand_hours: float
    capacity_hours: float
    demands: tuple[Demand, ...]
    beyond: tuple[str, ...]
    elsewhere: tuple[Demand, ...] = ()

    @property
    def overloaded(self) -> bool:
        return self.demand_hours > self.capacity_hours + 1e-9

    @property
    def use(self) -> float | None:
        """Demand by capacity; None when nobody holds the role."""
        return self.demand_hours / self.capacity_hours if self.capacity_hours else None


@dataclass(frozen=True, slots=True)
class PersonLoad:
    """Hours asked of one person over all roles held; `roles` gives them per role."""

    person: str
    demand_hours: float
    capacity_hours: float
    roles: dict[str, float]

    @property
    def overloaded(self) -> bool:
        return self.demand_hours > self.capacity_hours + 1e-9


def hours_text(amount: float) -> str:
    """Hours as every sentence and page writes them."""
    return f"{round(amount, 2):g}"


def role_loads(snapshot: Snapshot) -> dict[str, RoleLoad]:
    """The load of every role that exists."""
    demands: dict[str, list[Demand]] = defaultdict(list)
    for duty in snapshot.duties.values():
        for demand in _demands(snapshot, duty.id):
            demands[demand.role].append(demand)
    return {role: _fit(snapshot, role, demands.get(role, [])) for role in snapshot.roles}


def person_loads(snapshot: Snapshot, roles: dict[str, RoleLoad]) -> dict[str, PersonLoad]:
    """A role's demand is shared by its holders as their hours are; who stands in is asked for what the absent were."""
    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    capacities: dict[str, float] = defaultdict(float)
    standing: set[str] = set()
    for role_id, seats in snapshot.seats.items():
        total = sum(seat.hours for seat in seats)
        for seat in seats:
            part = seat.hours / total if total else 1 / len(seats)
            asked = seat.filled_by or seat.person.id
            found[asked][role_id] += roles[role_id].demand_hours * part
            found[seat.person.id][role_id] += 0.0
            capacities[seat.person.id] += seat.hours
            if asked != seat.person.id:
                standing.add(asked)
        taken = snapshot.taken_over(role_id)
        for demand in roles[role_id].elsewhere:
            found[taken[demand.duty]][role_id] += demand.hours
            standing.add(taken[demand.duty])
    for person in standing:
        capacities[person] += snapshot.free_hours(snapshot.people[person])
    return {
        person: PersonLoad(person, sum(by_role.values()), capacities[person], dict(by_role))
        for person, by_role in found.items()
    }


def _demands(snapshot: Snapshot, duty_id: str) -> list[Demand]:
    duty = snapshot.duties[duty_id]
    held: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for assignment in snapshot.assignments.get(duty_id, ()):
        held[assignment.role][assignment.kind].append(assignment.record)
    workers = [
        role for role, kinds in held.items() if "R" in kinds and "A" not in kinds and snapshot.staffed(role, duty_id)
    ]
    demands = []
    for role, kinds in held.items():
        kind = next(letter for letter in "ARCI" if letter in kinds)
        hours = _hours(kind, duty.effort_hours, len(workers))
        records = tuple(record for letter in "ARCI" for record in kinds.get(letter, ()))
        demands.append(Demand(duty_id, role, kind, hours, duty.priority, records))
    return demands


def _hours(kind: str, effort: float, workers: int) -> float:
    if kind == "A":
        return effort * (OVERSIGHT_PART if workers else 1.0)
    if kind == "R":
        # A vacant responsible role has no holder to load; its work falls to the accountable role above.
        return effort * (1 - OVERSIGHT_PART) / workers if workers else 0.0
    return min(effort * CONSULTED_PART, MOST_CONSULTED_HOURS) if kind == "C" else 0.0


def _fit(snapshot: Snapshot, role: str, demands: list[Demand]) -> RoleLoad:
    """Serve by priority until the first duty that does not fit; all after it wait too.

    A smaller duty never overtakes: else more capacity could serve one large duty and drop two small ones.
    """
    capacity, taken = snapshot.capacity(role), snapshot.taken_over(role)
    ordered = sorted(demands, key=lambda demand: (demand.priority, demand.kind, demand.duty))
    beyond: list[str] = []
    used = 0.0
    for demand in ordered:
        if demand.duty in taken:
            continue
        used += demand.hours
        if demand.hours and used > capacity + 1e-9:
            beyond.append(demand.duty)
    elsewhere = tuple(demand for demand in ordered if demand.duty in taken)
    return RoleLoad(role, used, capacity, tuple(ordered), tuple(beyond), elsewhere)
