"""Reading events and their content for pages: parts from the database, scope from feeds, each reading of content recorded."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db.models import Sum

from caiso.connect.telemetry.content import ContentGone, ContentStore, UnableToReadContent
from caiso.connect.telemetry.meaning.messages import Segment
from caiso.web.base.access import Viewer, sees_all, visible
from caiso.web.base.models import User
from caiso.web.base.services import audit
from caiso.web.config.environment import environment
from caiso.web.soc import queries
from caiso.web.soc.models import Feed

if TYPE_CHECKING:
    from caiso.connect.telemetry.parts import PartInfo
    from caiso.connect.telemetry.reader import EventReader, Page

IDLE_READERS = 4
Event = dict[str, Any]
Period = tuple[datetime, datetime]  # both ends included


@dataclass(frozen=True)
class Reading:
    """An event with the text that belongs to it; `gone` says why there is none."""

    event: Event
    segments: tuple[Segment, ...]
    gone: str = ""


def feeds_of(viewer: Viewer) -> list[tuple[str, str]] | None:
    """(source id, service name) that the viewer may see; None means all of them."""
    return feeds_with(viewer, "soc.view")


def feeds_with(viewer: Viewer, permission: str) -> list[tuple[str, str]] | None:
    """(source id, service name) of the units in which the viewer holds the permission; None means all of them."""
    if sees_all(viewer, permission):
        return None
    rows = visible(Feed.objects.all(), viewer, permission)
    return list(rows.values_list("source__slug", "service"))


def services_of(viewer: Viewer, *, limit: int = 100) -> list[tuple[str, int]]:
    """Apps that send telemetry which the viewer may see, with how many events each sent."""
    rows = visible(Feed.objects.exclude(service=""), viewer, "soc.view").order_by().values("service")
    return [(row["service"], row["n"]) for row in rows.annotate(n=Sum("events")).order_by("-n")[:limit]]


_idle: "dict[Path, deque[EventReader]]" = {}


@contextmanager
def open_reader() -> "Iterator[EventReader]":
    """A reader for this request alone: no two threads use one at a time. Setting one up costs more than a short question."""
    root = environment().data / "events"
    idle = _idle.setdefault(root, deque(maxlen=IDLE_READERS))
    try:
        reader = idle.pop()
    except IndexError:
        root.mkdir(parents=True, exist_ok=True)
        reader = _reading().EventReader(root)
    yield reader
    idle.append(reader)  # not after an error: what state it is in then is not worth finding out


def page_of_events(viewer: Viewer, *, limit: int, offset: int, **wanted: Any) -> "Page":
    """One page of the events that the viewer may see; `wanted` are the fields of an `EventFilter`."""
    found = _reading().EventFilter(**wanted, feeds=feeds_of(viewer))
    with open_reader() as reader:
        parts = queries.parts(start_us=found.start_us, end_us=found.end_us)
        return reader.page(parts, found, limit=limit, offset=offset)


def events_of_ids(ids: Sequence[str], *, between: Period | None = None) -> list[Event]:
    """Events by id in time order; the caller answers for the scope (an alert's own events)."""
    if not ids:
        return []
    with open_reader() as reader:
        return reader.events(_parts(between), ids)


def visible_events(viewer: Viewer, ids: Sequence[str], *, between: Period) -> list[Event]:
    """Events by id in time order, without those of feeds that the viewer may not see."""
    return [event for event in events_of_ids(ids, between=between) if _in_feeds(event, feeds_of(viewer))]


def _in_feeds(event: Event, feeds: Sequence[tuple[str, str]] | None) -> bool:
    return feeds is None or (event.get("source.id"), event.get("service.name") or "") in set(feeds)


def thread(session: str, *, feeds: Sequence[tuple[str, str]] | None, between: Period | None = None) -> list[Event]:
    """A conversation or trace in order, without the events that lie outside the feeds.

    `between` spares reading the files of other times; it leaves out no event of the files that it touches.
    """
    with open_reader() as reader:
        events: list[Event] = reader.conversation(_parts(between), session)
    if feeds is None:
        return events
    allowed = set(feeds)
    return [event for event in events if (event.get("source.id"), event.get("service.name") or "") in allowed]


def _reading() -> Any:
    """The module that reads events: DuckDB and Arrow, 60 MB that a process takes when somebody first asks for events."""
    from caiso.connect.telemetry import reader  # noqa: PLC0415 - see above

    return reader


def _parts(between: Period | None) -> "list[PartInfo]":
    if between is None:
        return queries.parts()
    first, last = (int(moment.timestamp() * 1_000_000) for moment in between)
    return queries.parts(start_us=first, end_us=last + 1)


@lru_cache(maxsize=1)
def content_store() -> ContentStore:
    """The encrypted content of this installation."""
    return ContentStore(environment().data)


def read_content(events: Iterable[Event], *, actor: User, purpose: str, now: datetime) -> list[Reading]:
    """Decrypt what the events refer to. That somebody read it, and what for, goes on the audit trail first."""
    listed = list(events)
    wanted = [event for event in listed if event.get("content.ref")]
    if wanted:
        audit.record(
            actor=actor,
            verb="content.read",
            subject=audit.Subject("Event", str(wanted[0]["event.id"]), purpose),
            changes={"events": [None, [str(event["event.id"]) for event in wanted][:200]], "purpose": [None, purpose]},
            now=now,
        )
    return [_read(event) for event in listed]


def read_visible_content(viewer: Viewer, events: Iterable[Event], *, purpose: str, now: datetime) -> list[Reading]:
    """As `read_content`, but only in units in which the viewer may read content; the others come without their text."""
    feeds = feeds_with(viewer, "soc.content")
    listed = list(events)
    allowed = [event for event in listed if _in_feeds(event, feeds)]
    read = {id(one.event): one for one in read_content(allowed, actor=viewer.user, purpose=purpose, now=now)}
    return [read.get(id(event)) or Reading(event, (), "you may not read what people wrote there") for event in listed]


def _read(event: Event) -> Reading:
    ref = event.get("content.ref")
    if not ref:
        return Reading(event, (), "no content was sent")
    try:
        return Reading(event, tuple(content_store().read(ref, str(event["event.id"]))))
    except ContentGone:
        return Reading(event, (), "its retention ended and the key was deleted")
    except UnableToReadContent as error:
        return Reading(event, (), str(error))
