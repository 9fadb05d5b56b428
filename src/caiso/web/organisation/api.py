"""The API's endpoints for duties, roles and who answers."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Field, Query, Router, Schema

from caiso.engine.coverage.advisor import advise
from caiso.engine.coverage.export import advice_data, crossover_data, deficiencies_data
from caiso.web.base.access import visible
from caiso.web.base.endpoint import ApiRequest, Page, Paging, RowId, Slug, page_of, reads, writes
from caiso.web.base.queries import sees_whole
from caiso.web.organisation import figures, queries
from caiso.web.organisation.difference import Names, shown_live, shown_outcome
from caiso.web.organisation.models import Assignment, Duty, Holding, Role, Scenario
from caiso.web.organisation.scenarios import trial
from caiso.web.organisation.services import answering

router = Router(tags=["organisation"])
SLUG = r"^[-a-zA-Z0-9_.]+$"
State = Literal["covered", "unqualified", "unstaffed", "contested", "unowned"]


class ShortfallOut(Schema):
    """What the accountable role lacks."""

    role: str
    competence: str
    needed: int
    held: int
    assumed: bool


class DutyOut(Schema):
    """A duty and whether somebody fit and free answers for it."""

    id: str
    title: str
    description: str
    family: str
    ai_security: bool
    unit: str
    state: str | None
    reason: str
    accountable: str | None
    holders: list[str]
    shortfalls: list[ShortfallOut]
    since: datetime | None


class DutyFilter(Schema):
    """Which duties."""

    state: State | None = None
    family: str | None = Field(None, max_length=20, pattern=SLUG)
    ai_security: bool | None = None


def show_duty(duty: Duty) -> DutyOut:
    """A duty as the API shows it."""
    found = getattr(duty, "coverage", None)
    return DutyOut(
        id=duty.slug,
        title=duty.title,
        description=duty.description,
        family=duty.family,
        ai_security=duty.is_ai_security,
        unit=duty.unit.slug,
        state=found.state if found else None,
        reason=found.reason if found else "",
        accountable=found.accountable.slug if found and found.accountable else None,
        holders=list(found.holders) if found else [],
        shortfalls=[ShortfallOut(**one) for one in found.shortfalls] if found else [],
        since=found.since if found else None,
    )


@reads(router, "/duties", permission="view", response=Page[DutyOut])
def list_duties(
    request: ApiRequest, asked: Annotated[DutyFilter, Query()], paging: Annotated[Paging, Query()]
) -> Page[DutyOut]:
    """Duties in sight with their states."""
    rows = queries.visible_duties(request.viewer).order_by("slug")
    if asked.state:
        rows = rows.filter(coverage__state=asked.state)
    if asked.family:
        rows = rows.filter(family=asked.family)
    if asked.ai_security is not None:
        rows = rows.filter(is_ai_security=asked.ai_security)
    return page_of(rows, show_duty, paging)


@reads(router, "/duties/{slug}", permission="view", response=DutyOut)
def read_duty(request: ApiRequest, slug: Slug) -> DutyOut:
    """One duty."""
    return show_duty(queries.duty_or_404(request.viewer, slug=slug))


class HolderOut(Schema):
    """Somebody in a role."""

    id: int
    person: str
    name: str
    acting: bool
    since_on: date | None
    until_on: date | None


class RoleOut(Schema):
    """A role with everybody who has held it."""

    id: str
    title: str
    description: str
    unit: str
    template: bool
    confirmed: bool
    competences: dict[str, int]
    capacity_hours: float
    holders: list[HolderOut]


def show_holder(row: Holding) -> HolderOut:
    """A holding as the API shows it."""
    return HolderOut(
        id=row.pk,
        person=row.person.slug,
        name=row.person.name,
        acting=row.is_acting,
        since_on=row.since_on,
        until_on=row.until_on,
    )


def show_role(role: Role) -> RoleOut:
    """A role as the API shows it."""
    return RoleOut(
        id=role.slug,
        title=role.title,
        description=role.description,
        unit=role.unit.slug,
        template=role.is_template,
        confirmed=role.is_confirmed,
        competences=role.competences,
        capacity_hours=role.capacity_hours,
        holders=[show_holder(row) for row in role.holdings.all()],
    )


@reads(router, "/roles", permission="view", response=Page[RoleOut])
def list_roles(request: ApiRequest, paging: Annotated[Paging, Query()]) -> Page[RoleOut]:
    """Roles in sight."""
    return page_of(queries.visible_roles(request.viewer).order_by("slug"), show_role, paging)


@reads(router, "/roles/{slug}", permission="view", response=RoleOut)
def read_role(request: ApiRequest, slug: Slug) -> RoleOut:
    """One role."""
    return show_role(get_object_or_404(queries.visible_roles(request.viewer), slug=slug))


class AssignmentIn(Schema):
    """A role's part in a duty."""

    role: str = Field(max_length=80, pattern=SLUG)
    kind: Literal["R", "A", "C", "I"]
    since_on: date


