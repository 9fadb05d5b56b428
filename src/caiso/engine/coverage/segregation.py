"""Finds who does two things that should be apart, and who is the only one to do something."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from caiso.engine.coverage.crossover import carried_duties
from caiso.engine.coverage.organisation.catalogue import ConflictRule
from caiso.engine.coverage.organisation.model import Delegate, active
from caiso.engine.coverage.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Conflict:
    """A role, or a person over several roles, on both sides of a rule for one subject."""

    rule: str
    subject: str
    holder: Literal["role", "person"]
    name: str
    roles: tuple[str, ...]
    left: tuple[str, ...]
    right: tuple[str, ...]
    reason: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        return (self.rule, self.subject, self.holder, self.name)


@dataclass(frozen=True, slots=True)
class Dependency:
    """A person without whom nobody answers for these duties: the only holder, and nobody is named to stand in."""

    person: str
    role: str
    duties: tuple[str, ...]
    ai_security: tuple[str, ...]


def conflicts(snapshot: Snapshot) -> tuple[Conflict, ...]:
    """Conflicts of duties within one role, and over the roles of one person where no single role has it already."""
    carried = carried_duties(snapshot)
    found: list[Conflict] = []
    for rule in snapshot.organisation.conflict_rules:
        in_roles: dict[str, set[str]] = defaultdict(set)
        for role in sorted(carried):
            for conflict in _of(snapshot, rule, roles=(role,), carried=carried, holder="role", name=role):
                in_roles[role].add(conflict.subject)
                found.append(conflict)
        for person, holdings in sorted(snapshot.holdings.items()):
            roles = tuple(sorted({holding.role for holding in holdings}))
            if len(roles) > 1:
                known = {subject for role in roles for subject in in_roles[role]}
                crossing = _of(snapshot, rule, roles=roles, carried=carried, holder="person", name=person)
                found.extend(conflict for conflict in crossing if conflict.subject not in known)
    return tuple(found)


def _of(
    snapshot: Snapshot,
    rule: ConflictRule,
    *,
    roles: tuple[str, ...],
    carried: dict[str, frozenset[str]],
    holder: Literal["role", "person"],
    name: str,
) -> Iterable[Conflict]:
    sides: dict[str, dict[str, set[str]]] = {rule.left: defaultdict(set), rule.right: defaultdict(set)}
    for role in roles:
        for duty_id in carried.get(role, ()):
            for act in snapshot.duties[duty_id].acts:
                verb, subject = act.split(":", 1)
                if verb in sides:
                    sides[verb][subject].add(duty_id)
    for subject in sorted(set(sides[rule.left]) & set(sides[rule.right])):
        left, right = tuple(sorted(sides[rule.left][subject])), tuple(sorted(sides[rule.right][subject]))
        reason = (
            f"{_title(snapshot, holder, name)} does both {rule.left} ({_titles(snapshot, left)}) "
            f"and {rule.right} ({_titles(snapshot, right)}) for {subject}"
        )
        yield Conflict(rule.id, subject, holder, name, roles, left, right, reason)


def _title(snapshot: Snapshot, holder: str, name: str) -> str:
    return snapshot.roles[name].title if holder == "role" else snapshot.people[name].name


def _titles(snapshot: Snapshot, duties: Iterable[str]) -> str:
    return ", ".join(snapshot.duties[duty].title for duty in duties)


def dependencies(snapshot: Snapshot) -> tuple[Dependency, ...]:
    """Roles accountable for something that one available person alone holds, and no delegate is named for it."""
    owned: dict[str, set[str]] = defaultdict(set)
    for duty, assignments in snapshot.assignments.items():
        for assignment in assignments:
            if assignment.kind == "A":
                owned[assignment.role].add(duty)
    stand_ins: dict[tuple[str, str], list[Delegate]] = defaultdict(list)
    for delegate in snapshot.organisation.delegates:
        if active(delegate, snapshot.as_of):
            stand_ins[delegate.person, delegate.role].append(delegate)
    found = []
    for role, duties in owned.items():
        people = {seat.filled_by for seat in snapshot.seats.get(role, ()) if seat.filled_by}
        if len(people) != 1:
            continue
        person = next(iter(people))
        named = stand_ins.get((person, role), [])
        covered = {duty for delegate in named for duty in delegate.duties}
        ordered = tuple(sorted(duties - covered))
        if ordered and all(delegate.duties for delegate in named):
            security = tuple(duty for duty in ordered if snapshot.duties[duty].ai_security)
            found.append(Dependency(person, role, ordered, security))
    return tuple(sorted(found, key=lambda dependency: (-len(dependency.duties), dependency.role)))
