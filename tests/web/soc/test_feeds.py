"""What one app sends through one source: counters, the bound on names, and how often the database is asked."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from caiso.web.base.models import Unit
from caiso.web.soc.models import Feed, Source
from caiso.web.soc.services import telemetry
from caiso.web.soc.services.telemetry import Tally, record_arrivals
from tests.web.conftest import NOW

pytestmark = pytest.mark.django_db


def arrived(counts: dict[str, int], source: Source, *, at: datetime = NOW, fields: frozenset[str] = frozenset()) -> int:
    """Record a batch in which each service sent so many events; returns how many statements that took."""
    last = round(at.timestamp() * 1e6)
    tallies = {(source.slug, name): Tally(count, 1, 0, last, set(fields)) for name, count in counts.items()}
    with CaptureQueriesContext(connection) as asked:
        record_arrivals(tallies, sources={source.slug: source}, systems={}, root=source.unit)
    return len(asked.captured_queries)


@pytest.fixture
def source(root: Unit) -> Source:
    return Source.objects.create(slug="gate", name="Gate", unit=root)


def test_what_arrives_is_added_to_what_arrived_before(source: Source) -> None:
    arrived({"a": 3, "b": 5}, source, fields=frozenset({"user.id"}))
    arrived({"b": 2, "c": 1}, source, at=NOW + timedelta(minutes=1), fields=frozenset({"model.id"}))
    assert dict(Feed.objects.values_list("service", "events")) == {"a": 3, "b": 7, "c": 1}
    late = Feed.objects.get(service="b")
    assert (late.inferences, late.last_event_at) == (2, NOW + timedelta(minutes=1))
    assert sorted(late.fields_seen) == ["model.id", "user.id"]
    arrived({"b": 1}, source, at=NOW - timedelta(days=1))
    assert Feed.objects.get(service="b").last_event_at == NOW + timedelta(minutes=1)


def test_many_apps_ask_the_database_no_more_than_few(source: Source) -> None:
    few = arrived({"a": 1, "b": 1}, source)
    assert arrived({f"app-{number}": 1 for number in range(200)}, source) <= few + 4  # SQLite takes some rows at once
    assert Feed.objects.count() == 202


def test_a_sender_that_invents_names_fills_no_table(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "MAX_FEEDS", 3)
    arrived({"a": 1, "b": 1}, source)
    arrived({"c": 1, "d": 1, "e": 1, "a": 1}, source)
    assert sorted(Feed.objects.values_list("service", "events")) == [("a", 2), ("b", 1), ("c", 1)]
    other = Source.objects.create(slug="other", name="Other", unit=source.unit)
    arrived({"d": 1}, other)
    assert Feed.objects.filter(source=other).count() == 1
