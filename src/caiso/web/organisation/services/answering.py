"""Who answers for what, as dated rows: a change ends one row and starts another, so that any day can be asked for."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction

from caiso.engine.coverage.organisation.model import Level
from caiso.engine.coverage.organisation.validate import find_faults
from caiso.errors import DomainError
from caiso.web.base.models import Person, Unit, User
from caiso.web.base.services import audit, facts
from caiso.web.organisation import queries
from caiso.web.organisation.models import (
    Assignment,
    Competence,
    Delegate,
    Duty,
    Holding,
    ReportingLine,
    Role,
)
from caiso.web.organisation.services.coverage import compute_coverage

HIGHEST: Level = 4
Row = Assignment | Holding | Delegate | ReportingLine


class UnableToChangeOrganisation(DomainError):
    """The change would make the organisation say something that cannot be."""


@transaction.atomic
def assign_duty(
    duty: Duty,
    *,
    role: Role,
    kind: str,
    since_on: date,
    scope_unit: Unit | None = None,
    scope_system: str = "",
    actor: User,
    now: datetime,
) -> Assignment:
    """Make a role responsible, accountable, consulted or informed, everywhere or in one scope, from a day on."""
    if kind not in Assignment.Kind.values:
        raise UnableToChangeOrganisation(f"{kind!r} is none of {', '.join(Assignment.Kind.values)}")
    _refuse_template(role)
    same = Assignment.objects.filter(
        duty=duty, role=role, kind=kind, scope_unit=scope_unit, scope_system=scope_system, until_on=None
    )
    if same.exists():
        raise UnableToChangeOrganisation(f"{role} is {Assignment.Kind(kind).label.lower()} for this already")
    row = Assignment.objects.create(
        duty=duty, role=role, kind=kind, scope_unit=scope_unit, scope_system=scope_system, since_on=since_on
    )
    scope = scope_system or (scope_unit.slug if scope_unit else "everywhere")
    made: dict[str, list[Any]] = {
        "role": [None, role.slug],
        "kind": [None, kind],
        "scope": [None, scope],
        "since_on": [None, since_on],
    }
    audit.record(actor=actor, verb="duty.assign", subject=duty, changes=made, now=now)
    settle(now)
    return row


@transaction.atomic
def end_assignment(row: Assignment, *, last_on: date, actor: User, now: datetime) -> None:
    """Let an assignment run out on a day."""
    _end(row, last_on)
    audit.record(
        actor=actor,
        verb="duty.unassign",
        subject=row.duty,
        changes={"role": [row.role.slug, None], "kind": [row.kind, None], "until_on": [None, last_on]},
        now=now,
    )
    settle(now)


@transaction.atomic
def appoint(
    role: Role,
    *,
    person: Person,
    since_on: date,
    is_acting: bool = False,
    share: float | None = None,
    actor: User,
    now: datetime,
) -> Holding:
    """Let a person hold a role from a day on; `share` is the part of the week that the role gets, 0 to 1."""
    _refuse_template(role)
    if not person.is_active:
        raise UnableToChangeOrganisation(f"{person} has left the organisation")
    if share is not None and not 0 < share <= 1:
        raise UnableToChangeOrganisation("the share of the week lies above 0 and is at most 1")
    if any(queries.in_force(row, since_on) for row in Holding.objects.filter(role=role, person=person)):
        raise UnableToChangeOrganisation(f"{person} holds this role already")
    row = Holding.objects.create(role=role, person=person, since_on=since_on, is_acting=is_acting, share=share)
    made: dict[str, list[Any]] = {
        "holder": [None, person.slug],
        "since_on": [None, since_on],
        "acting": [None, is_acting],
        "share": [None, share],
    }
    audit.record(actor=actor, verb="role.appoint", subject=role, changes=made, now=now)
    settle(now)
    return row


@transaction.atomic
def end_holding(row: Holding, *, last_on: date, actor: User, now: datetime) -> None:
    """Let somebody's time in a role end on a day."""
    _end(row, last_on)
    changes: dict[str, list[Any]] = {"holder": [row.person.slug, None], "until_on": [None, last_on]}
    audit.record(actor=actor, verb="role.leave", subject=row.role, changes=changes, now=now)
    settle(now)


