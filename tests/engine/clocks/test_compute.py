"""Clocks of an incident: what runs, what waits, what is not law yet, and why."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caiso.engine.clocks import (
    Attributes,
    ClockRule,
    ClockState,
    Condition,
    ConditionOp,
    IncidentFacts,
    LegalState,
    Unit,
    compute,
    parse_facts,
)
from caiso.engine.packs import PackError

AWARE = datetime(2026, 11, 18, 10, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def rule(name: str = "first", **changes: object) -> ClockRule:
    base: dict[str, object] = {
        "id": name, "title": "A duty", "stage": "notice", "article": "Art. 1", "recipient": "authority",
        "trigger_fact": "aware", "start_event": "aware", "legal_state": LegalState.IN_FORCE,
        "applies_from": date(2020, 1, 1), "source": "law", "verified_on": date(2026, 11, 22),
        "amount": 72, "unit": Unit.HOURS,
    }  # fmt: skip
    return ClockRule(**{**base, **changes})  # type: ignore[arg-type]


def facts(attributes: Attributes | None = None, **moments: datetime) -> IncidentFacts:
    return IncidentFacts({name.replace("__", "."): at for name, at in moments.items()}, attributes or Attributes())


def one(a_rule: ClockRule, known: IncidentFacts, as_of: datetime):  # type: ignore[no-untyped-def]
    (clock,) = compute([a_rule], known, as_of)
    return clock


DEADLINE = datetime(2026, 11, 21, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("notified", "as_of", "state"),
    [
        (None, DEADLINE, "running"),
        (None, DEADLINE + timedelta(seconds=1), "overdue"),
        (DEADLINE, DEADLINE + DAY, "met"),
        (DEADLINE + timedelta(seconds=1), DEADLINE + DAY, "late"),
        (DEADLINE + HOUR, DEADLINE + timedelta(minutes=1), "overdue"),
    ],
)
def test_a_clock_runs_from_awareness_to_the_report(notified: datetime | None, as_of: datetime, state: str) -> None:
    known = facts(aware=AWARE) if notified is None else facts(aware=AWARE, notified__first=notified)
    clock = one(rule(), known, as_of)
    assert (clock.state, clock.deadline_at) == (ClockState(state), DEADLINE)
    assert clock.why.startswith("72 hours after aware at 2026-11-18T10:15+00:00 end at 2026-11-21T11:00:00+00:00")


def test_detection_is_not_awareness() -> None:
    clock = one(rule(), facts(detected=AWARE), AWARE + DAY)
    assert (clock.state, clock.missing, clock.deadline_at) == (ClockState.WAITING_FOR_FACT, ("aware",), None)


def test_a_chained_stage_counts_from_the_sending_and_is_projected_before() -> None:
    rules = [rule(), rule("final", depends_on="first", start_event="notified.first", amount=1, unit=Unit.MONTHS)]
    waiting = next(c for c in compute(rules, facts(aware=AWARE), AWARE + HOUR) if c.rule.id == "final")
    assert (waiting.state, waiting.missing) == (ClockState.WAITING_FOR_FACT, ("notified.first",))
    assert waiting.projected_at == datetime(2026, 12, 21, 23, 59, 59, tzinfo=UTC)
    sent = facts(aware=AWARE, notified__first=AWARE + DAY)
    final = next(c for c in compute(rules, sent, AWARE + 2 * DAY) if c.rule.id == "final")
    assert final.deadline_at == datetime(2026, 12, 21, 23, 59, 59, tzinfo=UTC)  # 19 December is a Saturday
    assert final.state is ClockState.RUNNING


def condition(field: str, value: bool | str, *, unknown: str = "waits", op: ConditionOp = ConditionOp.EQ) -> Condition:
    return Condition(field, op, value, unknown)  # type: ignore[arg-type]


def test_what_nobody_determined_makes_the_clock_wait_and_says_for_what() -> None:
    wanted = rule(applies_when=(condition("personal_data", value=True), condition("death", value=True)))
    clock = one(wanted, facts(Attributes(personal_data=True), aware=AWARE), AWARE + HOUR)
    assert (clock.state, clock.missing) == (ClockState.WAITING_FOR_FACT, ("death",))
    refused = one(wanted, facts(Attributes(death=False), aware=AWARE), AWARE + HOUR)
    assert (refused.state, refused.why) == (ClockState.NOT_APPLICABLE, "does not apply: needs death eq true")


def test_an_open_question_can_count_as_a_yes() -> None:
    careful = rule(applies_when=(condition("risk_to_persons", value=False, op=ConditionOp.NE, unknown="applies"),))
    assert one(careful, facts(aware=AWARE), AWARE + HOUR).state is ClockState.RUNNING
    unlikely = facts(Attributes(risk_to_persons=False), aware=AWARE)
    assert one(careful, unlikely, AWARE + HOUR).state is ClockState.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("attributes", "state"),
    [
        (Attributes(), "waiting_for_fact"),
        (Attributes(widespread=False), "waiting_for_fact"),
        (Attributes(widespread=True), "running"),
        (Attributes(widespread=False, critical_infrastructure=False), "not_applicable"),
    ],
)
def test_one_of_several_grounds_is_enough(attributes: Attributes, state: str) -> None:
    grounds = (condition("widespread", value=True), condition("critical_infrastructure", value=True))
    clock = one(rule(applies_when_any=grounds), facts(attributes, aware=AWARE), AWARE + HOUR)
    assert clock.state is ClockState(state)


PENDING = rule(
    legal_state=LegalState.PENDING, applies_from=date(2027, 12, 2), inference="it bites with the high-risk duties"
)


def test_what_is_not_law_yet_is_pending_with_its_date_and_never_has_a_deadline() -> None:
    clock = one(PENDING, facts(aware=AWARE), AWARE + 90 * DAY)
    assert (clock.state, clock.deadline_at) == (ClockState.PENDING, None)
    assert clock.why == "applies from 2027-12-02. Our reading: it bites with the high-risk duties"
    assert one(rule(legal_state=LegalState.PROPOSED), facts(aware=AWARE), AWARE).state is ClockState.PENDING


def test_a_pending_rule_becomes_law_by_itself_for_later_incidents_only() -> None:
    then = datetime(2028, 1, 10, 9, tzinfo=UTC)
    assert one(PENDING, facts(aware=then), then + HOUR).state is ClockState.RUNNING
    before = one(PENDING, facts(aware=AWARE), then)
    assert before.state is ClockState.NOT_APPLICABLE
    assert "before the rule applied" in before.why


def test_a_rule_that_ended_does_not_apply_to_later_incidents() -> None:
    ended = rule(legal_state=LegalState.REPEALED, applies_to=date(2026, 11, 17))
    assert one(ended, facts(aware=AWARE), AWARE + HOUR).state is ClockState.NOT_APPLICABLE
    still = rule(legal_state=LegalState.REPEALED, applies_to=date(2026, 11, 18))
    assert one(still, facts(aware=AWARE), AWARE + HOUR).state is ClockState.RUNNING


def test_without_undue_delay_runs_without_a_deadline() -> None:
    soon = rule(amount=None, unit=None)
    clock = one(soon, facts(aware=AWARE), AWARE + 900 * DAY)
    assert (clock.state, clock.deadline_at) == (ClockState.RUNNING, None)
    assert clock.why.startswith("without undue delay after aware")
    sent = facts(aware=AWARE, notified__first=AWARE + 90 * DAY)
    assert one(soon, sent, AWARE + 91 * DAY).state is ClockState.MET


def test_an_established_cause_makes_the_report_due_at_once() -> None:
    urgent = rule(immediately_after="causal_link")
    clock = one(urgent, facts(aware=AWARE, causal_link=AWARE + HOUR), AWARE + 2 * HOUR)
    assert clock.at_once_since == AWARE + HOUR
    assert clock.why.endswith("The report is due at once; the deadline is only the outer limit.")


@given(st.lists(st.integers(0, 500), min_size=2, max_size=2), st.integers(0, 500))
def test_facts_after_the_moment_change_nothing(offsets: list[int], as_of: int) -> None:
    rules = [rule(), rule("final", depends_on="first", start_event="notified.first"), PENDING]
    moments = {"aware": AWARE + offsets[0] * HOUR, "notified.first": AWARE + offsets[1] * HOUR}
    now = AWARE + as_of * HOUR
    known = {name: at for name, at in moments.items() if at <= now}
    assert compute(rules[:2], IncidentFacts(moments), now) == compute(rules[:2], IncidentFacts(known), now)


@given(st.lists(st.integers(0, 300), min_size=2, max_size=6, unique=True))
def test_without_a_report_a_clock_only_goes_from_running_to_overdue(hours: list[int]) -> None:
    states = [one(rule(), facts(aware=AWARE), AWARE + hour * HOUR).state for hour in sorted(hours)]
    assert states == sorted(states, key=[ClockState.RUNNING, ClockState.OVERDUE].index)


def test_a_wrong_facts_file_names_line_and_expectation() -> None:
    source = b"""{
      "facts": {"aware": "2026-11-18", "awear": "2026-11-18T10:00:00Z"},
      "attributes": {"nis2_entity": "big"},
      "time_zone": "Mars/Olympus"
    }"""
    with pytest.raises(PackError) as refusal:
        parse_facts(source, path=Path("facts.json"))
    text = str(refusal.value)
    assert 'facts.json:2: facts.aware "2026-11-18" is not a time with zone' in text
    assert 'facts.json:3: nis2_entity "big" is wrong, expected one of essential, important, none' in text
    fixed = source.replace(b'"2026-11-18"', b'"2026-11-18T10:00:00Z"').replace(b"big", b"essential")
    with pytest.raises(PackError) as refusal:
        parse_facts(fixed, path=Path("facts.json"))
    assert 'facts.json:2: fact "awear" is wrong, expected one of occurred' in str(refusal.value)
    assert 'facts.json:4: time zone "Mars/Olympus" is not known' in str(refusal.value)
