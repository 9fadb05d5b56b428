"""Pages of figures: crossover of roles, deficiency heat map, organisation chart; each place opens its records."""

from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from caiso.engine.coverage.deficiencies import Cell
from caiso.engine.coverage.figures import Box, Euler, Upset, chart_svg, euler_svg, heat_svg, upset_svg
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.queries import sees_whole
from caiso.web.organisation import figures, pictures
from caiso.web.organisation.figures import Sight
from caiso.web.organisation.views.as_of import day_asked

ROLES_AT_FIRST = 3
MOST_ROLES = 12
HEAT_STEP = 5
WIDEST_THAT_FITS = 1500
HEAT_ROLES = 25
HEAT_DUTIES = 40
FINDING_TONES = {"open": "bad", "strained": "warn", "closed": "good", "absent": "neutral"}


@page("view")
@require_GET
def crossover(request: PageRequest) -> HttpResponse:
    """Where roles carry the same duties; every field opens its duties."""
    day = day_asked(request)
    seen = figures.sight(request.viewer, on=day.on)
    carrying = figures.carrying_roles(seen)
    chosen = _chosen(request, carrying)
    drawn, columns = figures.overlap_figure(seen, chosen)
    report = figures.crossover_of(seen, chosen)
    topics = {topic.id: topic.title for topic in seen.view.snapshot.organisation.topics}
    context = {
        "choices": [{"slug": role, "title": seen.title(role), "on": role in chosen} for role in carrying[:150]],
        "euler": _euler(drawn, seen) if drawn else None,
        "upset": _upset(columns, seen) if columns else None,
        "regions": [_region(region, seen) for region in report.regions if region.duties],
        "overlaps": [
            {
                "titles": [seen.title(role) for role in one.roles],
                "duties": len(one.duties),
                "jaccard": f"{one.jaccard:.2f}",
                "topics": ", ".join(topics.get(name, name) for name in one.topics),
                "contested": [_duty(slug, seen) for slug in one.contested],
            }
            for one in report.overlaps
            if one.duties
        ],
        "topic_only": [
            {
                "titles": [seen.title(role) for role in one.roles],
                "topics": ", ".join(topics.get(name, name) for name in one.topics),
            }
            for one in report.overlaps
            if one.topics and not one.duties
        ],
        "findings": [
            {
                "row": one,
                "tone": "info" if one.found else "neutral",
                "titles": [seen.title(r) for r in one.crossover.roles],
                "shared": ", ".join(topics.get(name, name) for name in one.shared),
                "missing": ", ".join(topics.get(name, name) for name in one.missing),
            }
            for one in report.findings
        ],
        "day": day,
        "keep": [("role", role) for role in chosen],
        "query": "&".join(filter(None, (*(f"role={role}" for role in chosen), day.query))),
        "back": "&".join(f"role={role}" for role in chosen),
        "crumbs": [{"label": "Crossover"}],
    }
    return render(request, "organisation/crossover.html", context)


def _chosen(request: PageRequest, carrying: list[str]) -> list[str]:
    asked = [role for role in dict.fromkeys(request.GET.getlist("role")) if role in carrying]
    return sorted(asked[:MOST_ROLES] or carrying[:ROLES_AT_FIRST])


def _duty(slug: str, seen: Sight) -> dict[str, str]:
    return {"title": seen.title(slug), "url": seen.duties[slug].get_absolute_url()}


def _anchor(roles: tuple[str, ...]) -> str:
    return "region-" + "-and-".join(roles)


def _region(region: Any, seen: Sight) -> dict[str, Any]:
    return {
        "anchor": _anchor(tuple(sorted(region.roles))),
        "titles": [seen.title(role) for role in region.roles],
        "duties": [_duty(slug, seen) for slug in region.duties],
        "topics": region.topics,
    }


def _euler(drawn: Euler, seen: Sight) -> dict[str, Any]:
    return {
        "box": f"0 0 {drawn.width:.0f} {drawn.height:.0f}",
        "shapes": [{"row": shape, "title": seen.title(shape.name), "place": n} for n, shape in enumerate(drawn.shapes)],
        "fields": [
            {
                "row": field,
                "count": len(field.items),
                "label": f"{len(field.items)} of {' and '.join(seen.title(name) for name in field.names)}",
                "anchor": _anchor(tuple(sorted(field.names))),
            }
            for field in drawn.fields
        ],
        "proportional": drawn.proportional,
    }


def _upset(columns: Upset, seen: Sight) -> dict[str, Any]:
    tallest = max((len(items) for _, items in columns.columns), default=1)
    return {
        "rows": [
            {"title": seen.title(name), "size": size, "dots": [name in group for group, _ in columns.columns[:40]]}
            for name, size in columns.sets
        ],
        "columns": [
            {
                "count": len(items),
                "height": round(100 * len(items) / tallest),
                "top": 100 - round(100 * len(items) / tallest),
                "anchor": _anchor(tuple(sorted(group))),
                "label": " and ".join(seen.title(name) for name in group),
            }
            for group, items in columns.columns[:40]
        ],
        "hidden": max(0, len(columns.columns) - 40),
    }


