"""What the organisation adds to the page frame: navigation, search, live topics, links between records."""

from collections.abc import Iterable
from functools import partial

from django.db.models import Max, Q
from django.urls import reverse
from django.utils import timezone

from caiso.web.base import live, navigation, search
from caiso.web.base.access import Viewer, visible
from caiso.web.base.models import Person, User
from caiso.web.base.queries import register_roles_of
from caiso.web.base.record import Link, LinkGroup, relate
from caiso.web.organisation import queries
from caiso.web.organisation.models import Assignment, Duty, DutyCoverage, Holding, Role
from caiso.web.organisation.registers import STATE_TONES

SECTION = "Organisation"


def join_frame() -> None:
    """Called once by the app at start-up."""
    item = partial(navigation.Item, section=SECTION)
    navigation.add(
        navigation.Item("My duties", "my_duties", icon="user-check", order=25),
        item("Coverage", "coverage", icon="layout-dashboard", order=10, key="o", group="Coverage"),
        item("Crossover", "crossover", icon="circles", order=12, group="Coverage"),
        item("Deficiencies", "deficiencies", icon="grid-dots", order=14, group="Coverage"),
        item("Duties", "duties_list", icon="checklist", order=20, key="d", count=_not_covered),
        item("Roles", "roles_list", icon="id-badge-2", order=30, group="Roles"),
        item("Chart", "organisation_chart", icon="sitemap", order=32, group="Roles"),
        item("Authority", "authority", icon="gavel", order=34, group="Roles"),
        item("Load and conflicts", "load", icon="bolt", order=36, group="Roles"),
        item("Skills", "skills", icon="certificate", order=42, permission="skill.view", group="People"),
        item("Scenarios", "scenarios_list", icon="git-branch", order=50, group="Scenarios"),
        item("Reporting lines", "advisor", icon="arrows-split", order=52, group="Scenarios"),
        item("Silos and tools", "silos", icon="adjustments", order=54, group="Scenarios"),
    )
    search.register("duties", "Duties", _find_duties)
    search.register("roles", "Roles", _find_roles)
    live.register(live.Topic("coverage", _newest))
    register_roles_of(_roles_of)
    relate("Person", _links_of_person)


def _roles_of(user: User) -> Iterable[str]:
    return [role.slug for role in queries.roles_of(user, on=timezone.now().date())]


def _not_covered(viewer: Viewer) -> int:
    rows = visible(Duty.objects.filter(is_ai_security=True), viewer)
    return rows.exclude(coverage__state="covered").count()


def _find_duties(viewer: Viewer, text: str, limit: int) -> Iterable[search.Result]:
    rows = visible(Duty.objects.select_related("coverage"), viewer)
    for duty in rows.filter(Q(title__icontains=text) | Q(slug__icontains=text))[:limit]:
        note = duty.coverage.state if hasattr(duty, "coverage") else ""
        yield search.Result(duty.title, duty.get_absolute_url(), note, icon="checklist")


def _find_roles(viewer: Viewer, text: str, limit: int) -> Iterable[search.Result]:
    for role in visible(Role.objects.all(), viewer).filter(Q(title__icontains=text) | Q(slug__icontains=text))[:limit]:
        yield search.Result(role.title, role.get_absolute_url(), role.slug, icon="id-badge-2")


def _newest(viewer: Viewer | None) -> object:
    return DutyCoverage.objects.aggregate(at=Max("computed_at"))["at"]


def _links_of_person(person: Person, viewer: Viewer) -> Iterable[LinkGroup]:
    today = timezone.now().date()
    rows = Holding.objects.filter(person=person, role__in=visible(Role.objects.all(), viewer)).select_related("role")
    held = [row for row in rows if queries.in_force(row, today)]
    roles = tuple(Link(row.role.title, row.role.get_absolute_url(), "acting" if row.is_acting else "") for row in held)
    yield LinkGroup("Roles held", roles, url=reverse("person_duties", args=[person.slug]) if roles else "")
    owned = Assignment.objects.filter(role__in=[row.role_id for row in held], kind=Assignment.Kind.ACCOUNTABLE)
    seen = visible(Duty.objects.select_related("coverage"), viewer).filter(assignments__in=owned).distinct()
    duties = tuple(_duty_link(duty) for duty in seen[:8])
    yield LinkGroup("Accountable for", duties, seen.count(), reverse("person_duties", args=[person.slug]))


def _duty_link(duty: Duty) -> Link:
    state = duty.coverage.state if hasattr(duty, "coverage") else ""
    return Link(duty.title, duty.get_absolute_url(), state, STATE_TONES.get(state, "unknown"))
