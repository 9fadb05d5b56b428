"""My duties: what the signed-in person answers for, and whether the week is long enough."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from caiso.web.base.guard import PageRequest, page
from caiso.web.base.models import Person
from caiso.web.organisation import queries
from caiso.web.organisation.models import Assignment, Role
from caiso.web.organisation.registers import STATE_TONES, shortfall_words


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
        "roles": [_role(role, request, totals) for role in roles],
        "load": load,
        "over": bool(load and load["demand"] > load["capacity"]),
        "crumbs": [{"label": "My duties"}],
    }
    return render(request, "organisation/my_duties.html", context)


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
