"""Pages of security operations: what they show of odd records, and that they do not ask the database once per row."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from caiso.web.base.models import Unit, User
from caiso.web.soc.models import Alert, DetectionRule, Incident, Signal
from tests.web.conftest import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def rule(db: None) -> DetectionRule:
    return DetectionRule.objects.create(
        slug="leak", title="Leak", severity="high", state="live", kind="single", path="x", digest="x"
    )


def make_alerts(rule: DetectionRule, unit: Unit, count: int, **fields: Any) -> list[Alert]:
    return [
        Alert.objects.create(
            group_key=f"g{number}", rule=rule, title=f"Leak {number}", severity="high", unit=unit, first_event_at=NOW,
            last_event_at=NOW, created_at=NOW, **fields,
        )
        for number in range(count)
    ]  # fmt: skip


def make_signal(rule: DetectionRule, unit: Unit, number: int, **fields: Any) -> Signal:
    return Signal.objects.create(
        uid=f"{number:032x}", rule=rule, unit=unit, state="live", at=NOW, first_at=NOW, part=1, **fields
    )


def test_a_signal_about_nobody_shows_on_its_rule(
    client: Client, rule: DetectionRule, root: Unit, login: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    client.force_login(login("caiso", root))
    make_signal(rule, root, 1, entity={"source": "shop"}, event_ids=["e1"])
    make_signal(rule, root, 2, entity={"service": "<b>helper</b>"})
    make_signal(rule, root, 3, entity={"user": "amara", "service": "helper"})
    page = client.get(f"/rules/{rule.pk}/").content.decode()
    assert "&lt;b&gt;helper&lt;/b&gt;" in page
    assert "<td>amara</td>" in page
    assert "<td></td>" in page


@pytest.mark.parametrize(
    "address", ["/", "/alerts/", "/incidents/", "/search/?q=leak", "/api/v1/alerts", "/api/v1/incidents"]
)
def test_more_records_do_not_mean_more_queries(
    client: Client, rule: DetectionRule, bank: Unit, login: Callable[..., User], address: str
) -> None:
    client.force_login(login("caiso", bank))

    def queries() -> int:
        client.get(address)  # what is kept for the process is kept now
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert client.get(address).status_code == 200
        return len(asked)

    make_alerts(rule, bank, 2)
    Incident.objects.create(reference="INC-1", title="Leak", severity="high", unit=bank, opened_at=NOW)
    few = queries()
    make_alerts(rule, bank, 30)
    Incident.objects.bulk_create(
        Incident(reference=f"INC-{n}", title="Leak", severity="high", unit=bank, opened_at=NOW) for n in range(2, 30)
    )
    assert queries() <= few, "fewer where a section of the posture page is full before its last kind is asked for"


def test_incidents_count_their_alerts(
    client: Client, rule: DetectionRule, bank: Unit, login: Callable[..., User]
) -> None:
    client.force_login(login("caiso", bank))
    full = Incident.objects.create(reference="INC-1", title="Full", severity="high", unit=bank, opened_at=NOW)
    Incident.objects.create(reference="INC-2", title="Bare", severity="high", unit=bank, opened_at=NOW)
    make_alerts(rule, bank, 3, incident=full)
    rows = client.get("/api/v1/incidents", {"sort": "-alerts"}).json()["items"]
    assert [(row["reference"], row["alerts"]) for row in rows] == [("INC-1", 3), ("INC-2", 0)]
