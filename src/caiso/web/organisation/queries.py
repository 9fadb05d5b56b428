"""Reads of the organisation: the database's rows as the engine's one value, and lists for pages."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.http import Http404

from caiso.engine.coverage.organisation import Organisation
from caiso.engine.coverage.organisation import model as engine
from caiso.engine.coverage.organisation.loading import default_organisation
from caiso.engine.coverage.states import Coverage, coverage
from caiso.web.base.access import Viewer, visible
from caiso.web.base.models import Person, Setting, Unit, User
from caiso.web.organisation.models import (
    Assignment,
    Competence,
    CoverageSnapshot,
    Delegate,
    Duty,
    Holding,
    ReportingLine,
    Role,
    Skill,
)

PROFILE_SETTING = "organisation.profile"
VERSION_SETTING = "organisation.version"
STATES = (
    ("covered", "Covered"),
    ("unqualified", "Unqualified"),
    ("unstaffed", "Unstaffed"),
    ("contested", "Contested"),
    ("unowned", "Unowned"),
)
SystemProvider = Callable[[], tuple[engine.AiSystem, ...]]
_systems: list[SystemProvider] = []


def register_systems(provider: SystemProvider) -> None:
    """The inventory, which lies above this app, tells which AI systems there are."""
    _systems.append(provider)


def organisation(*, with_systems: bool = True) -> Organisation:
    """Everything recorded about the organisation, history included; what the catalogue alone knows comes from the pack."""
    base = default_organisation()
    units = {unit.pk: unit for unit in Unit.objects.all()}
    return replace(
        base,
        id="organisation",
        title=next((unit.name for unit in units.values() if unit.parent_id is None), "Organisation"),
        profile=_profile(),
        competences=tuple(_competence(row) for row in Competence.objects.all()) or base.competences,
        units=tuple(_unit(unit, units) for unit in units.values()),
        systems=tuple(system for provider in _systems for system in provider()) if with_systems else (),
        duties=tuple(_duty(row) for row in Duty.objects.all()),
        roles=tuple(_role(row) for row in Role.objects.all()),
        people=_people(),
        holdings=tuple(_holding(row) for row in Holding.objects.select_related("person", "role")),
        delegates=tuple(_delegate(row) for row in Delegate.objects.select_related("person", "role", "delegate")),
        assignments=tuple(_assignment(row) for row in Assignment.objects.select_related("duty", "role", "scope_unit")),
        lines=tuple(_line(row) for row in ReportingLine.objects.select_related("junior", "senior")),
    )


def coverage_on(as_of: date) -> Coverage:
    """Coverage of every duty as of a day, from what is recorded."""
    return coverage(organisation(), as_of=as_of)


def current_view(as_of: date) -> Coverage:
    """Coverage as last computed, kept in this process until somebody computes it anew."""
    stored = Setting.objects.filter(key=VERSION_SETTING).values_list("value", flat=True).first()
    return _kept_view(str(stored), as_of) if stored else coverage_on(as_of)


@lru_cache(maxsize=2)
def _kept_view(version: str, as_of: date) -> Coverage:
    return coverage_on(as_of)


def visible_duties(viewer: Viewer) -> QuerySet[Duty]:
    """Duties of the viewer's units, with their computed state and the holders of the accountable role."""
    rows = Duty.objects.select_related("coverage", "coverage__accountable", "unit")
    holdings = Prefetch("coverage__accountable__holdings", queryset=Holding.objects.select_related("person"))
    return visible(rows.prefetch_related(holdings), viewer)


def duty_or_404(viewer: Viewer, **lookup: object) -> Duty:
    """One duty; outside the viewer's units it does not exist."""
    found = visible_duties(viewer).filter(**lookup).first()
    if found is None:
        raise Http404
    return found


def visible_roles(viewer: Viewer) -> QuerySet[Role]:
    """Roles of the viewer's units, with their holders."""
    holdings = Prefetch("holdings", queryset=Holding.objects.select_related("person"))
    return visible(Role.objects.select_related("unit").prefetch_related(holdings), viewer)


def role_or_404(viewer: Viewer, pk: int) -> Role:
    """One role; outside the viewer's units it does not exist."""
    found = visible_roles(viewer).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def people(viewer: Viewer) -> QuerySet[Person]:
    """People who may be given a role."""
    return visible(Person.objects.filter(is_active=True), viewer)


def holders_now(role: Role | None, *, on: date) -> list[Holding]:
    """Holdings in force of a role whose holdings were fetched with it; acting ones last."""
    if role is None:
        return []
    rows = [row for row in role.holdings.all() if in_force(row, on) and row.person.is_active]
    return sorted(rows, key=lambda row: (row.is_acting, row.since_on or date.min))


