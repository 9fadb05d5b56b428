"""My duties: what the signed-in person answers for, and whether the week is long enough."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from caiso.errors import DomainError
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.models import Person
from caiso.web.organisation import queries
from caiso.web.organisation.forms.answering import AwayForm
from caiso.web.organisation.models import Assignment, Role
from caiso.web.organisation.registers import STATE_TONES, shortfall_words
from caiso.web.organisation.services import absence
from caiso.web.organisation.views.form_page import run_form


@page("view")
@require_GET
def my_duties(request: PageRequest) -> HttpResponse:
    """Roles that I hold, the duties that come with them, my load and what I lack."""
    today = timezone.now().date()
    person = Person.objects.filter(user=request.user).first()
    roles = queries.roles_of(request.user, on=today)
    totals = queries.latest_totals()
    load = totals.get("people", {}).get(person.slug) if person else None
    context = {
        "person": person,
        "away": person is not None and queries.is_away(person, on=today),
        "roles": [_role(role, request, totals) for role in roles],
        "load": load,
        "over": bool(load and load["demand"] > load["capacity"]),
        "crumbs": [{"label": "My duties"}],
    }
    return render(request, "organisation/my_duties.html", context)


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


def _role(role: Role, request: PageRequest, totals: dict[str, Any]) -> dict[str, Any]:
    today = timezone.now().date()
    mine = [
        row
        for row in Assignment.objects.filter(role=role, kind__in="AR").select_related("duty", "duty__coverage")
        if queries.in_force(row, today)
    ]
    beyond = set(totals.get("loads", {}).get(role.slug, {}).get("beyond", []))
    return {
        "role": role,
        "duties": [_duty(row, beyond) for row in sorted(mine, key=lambda row: (row.kind, row.duty.priority))],
    }


def _duty(row: Assignment, beyond: set[str]) -> dict[str, Any]:
    state = getattr(row.duty, "coverage", None)
    return {
        "duty": row.duty,
        "as": row.get_kind_display(),
        "state": dict(queries.STATES).get(state.state, "") if state else "Not computed",
        "tone": STATE_TONES.get(state.state, "unknown") if state else "unknown",
        "missing": shortfall_words(state.shortfalls) if state else [],
        "beyond": row.duty.slug in beyond,
    }
