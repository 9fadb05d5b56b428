"""What arrives: sources, what each app sends through them, and what was refused. Runs inside the detector's transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from django.db.models import F

from caiso.connect.telemetry.table import EventBatch
from caiso.web.base.models import ApiToken, Unit
from caiso.web.inventory.models import Asset
from caiso.web.soc.models import Feed, Source

MAX_FIELDS = 400
MAX_FEEDS = 2_000


@dataclass
class Tally:
    """What one batch brought from one app through one source."""

    events: int = 0
    inferences: int = 0
    content_missing: int = 0
    last_us: int = 0
    fields: set[str] = field(default_factory=set)


def tally(batch: EventBatch) -> dict[tuple[str, str], Tally]:
    """{(source id, service name): counts} of a batch."""
    keys = [
        (str(source or ""), str(service or "")[:200])
        for source, service in zip(batch.column("source.id"), batch.column("service.name"), strict=True)
    ]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    groups = np.array([numbers[key] for key in keys], dtype=np.int64)
    inference = np.array([kind == "inference" for kind in batch.column("event.kind")], dtype=np.bool_)
    missing = np.array([found is True for found in batch.column("content.missing")], dtype=np.bool_)
    latest = np.zeros(len(numbers), dtype=np.int64)
    np.maximum.at(latest, groups, np.array(batch.column("time"), dtype=np.int64))
    counts = [np.bincount(groups[chosen], minlength=len(numbers)) for chosen in (inference, inference & missing)]
    events = np.bincount(groups, minlength=len(numbers))
    fields = batch.fields_by_group(groups, len(numbers))
    return {
        key: Tally(int(events[n]), int(counts[0][n]), int(counts[1][n]), int(latest[n]), fields[n])
        for key, n in numbers.items()
    }


def sources_named(slugs: Iterable[str], *, root: Unit) -> dict[str, Source]:
    """The sources of these ids; one that is met for the first time is made from its ingest token."""
    wanted = {slug for slug in slugs if slug}
    found = {source.slug: source for source in Source.objects.filter(slug__in=wanted).select_related("unit")}
    for slug in sorted(wanted - set(found)):
        token = ApiToken.objects.select_related("unit").filter(prefix=slug).first()
        found[slug] = Source.objects.create(
            slug=slug,
            name=token.name if token else slug,
            unit=token.unit if token else root,
            token=token,
            is_demo=bool(token and token.is_demo),
        )
    return found


def record_arrivals(
    tallies: Mapping[tuple[str, str], Tally], *, sources: Mapping[str, Source], systems: Mapping[str, Asset], root: Unit
) -> None:
    """Add a batch to the counters; `systems` maps a service name in lower case to the AI system that claims it."""
    for source in sources.values():
        mine = [one for (slug, _), one in tallies.items() if slug == source.slug]
        if not mine:
            continue
        last = _moment(max(one.last_us for one in mine))
        Source.objects.filter(pk=source.pk).update(
            events=F("events") + sum(one.events for one in mine),
            inferences=F("inferences") + sum(one.inferences for one in mine),
            content_missing=F("content_missing") + sum(one.content_missing for one in mine),
            first_event_at=source.first_event_at or last,
            last_event_at=max(source.last_event_at, last) if source.last_event_at else last,
        )
    told = {(sources[slug].pk, service): one for (slug, service), one in tallies.items() if slug in sources}
    _record_feeds(told, sources={source.pk: source for source in sources.values()}, systems=systems, root=root)


def _record_feeds(
    told: Mapping[tuple[int, str], Tally], *, sources: Mapping[int, Source], systems: Mapping[str, Asset], root: Unit
) -> None:
    """Add to the feeds of a batch, {(source, service): counts}; the number of queries does not depend on how many there are."""
    if not told:
        return
    asked = Feed.objects.filter(source__in={source for source, _ in told}, service__in={name for _, name in told})
    known = {(feed.source_id, feed.service): feed for feed in asked}
    feeds = []
    left: dict[int, int] = {}
    for key, one in told.items():
        source, system, last = sources[key[0]], systems.get(key[1].lower()), _moment(one.last_us)
        feed = known.get(key)
        if feed is None:
            if source.pk not in left:
                left[source.pk] = MAX_FEEDS - Feed.objects.filter(source=source).count()
            if left[source.pk] <= 0:
                continue  # a sender that invents service names must not fill the table; its events are kept all the same
            left[source.pk] -= 1
            unit = system.unit if system else source.unit or root
            feed = Feed(source=source, service=key[1], unit=unit, last_event_at=last)
        _add(feed, one, system=system, last=last)
        feeds.append(feed)
    Feed.objects.bulk_create(
        feeds,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["source", "service"],
        update_fields=["asset", "events", "inferences", "content_missing", "last_event_at", "fields_seen"],
    )


def _add(feed: Feed, one: Tally, *, system: Asset | None, last: datetime) -> None:
    feed.asset = system or feed.asset
    feed.events += one.events
    feed.inferences += one.inferences
    feed.content_missing += one.content_missing
    feed.last_event_at = max(feed.last_event_at, last)
    known, at = feed.fields_seen, last.isoformat()
    for name in one.fields:
        if name in known or len(known) < MAX_FIELDS:
            known[name] = max(known.get(name, ""), at)


def count_rejects(counts: Mapping[str, int], *, sources: Mapping[str, Source]) -> None:
    """Add refused records to their source's counter."""
    for slug, count in counts.items():
        if slug in sources:
            Source.objects.filter(pk=sources[slug].pk).update(rejects=F("rejects") + count)


def services_of(tallies: Sequence[tuple[str, str]]) -> set[str]:
    """The service names of a batch, lower case."""
    return {service.lower() for _, service in tallies if service}


def _moment(time_us: int) -> datetime:
    return datetime.fromtimestamp(time_us / 1_000_000, UTC)
