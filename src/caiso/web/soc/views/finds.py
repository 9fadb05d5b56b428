"""Events that a search over the past found, page by page; their text only on request and on the record."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from caiso.web.base.guard import PageRequest
from caiso.web.soc import store
from caiso.web.soc.views.evidence import Spans, moment

SHOWN = 20
LAST_PAGE = 50
_EVENTS_EACH = 3


def finds_of(
    found: Sequence[Mapping[str, Any]], *, between: store.Period, purpose: str, request: PageRequest
) -> dict[str, Any]:
    """The template context of one page of finds, without the events that the viewer may not see.

    A find is {rule, time_us, event_ids, spans}; the spans lie in the text of its last event.
    """
    number = page_number(request)
    rows = found[SHOWN * (number - 1) : SHOWN * number]
    ids = list({name for row in rows for name in row["event_ids"][-_EVENTS_EACH:]})
    events = {str(event["event.id"]): event for event in store.visible_events(request.viewer, ids, between=between)}
    may_read = request.viewer.may("soc.content")
    reads = may_read and request.GET.get("content") == "show"
    readings = (
        store.read_visible_content(request.viewer, events.values(), purpose=purpose, now=timezone.now())
        if reads
        else [store.Reading(event, ()) for event in events.values()]
    )
    shown = {str(one.event["event.id"]): one for one in readings}
    hits = _hits(rows) if reads else {}
    finds = [
        {
            "rule": row["rule"],
            "at": datetime.fromtimestamp(row["time_us"] / 1_000_000, UTC),
            "count": len(row["event_ids"]),
            "moments": [
                moment(shown[name], is_cause=name == row["event_ids"][-1], hits=hits.get(name, {}))
                for name in row["event_ids"][-_EVENTS_EACH:]
                if name in shown
            ],
        }
        for row in rows
    ]
    return {
        "finds": [one for one in finds if one["moments"]],
        "hidden": sum(not one["moments"] for one in finds),
        "number": number,
        "more": len(found) > SHOWN * number,
        "may_read_content": may_read,
        "shows_content": reads,
    }


def page_number(request: PageRequest, last: int = LAST_PAGE) -> int:
    """Which page is asked for; the first where that is no number."""
    given = request.GET.get("page", "1")
    return min(last, max(1, int(given))) if given.isdecimal() and len(given) < 5 else 1


def _hits(rows: Sequence[Mapping[str, Any]]) -> dict[str, Spans]:
    hits: dict[str, Spans] = {}
    for row in rows:
        if row["event_ids"]:
            fields = hits.setdefault(row["event_ids"][-1], {})
            for field, start, end in row["spans"]:
                fields.setdefault(field, []).append((start, end))
    return hits