class AssignmentOut(Schema):
    """A dated part of a role in a duty."""

    id: int
    duty: str
    role: str
    kind: str
    since_on: date | None
    until_on: date | None


def show_assignment(row: Assignment) -> AssignmentOut:
    """An assignment as the API shows it."""
    return AssignmentOut(
        id=row.pk,
        duty=row.duty.slug,
        role=row.role.slug,
        kind=row.kind,
        since_on=row.since_on,
        until_on=row.until_on,
    )


@writes(
    router, "POST", "/duties/{slug}/assignments", permission="organisation.edit", response=AssignmentOut, status=201
)
def assign(request: ApiRequest, slug: Slug, body: AssignmentIn) -> AssignmentOut:
    """Give a role a part in a duty from a day on."""
    duty = get_object_or_404(visible(Duty.objects.all(), request.viewer, "organisation.edit"), slug=slug)
    role = get_object_or_404(queries.visible_roles(request.viewer), slug=body.role)
    row = answering.assign_duty(
        duty, role=role, kind=body.kind, since_on=body.since_on, actor=request.user, now=timezone.now()
    )
    return show_assignment(row)


class AppointmentIn(Schema):
    """A person for a role."""

    person: str = Field(max_length=80, pattern=SLUG)
    since_on: date
    acting: bool = False
    share: float | None = Field(None, gt=0, le=1)


@writes(router, "POST", "/roles/{slug}/holders", permission="organisation.edit", response=HolderOut, status=201)
def appoint(request: ApiRequest, slug: Slug, body: AppointmentIn) -> HolderOut:
    """Let a person hold a role from a day on."""
    role = get_object_or_404(visible(Role.objects.all(), request.viewer, "organisation.edit"), slug=slug)
    person = get_object_or_404(queries.people(request.viewer), slug=body.person)
    row = answering.appoint(
        role,
        person=person,
        since_on=body.since_on,
        is_acting=body.acting,
        share=body.share,
        actor=request.user,
        now=timezone.now(),
    )
    return show_holder(row)


class EndIn(Schema):
    """The last day."""

    last_on: date


@writes(router, "POST", "/assignments/{number}/end", permission="organisation.edit", response=DutyOut)
def end_assignment(request: ApiRequest, number: RowId, body: EndIn) -> DutyOut:
    """Let an assignment run out."""
    rows = visible(
        Assignment.objects.select_related("duty", "role"),
        request.viewer,
        "organisation.edit",
        lookup="duty__unit__path",
    )
    row = get_object_or_404(rows, pk=number)
    answering.end_assignment(row, last_on=body.last_on, actor=request.user, now=timezone.now())
    return show_duty(queries.duty_or_404(request.viewer, pk=row.duty_id))


@writes(router, "POST", "/holders/{number}/end", permission="organisation.edit", response=RoleOut)
def end_holding(request: ApiRequest, number: RowId, body: EndIn) -> RoleOut:
    """Let somebody's time in a role end."""
    rows = visible(
        Holding.objects.select_related("role", "person"), request.viewer, "organisation.edit", lookup="role__unit__path"
    )
    row = get_object_or_404(rows, pk=number)
    answering.end_holding(row, last_on=body.last_on, actor=request.user, now=timezone.now())
    return show_role(queries.role_or_404(request.viewer, row.role_id))


class DayFilter(Schema):
    """On which day; today when left out."""

    as_of: date | None = None


class CoverageOut(Schema):
    """Duties in sight by state, on a day."""

    as_of: date
    total: dict[str, int]
    ai_security: dict[str, int]
    families: dict[str, dict[str, int]]
    stages: dict[str, dict[str, int]]
    systems: dict[str, dict[str, int]]
    units: dict[str, dict[str, int]]


