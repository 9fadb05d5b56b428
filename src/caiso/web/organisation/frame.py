"""What the organisation adds to the page frame: navigation, search, live topics, links between records."""

from collections.abc import Iterable

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
    navigation.add(
        navigation.Item("My duties", "my_duties", icon="user-check", order=25),
        navigation.Item("Coverage", "coverage", icon="layout-dashboard", section=SECTION, order=10, key="o"),
        navigation.Item(
            "Duties", "duties_list", icon="checklist", section=SECTION, order=20, key="d", count=_not_covered
        ),
        navigation.Item("Roles", "roles_list", icon="id-badge-2", section=SECTION, order=30),
        navigation.Item("Chart", "organisation_chart", icon="sitemap", section=SECTION, order=40),
        navigation.Item("Crossover", "crossover", icon="circles", section=SECTION, order=50),
        navigation.Item("Deficiencies", "deficiencies", icon="grid-dots", section=SECTION, order=60),
        navigation.Item("Load and conflicts", "load", icon="bolt", section=SECTION, order=65),
        navigation.Item("Scenarios", "scenarios_list", icon="git-branch", section=SECTION, order=70),
        navigation.Item("Reporting", "advisor", icon="arrows-split", section=SECTION, order=80),
        navigation.Item("Authority", "authority", icon="gavel", section=SECTION, order=90),
        navigation.Item("Skills", "skills", icon="certificate", section=SECTION, order=100, permission="skill.view"),
        navigation.Item("Silos and tools", "silos", icon="adjustments", section=SECTION, order=110),
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
