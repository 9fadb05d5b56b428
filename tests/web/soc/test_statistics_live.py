"""A statistical rule on the way from the log to the alert: its numbers arrive, once, whatever dies in between."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from caiso.connect.telemetry.keys import KeyRing
from caiso.connect.telemetry.records import Encoding, Envelope, Signal, pack_envelope
from caiso.connect.telemetry.wal import WalWriter
from caiso.web.base.models import Unit
from caiso.web.soc.detector import DetectorRun
from caiso.web.soc.models import Alert, DetectionRule, RiskAddition, RiskEntity
from caiso.web.soc.models import Signal as SignalRow
from tests.web.conftest import NOW
from tests.web.soc.test_detector import data, run  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db


def record(kind: str, number: int, *, at: datetime, **attributes: object) -> dict[str, object]:
    """A log record in OTLP/JSON."""

    def value(given: object) -> dict[str, object]:
        if isinstance(given, dict):
            return {"kvlistValue": {"values": [{"key": key, "value": value(part)} for key, part in given.items()]}}
        if isinstance(given, list):
            return {"arrayValue": {"values": [value(part) for part in given]}}
        if isinstance(given, bool):
            return {"boolValue": given}
        if isinstance(given, int):
            return {"intValue": str(given)}
        return {"doubleValue": given} if isinstance(given, float) else {"stringValue": str(given)}

    nanos = int(at.timestamp() * 1e9) + number * 1_000_000
    listed = [{"key": key, "value": value(given)} for key, given in attributes.items()]
    return {"timeUnixNano": str(nanos), "eventName": f"aisoc.{kind}", "attributes": listed}


@pytest.fixture
def send(data: Path) -> Callable[..., None]:  # noqa: F811
    """send(records) acknowledges an OTLP/JSON request of logs."""
    writer = WalWriter(data / "wal", KeyRing(data / "keys", "wal"))

    def append(*records: dict[str, object], service: str = "scoring", at: datetime = NOW) -> None:
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
        body = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": list(records)}]}]}
        envelope = Envelope(
            signal=Signal.LOGS,
            encoding=Encoding.JSON,
            source_id="src1",
            ingest_us=int(at.timestamp() * 1e6),
            body=json.dumps(body).encode(),
        )
        writer.append([pack_envelope(envelope)])

    return append


def variants(count: int, *, start: int = 0) -> list[dict[str, object]]:
    """Queries around one record, as a search for an adversarial example sends them."""
    return [
        record(
            "ml_inference", number, at=NOW - timedelta(minutes=30) + timedelta(seconds=number),
            **{
                "model.id": "fraud", "user.id": "mallory", "output.label": "ok",
                "input.features": [round(10 + place + 0.01 * ((number * 7 + place * 31) % 97) / 9, 4) for place in range(16)],
            },
        )
        for number in range(start, start + count)
    ]  # fmt: skip


def live(owner: str) -> DetectorRun:
    """A detector of this owner, which may take up its own lease, that took everything that waits."""
    detector = DetectorRun(clock=lambda: NOW, owner=owner)
    assert detector.begin()
    detector.drain()
    return detector


def test_vectors_of_a_search_for_an_adversarial_example_become_an_alert_with_numbers(
    root: Unit, send: Callable[..., None]
) -> None:
    send(*variants(60))
    run()
    alert = Alert.objects.get(rule__slug="query-similarity-attack")
    assert (alert.subject_user, alert.model, alert.service) == ("mallory", "fraud", "scoring")
    assert "25 of the last" in alert.facts["near-identical queries"]
    assert SignalRow.objects.get(rule__slug="query-similarity-attack").facts == alert.facts


def test_label_counts_of_two_versions_become_an_alert(root: Unit, send: Callable[..., None]) -> None:
    for number, counts in enumerate(({"spam": 5000, "ham": 15000}, {"spam": 2200, "ham": 17800})):
        send(
            record(
                "training", number, at=NOW - timedelta(hours=2 - number),
                **{"dataset.id": "mail", "dataset.version": str(number), "dataset.label_counts": counts, "writer": "eve"},
            )
        )  # fmt: skip
    run()
    alert = Alert.objects.get(rule__slug="dataset-label-shift")
    assert alert.facts["moved most"] == "ham: 75% to 89%"
    assert alert.entity["dataset"] == "mail"


def test_a_crash_in_the_middle_neither_loses_nor_doubles_signal_or_risk(root: Unit, send: Callable[..., None]) -> None:
    send(*variants(20))
    first = live("one")
    send(*variants(40, start=20))
    assert first.pump.next_batch() is not None  # the part is written; the process dies here
    assert not SignalRow.objects.filter(rule__slug="query-similarity-attack").exists()
    live("one").end()
    assert SignalRow.objects.filter(rule__slug="query-similarity-attack").count() == 1
    entity = RiskEntity.objects.get(kind="user", value="mallory")
    before = (entity.risk, RiskAddition.objects.count(), SignalRow.objects.count())
    send(*variants(60))  # the client sends all of it again
    live("one").end()
    live("one").end()
    entity.refresh_from_db()
    assert (entity.risk, RiskAddition.objects.count(), SignalRow.objects.count()) == before


def test_what_rules_cost_reaches_their_pages(root: Unit, send: Callable[..., None]) -> None:
    send(*variants(150))
    detector = run()
    detector.tell_costs()
    rule = DetectionRule.objects.get(slug="query-similarity-attack")
    assert rule.cost_us is not None
    assert rule.cost_us > 0
    assert rule.cost_events >= 150
    assert rule.kind == "statistic"