@reads(router, "/organisation/coverage", permission="view", response=CoverageOut)
def read_coverage(request: ApiRequest, asked: Annotated[DayFilter, Query()]) -> CoverageOut:
    """How many duties are in each state, as last computed or on a day."""
    today = timezone.now().date()
    seen = figures.sight(request.viewer, on=asked.as_of) if asked.as_of not in (None, today) else None
    counts = figures.coverage_counts_of(seen) if seen else figures.coverage_counts(request.viewer)
    return CoverageOut(
        as_of=asked.as_of or today,
        systems={one["title"]: one["counts"] for one in figures.systems_in_sight(request.viewer, seen)},
        units={one["title"]: one["counts"] for one in figures.units_in_sight(request.viewer, seen)},
        **{name: counts[name] for name in ("total", "ai_security", "families", "stages")},
    )


class ComputedOut(Schema):
    """A computation as the command prints it, cut to what is in sight."""

    as_of: date
    result: dict[str, Any]


class CrossoverFilter(DayFilter):
    """Which roles to compare; all that carry a duty when left out."""

    role: list[str] = Field([], max_length=150)


@reads(router, "/organisation/crossover", permission="view", response=ComputedOut)
def read_crossover(request: ApiRequest, asked: Annotated[CrossoverFilter, Query()]) -> ComputedOut:
    """Where roles overlap: shared duties, shared topics, regions and the framework's crossovers."""
    seen = _seen(request, asked)
    report = figures.crossover_of(seen, asked.role or figures.carrying_roles(seen))
    return ComputedOut(as_of=seen.view.as_of, result=crossover_data(report))


@reads(router, "/organisation/deficiencies", permission="view", response=ComputedOut)
def read_deficiencies(request: ApiRequest, asked: Annotated[DayFilter, Query()]) -> ComputedOut:
    """What each role lacks for each AI security duty; attested levels only for those who may see skills."""
    seen = _seen(request, asked)
    report = figures.deficiencies_of(seen, attested=sees_whole(request.viewer, "skill.view"))
    return ComputedOut(as_of=seen.view.as_of, result=deficiencies_data(report))


@reads(router, "/organisation/advice", permission="view", response=ComputedOut)
def read_advice(request: ApiRequest) -> ComputedOut:
    """Where the CAISO should report, with the reason for every point, by the profile that is kept."""
    view = queries.current_view(timezone.now().date())
    return ComputedOut(as_of=view.as_of, result=advice_data(advise(view.snapshot.organisation)))


def _seen(request: ApiRequest, asked: DayFilter) -> figures.Sight:
    return figures.sight(request.viewer, on=asked.as_of or timezone.now().date())


class ScenarioOut(Schema):
    """A scenario with its changes in the language of the organisation file."""

    id: int
    name: str
    description: str
    state: Literal["draft", "adopted", "discarded"]
    unit: str
    changes: list[dict[str, Any]]
    decided_by: str
    decided_on: date | None
    reason: str
    updated_at: datetime


def show_scenario(row: Scenario) -> ScenarioOut:
    """A scenario as the API shows it."""
    return ScenarioOut(
        id=row.pk,
        name=row.name,
        description=row.description,
        state=row.state,  # type: ignore[arg-type]  # one of the model's choices
        unit=row.unit.slug,
        changes=row.changes,
        decided_by=row.decided_by,
        decided_on=row.decided_on,
        reason=row.reason,
        updated_at=row.updated_at,
    )


@reads(router, "/organisation/scenarios", permission="view", response=Page[ScenarioOut])
def list_scenarios(request: ApiRequest, paging: Annotated[Paging, Query()]) -> Page[ScenarioOut]:
    """Scenarios in sight, the last changed first."""
    return page_of(queries.visible_scenarios(request.viewer), show_scenario, paging)


class DifferenceOut(Schema):
    """Before and after; titles and counts of what is in sight. `refusal` says why the changes do not apply."""

    refusal: str
    difference: dict[str, Any] | None


@reads(router, "/organisation/scenarios/{number}/difference", permission="view", response=DifferenceOut)
def read_difference(request: ApiRequest, number: RowId) -> DifferenceOut:
    """What the scenario closes, breaks, loads and costs."""
    row = get_object_or_404(queries.visible_scenarios(request.viewer), pk=number)
    today = timezone.now().date()
    seen = figures.sight(request.viewer, on=today)
    people = frozenset(queries.people(request.viewer).values_list("slug", flat=True))
    if row.state == Scenario.State.ADOPTED:
        names = Names(seen, people, seen.view.snapshot.organisation)
        whole = sees_whole(request.viewer, "view")
        return DifferenceOut(refusal="", difference=shown_outcome(row, names, whole=whole))
    found = trial(row, on=today)
    if found.difference is None:
        return DifferenceOut(refusal=found.refusal, difference=None)
    names = Names(seen, people, found.difference.applied.organisation)
    return DifferenceOut(refusal="", difference=shown_live(found.difference, names))