@page("view")
@require_GET
def deficiency_map(request: PageRequest) -> HttpResponse:
    """Role against AI security duty: how many levels of competence are missing."""
    day = day_asked(request)
    seen = figures.sight(request.viewer, on=day.on)
    attested = sees_whole(request.viewer, "skill.view")
    report = figures.deficiencies_of(seen, attested=attested)
    by_place = {(cell.role, cell.duty): cell for cell in report.cells}
    roles = Paginator(report.roles, HEAT_ROLES).get_page(request.GET.get("roles"))
    duties = Paginator(report.duties, HEAT_DUTIES).get_page(request.GET.get("duties"))
    first = duties.start_index()
    context = {
        "heat": {
            "columns": [str(first + number) for number in range(len(duties))],
            "rows": [
                {
                    "label": seen.title(role),
                    "cells": [_cell(by_place[role, duty], seen) for duty in duties],
                }
                for role in roles
            ],
        },
        "roles_page": roles,
        "duties_page": duties,
        "duties": [{"number": first + number, **_duty(slug, seen)} for number, slug in enumerate(duties)],
        "findings": [
            {
                "row": one,
                "role": seen.title(one.deficiency.role),
                "tone": FINDING_TONES[one.status],
                "exposed": [_duty(slug, seen) for slug in one.exposed if slug in seen.duties],
                "covered_by": [seen.title(role) for role in one.covered_by],
            }
            for one in report.findings
        ],
        "open": len(report.open),
        "day": day,
        "attested": attested,
        "crumbs": [{"label": "Deficiencies"}],
    }
    return render(request, "organisation/deficiencies.html", context)


def _cell(cell: Cell, seen: Sight) -> dict[str, Any]:
    lacks = ", ".join(f"{short.competence} {short.held} of {short.needed}" for short in cell.shortfalls)
    return {
        "value": cell.levels,
        # No green for what is missing: it starts at yellow.
        "level": min(HEAT_STEP, (cell.levels + 1) // 2 + 2) if cell.levels else 0,
        "url": seen.duties[cell.duty].get_absolute_url(),
        "title": f"{seen.title(cell.role)}, {seen.title(cell.duty)}: {lacks or 'nothing is missing'}",
    }


@page("view")
@require_GET
def organisation_chart(request: PageRequest) -> HttpResponse:
    """Roles, holders, solid and dotted lines."""
    day = day_asked(request)
    seen = figures.sight(request.viewer, on=day.on)
    chart = figures.chart_of(seen)
    margin = 16
    context = {
        "box": f"{-margin} {-margin} {chart.width + 2 * margin:.0f} {chart.height + 2 * margin:.0f}",
        "width": f"{chart.width + 2 * margin:.0f}",
        "height": f"{chart.height + 2 * margin:.0f}",
        # A small chart shrinks to the page; a large one would become unreadable and is scrolled.
        "fits": chart.width <= WIDEST_THAT_FITS,
        "boxes": [_box(box, seen) for box in chart.boxes if box.role in seen.roles],
        "lines": [
            {"row": line, "points": " ".join(f"{x:.1f},{y:.1f}" for x, y in line.points)} for line in chart.links
        ],
        "day": day,
        "crumbs": [{"label": "Organisation chart"}],
    }
    return render(request, "organisation/chart.html", context)


def _box(box: Box, seen: Sight) -> dict[str, Any]:
    holders = ", ".join(box.holders)
    return {
        "url": seen.roles[box.role].get_absolute_url(),
        "label": f"{box.title}: {holders or 'vacant'}",
        "vacant": not box.holders,
        "frame": f"{box.x:.1f} {box.y:.1f} {box.width:.1f} {box.height:.1f}".split(),
        "middle": f"{box.x + box.width / 2:.1f}",
        "lines": [(line, f"{y:.1f}") for line, y in box.lines],
        "name": (box.name_line[0], f"{box.name_line[1]:.1f}"),
    }


@page("view")
@require_GET
def figure_file(request: PageRequest, name: str) -> HttpResponse:
    """A figure as an SVG file that stands alone."""
    return _attached(_figure(request, name), f"{name}.svg", "image/svg+xml")


@page("view")
@require_GET
def figure_picture(request: PageRequest, name: str) -> HttpResponse:
    """A figure as a PNG picture."""
    drawn = pictures.png(_figure(request, name))
    if drawn is None:
        raise Http404
    return _attached(drawn, f"{name}.png", "image/png")


def _attached(content: str | bytes, name: str, kind: str) -> HttpResponse:
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _figure(request: PageRequest, name: str) -> str:
    seen = figures.sight(request.viewer, on=day_asked(request).on)
    names = {slug: str(record) for slug, record in (*seen.roles.items(), *seen.duties.items())}
    if name == "chart":
        return chart_svg(figures.chart_of(seen))
    if name == "deficiencies":
        return heat_svg(figures.deficiencies_of(seen, attested=sees_whole(request.viewer, "skill.view")), names)
    if name != "crossover":
        raise Http404
    drawn, columns = figures.overlap_figure(seen, _chosen(request, figures.carrying_roles(seen)))
    if not drawn and not columns:
        raise Http404
    return euler_svg(drawn, names) if drawn else upset_svg(columns or Upset((), ()), names)
