"""The worker indexes settled parts for searches; a search shows the same with and without, within the viewer's units."""

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from caiso.connect.telemetry import parts
from caiso.connect.telemetry.table import to_table
from caiso.connect.telemetry.words import beside, label
from caiso.web.base.access import Viewer
from caiso.web.base.models import Unit, User
from caiso.web.soc import store
from caiso.web.soc.models import EventPart, Feed, Source
from caiso.web.soc.services.searching import has_parts_to_index, index_parts
from caiso.web.soc.services.storage import keep_part
from tests.web.conftest import NOW

pytestmark = pytest.mark.django_db
START = int(NOW.timestamp() * 1e6)


def keep(root: Path, number: int, user: str, *, hours: int = 2, service: str = "claims") -> EventPart:
    root.mkdir(exist_ok=True)
    event = {
        "event.id": f"event-{number}", "time": START - number, "source.id": "src1", "service.name": service, "user.id": user,
    }  # fmt: skip
    info = parts.write_part(root, number, to_table([event]), hour="2026-11-22T08", ranges=[])
    keep_part(info, fence=1, now=NOW - timedelta(hours=hours))
    return EventPart.objects.get(number=number)


def found(user: User, text: str) -> list[str]:
    page = store.page_of_events(Viewer(user), limit=10, offset=0, text=text)
    return [event["event.id"] for event in page.events]


def test_settled_parts_are_indexed_once(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = data / "events"
    old, young, broken = keep(root, 1, "amara"), keep(root, 2, "amara", hours=0), keep(root, 3, "amara")
    (root / broken.path).write_bytes(b"not a part")
    with caplog.at_level(logging.WARNING):
        assert index_parts(now=NOW) == 1
    assert broken.path in caplog.text
    assert beside(root / old.path).exists()
    assert not beside(root / young.path).exists()
    assert set(EventPart.objects.filter(words=label()).values_list("number", flat=True)) == {1, 3}
    assert index_parts(now=NOW) == 0
    EventPart.objects.filter(number=1).update(words="of another version")
    assert index_parts(now=NOW) == 1


def test_whether_parts_wait_is_read_off_an_index(data: Path) -> None:
    assert not has_parts_to_index()
    keep(data / "events", 1, "amara")
    with CaptureQueriesContext(connection) as asked:
        assert has_parts_to_index()
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {asked.captured_queries[0]['sql']}")
            plan = "\n".join(str(row[3]) for row in cursor.fetchall())
        assert "part_to_index" in plan
        assert "SCAN" not in plan


def test_newest_parts_come_first_and_no_run_takes_too_many(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2, 3):
        keep(data / "events", number, "amara")
    monkeypatch.setattr("caiso.web.soc.services.searching.MOST_ROWS", 2)
    assert index_parts(now=NOW) == 2
    assert list(EventPart.objects.filter(words="").values_list("number", flat=True)) == [1]


def test_a_search_finds_the_same_with_and_without_the_index(
    data: Path, login: Callable[..., User], root: Unit, bank: Unit, shop: Unit
) -> None:
    source = Source.objects.create(slug="src1", name="Source", unit=root)
    Feed.objects.create(source=source, service="claims", unit=bank, last_event_at=NOW)
    Feed.objects.create(source=source, service="shop", unit=shop, last_event_at=NOW)
    keep(data / "events", 1, "amara")
    keep(data / "events", 2, "amara", service="shop")
    keep(data / "events", 3, "ben")
    officer, analyst = login("caiso", root), login("analyst", bank)
    for _ in range(2):
        assert found(officer, "AMAR") == ["event-1", "event-2"]
        assert found(analyst, "AMAR") == ["event-1"]
        assert found(analyst, "shop") == []
        assert found(officer, "nowhere") == []
        index_parts(now=NOW)


@pytest.mark.parametrize("odd", ["\u00b2", "-1", "9" * 30, "x", "\x00", "", "1e9"])
def test_odd_numbers_in_the_address_of_events_break_nothing(
    data: Path, client: Client, login: Callable[..., User], root: Unit, odd: str
) -> None:
    keep(data / "events", 1, "amara")
    client.force_login(login("caiso", root))
    for query in ({"page": odd}, {"period": odd}, {"q": odd, "period": "0"}, {"user": odd, "period": "0"}):
        assert client.get("/events/", query).status_code == 200, query