@transaction.atomic
def delegate_role(
    role: Role, *, person: Person, delegate: Person, since_on: date, until_on: date | None, actor: User, now: datetime
) -> Delegate:
    """Let somebody stand in for the holder of a role while that person is absent."""
    if person.pk == delegate.pk:
        raise UnableToChangeOrganisation("nobody stands in for themselves")
    if person not in queries.holders_of(role.slug, on=since_on):
        raise UnableToChangeOrganisation(f"{person} does not hold this role on {since_on}")
    if until_on is not None and until_on < since_on:
        raise UnableToChangeOrganisation("the last day lies before the first")
    row = Delegate.objects.create(role=role, person=person, delegate=delegate, since_on=since_on, until_on=until_on)
    made: dict[str, list[Any]] = {"for": [None, person.slug], "delegate": [None, delegate.slug], "since_on": [None, since_on], "until_on": [None, until_on]}  # fmt: skip
    audit.record(actor=actor, verb="role.delegate", subject=role, changes=made, now=now)
    settle(now)
    return row


@transaction.atomic
def end_delegation(row: Delegate, *, last_on: date, actor: User, now: datetime) -> None:
    """Let a delegation run out on a day."""
    _end(row, last_on)
    changes: dict[str, list[Any]] = {"delegate": [row.delegate.slug, None], "until_on": [None, last_on]}
    audit.record(actor=actor, verb="role.delegate_end", subject=row.role, changes=changes, now=now)
    settle(now)


@transaction.atomic
def confirm_competences(role: Role, *, levels: Mapping[str, int], actor: User, now: datetime) -> None:
    """State what the role truly brings: from now on its levels are no assumption of a template."""
    known = set(Competence.objects.values_list("slug", flat=True))
    for competence, level in levels.items():
        if competence not in known:
            raise UnableToChangeOrganisation(f"there is no competence {competence!r}")
        if not 0 <= level <= HIGHEST:
            raise UnableToChangeOrganisation(f"{competence}: a level lies between 0 and {HIGHEST}, not {level}")
    before = {"competences": role.competences, "is_confirmed": role.is_confirmed}
    role.competences = {competence: level for competence, level in levels.items() if level}
    role.is_confirmed = True
    role.save(update_fields=["competences", "is_confirmed"])
    after = {"competences": role.competences, "is_confirmed": True}
    if changes := audit.changed_fields(before, after):
        audit.record(actor=actor, verb="role.confirm", subject=role, changes=changes, now=now)
        settle(now)


@transaction.atomic
def draw_line(
    junior: Role, *, senior: Role, kind: str, covers: str = "", since_on: date, actor: User, now: datetime
) -> ReportingLine:
    """Let one role answer to another; a new solid line ends the one before it."""
    if kind not in ReportingLine.Kind.values:
        raise UnableToChangeOrganisation(f"{kind!r} is none of {', '.join(ReportingLine.Kind.values)}")
    if junior.pk == senior.pk:
        raise UnableToChangeOrganisation("a role does not answer to itself")
    if kind == ReportingLine.Kind.SOLID:
        for row in junior.lines_up.filter(kind=kind):
            if queries.in_force(row, since_on):
                _end(row, since_on - timedelta(days=1))
    row = ReportingLine.objects.create(junior=junior, senior=senior, kind=kind, covers=covers[:400], since_on=since_on)
    made: dict[str, list[Any]] = {"answers_to": [None, senior.slug], "kind": [None, kind], "since_on": [None, since_on]}
    audit.record(actor=actor, verb="role.line", subject=junior, changes=made, now=now)
    settle(now)
    return row


def _end(row: Row, last_on: date) -> None:
    if row.until_on is not None and row.until_on <= last_on:
        raise UnableToChangeOrganisation(f"it ends on {row.until_on} already")
    if row.since_on is not None and last_on < row.since_on:
        # It began after its last day, so it was never in force; the audit trail keeps that it was there.
        row.delete()
        return
    row.until_on = last_on
    row.save(update_fields=["until_on"])


def _refuse_template(role: Role) -> None:
    if role.is_template:
        raise UnableToChangeOrganisation(f"{role} is only a template: add the role first")


def settle(now: datetime) -> None:
    """Refuse what contradicts the rest (two solid lines, a circle), then compute who answers."""
    if faults := find_faults(queries.organisation()):
        raise UnableToChangeOrganisation(faults[0].message)
    compute_coverage(now=now)
    # Whether an AI system has an accountable, fit owner follows from who holds which role.
    facts.touched("ai_systems", now=now)
