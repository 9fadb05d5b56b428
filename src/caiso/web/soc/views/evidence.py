"""What an alert stands on: its events, the conversation around them, and the text that matched, highlighted."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from caiso.connect.telemetry.normalise import DERIVED, segment_places
from caiso.web.base.guard import PageRequest
from caiso.web.soc import queries, store
from caiso.web.soc.models import Alert

Spans = dict[str, list[tuple[int, int]]]
LONGEST_TEXT = 20_000
MOST_EVENTS = 60
AROUND = timedelta(days=1)  # how far before and after the alert its conversation is looked for


@dataclass(frozen=True)
class Piece:
    """A run of text; `hit` when a rule matched it. Templates escape it like any other text."""

    text: str
    hit: bool = False


@dataclass(frozen=True)
class Passage:
    """One segment of content: who wrote it, whether it is trusted, and its text in pieces."""

    role: str
    trust: str
    origin: str
    pieces: tuple[Piece, ...]
    cut: int = 0


@dataclass(frozen=True)
class Moment:
    """One event of a conversation as the page shows it."""

    event: dict[str, Any]
    at: datetime
    title: str
    is_cause: bool
    passages: tuple[Passage, ...]
    gone: str


def evidence_of(alert: Alert, request: PageRequest) -> dict[str, Any]:
    """The template context of an alert's evidence; text is decrypted only when the reader asks for it and may."""
    causes = queries.event_ids(alert)
    # A microsecond may be lost between the event's integer and the database's moment.
    events = store.events_of_ids(causes, between=_period(alert, timedelta(seconds=1)))
    around = _around(alert, events, request)
    may_read = request.viewer.may("soc.content", alert.unit.path)
    reads = may_read and request.GET.get("content") == "show"
    purpose = f"triage of alert {alert.pk}"
    readings = (
        store.read_content(around, actor=request.user, purpose=purpose, now=timezone.now())
        if reads
        else [store.Reading(event, ()) for event in around]
    )
    hits = queries.matches(alert) if reads else {}
    return {
        "moments": [
            moment(
                one, is_cause=str(one.event["event.id"]) in set(causes), hits=hits.get(str(one.event["event.id"]), {})
            )
            for one in readings
        ],
        "may_read_content": may_read,
        "shows_content": reads,
        "cause_count": len(causes),
        "missing_events": max(0, len(causes) - len(events)),
    }


def _period(alert: Alert, margin: timedelta) -> store.Period:
    return alert.first_event_at - margin, alert.last_event_at + margin


def _around(alert: Alert, events: list[store.Event], request: PageRequest) -> list[store.Event]:
    """The alert's own events within their conversation, as far as the reader may see it."""
    session = alert.conversation_id or alert.trace_id
    if not session:
        return events[:MOST_EVENTS]
    own = {str(event["event.id"]): event for event in events}
    around = store.thread(session, feeds=store.feeds_of(request.viewer), between=_period(alert, AROUND))
    for event in around:
        own.setdefault(str(event["event.id"]), event)
    return sorted(own.values(), key=lambda event: event["time"])[:MOST_EVENTS]


def moment(reading: store.Reading, *, is_cause: bool, hits: Spans) -> Moment:
    """An event ready for the page; `hits` are spans in the fields as the rules saw them."""
    event = reading.event
    places = segment_places(reading.segments)
    passages = tuple(
        Passage(
            segment.role or segment.field.rsplit(".", 1)[-1],
            segment.trust,
            segment.origin,
            pieces(segment.text, _within(place, len(segment.text), hits)),
            max(0, len(segment.text) - LONGEST_TEXT),
        )
        for segment, place in zip(reading.segments, places, strict=True)
        # What only repeats a neighbour in another form is shown where a rule matched that form.
        if segment.origin != DERIVED or _within(place, len(segment.text), hits)
    )
    at = datetime.fromtimestamp(int(event["time"]) / 1_000_000, UTC)
    return Moment(event, at, _title(event), is_cause, passages, reading.gone)


def _within(place: dict[str, int], length: int, hits: Spans) -> list[tuple[int, int]]:
    """Spans of the merged fields that lie in this segment, counted from its own beginning."""
    found = []
    for field, begin in place.items():
        for start, end in hits.get(field, []):
            low, high = max(0, start - begin), min(length, end - begin)
            if low < high:
                found.append((low, high))
    return found


def pieces(text: str, spans: list[tuple[int, int]]) -> tuple[Piece, ...]:
    """Cut the text at the spans (character offsets); overlapping spans are joined."""
    shown, pieces, at = text[:LONGEST_TEXT], [], 0
    for start, end in sorted(spans):
        start, end = max(start, at), min(end, len(shown))
        if start >= end:
            continue
        if start > at:
            pieces.append(Piece(shown[at:start]))
        pieces.append(Piece(shown[start:end], hit=True))
        at = end
    if at < len(shown):
        pieces.append(Piece(shown[at:]))
    return tuple(pieces)


def _title(event: dict[str, Any]) -> str:
    """What happened, in a few words."""
    what = event.get("gen_ai.tool.name") or event.get("gen_ai.request.model") or event.get("gen_ai.agent.name")
    kind = str(event.get("event.kind", "event"))
    return f"{kind} {what}" if what else f"{kind} {event.get('event.name', '')}".strip()
