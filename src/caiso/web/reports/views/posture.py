"""The Monday page: what matters and what to do, in a minute."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from caiso.web.base.access import Viewer
from caiso.web.base.guard import PageRequest, page
from caiso.web.reports import queries
from caiso.web.reports.queries.burning import burning
from caiso.web.reports.queries.changes import changed
from caiso.web.reports.queries.deadlines import due
from caiso.web.reports.queries.decisions import to_decide
from caiso.web.reports.queries.headline import headline
from caiso.web.reports.queries.systems import systems
from caiso.web.reports.queries.tiles import tiles
from caiso.web.reports.queries.trends import Figure, alerts_chart, shares_chart, trends
from caiso.web.reports.start import asks_first


@page("view")
def posture(request: PageRequest) -> HttpResponse:
    """Six figures, what burns, waits and is due, the AI systems, and where it is all going; each opens to its records."""
    viewer = request.viewer
    is_new = asks_first(viewer) or (not queries.has_anything() and viewer.may("organisation.edit"))
    if is_new and "stay" not in request.GET:
        return redirect("start")
    now, with_soc = timezone.now(), viewer.may("soc.view")
    found = trends(viewer, now=now)
    sections = [to_decide(viewer), due(viewer, now=now)]
    if with_soc:
        sections.insert(0, burning(viewer, now=now))
    context = {
        "crumbs": [{"label": "Posture"}],
        "headline": headline(sections, now=now),
        "tiles": tiles(viewer, found),
        "sections": sections,
        "systems": systems(viewer),
        "changed": changed(viewer, now=now),
        "alerts": alerts_chart(viewer, now=now) if with_soc else None,
        "shares": shares_chart(found, now=now, figures=_lines(viewer)),
        "today": timezone.localdate(now),
    }
    return render(request, "reports/posture.html", context)


def _lines(viewer: Viewer) -> dict[str, str]:
    """The lines of the chart that the viewer may see."""
    lines: dict[str, str] = {
        Figure.SYSTEMS: "Systems owned",
        Figure.DUTIES: "Duties covered",
        Figure.CONTROLS: "Controls effective",
    }
    if viewer.may("soc.view"):
        lines[Figure.TECHNIQUES] = "Attacks seen"
    return lines
