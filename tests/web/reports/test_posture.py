"""The Monday page: figures with denominators, unknown is never zero, and each figure opens to its records."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from caiso.web.base.access import Viewer
from caiso.web.base.models import Unit, User
from caiso.web.inventory.models import Asset
from caiso.web.reports import queries
from caiso.web.soc.models import Alert, DetectionRule, Incident, IncidentClock

pytestmark = pytest.mark.django_db


def _system(unit: Unit, name: str, **fields: object) -> Asset:
    now = timezone.now()
    return Asset.objects.create(
        kind="ai_system",
        name=name,
        identity=f"ai_system:{name}",
        unit=unit,
        first_seen_at=now,
        last_seen_at=now,
        **fields,
    )


def _alert(unit: Unit, asset: Asset, title: str) -> Alert:
    now = timezone.now()
    rule, _ = DetectionRule.objects.get_or_create(
        slug="r",
        defaults={"title": "R", "severity": "high", "state": "live", "kind": "single", "path": "x", "digest": "x"},
    )
    return Alert.objects.create(
        group_key=title, rule=rule, title=title, severity="critical", unit=unit, asset=asset, first_event_at=now,
        last_event_at=now, created_at=now,
    )  # fmt: skip


def test_nothing_assessed_is_not_shown_as_zero(root: Unit, login: Callable[..., User]) -> None:
    tiles = {tile.label: tile for tile in queries.tiles(Viewer(login("caiso", root)), now=timezone.now())}
    assert tiles["AI systems with an owner"].value is None
    assert tiles["AI security duties covered"].value is None
    assert tiles["Controls effective"].value is None
    assert tiles["Open alerts"].value == 0


def test_figures_stay_within_the_viewers_units(bank: Unit, shop: Unit, login: Callable[..., User]) -> None:
    _alert(bank, _system(bank, "vault"), "in the bank")
    _alert(shop, _system(shop, "till"), "in the shop")
    viewer = Viewer(login("analyst", bank))
    tiles = {tile.label: tile for tile in queries.tiles(viewer, now=timezone.now())}
    assert tiles["Open alerts"].value == 1
    assert tiles["AI systems with an owner"].of == "of 1"
    burning = queries.burning(viewer, now=timezone.now())
    assert [row.title for row in burning.rows] == ["in the bank"]


def test_a_running_clock_burns_first_and_a_pending_one_never(root: Unit, login: Callable[..., User]) -> None:
    now = timezone.now()
    incident = Incident.objects.create(reference="INC-1", title="Leak", severity="high", unit=root, opened_at=now)
    for rule, state in (("gdpr", "running"), ("ai-act", "pending")):
        IncidentClock.objects.create(
            incident=incident,
            rule=rule,
            title=rule,
            source="law",
            state=state,
            deadline_at=now + timedelta(hours=5),
            computed_at=now,
        )
    rows = queries.burning(Viewer(login("caiso", root)), now=now).rows
    assert rows[0].title == "gdpr (INC-1)"
    assert rows[0].left == "5 h 0 min left"
    assert not any("ai-act" in row.title for row in rows)


def test_the_page_opens_and_every_figure_leads_to_a_page(
    root: Unit, login: Callable[..., User], client: Client
) -> None:
    _alert(root, _system(root, "vault", state="unmanaged"), "<script>alert(1)</script>")
    client.force_login(login("caiso", root))
    page = client.get("/")
    assert page.status_code == 200
    assert "<script>alert(1)" not in page.content.decode()
    assert "Take on vault" in page.content.decode()
    for tile in page.context["tiles"]:
        assert client.get(tile.url).status_code == 200, tile.label


def test_a_board_member_sees_no_alerts(root: Unit, login: Callable[..., User], client: Client) -> None:
    _alert(root, _system(root, "vault"), "secret trouble")
    client.force_login(login("board_member", root))
    page = client.get("/")
    assert page.status_code == 200
    assert "secret trouble" not in page.content.decode()


def test_the_page_asks_the_same_number_of_questions_however_much_there_is(
    root: Unit, login: Callable[..., User], client: Client, django_assert_max_num_queries: Callable[..., object]
) -> None:
    system = _system(root, "vault")
    for number in range(60):
        _alert(root, system, f"alert {number}")
    client.force_login(login("caiso", root))
    with django_assert_max_num_queries(75):
        assert client.get("/").status_code == 200
