"""Reads of the organisation: the database's rows as the engine's one value, and lists for pages."""

import atexit
import gc
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.http import Http404

from caiso.engine.coverage.organisation import Organisation
from caiso.engine.coverage.organisation import model as engine
from caiso.engine.coverage.organisation.records import AuthorityRecord as AuthorityEntry
from caiso.engine.coverage.organisation.records import RequirementLink, RiskAcceptance
from caiso.engine.coverage.states import Coverage, coverage
from caiso.web.base.access import Viewer, visible
from caiso.web.base.models import Person, Setting, Unit, User
from caiso.web.organisation.models import (
    Assignment,
    CoverageSnapshot,
    Delegate,
    Duty,
    Holding,
    ReportingLine,
    Role,
    Scenario,
    Tool,
    WorkingTime,
)
from caiso.web.organisation.stored import PROFILE_SETTING as PROFILE_SETTING
from caiso.web.organisation.stored import at_large, root_slugs
from caiso.web.organisation.stored import stored_organisation as stored_organisation

LOST_SYSTEM = "No longer in the inventory"
VERSION_SETTING = "organisation.version"
STATES = (
    ("covered", "Covered"),
    ("unqualified", "Unqualified"),
    ("unstaffed", "Unstaffed"),
    ("contested", "Contested"),
    ("unowned", "Unowned"),
)
# Computed views of this process, by version and day.
_views: dict[tuple[str, date], Coverage] = {}
MOST_VIEWS = 4
SystemProvider = Callable[[], tuple[engine.AiSystem, ...]]
AcceptanceProvider = Callable[[], Iterable[RiskAcceptance]]
LinkProvider = Callable[[], Iterable[RequirementLink]]
AuthorityProvider = Callable[[], Iterable[AuthorityEntry]]
_systems: list[SystemProvider] = []
_acceptances: list[AcceptanceProvider] = []
_links: list[LinkProvider] = []
_authority: list[AuthorityProvider] = []


def register_systems(provider: SystemProvider) -> None:
    """The inventory, which lies above this app, tells which AI systems there are."""
    _systems.append(provider)


def register_acceptances(provider: AcceptanceProvider) -> None:
    """The app that records risk acceptances tells who signed which, for the share signed by both owners."""
    _acceptances.append(provider)


def register_requirement_links(provider: LinkProvider) -> None:
    """The app that knows the crosswalk tells which requirements of two regulations overlap or conflict."""
    _links.append(provider)


def register_authority_records(provider: AuthorityProvider) -> None:
    """The app that records meetings, decision rights or budgets tells them, for the authority checks."""
    _authority.append(provider)


def organisation(*, with_systems: bool = True) -> Organisation:
    """Everything recorded about the organisation, history included; what the catalogue alone knows comes from the pack.

    What other apps tell (AI systems of the inventory, acceptances …) wins over what an imported file said of the same.
    """
    found = stored_organisation()
    if not with_systems:
        return found
    told = told_elsewhere()
    merged: dict[str, Any] = {
        name: (*records, *(one for one in getattr(found, name) if one.id not in {record.id for record in records}))
        for name, records in told.items()
        if records
    }
    return _with_lost_systems(at_large(replace(found, **merged), root_slugs()) if merged else found)


def _with_lost_systems(found: Organisation) -> Organisation:
    """Systems that records name and that nobody tells any more, so that what was said of them stays readable."""
    known = {system.id for system in found.systems}
    named = [one.system for records in (found.assignments, found.processes, found.acceptances) for one in records]
    lost = dict.fromkeys(name for name in named if name and name not in known)
    gone = tuple(engine.AiSystem(name, LOST_SYSTEM, stage="retirement") for name in lost)
    return replace(found, systems=(*found.systems, *gone)) if gone else found


def with_root(found: Organisation) -> Organisation:
    """The organisation with its root as a unit like any other: people write its id into tables."""
    known = {unit.id for unit in found.units}
    roots = Unit.objects.filter(slug__in=root_slugs()).exclude(slug__in=known)
    return replace(found, units=(*(engine.Unit(unit.slug, unit.name) for unit in roots), *found.units))


def without_root(found: Organisation) -> Organisation:
    """The organisation as it is kept: what lies in the root lies in no unit."""
    return at_large(found, root_slugs())


