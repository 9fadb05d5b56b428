"""Lays each role's competences against the AI security duties and recognises the weaknesses that hurt."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from caiso.engine.coverage.organisation.catalogue import Deficiency
from caiso.engine.coverage.snapshot import Snapshot
from caiso.engine.coverage.states import Coverage, Shortfall, shortfalls_of

# A duty in one of these states has nobody fit to answer for it; the others are a matter of time or order.
EXPOSED = ("unowned", "unqualified")


@dataclass(frozen=True, slots=True)
class Cell:
    """One role against one AI security duty; no shortfall means that the role could answer for it."""

    role: str
    duty: str
    shortfalls: tuple[Shortfall, ...]

    @property
    def levels(self) -> int:
        """Levels missing over all competences."""
        return sum(short.levels for short in self.shortfalls)


@dataclass(frozen=True, slots=True)
class DeficiencyFinding:
    """`open`: the role lacks it and a duty is exposed; `strained`: fit people, not enough of them or too many owners;
    `closed`: every duty is covered, by whom stands in `covered_by`; `absent`: the role no longer lacks it or is not there.
    """

    deficiency: Deficiency
    status: Literal["open", "strained", "closed", "absent"]
    shortfalls: tuple[tuple[str, Shortfall], ...]
    exposed: tuple[str, ...]
    covered_by: tuple[str, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeficiencyReport:
    """The heat map (cells in row order) and the named findings."""

    roles: tuple[str, ...]
    duties: tuple[str, ...]
    cells: tuple[Cell, ...]
    findings: tuple[DeficiencyFinding, ...]

    @property
    def open(self) -> tuple[DeficiencyFinding, ...]:
        return tuple(finding for finding in self.findings if finding.status == "open")


def deficiencies(view: Coverage, roles: Sequence[str] | None = None) -> DeficiencyReport:
    """The matrix of the given roles, or of all that hold an R or A or are named by a deficiency."""
    snapshot = view.snapshot
    duties = tuple(duty for duty in snapshot.duties.values() if duty.ai_security)
    chosen = tuple(roles) if roles is not None else _default_roles(view)
    cells = tuple(Cell(role, duty.id, shortfalls_of(snapshot, duty, role)) for role in chosen for duty in duties)
    findings = tuple(_finding(view, known) for known in snapshot.organisation.deficiencies)
    return DeficiencyReport(chosen, tuple(duty.id for duty in duties), cells, findings)


def by_assumption(view: Coverage) -> Coverage:
    """The same states beside roles as their template or their confirmation describes them: nothing attested of a person."""
    organisation = view.snapshot.organisation
    people = tuple(replace(person, skills=()) for person in organisation.people)
    return replace(view, snapshot=Snapshot(replace(organisation, people=people), view.as_of))


def _default_roles(view: Coverage) -> tuple[str, ...]:
    snapshot = view.snapshot
    carrying = {
        assignment.role
        for assignments in snapshot.assignments.values()
        for assignment in assignments
        if assignment.kind in "RA"
    }
    named = {known.role for known in snapshot.organisation.deficiencies}
    return tuple(role for role in snapshot.roles if role in carrying | named)


def _finding(view: Coverage, known: Deficiency) -> DeficiencyFinding:
    snapshot = view.snapshot
    shortfalls = []
    if known.role in snapshot.roles:
        for duty_id in known.duties:
            for short in shortfalls_of(snapshot, snapshot.duties[duty_id], known.role):
                if short.competence in known.competences:
                    shortfalls.append((duty_id, short))
    weak = tuple(dict.fromkeys(duty_id for duty_id, _ in shortfalls))
    states = {duty_id: view.by_id[duty_id] for duty_id in weak}
    exposed = tuple(duty_id for duty_id in weak if states[duty_id].state in EXPOSED)
    uncovered = tuple(duty_id for duty_id in weak if states[duty_id].state != "covered")
    reasons = tuple(
        f"{duty_id}: {states[duty_id].state}, {states[duty_id].worst.public_reasons[0]}" for duty_id in weak
    )
    covered_by = tuple(dict.fromkeys(role for duty_id in weak for role in states[duty_id].accountable))
    status: Literal["open", "strained", "closed", "absent"]
    if not weak:
        status = "absent"
    elif exposed:
        status = "open"
    else:
        status = "strained" if uncovered else "closed"
    return DeficiencyFinding(
        known, status, tuple(shortfalls), exposed, covered_by if status == "closed" else (), reasons
    )
