"""Records of security operations in another unit, for the role x route matrix."""

from caiso.web.base.models import Unit
from caiso.web.inventory.models import Asset
from caiso.web.soc.models import (
    Alert,
    DetectionRule,
    Incident,
    IncidentClock,
    RiskEntity,
    SavedHunt,
    Source,
    TechniqueCoverage,
)
from tests.web.conftest import NOW

# The explorer's threads are named by words; rules and the drills that test them are the same for everybody.
NOT_OBJECTS = {
    "event_thread", "rule_record", "rule_state", "rule_canary", "rules", "GET /rules/{key}",
    "rule_ask", "rule_export", "workbench_*", "version_ask", "rule_review", "review_decide", "retro_*",
    "* /workbench/*", "POST /rules/{pk}/ask", "POST /rule-reviews/{pk}/decide", "GET /retro-hunts/{pk}",
    "hunt_run", "hunt_file", "hunt_cancel", "GET /hunts/{pk}", "POST /hunts/{pk}/cancel",  # one's own, see test_hunts
    "drill_record", "drill_cancel", "GET /drill-runs/{key}", "GET /drills/{pk}",
}  # fmt: skip


_OF_SAVED = (("GET", ""), ("POST", "/delete"), ("GET", "/rule"))


def foreign_objects(unit: Unit) -> dict[str, dict[str, object]]:
    """{route name: arguments} of records that lie in `unit`."""
    rule = DetectionRule.objects.create(
        slug="theirs", title="Theirs", severity="high", state="live", kind="single", path="x", digest="x"
    )
    asset = Asset.objects.create(
        kind="ai_system", name="Theirs", identity="ai_system:theirs", unit=unit, first_seen_at=NOW, last_seen_at=NOW
    )
    alert = Alert.objects.create(
        group_key="g",
        rule=rule,
        title="Theirs",
        severity="high",
        unit=unit,
        asset=asset,
        first_event_at=NOW,
        last_event_at=NOW,
        created_at=NOW,
    )
    incident = Incident.objects.create(reference="INC-900", title="Theirs", severity="high", unit=unit, opened_at=NOW)
    clock = IncidentClock.objects.create(
        incident=incident, rule="r", title="t", source="s", state="running", computed_at=NOW
    )
    source = Source.objects.create(slug="theirs", name="Theirs", unit=unit)
    coverage = TechniqueCoverage.objects.create(
        technique="AML.T0051",
        asset=asset,
        unit=unit,
        has_tested_live_rule=True,
        fields_arriving=True,
        covered=True,
        computed_at=NOW,
    )
    entity = RiskEntity.objects.create(
        key="theirs", kind="user", value="theirs", unit=unit, at=NOW, peak_at=NOW, first_at=NOW, last_at=NOW
    )
    one, case = {"pk": alert.pk}, {"pk": incident.pk}
    saved = SavedHunt.objects.create(
        name="Theirs", unit=unit, kind="sql", sql="SELECT 1", hours=1, created_at=NOW, changed_at=NOW
    )
    return {
        "hunt_delete": {"pk": saved.pk},
        "saved_hunts": {"key": str(saved.pk)},
        "GET /sources/{pk}/readiness": {"pk": source.pk},
        **{f"{method} /saved-hunts/{{pk}}{rest}": {"pk": saved.pk} for method, rest in _OF_SAVED},
        **{f"alert_{deed}": one for deed in ("record", "acknowledge", "close", "reopen", "escalate", "suppress")},
        **{f"incident_{deed}": case for deed in ("record", "note", "fact", "review")},
        "incident_advance": {**case, "to": "triage"},
        "clock_record": {"pk": clock.pk},
        **{f"source_{deed}": {"pk": source.pk} for deed in ("record", "retry", "redaction")},
        "entity_record": {"pk": entity.pk},
        "coverage_record": {"pk": coverage.pk},
        "alerts": {"key": str(alert.pk)},
        "incidents": {"key": str(incident.pk)},
        "sources": {"key": str(source.pk)},
        "entities": {"key": str(entity.pk)},
        "technique_coverage": {"key": str(coverage.pk)},
        **{f"POST /alerts/{{pk}}/{deed}": one for deed in ("acknowledge", "close", "reopen")},
        "GET /incidents/{pk}/clocks": case,
        "POST /incidents/{pk}/facts": case,
        "POST /incidents/{pk}/advance/{to}": {**case, "to": "triage"},
    }
