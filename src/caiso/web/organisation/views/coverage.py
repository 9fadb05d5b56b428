"""The coverage page and the first steps towards an organisation."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from caiso.engine.coverage.organisation import built_in, default_organisation
from caiso.errors import DomainError
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.models import Unit
from caiso.web.organisation import figures, queries
from caiso.web.organisation.models import Duty, Holding
from caiso.web.organisation.registers import FAMILY_NAMES, STATE_TONES
from caiso.web.organisation.services.catalogue import take_organisation
from caiso.web.organisation.views.as_of import day_asked

MOST_BARS = 50
MOST_OPEN = 200
STARTS = {"default": "default catalogue", "three-officers": "default catalogue with CAIO, CTO and CISO"}


@page("view")
@require_GET
def coverage(request: PageRequest) -> HttpResponse:
    """Who answers for AI security: by state, family, lifecycle stage, AI system and unit, on any day, and how that changed."""
    day = day_asked(request)
    seen = None if day.is_today else figures.sight(request.viewer, on=day.on)
    counts = figures.coverage_counts_of(seen) if seen else figures.coverage_counts(request.viewer)
    total, ai_security = counts["total"], counts["ai_security"]
    is_empty = not Duty.objects.exists()
    links = day.is_today  # the register of duties knows today only
    context = {
        "day": day,
        "is_empty": is_empty,
        "may_start": may_replace(request) and (is_empty or not Holding.objects.exists()),
        "may_exchange": may_replace(request),
        "starts": STARTS.items(),
        "total": total.total(),
        "ai_tile": {
            "covered": ai_security["covered"],
            "of": f"of {ai_security.total()}",
            "total": ai_security.total(),
            "url": f"{reverse('duties_list')}?ai_security=yes" if links else "",
        },
        "tiles": [_tile(state, label, total, links=links) for state, label in queries.STATES],
        "families": [
            _bar(FAMILY_NAMES.get(name, name), one, f"family={name}" if links else "")
            for name, one in sorted(counts["families"].items())
        ],
        "stages": [
            _bar(name.capitalize(), one, f"stages={name}" if links else "") for name, one in counts["stages"].items()
        ],
        "systems": _bars(figures.systems_in_sight(request.viewer, seen)),
        "units": _bars(figures.units_in_sight(request.viewer, seen)),
        "open": figures.not_covered(seen)[:MOST_OPEN] if seen else [],
        "trend": figures.trend(counts["slugs"]),
        "crumbs": [{"label": "Coverage"}],
    }
    return render(request, "organisation/coverage.html", context)


def _bars(found: "list[dict[str, Any]]") -> list[dict[str, Any]]:
    return [_bar(one["title"], one["counts"], "") for one in found[:MOST_BARS]]


def _tile(state: str, label: str, total: "Counter[str]", *, links: bool) -> dict[str, Any]:
    return {
        "label": label,
        "value": total[state],
        "of": f"of {total.total()}",
        "url": f"{reverse('duties_list')}?state={state}" if links else "",
        "tone": STATE_TONES[state] if total[state] else "",
    }


def _bar(label: str, counts: Mapping[str, int], query: str) -> dict[str, Any]:
    """One line of a breakdown: covered of how many, and what is not."""
    size = sum(counts.values())
    open_states = [
        {
            "count": counts[state],
            "label": name.lower(),
            "tone": STATE_TONES[state],
            "url": f"{reverse('duties_list')}?{query}&state={state}" if query else "",
        }
        for state, name in queries.STATES
        if state != "covered" and counts.get(state)
    ]
    url = f"{reverse('duties_list')}?{query}" if query else ""
    return {"label": label, "covered": counts.get("covered", 0), "size": size, "open": open_states, "url": url}


@page("organisation.edit")
@require_POST
def organisation_start(request: PageRequest) -> HttpResponse:
    """Take in a shipped organisation."""
    name = request.POST.get("name", "")
    if name not in STARTS or not may_replace(request):
        raise Http404
    if Holding.objects.exists():
        messages.error(request, "People hold roles already: change them one by one, or import a file.")
        return redirect("coverage")
    chosen = default_organisation() if name == "default" else built_in(name)
    try:
        take_organisation(chosen, root=root_unit(), actor=request.user, now=timezone.now())
        messages.success(request, f"Taken in: {len(chosen.duties)} duties and {len(chosen.roles)} roles.")
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("coverage")


def root_unit() -> Unit:
    """The whole organisation; 404 before there is one."""
    found = Unit.objects.filter(parent=None).order_by("is_demo").first()
    if found is None:
        raise Http404
    return found


def may_replace(request: PageRequest) -> bool:
    """Whether the viewer may change the organisation as a whole."""
    root = Unit.objects.filter(parent=None).order_by("is_demo").first()
    return root is not None and request.viewer.may("organisation.edit", root.path)
