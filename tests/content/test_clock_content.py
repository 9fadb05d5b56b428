"""The shipped clocks against what the acts say on 22 November 2026."""

from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from caiso.engine.clocks import (
    Attributes,
    Clock,
    ClockRule,
    ClockState,
    IncidentFacts,
    LegalState,
    compute,
    load_clocks,
)

AWARE = datetime(2026, 11, 17, 9, 30, tzinfo=UTC)
NOW = AWARE + timedelta(hours=10)


@cache
def rules() -> tuple[ClockRule, ...]:
    return load_clocks().trusted().rules


def clocks(attributes: Attributes, *, as_of: datetime = NOW, **moments: datetime) -> dict[str, Clock]:
    facts = IncidentFacts(moments or {"aware": AWARE}, attributes)
    return {clock.rule.id: clock for clock in compute(rules(), facts, as_of)}


def test_gdpr_33_runs_72_hours_from_awareness() -> None:
    clock = clocks(Attributes(personal_data=True))["gdpr-33-authority"]
    assert clock.state is ClockState.RUNNING
    assert clock.deadline_at == datetime(2026, 11, 20, 10, tzinfo=UTC)


def test_gdpr_33_falls_away_only_when_risk_is_unlikely_or_law_is_elsewhere() -> None:
    for attributes in (
        Attributes(personal_data=False),
        Attributes(personal_data=True, risk_to_persons=False),
        Attributes(personal_data=True, gdpr_role="processor"),
        Attributes(personal_data=True, jurisdictions=("US",)),
    ):
        assert clocks(attributes)["gdpr-33-authority"].state is ClockState.NOT_APPLICABLE, attributes
    assert clocks(Attributes(personal_data=True, jurisdictions=("US", "NO")))["gdpr-33-authority"].deadline_at


def test_gdpr_34_needs_a_high_risk_and_has_no_fixed_deadline() -> None:
    clock = clocks(Attributes(personal_data=True, high_risk_to_persons=True))["gdpr-34-persons"]
    assert (clock.state, clock.deadline_at) == (ClockState.RUNNING, None)
    exempt = Attributes(personal_data=True, high_risk_to_persons=True, subject_notice_exempt=True)
    assert clocks(exempt)["gdpr-34-persons"].state is ClockState.NOT_APPLICABLE


def test_nis2_has_three_stages_and_the_last_counts_from_the_notification() -> None:
    entity = Attributes(nis2_entity="essential", significant_nis2=True)
    found = clocks(entity)
    assert found["nis2-23-warning"].deadline_at == datetime(2026, 11, 18, 10, tzinfo=UTC)
    assert found["nis2-23-notification"].deadline_at == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert found["nis2-23-final"].state is ClockState.WAITING_FOR_FACT
    sent = {"aware": AWARE, "notified.nis2-23-notification": AWARE + timedelta(hours=8)}
    final = clocks(entity, **sent)["nis2-23-final"]
    assert final.deadline_at == datetime(2026, 12, 17, 23, 59, 59, tzinfo=UTC)


HIGH_RISK = Attributes(ai_act_role="provider", ai_system_class="high_risk_annex_iii", serious_incident=True)


def test_ai_act_73_is_pending_today_with_date_and_reading() -> None:
    for name, clock in clocks(HIGH_RISK, as_of=AWARE + timedelta(days=60)).items():
        if name.startswith("ai-act") and not name.endswith("annex-i") and clock.state is not ClockState.NOT_APPLICABLE:
            assert clock.state is ClockState.PENDING
            assert clock.deadline_at is None
            assert "applies from 2027-12-02" in clock.why
            assert "our reading" in clock.why


@pytest.mark.parametrize(
    ("attributes", "rule", "last_day"),
    [
        ({}, "ai-act-73-general", "2027-12-28"),
        ({"death": True}, "ai-act-73-death", "2027-12-23"),
        ({"widespread": True}, "ai-act-73-widespread", "2027-12-15"),
        ({"critical_infrastructure": True}, "ai-act-73-widespread", "2027-12-15"),
    ],
)
def test_ai_act_73_counts_15_10_and_2_days_once_it_bites(attributes: dict[str, bool], rule: str, last_day: str) -> None:
    aware = datetime(2027, 12, 13, 9, tzinfo=UTC)  # a Monday
    known = Attributes(
        ai_act_role="provider",
        ai_system_class="high_risk_annex_iii",
        serious_incident=True,
        death=attributes.get("death"),
        widespread=attributes.get("widespread"),
        critical_infrastructure=attributes.get("critical_infrastructure"),
    )
    found = clocks(known, as_of=aware + timedelta(hours=1), aware=aware)
    running = {name: clock for name, clock in found.items() if clock.state is ClockState.RUNNING}
    assert list(running) == [rule]
    deadline = running[rule].deadline_at
    assert deadline is not None
    assert deadline.date().isoformat() == last_day


