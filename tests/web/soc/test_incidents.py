"""Incidents: states with gates, facts by named persons, clocks that follow from them."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from caiso.web.base.models import AuditRecord, FactTouch, Task, Unit, User
from caiso.web.soc.models import Alert, DetectionRule, Incident, IncidentEntry
from caiso.web.soc.services import incidents
from caiso.web.soc.services.clocks import UnableToUnderstand, compute_open_clocks
from caiso.web.soc.services.incidents import UnableToAdvance, UnableToOpen, UnableToState
from tests.web.conftest import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def alert(bank: Unit) -> Alert:
    rule = DetectionRule.objects.create(
        slug="lethal-trifecta", title="Trifecta", severity="critical", state="live", kind="correlation", path="x",
        digest="x", techniques=["AML.T0086"],
    )  # fmt: skip
    return Alert.objects.create(
        group_key="g", rule=rule, title="Trifecta", severity="critical", technique="AML.T0086",
        techniques=["AML.T0086"], unit=bank, first_event_at=NOW, last_event_at=NOW, created_at=NOW,
    )  # fmt: skip


@pytest.fixture
def lead(login: Callable[..., User], bank: Unit) -> User:
    return login("aisoc_lead", bank)


@pytest.fixture
def incident(alert: Alert, lead: User) -> Incident:
    return incidents.open_incident(
        title="Data left through a tool", severity="critical", unit=alert.unit, actor=lead, now=NOW, alerts=[alert]
    )


def test_opening_escalates_the_alert_and_starts_no_clock(incident: Incident, alert: Alert) -> None:
    alert.refresh_from_db()
    assert (alert.state, alert.incident) == ("escalated", incident)
    assert Task.objects.filter(subject_type="Incident", subject_id=str(incident.pk)).count() == 4
    assert set(Task.objects.values_list("detail", flat=True)) == {f"{incident.reference} {incident.title}"}
    assert incident.technique == "AML.T0086"
    assert not incident.clocks.filter(state__in=["running", "overdue"]).exists()


def test_an_alert_belongs_to_one_incident(incident: Incident, alert: Alert, lead: User) -> None:
    with pytest.raises(UnableToOpen, match="already belongs to INC-"):
        incidents.open_incident(title="again", severity="low", unit=alert.unit, actor=lead, now=NOW, alerts=[alert])
    assert Incident.objects.count() == 1


def test_gdpr_33_runs_72_hours_from_the_fact_that_a_person_stated(incident: Incident, lead: User) -> None:
    for name, value in (("personal_data", True), ("gdpr_role", "controller"), ("risk_to_persons", True)):
        incidents.state_fact(incident, name=name, value=value, reason="", actor=lead, now=NOW)
    assert incident.clocks.get(rule="gdpr-33-authority").state == "waiting_for_fact"
    aware = NOW - timedelta(hours=1)
    incidents.state_fact(incident, name="aware", value=aware.isoformat(), reason="", actor=lead, now=NOW)
    clock = incident.clocks.get(rule="gdpr-33-authority")
    assert clock.state == "running"
    assert clock.deadline_at is not None
    assert timedelta(hours=72) <= clock.deadline_at - aware <= timedelta(hours=73)
    assert compute_open_clocks(now=NOW + timedelta(days=4)) == 1
    clock.refresh_from_db()
    assert clock.state == "overdue"
    sent = NOW + timedelta(days=4)
    incidents.state_fact(
        incident, name="notified.gdpr-33-authority", value=sent.isoformat(), reason="", actor=lead, now=sent
    )
    clock.refresh_from_db()
    assert clock.state == "late"


def test_a_clock_that_starts_and_passes_its_deadline_enters_the_timeline_once(incident: Incident, lead: User) -> None:
    for name, value in (("personal_data", True), ("gdpr_role", "controller"), ("risk_to_persons", True)):
        incidents.state_fact(incident, name=name, value=value, reason="", actor=lead, now=NOW)
    incidents.state_fact(incident, name="aware", value=NOW.isoformat(), reason="", actor=lead, now=NOW)
    title = incident.clocks.get(rule="gdpr-33-authority").title

    def told() -> list[str]:
        rows = incident.entries.filter(kind=IncidentEntry.Kind.CLOCK, text__startswith=title).order_by("at", "pk")
        return [row.text.removeprefix(f"{title}: ").partition(".")[0] for row in rows]

    assert told() == ["running"]
    for hours in (1, 2, 80, 81):
        compute_open_clocks(now=NOW + timedelta(hours=hours))
    assert told() == ["running", "overdue"]


def test_an_incident_that_stands_still_wakes_no_check(incident: Incident, lead: User) -> None:
    incidents.state_fact(incident, name="aware", value=NOW.isoformat(), reason="", actor=lead, now=NOW)
    compute_open_clocks(now=NOW + timedelta(minutes=1))
    FactTouch.objects.all().delete()
    later = NOW + timedelta(minutes=2)
    compute_open_clocks(now=later)
    assert not FactTouch.objects.exists()
    assert set(incident.clocks.values_list("computed_at", flat=True)) == {later}


def test_closing_an_incident_closes_its_alerts_and_makes_up_no_verdict(
    incident: Incident, alert: Alert, lead: User
) -> None:
    incidents.update_incident(incident, changes={"review": "What we learned."}, actor=lead, now=NOW)
    for step in ("investigating", "contained", "eradicated", "recovered", "review"):
        incidents.advance_incident(incident, to=step, actor=lead, now=NOW)
    alert.refresh_from_db()
    assert alert.state == "escalated"
    incidents.advance_incident(incident, to="closed", actor=lead, now=NOW)
    alert.refresh_from_db()
    assert (alert.state, alert.closed_at, alert.verdict) == ("closed", NOW, "")
    assert AuditRecord.objects.filter(subject_type="Alert", subject_id=str(alert.pk), verb="close").count() == 1


def test_a_law_that_does_not_bite_yet_is_pending_and_never_alarms(incident: Incident, lead: User) -> None:
    for name, value in (
        ("ai_act_role", "provider"),
        ("ai_system_class", "high_risk_annex_iii"),
        ("serious_incident", True),
    ):
        incidents.state_fact(incident, name=name, value=value, reason="", actor=lead, now=NOW)
    incidents.state_fact(incident, name="aware", value=NOW.isoformat(), reason="", actor=lead, now=NOW)
    states = {clock.rule: clock.state for clock in incident.clocks.all() if clock.rule.startswith("ai-act-73")}
    assert states
    assert set(states.values()) <= {"pending", "not_applicable"}


def test_a_fact_is_replaced_with_a_reason_and_both_stay(incident: Incident, lead: User) -> None:
    incidents.state_fact(incident, name="personal_data", value=False, reason="", actor=lead, now=NOW)
    with pytest.raises(UnableToState, match="already determined by"):
        incidents.state_fact(incident, name="personal_data", value=True, reason="", actor=lead, now=NOW)
    incidents.state_fact(incident, name="personal_data", value=True, reason="names in the export", actor=lead, now=NOW)
    assert [fact.value for fact in incident.facts.filter(name="personal_data").order_by("id")] == [False, True]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("aware", "yesterday", "date and time"),
        ("aware", "2026-11-22T10:00:00", "time zone"),
        ("aware", (NOW + timedelta(hours=1)).isoformat(), "future"),
        ("gdpr_role", "owner", "controller"),
        ("colour", "blue", "not a fact"),
    ],
)
def test_a_wrong_fact_is_refused_with_what_was_expected(
    incident: Incident, lead: User, name: str, value: object, says: str
) -> None:
    with pytest.raises(UnableToUnderstand, match=says):
        incidents.state_fact(incident, name=name, value=value, reason="", actor=lead, now=NOW)
    assert not incident.facts.exists()


def test_nothing_skips_containment_and_closing_needs_a_review(incident: Incident, lead: User) -> None:
    with pytest.raises(UnableToAdvance, match="next may be triage, investigating"):
        incidents.advance_incident(incident, to="closed", actor=lead, now=NOW)
    for step in ("triage", "investigating", "contained", "eradicated", "recovered", "review"):
        incidents.advance_incident(incident, to=step, actor=lead, now=NOW)
    with pytest.raises(UnableToAdvance, match="write the review first"):
        incidents.advance_incident(incident, to="closed", actor=lead, now=NOW)
    incidents.update_incident(incident, changes={"review": "The tool had no allow-list."}, actor=lead, now=NOW)
    incidents.advance_incident(incident, to="closed", actor=lead, now=NOW)
    assert incident.closed_at == NOW
    assert AuditRecord.objects.filter(subject_type="Incident", verb="advance").count() == 7


def test_clocks_are_a_list_over_the_api(incident: Incident, lead: User, client: Client) -> None:
    client.force_login(lead)
    answer = client.get(f"/api/v1/incidents/{incident.pk}/clocks")
    assert answer.status_code == 200
    assert {clock["rule"] for clock in answer.json()} == set(incident.clocks.values_list("rule", flat=True))
