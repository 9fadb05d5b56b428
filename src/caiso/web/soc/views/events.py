"""The explorer: find events, then read one conversation or trace in order."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from caiso.engine.detect.schema import EVENT_KINDS
from caiso.errors import DomainError
from caiso.web.base.guard import PageRequest, page
from caiso.web.soc import queries, store
from caiso.web.soc.models import EventPart
from caiso.web.soc.views.evidence import moment

PERIODS = (("1", "Last hour"), ("24", "Last day"), ("168", "Last 7 days"), ("720", "Last 30 days"), ("0", "All"))
SIZE = 50
LAST_PAGE = 200
LONGEST_HOURS = 24 * 366 * 10
_COLUMNS = {"kind": "event.kind", "service": "service.name", "user": "user.id", "tool": "gen_ai.tool.name"}


@page("soc.view")
def events(request: PageRequest) -> HttpResponse:
    """A filtered page of events, newest first."""
    now = timezone.now()
    query = {name: request.GET.get(name, "")[:200] for name in ("q", "kind", "service", "user", "tool")}
    query["period"] = request.GET.get("period", "168")
    number = _page_number(request)
    wanted = _wanted(query, now)
    context: dict[str, Any] = {
        "crumbs": [{"label": "Events"}],
        "query": query,
        "periods": PERIODS,
        "kinds": EVENT_KINDS,
        "number": number,
        "earlier": urlencode({**query, "page": number - 1}),
        "later": urlencode({**query, "page": number + 1}),
        "any_events": EventPart.objects.exists(),
    }
    try:
        found = store.page_of_events(request.viewer, limit=SIZE, offset=SIZE * (number - 1), **wanted)
        context |= {"events": found.events, "more": found.more, "services": store.services_of(request.viewer)}
    except DomainError as refusal:
        context |= {"events": [], "more": False, "services": [], "complaint": str(refusal)}
    return render(request, "soc/events.html", context)


def _page_number(request: PageRequest) -> int:
    return min(LAST_PAGE, max(1, _number(request.GET.get("page", ""), otherwise=1)))


def _number(text: str, *, otherwise: int) -> int:
    """A number from an address, if it is a plausible one."""
    return int(text) if text.isdecimal() and len(text) <= 9 else otherwise


def _wanted(query: dict[str, str], now: datetime) -> dict[str, Any]:
    hours = min(LONGEST_HOURS, _number(query["period"], otherwise=168))
    start = int((now - timedelta(hours=hours)).timestamp() * 1_000_000) if hours else None
    equals = {column: query[name] for name, column in _COLUMNS.items() if query[name]}
    return {"start_us": start, "equals": equals, "text": query["q"]}


@page("soc.view")
def event_thread(request: PageRequest, by: str) -> HttpResponse:
    """One conversation or trace in the order in which it happened."""
    session = request.GET.get("id", "")[:200]
    found = store.thread(session, feeds=store.feeds_of(request.viewer)) if session else []
    if not found:
        raise Http404
    may_read = request.viewer.may("soc.content")
    reads = may_read and request.GET.get("content") == "show"
    readings = (
        store.read_content(found, actor=request.user, purpose=f"reading {by} {session}", now=timezone.now())
        if reads
        else [store.Reading(event, ()) for event in found]
    )
    alerts = queries.alerts(request.viewer)
    alerts = alerts.filter(conversation_id=session) if by == "conversation" else alerts.filter(trace_id=session)
    causes = queries.cause_ids(alerts)
    title = f"{by.capitalize()} {session}"
    context = {
        "crumbs": [{"label": "Events", "url": reverse("events")}, {"label": title}],
        "title": title,
        "id": session,
        "alerts": alerts,
        "moments": [moment(one, is_cause=str(one.event["event.id"]) in causes, hits={}) for one in readings],
        "may_read_content": may_read,
        "shows_content": reads,
    }
    return render(request, "soc/thread.html", context)
