"""My duties: what the signed-in person answers for, and whether the week is long enough."""

from datetime import date
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from caiso.engine.coverage.load import hours_text
from caiso.engine.coverage.skills import courses_for
from caiso.errors import DomainError
from caiso.web.base.access import visible
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.models import Person
from caiso.web.organisation import queries
from caiso.web.organisation.forms.answering import AwayForm
from caiso.web.organisation.models import Assignment, Role
from caiso.web.organisation.registers import STATE_TONES
from caiso.web.organisation.services import absence
from caiso.web.organisation.views.form_page import run_form


@page("view")
@require_GET
def my_duties(request: PageRequest) -> HttpResponse:
    """Roles that I hold, the duties that come with them, my load and what I lack."""
    person = Person.objects.filter(user=request.user).first()
    context = _page_of(request, person, mine=True) if person else {"person": None, "mine": True}
    return render(request, "organisation/my_duties.html", {**context, "crumbs": [{"label": "My duties"}]})


@page("view")
@require_GET
def person_duties(request: PageRequest, slug: str) -> HttpResponse:
    """The same page about somebody else in sight; what was attested of them only for those who may see skills."""
    person = visible(Person.objects.select_related("unit"), request.viewer).filter(slug=slug, is_active=True).first()
    if person is None:
        raise Http404
    if person.user_id == request.user.pk:
        return redirect("my_duties")
    crumbs = [{"label": person.name, "url": reverse("person", args=[person.slug])}, {"label": "Duties"}]
    context = {**_page_of(request, person, mine=False), "crumbs": crumbs}
    return render(request, "organisation/my_duties.html", context)


def _page_of(request: PageRequest, person: Person, *, mine: bool) -> dict[str, Any]:
    today = timezone.now().date()
    totals = queries.latest_totals()
    load = totals.get("people", {}).get(person.slug)
    roles = queries.roles_of_person(person, on=today)
    sight = set(queries.visible_duties(request.viewer).order_by().values_list("pk", flat=True))
    found = [_role(role, request, totals, person=person, sight=sight) for role in roles]
    may_edit = request.viewer.may("organisation.edit", person.unit.path)
    return {
        "person": person,
        "mine": mine,
        "away": queries.is_away(person, on=today),
        "may_record": mine or may_edit,
        "may_see_skills": queries.sees_skills_of(request.viewer, person.slug),
        "roles": [one for one in found if mine or one["is_seen"]],
        "load": load,
        "asked": hours_text(load["demand"]) if load else "",
        "has": hours_text(load["capacity"]) if load else "",
        "over": bool(load and load["demand"] > load["capacity"]),
        "gaps": _gaps(person, roles, today) if queries.sees_skills_of(request.viewer, person.slug) else [],
    }


def _gaps(person: Person, roles: list[Role], today: date) -> list[dict[str, Any]]:
    """What the duties of the person's roles ask at most, beside what was attested of the person; worst first."""
    snapshot = queries.current_view(today).snapshot
    known = snapshot.people.get(person.slug)
    held = {skill.competence: skill.level for skill in known.skills if skill.attested(today)} if known else {}
    asked: dict[str, tuple[int, str]] = {}
    mine = {role.slug for role in roles}
    for duty, assignments in snapshot.assignments.items():
        if any(one.role in mine and one.kind == "A" for one in assignments):
            for competence, needed in snapshot.duties[duty].requires.items():
                asked[competence] = max(asked.get(competence, (0, "")), (needed, snapshot.duties[duty].title))
    trainings = snapshot.organisation.trainings
    found = []
    for competence, (needed, duty) in asked.items():
        level: int | None = held.get(competence)
        courses = courses_for(trainings, competence, held=level, needed=needed) if level is not None else ()
        title = snapshot.competences[competence].title if competence in snapshot.competences else competence
        missing = None if level is None else max(0, needed - level)
        found.append(
            {
                "competence": title,
                "needed": needed,
                "held": level,
                "missing": missing,
                "duty": duty,
                "courses": [one.title for one in courses] if missing else [],
            }
        )
    return sorted(found, key=lambda one: (-(one["missing"] or 0), one["missing"] is not None, one["competence"]))


@page("view")
@require_http_methods(["GET", "POST"])
def person_away(request: PageRequest, slug: str) -> HttpResponse:
    """Record when somebody is away: one's own absence, or that of somebody in a unit that one may change."""
    person = _reachable(request, slug)

    def save(values: dict[str, Any]) -> None:
        absence.record_absence(person, **values, actor=request.user, now=timezone.now())

    return run_form(
        request,
        AwayForm(request.POST or None),
        save,
        title="Record absence",
        about=person.name,
        back=reverse("my_duties") if person.user_id == request.user.pk else reverse("person", args=[person.slug]),
        said="Recorded: what comes to the person now goes to who stands in.",
    )


@page("view")
@require_POST
def person_back(request: PageRequest, slug: str) -> HttpResponse:
    """The person is here again from today on."""
    person = _reachable(request, slug)
    now = timezone.now()
    try:
        absence.end_absence(person, on=now.date(), actor=request.user, now=now)
        messages.success(request, "Welcome back: the absence has ended.")
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("my_duties") if person.user_id == request.user.pk else redirect("person", person.slug)


def _reachable(request: PageRequest, slug: str) -> Person:
    """Oneself, or somebody in a unit where the viewer may change the organisation; else nobody."""
    person = Person.objects.select_related("unit").filter(slug=slug, is_active=True).first()
    if person is None or not (
        person.user_id == request.user.pk or request.viewer.may("organisation.edit", person.unit.path)
    ):
        raise Http404
    return person


def _role(
    role: Role, request: PageRequest, totals: dict[str, Any], *, person: Person, sight: set[int]
) -> dict[str, Any]:
    today = timezone.now().date()
    held = [
        row
        for row in Assignment.objects.filter(role=role, kind__in="AR").select_related("duty", "duty__coverage")
        if queries.in_force(row, today)
    ]
    beyond = set(totals.get("loads", {}).get(role.slug, {}).get("beyond", []))
    holding = next((row for row in role.holdings.filter(person=person) if queries.in_force(row, today)), None)
    return {
        "role": role,
        "is_seen": request.viewer.may("view", role.unit.path),
        "stands_in": holding is None,
        "acting": holding is not None and holding.is_acting,
        "duties": [
            _duty(row, beyond, is_seen=row.duty_id in sight)
            for row in sorted(held, key=lambda row: (row.kind, row.duty.priority, row.duty.title))
        ],
    }


def _duty(row: Assignment, beyond: set[str], *, is_seen: bool) -> dict[str, Any]:
    state = getattr(row.duty, "coverage", None)
    return {
        "duty": row.duty,
        "url": row.duty.get_absolute_url() if is_seen else "",
        "as": row.get_kind_display(),
        "state": dict(queries.STATES).get(state.state, "") if state else "Not computed",
        "tone": STATE_TONES.get(state.state, "unknown") if state else "unknown",
        "reason": state.reason if state and state.state != "covered" else "",
        "beyond": row.duty.slug in beyond,
    }
