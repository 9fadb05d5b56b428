"""The Monday page: what matters and what to do, in a minute."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from caiso.web.base.guard import PageRequest, page
from caiso.web.reports import queries


@page("view")
def posture(request: PageRequest) -> HttpResponse:
    """Six figures and four lists, each opening to its records."""
    if not queries.has_anything() and "stay" not in request.GET and request.viewer.may("organisation.edit"):
        try:
            return redirect(reverse("start"))
        except NoReverseMatch:
            pass
    now, viewer = timezone.now(), request.viewer
    sections = [queries.to_decide(viewer), queries.due(viewer, now=now)]
    if viewer.may("soc.view"):
        sections.insert(0, queries.burning(viewer, now=now))
    context = {
        "crumbs": [{"label": "Posture"}],
        "tiles": queries.tiles(viewer, now=now),
        "sections": sections,
        "changed": queries.changed(viewer, now=now),
        "month": queries.month(viewer, now=now) if viewer.may("soc.view") else None,
        "now": now,
    }
    return render(request, "reports/posture.html", context)
