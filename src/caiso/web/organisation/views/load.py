"""Where it hurts: roles that nobody fills or that ask too much, people who stand alone, duties that should be apart."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from caiso.engine.coverage.load import hours_text
from caiso.engine.coverage.segregation import Conflict, Dependency, conflicts, dependencies
from caiso.web.base.access import visible
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.models import Task
from caiso.web.organisation import figures, queries
from caiso.web.organisation.figures import Sight
from caiso.web.organisation.views.as_of import day_asked

MOST_ROWS = 200


@page("view")
@require_GET
def load(request: PageRequest) -> HttpResponse:
    """Load of roles and people, dependency on single people, and conflicts of duties, on any day."""
    day = day_asked(request)
    seen = figures.sight(request.viewer, on=day.on)
    people = frozenset(queries.people(request.viewer).order_by().values_list("slug", flat=True))
    roles = _roles(seen, _waiting(request) if day.is_today else Counter())
    busy = _people(seen, people)
    alone = [_dependency(one, seen) for one in dependencies(seen.view.snapshot) if one.role in seen.roles]
    apart = [
        _conflict(one, seen)
        for one in conflicts(seen.view.snapshot)
        if all(role in seen.roles for role in one.roles) and (one.holder == "role" or one.name in people)
    ]
    context = {
        "day": day,
        "has_roles": bool(seen.roles),
        "vacant": sum(1 for one in roles if one["state"] == "Vacant"),
        "over": sum(1 for one in roles if one["state"] == "Past capacity"),
        "roles": roles[:MOST_ROWS],
        "people": busy[:MOST_ROWS],
        "people_over": sum(1 for one in busy if one["over"]),
        "alone": [one for one in alone if one["duties"]][:MOST_ROWS],
        "conflicts": apart[:MOST_ROWS],
        "crumbs": [{"label": "Load and conflicts"}],
    }
    return render(request, "organisation/load.html", context)


def _waiting(request: PageRequest) -> Counter[str]:
    """Open tasks in sight that wait for a role and for nobody by name."""
    rows = visible(Task.objects.filter(state=Task.State.OPEN, assignee=None).exclude(role_slug=""), request.viewer)
    return Counter(rows.values_list("role_slug", flat=True))


def _roles(seen: Sight, waiting: Mapping[str, int]) -> list[dict[str, Any]]:
    """Roles that carry something: those whose lack hurts most first, then those nobody fills, then the fullest."""
    snapshot, found = seen.view.snapshot, []
    hurt: dict[str, list[str]] = {}
    for one in seen.view.duties:
        for scope in one.scopes:
            if scope.state == "unstaffed" and one.duty.id in seen.duties:
                hurt.setdefault(scope.accountable[0], []).append(one.duty.id)
    for name, role in seen.roles.items():
        known = seen.view.loads.get(name)
        if known is None or not (known.demands or known.capacity_hours or waiting.get(name)):
            continue
        seats = snapshot.seats.get(name, [])
        state = "Fits"
        if not seats:
            state = "Vacant"
        elif not snapshot.staffed(name):
            state = "Away"
        elif known.overloaded:
            state = "Past capacity"
        found.append(
            {
                "title": role.title,
                "url": role.get_absolute_url(),
                "holders": [seat.person.name for seat in seats],
                "asked": hours_text(known.demand_hours),
                "has": hours_text(known.capacity_hours),
                "use": known.use or 0.0,
                "state": state,
                "tone": {"Fits": "good", "Past capacity": "high"}.get(state, "bad"),
                "waiting": waiting.get(name, 0),
                "hurt": [_duty(duty, seen) for duty in dict.fromkeys(hurt.get(name, ()))],
            }
        )
    order = {"Vacant": 0, "Away": 1, "Past capacity": 2, "Fits": 3}
    return sorted(found, key=lambda one: (-len(one["hurt"]), order[one["state"]], -one["use"], one["title"]))


def _people(seen: Sight, people: frozenset[str]) -> list[dict[str, Any]]:
    snapshot = seen.view.snapshot
    rows = sorted(seen.view.people.values(), key=lambda one: (-(one.demand_hours - one.capacity_hours), one.person))
    return [
        {
            "slug": one.person,
            "name": snapshot.people[one.person].name,
            "roles": [seen.title(role) for role in one.roles if role in seen.roles],
            "asked": hours_text(one.demand_hours),
            "has": hours_text(one.capacity_hours),
            "over": one.overloaded,
        }
        for one in rows
        if one.person in people
    ]


def _duty(slug: str, seen: Sight) -> dict[str, str]:
    return {"title": seen.title(slug), "url": seen.duties[slug].get_absolute_url()}


def _dependency(one: Dependency, seen: Sight) -> dict[str, Any]:
    return {
        "name": seen.view.snapshot.people[one.person].name,
        "role": seen.roles[one.role],
        "security": sum(1 for duty in one.ai_security if duty in seen.duties),
        "duties": [_duty(duty, seen) for duty in one.duties if duty in seen.duties],
    }


def _conflict(one: Conflict, seen: Sight) -> dict[str, Any]:
    rules = {rule.id: rule for rule in seen.view.snapshot.organisation.conflict_rules}
    return {
        "rule": rules[one.rule],
        "roles": [seen.roles[role] for role in one.roles],
        "reason": one.reason,
    }
