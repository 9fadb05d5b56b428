"""A page with every part and chart on it, for the browser tests alone: the product's addresses plus one."""

from django.http import HttpRequest, HttpResponse
from django.template import RequestContext, Template
from django.urls import path
from django.utils import timezone

from caiso.web.base.guard import page
from caiso.web.base.record import Link as Record
from caiso.web.base.record import Why
from caiso.web.config.urls import urlpatterns as product

WEEKS = [f"{day} {month}" for month in ("Jun", "Jul", "Aug", "Sep", "Oct", "Nov") for day in (1, 8, 15, 22)]
LEVELS = [[2, 3, 4, 5, 5], [2, 3, 4, 4, 5], [2, 2, 3, 4, 4], [1, 2, 3, 3, 3], [0, 1, 2, 2, 3]]
SHOWN = """
{% extends "shell/base.html" %}{% load parts charts %}
{% block title %}Showcase{% endblock %}
{% block content %}
<div class="stack">
<h1>Posture</h1>
<div class="grid-tiles">
{% stat "AI security posture" 73 of="of 100" change="+4.2" note="30 days" tone="good" spark=spark url="/tasks/" %}
{% stat "Critical risks" "211" of="of 4,302 open" change="+12" note="30 days" tone="bad" spark=spark %}
{% stat "Control effectiveness" "75%" of="93 of 124" note="checked today" %}
{% stat "Third-party models" None note="run a scan first" %}
</div>
<div class="columns-2">
<section class="card"><header><h2>Risk heat map</h2></header><section>{% heat heatmap title="Risk heat map" %}</section></section>
<section class="card"><header><h2>Posture and alerts, 24 weeks</h2></header><section>{% chart both kind="area" title="Posture and alerts" note="Posture left, alerts right" %}</section></section>
<section class="card"><header><h2>Open risks by category</h2></header><section>{% chart shares kind="donut" title="Open risks by category" %}</section></section>
<section class="card"><header><h2>Alerts by rule</h2></header><section>{% chart bars kind="bar" title="Alerts by rule" %}</section></section>
<section class="card"><header><h2>Nothing measured</h2></header><section>{% chart nothing kind="line" title="Nothing measured" note="Connect a telemetry source to see figures." %}</section></section>
<section class="card"><header><h2>States</h2></header><section class="stack"><div class="record-badges">{% tone "Effective" "good" %}{% tone "Stale" "warn" %}{% tone "Failing" "bad" %}{% tone "Unknown" "unknown" %}{% severity "critical" %}{% severity "high" %}{% severity "medium" %}{% severity "low" %}{% severity "informational" %}</div>
{% meter 42 label="Coverage" %}{% include "parts/why.html" %}<p>{% ago now %} <button class="btn" type="button" data-opens="sure">Delete</button></p></section></section>
</div>
{% include "parts/confirm.html" with id="sure" title="Delete it?" text="It cannot be undone." url="/theme/" action="Delete" tone="destructive" %}
</div>
{% endblock %}
"""


@page("view")
def showcase(request: HttpRequest) -> HttpResponse:
    """The page."""
    values: list[float | None] = [50 + week + (week * 7 % 5) for week in range(len(WEEKS))]
    values[5] = None
    rows = ("Almost certain", "Likely", "Possible", "Unlikely", "Rare")
    context = {
        "spark": values,
        "heatmap": {
            "columns": ["Minor", "Low", "Moderate", "Major", "Severe"],
            "rows": [
                {"label": label, "cells": [{"value": level * 31, "level": level, "url": "/tasks/"} for level in levels]}
                for label, levels in zip(rows, LEVELS, strict=True)
            ],
        },
        "both": {
            "labels": WEEKS,
            "series": [
                {"name": "Posture", "values": values},
                {
                    "name": "Alerts",
                    "values": [(week * 37) % 400 for week in range(len(WEEKS))],
                    "axis": "right",
                    "dashed": True,
                },
            ],
        },
        "shares": {
            "labels": ["Prompt injection", "</script><b>Disclosure", "Supply chain"],
            "series": [{"name": "Risks", "values": [12, 7, 4]}],
        },
        "bars": {
            "labels": ["Canary in output", "Tool misuse", "Jailbreak"],
            "series": [{"name": "Alerts", "values": [41, 22, 9]}],
            "horizontal": True,
        },
        "nothing": {"labels": ["a", "b"], "series": [{"name": "x", "values": [None, None]}]},
        "why": Why(
            "Failing: two of three checks have no passing run this week.",
            (Record("Check C-12", "/tasks/", "failed", "bad"),),
            timezone.now(),
        ),
        "now": timezone.now(),
        "crumbs": [{"label": "Showcase"}],
    }
    return HttpResponse(Template(SHOWN).render(RequestContext(request, context)))


urlpatterns = [path("showcase/", showcase), *product]
