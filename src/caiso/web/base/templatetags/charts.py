"""Charts: ECharts for the large ones, server-made SVG for sparklines, a coloured table for heat maps."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from caiso.web.base.assets import asset_url

register = template.Library()
KINDS = ("line", "area", "bar", "stacked", "donut", "scatter")
LONGEST_SERIES = 5_000


@register.inclusion_tag("parts/chart.html")
def chart(data: Mapping[str, Any], *, kind: str, title: str, size: str = "", note: str = "") -> dict[str, Any]:
    """A chart with its figures as a table and SVG/PNG export; give each chart of a page its own title.

    `data`: {"labels": [...], "series": [{"name", "values", "axis": "right"?, "dashed": bool?, "tone": "bad"?}],
    "unit"?, "minimum"?, "maximum"?, "horizontal"?, "links": [address per label]?}. None in values is a gap.
    """
    if kind not in KINDS:
        raise template.TemplateSyntaxError(f"chart: {kind!r} is none of {', '.join(KINDS)}")
    labels = [str(label) for label in data["labels"]][:LONGEST_SERIES]
    series = [_series(one, len(labels), kind) for one in data["series"]]
    rows = list(zip(labels, *[one["values"] for one in series], strict=False)) if kind != "scatter" else []
    return {
        "id": f"chart-{kind}-{slug(title)}",
        "title": title,
        "note": note,
        "size": size,
        "code": asset_url("charts.js"),
        "name": slug(title),
        "spec": {
            **{key: data[key] for key in ("unit", "minimum", "maximum", "horizontal", "links") if key in data},
            "kind": kind,
            "labels": labels,
            "series": series,
        },
        "heads": [one["name"] for one in series],
        "rows": rows,
        "points": series if kind == "scatter" else [],
        "is_empty": not any(value is not None for one in series for value in one["values"]),
    }


def _series(one: Mapping[str, Any], length: int, kind: str) -> dict[str, Any]:
    values = [
        None if value is None else ([float(value[0]), float(value[1])] if kind == "scatter" else float(value))
        for value in one["values"]
    ]
    if kind != "scatter" and len(values) != length:
        raise template.TemplateSyntaxError(
            f"chart: series {one.get('name')!r} has {len(values)} values for {length} labels"
        )
    kept = {key: one[key] for key in ("axis", "dashed", "tone") if key in one}
    return {"name": str(one.get("name", "")), "values": values[:LONGEST_SERIES], **kept}


@register.simple_tag
def sparkline(values: Sequence[float | None], label: str = "", width: int = 88, height: int = 22) -> SafeString:
    """A small line without axes, as inline SVG; gaps where the value is None."""
    known = [float(value) for value in values if value is not None]
    if len(known) < 2:
        return SafeString("")
    low, high = min(known), max(known)
    span = (high - low) or 1.0
    step = width / (len(values) - 1)
    points = [
        None
        if value is None
        else (round(index * step, 1), round(height - 2 - (float(value) - low) / span * (height - 4), 1))
        for index, value in enumerate(values)
    ]
    path, pen = [], "M"
    for point in points:
        if point is None:
            pen = "M"
            continue
        path.append(f"{pen}{point[0]} {point[1]}")
        pen = "L"
    area = ""
    if None not in values:
        area = f'<path class="area" d="{" ".join(path)} L{width} {height} L0 {height}Z"/>'
    words = f"{label}: from {known[0]:g} to {known[-1]:g}, lowest {low:g}, highest {high:g}".lstrip(": ")
    return mark_safe(  # noqa: S308 - numbers, and an escaped label
        f'<svg class="spark" viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" aria-label="{escape(words)}">{area}<path d="{" ".join(path)}"/></svg>'
    )


@register.inclusion_tag("parts/heat.html")
def heat(data: Mapping[str, Any], *, title: str, ramp: str = "") -> dict[str, Any]:
    """A heat map as a table, from good to bad or, with ramp="level", from little to much. `data`: {"columns": [...], "rows": [{"label", "cells": [{"value", "level": 0-5, "url"?, "title"?}]}]}."""
    return {"title": title, "ramp": ramp, "columns": data["columns"], "rows": data["rows"]}


def slug(text: str) -> str:
    """Letters, digits and dashes of a title, for ids and file names."""
    return (
        "-".join("".join(char if char.isascii() and char.isalnum() else " " for char in text.lower()).split())[:60]
        or "chart"
    )