def test_annex_i_systems_wait_until_august_2028() -> None:
    known = Attributes(ai_act_role="provider", ai_system_class="high_risk_annex_i", serious_incident=True)
    aware = datetime(2028, 8, 1, 9, tzinfo=UTC)
    before = clocks(known, as_of=aware + timedelta(hours=1), aware=aware)["ai-act-73-general-annex-i"]
    assert before.state is ClockState.PENDING
    after = clocks(known, as_of=aware + timedelta(days=3), aware=aware + timedelta(days=2))
    assert after["ai-act-73-general-annex-i"].state is ClockState.RUNNING


def test_an_incident_of_which_nothing_is_known_alarms_about_nothing() -> None:
    found = clocks(Attributes(), as_of=AWARE + timedelta(days=300))
    assert {clock.state for clock in found.values()} <= {ClockState.WAITING_FOR_FACT, ClockState.PENDING}


def test_every_rule_names_its_source_and_the_day_it_was_verified() -> None:
    assert len(rules()) == 23
    for rule in rules():
        assert rule.verified_on.isoformat() == "2026-11-22"
        assert "20" in rule.source
        if rule.legal_state is LegalState.PENDING:
            assert rule.inference


BANK = Attributes(dora_entity=True, major_dora=True, nis2_entity="essential", significant_nis2=True)


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (2, datetime(2026, 11, 17, 16, tzinfo=UTC)),  # four hours after classification
        (22, datetime(2026, 11, 18, 10, tzinfo=UTC)),  # cut by 24 hours after awareness
        (30, datetime(2026, 11, 18, 20, tzinfo=UTC)),  # classified late: four hours after that
    ],
)
def test_dora_counts_four_hours_from_classification_within_a_day_of_awareness(hours: int, expected: datetime) -> None:
    found = clocks(BANK, as_of=AWARE + timedelta(hours=40), aware=AWARE, classified=AWARE + timedelta(hours=hours))
    assert found["dora-19-initial"].deadline_at == expected
    assert found["nis2-23-warning"].state is ClockState.NOT_APPLICABLE


def test_dora_reports_are_chained_to_what_was_sent() -> None:
    moments = {
        "aware": AWARE,
        "classified": AWARE + timedelta(hours=1),
        "notified.dora-19-initial": AWARE + timedelta(hours=3),
        "notified.dora-19-intermediate": AWARE + timedelta(hours=50),
    }
    found = clocks(BANK, as_of=AWARE + timedelta(hours=60), **moments)
    assert found["dora-19-initial"].state is ClockState.MET
    assert found["dora-19-intermediate"].deadline_at == datetime(2026, 11, 20, 13, tzinfo=UTC)
    assert found["dora-19-final"].deadline_at == datetime(2026, 12, 21, 23, 59, 59, tzinfo=UTC)  # the 19th: Saturday


def test_cra_final_report_counts_from_the_fix() -> None:
    known = Attributes(cra_manufacturer=True, exploited_vulnerability=True)
    before = clocks(known)["cra-14-vulnerability-final"]
    assert (before.state, before.missing) == (ClockState.WAITING_FOR_FACT, ("fix_available",))
    fixed = clocks(known, aware=AWARE, fix_available=AWARE + timedelta(hours=2))["cra-14-vulnerability-final"]
    assert fixed.deadline_at == datetime(2026, 12, 1, 23, 59, 59, tzinfo=UTC)
    assert clocks(known)["cra-14-incident-warning"].state is ClockState.WAITING_FOR_FACT


def test_an_incident_before_the_cra_bound_has_no_cra_clock() -> None:
    known = Attributes(cra_manufacturer=True, exploited_vulnerability=True)
    early = datetime(2026, 9, 10, 9, tzinfo=UTC)
    assert clocks(known, aware=early)["cra-14-vulnerability-warning"].state is ClockState.NOT_APPLICABLE