def snapshots(days: int = 90) -> list[CoverageSnapshot]:
    """The newest daily snapshots, oldest first."""
    return list(reversed(CoverageSnapshot.objects.order_by("-on")[:days]))


def latest_totals() -> dict[str, Any]:
    """What was last computed beyond the duties' states: per AI system, load per role and person."""
    newest = CoverageSnapshot.objects.order_by("-on").values_list("totals", flat=True).first()
    return newest or {}


def roles_of(user: User, *, on: date) -> list[Role]:
    """Roles that the login's person holds on the day."""
    rows = Holding.objects.filter(person__user=user).select_related("role", "role__unit")
    return [row.role for row in rows if in_force(row, on)]


def holders_of(role_slug: str, *, on: date) -> list[Person]:
    """People who hold the role on the day, first the one who has held it longest; acting holders last."""
    rows = Holding.objects.filter(role__slug=role_slug).select_related("person").order_by("is_acting", "since_on")
    return [row.person for row in rows if in_force(row, on) and row.person.is_active]


def role_is_answered(role_slug: str, *, on: date) -> bool:
    """Whether an active person holds the role on the day."""
    return bool(holders_of(role_slug, on=on))


def in_force(row: Holding | Assignment | Delegate | ReportingLine, on: date) -> bool:
    """Whether a dated row holds on the day; both ends are included."""
    return (row.since_on is None or row.since_on <= on) and (row.until_on is None or on <= row.until_on)


def _profile() -> engine.Profile | None:
    stored = Setting.objects.filter(key=PROFILE_SETTING).first()
    return engine.Profile(**stored.value) if stored else None


def _competence(row: Competence) -> engine.Competence:
    return engine.Competence(id=row.slug, title=row.title, anchors=tuple(row.anchors), description=row.description)


def _unit(unit: Unit, units: dict[int, Unit]) -> engine.Unit:
    parent = units[unit.parent_id].slug if unit.parent_id else None
    return engine.Unit(id=unit.slug, title=unit.name, parent=parent)


def _duty(row: Duty) -> engine.Duty:
    return engine.Duty(
        id=row.slug,
        title=row.title,
        description=row.description,
        family=row.family,  # type: ignore[arg-type]  # the service checked it against the engine's families
        ai_security=row.is_ai_security,
        stages=tuple(row.stages),
        requires=dict(row.requires),
        effort_hours=row.effort_hours,
        priority=row.priority,
        cadence_days=row.cadence_days,
        topics=tuple(row.topics),
        acts=tuple(row.acts),
        controls=tuple(row.controls),
        techniques=tuple(row.techniques),
    )


def _role(row: Role) -> engine.Role:
    return engine.Role(
        id=row.slug,
        title=row.title,
        description=row.description,
        competences=dict(row.competences),
        authority=row.authority,
        capacity_hours=row.capacity_hours,
        annual_cost=row.annual_cost,
        template=row.is_template,
        confirmed=row.is_confirmed,
    )


def _people() -> tuple[engine.Person, ...]:
    skills: dict[int, list[engine.Skill]] = {}
    for row in Skill.objects.select_related("competence"):
        skill = engine.Skill(row.competence.slug, row.level, row.attested_by, row.attested_on)
        skills.setdefault(row.person_id, []).append(skill)
    return tuple(
        engine.Person(id=person.slug, name=person.name, unit=person.unit.slug, skills=tuple(skills.get(person.pk, ())))
        for person in Person.objects.filter(is_active=True).select_related("unit")
    )


def _holding(row: Holding) -> engine.Holding:
    return engine.Holding(row.person.slug, row.role.slug, row.since_on, row.until_on, row.is_acting, row.share)


def _delegate(row: Delegate) -> engine.Delegate:
    return engine.Delegate(
        row.person.slug, row.delegate.slug, row.role.slug, row.since_on, row.until_on, tuple(row.duties)
    )


def _assignment(row: Assignment) -> engine.Assignment:
    return engine.Assignment(
        duty=row.duty.slug,
        role=row.role.slug,
        kind=row.kind,  # type: ignore[arg-type]  # one of the model's choices
        unit=row.scope_unit.slug if row.scope_unit else None,
        system=row.scope_system or None,
        since_on=row.since_on,
        until_on=row.until_on,
    )


def _line(row: ReportingLine) -> engine.ReportingLine:
    return engine.ReportingLine(
        from_=row.junior.slug,
        to=row.senior.slug,
        kind=row.kind,  # type: ignore[arg-type]  # one of the model's choices
        covers=row.covers,
        since_on=row.since_on,
        until_on=row.until_on,
    )