def told_elsewhere() -> dict[str, tuple[Any, ...]]:
    """By collection, the records that other apps keep and tell."""
    return {
        "systems": tuple(one for provider in _systems for one in provider()),
        "acceptances": tuple(one for provider in _acceptances for one in provider()),
        "requirement_links": tuple(one for provider in _links for one in provider()),
        "authority_records": tuple(one for provider in _authority for one in provider()),
    }


def without_told(found: Organisation) -> Organisation:
    """The organisation without what other apps keep: taking it in would make second, ageing copies."""
    kept: dict[str, Any] = {
        name: tuple(one for one in getattr(found, name) if one.id not in {record.id for record in records})
        for name, records in told_elsewhere().items()
        if records
    }
    return replace(found, **kept)


def coverage_on(as_of: date) -> Coverage:
    """Coverage of every duty as of a day, from what is recorded."""
    return coverage(organisation(), as_of=as_of)


def current_view(as_of: date) -> Coverage:
    """Coverage as last computed, kept in this process until somebody computes it anew."""
    stored = Setting.objects.filter(key=VERSION_SETTING).values_list("value", flat=True).first()
    if not stored:
        return coverage_on(as_of)
    known = _views.get((str(stored), as_of))
    return known or keep_view(str(stored), coverage_on(as_of))


def keep_view(version: str, view: Coverage) -> Coverage:
    """Keep a view that was just computed; the last few days that were asked for stay, those of older versions go."""
    for key in [key for key in _views if key[0] != version]:
        _views.pop(key, None)
    while len(_views) >= MOST_VIEWS:
        _views.pop(next(iter(_views)), None)
    _views[version, view.as_of] = view
    # A large organisation is some hundred thousand objects that live until the next change. Walking them in every full
    # collection cost pages 130 ms now and then; frozen ones are passed over, and still freed when the view is dropped.
    gc.freeze()
    return view


# Libraries check at the end of the process that everything of theirs was collected.
atexit.register(gc.unfreeze)


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


def visible_scenarios(viewer: Viewer) -> QuerySet[Scenario]:
    """Scenarios of the viewer's units."""
    return visible(Scenario.objects.select_related("unit", "owner", "recorded_by"), viewer)


def visible_tools(viewer: Viewer) -> QuerySet[Tool]:
    """Tools of the viewer's units."""
    return visible(Tool.objects.select_related("unit", "owner"), viewer)


def sees_skills_of(viewer: Viewer, person: str | None) -> bool:
    """Whether the viewer may see what was attested of the person: it is their own, or they may see skills in that unit."""
    if person is None:
        return True
    row = Person.objects.select_related("unit").filter(slug=person).first()
    return row is not None and (row.user_id == viewer.user.pk or viewer.may("skill.view", row.unit.path))


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
    """Roles in which the login's person acts on the day."""
    person = Person.objects.filter(user=user).first()
    return roles_of_person(person, on=on) if person else []


def roles_of_person(person: Person, *, on: date) -> list[Role]:
    """Roles that the person holds on the day, and those of people away for whom they stand in."""
    rows = Holding.objects.filter(person=person).select_related("role", "role__unit")
    held = [row.role for row in rows if in_force(row, on)]
    standing = Delegate.objects.filter(delegate=person).select_related("person", "role", "role__unit")
    for row in standing:
        if in_force(row, on) and not row.duties and row.role not in held and is_away(row.person, on=on):
            held.append(row.role)
    return held


def is_away(person: Person, *, on: date) -> bool:
    """Whether a recorded absence of the person holds on the day; both ends are included."""
    time = WorkingTime.objects.filter(person=person).first()
    day = on.isoformat()
    return time is not None and any(
        one.get("since_on", "") <= day <= (one.get("until_on") or "9999-12-31") for one in time.absences
    )


def stand_ins(person: Person, role_slug: str, *, on: date) -> list[Person]:
    """Who stands in for a holder of the role on the day and is here."""
    rows = Delegate.objects.filter(person=person, role__slug=role_slug, delegate__is_active=True)
    found = [row.delegate for row in rows.select_related("delegate") if in_force(row, on) and not row.duties]
    return [one for one in found if not is_away(one, on=on)]


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
