"""The check language: verdicts with reasons and records, and mistakes found before anything runs."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caiso.engine.checks import (
    STANDARD_COLLECTIONS,
    Aggregate,
    Check,
    CheckResult,
    CheckState,
    Collections,
    MemorySource,
    PassRule,
    UnableToRegister,
    check_faults,
    evaluate,
    run_check,
)
from caiso.engine.packs import PackKind, read_source

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KIND = PackKind("check", "checks", Check, key=lambda check: check.id)


def check_of(text: str) -> Check:
    pack, problems = read_source(KIND, text.encode(), path=Path("check.yaml"))
    assert pack is not None, problems
    assert not list(check_faults(pack.value, STANDARD_COLLECTIONS))
    return pack.value


def only(results: dict[str, CheckResult]) -> CheckResult:
    assert list(results) == [""]
    return results[""]


OWNED = """
id: owned
title: Every production system has an owner
collection: ai_systems
where: [{field: environment, op: eq, value: production}]
measure: share
of: [{field: has_accountable_owner, op: eq, value: true}]
pass: "== 100%"
freshness: 1d
empty: not_applicable
"""


def system(name: str, *, owner: bool, environment: str = "production") -> dict[str, object]:
    return {"id": name, "environment": environment, "has_accountable_owner": owner, "unit": "bank"}


def test_share_names_the_records_that_fail_it() -> None:
    rows = [system("a", owner=True), system("b", owner=False), system("c", owner=False, environment="test")]
    result = only(run_check(check_of(OWNED), MemorySource({"ai_systems": rows}), now=NOW))
    assert (result.state, result.numerator, result.denominator) == (CheckState.FAILING, 1, 2)
    assert result.records == ("b",)
    assert result.reason == "1 of 2 (50 %); required == 100%"


def test_share_that_passes_names_its_proof() -> None:
    source = MemorySource({"ai_systems": [system("a", owner=True)]})
    result = only(run_check(check_of(OWNED), source, now=NOW))
    assert (result.state, result.records) == (CheckState.EFFECTIVE, ("a",))


def test_one_missing_in_a_thousand_is_never_shown_as_all() -> None:
    result = evaluate(check_of(OWNED), Aggregate(100_000, 99_999), now=NOW)
    assert result.state is CheckState.FAILING
    assert "(99.9 %)" in result.reason


@pytest.mark.parametrize(
    ("empty", "state"),
    [("pass", "effective"), ("fail", "failing"), ("unknown", "unknown"), ("not_applicable", "not_applicable")],
)
def test_no_record_means_what_the_author_said(empty: str, state: str) -> None:
    check = check_of(OWNED.replace("not_applicable", empty))
    result = only(run_check(check, MemorySource({}), now=NOW))
    assert (result.state, result.denominator, result.records) == (CheckState(state), 0, ())
    assert "no record in ai_systems where environment is production" in result.reason


def test_each_ai_system_gets_its_own_verdict() -> None:
    check = check_of(OWNED + "scope: ai_system\n")
    rows = [system("a", owner=True), system("b", owner=False)]
    results = run_check(check, MemorySource({"ai_systems": rows}), now=NOW)
    assert {scope: result.state for scope, result in results.items()} == {
        "a": CheckState.EFFECTIVE,
        "b": CheckState.FAILING,
    }


UNTRIAGED = """
id: untriaged
title: No high prompt-injection alert waits
collection: alerts
where: [{field: techniques, op: contains, value: AML.T0051.000}]
measure: count
of:
  - {field: severity, op: in, value: [high, critical]}
  - {field: acknowledged_at, op: exists, value: false}
pass: "== 0"
freshness: 1h
empty: pass
"""


def alert(name: str, **fields: object) -> dict[str, object]:
    base = {"id": name, "techniques": ("AML.T0051.000",), "severity": "high", "acknowledged_at": None}
    return {**base, **fields}


def test_an_open_attack_alert_flips_the_verdict_and_back() -> None:
    check = check_of(UNTRIAGED)
    quiet = [alert("1", acknowledged_at=NOW), alert("2", severity="low"), alert("3", techniques=("AML.T0054",))]
    assert only(run_check(check, MemorySource({"alerts": quiet}), now=NOW)).state is CheckState.EFFECTIVE
    attacked = only(run_check(check, MemorySource({"alerts": [*quiet, alert("4")]}), now=NOW))
    assert (attacked.state, attacked.records) == (CheckState.FAILING, ("4",))
    assert attacked.reason == "1 of 3 records; required == 0"


VERIFIED = """
id: verified
title: The chain was verified lately
collection: audit_verifications
where: [{field: verified_at, op: after, value: now - 7d}]
measure: share
of: [{field: ok, op: eq, value: true}]
pass: "== 100%"
freshness: 1d
evidence_time: verified_at
empty: unknown
"""


def test_old_proof_is_stale_but_old_failure_stays_a_failure() -> None:
    check = check_of(VERIFIED)

    def state(age: timedelta, *, ok: bool) -> CheckState:
        rows = [{"id": "v", "verified_at": NOW - age, "ok": ok}]
        return only(run_check(check, MemorySource({"audit_verifications": rows}), now=NOW)).state

    assert state(timedelta(hours=1), ok=True) is CheckState.EFFECTIVE
    assert state(timedelta(days=1), ok=True) is CheckState.EFFECTIVE
    assert state(timedelta(days=2), ok=True) is CheckState.STALE
    assert state(timedelta(days=2), ok=False) is CheckState.FAILING
    assert state(timedelta(days=8), ok=False) is CheckState.UNKNOWN


def test_a_verdict_nobody_renewed_turns_stale() -> None:
    result = evaluate(check_of(OWNED), Aggregate(2, 2), now=NOW)
    assert result.at(NOW + timedelta(days=1)) is result
    later = result.at(NOW + timedelta(days=1, seconds=1))
    assert later.state is CheckState.STALE
    assert "before: 2 of 2 (100 %)" in later.reason
    failed = evaluate(check_of(OWNED), Aggregate(2, 1), now=NOW)
    assert failed.at(NOW + timedelta(days=9)).state is CheckState.FAILING


AGE = """
id: scanned
title: Scanned lately
collection: scans
where: [{field: ok, op: eq, value: true}]
measure: age
field: finished_at
pass: "<= 7d"
freshness: 1d
empty: fail
"""


def test_age_is_that_of_the_newest_record() -> None:
    rows = [
        {"id": "old", "ok": True, "finished_at": NOW - timedelta(days=30)},
        {"id": "new", "ok": True, "finished_at": NOW - timedelta(days=6)},
        {"id": "bad", "ok": False, "finished_at": NOW},
        {"id": "odd", "ok": True, "finished_at": None},
    ]
    result = only(run_check(check_of(AGE), MemorySource({"scans": rows}), now=NOW))
    assert (result.state, result.records) == (CheckState.EFFECTIVE, ("new",))
    assert result.value == 6 * 86400
    late = only(run_check(check_of(AGE), MemorySource({"scans": rows}), now=NOW + timedelta(days=2)))
    assert (late.state, late.reason) == (CheckState.FAILING, "newest is 8d old; required <= 7d")
    odd = only(
        run_check(check_of(AGE), MemorySource({"scans": rows}), now=NOW + timedelta(days=1, hours=3, seconds=2261))
    )
    assert odd.reason == "newest is 7d 3h 37m old; required <= 7d"
    young = only(run_check(check_of(AGE), MemorySource({"scans": rows}), now=NOW - timedelta(days=6, seconds=-75)))
    assert young.reason == "newest is 1m 15s old; required <= 7d"


def test_records_without_the_measured_value_count_as_empty() -> None:
    rows = [{"id": "odd", "ok": True, "finished_at": None}]
    result = only(run_check(check_of(AGE), MemorySource({"scans": rows}), now=NOW))
    assert result.state is CheckState.FAILING
    assert "none of 1 records in scans has a value in finished_at" in result.reason


@pytest.mark.parametrize(
    ("change", "line", "message"),
    [
        (("collection: ai_systems", "collection: ai_system"), 4, 'collection "ai_system" does not exist'),
        (("field: environment", "field: environs"), 5, 'ai_systems has no field "environs"'),
        (("op: eq, value: production", "op: before, value: now"), 5, "environment is a text, for which op is one of"),
        (("value: true", "value: maybe"), 7, "has_accountable_owner eq takes true or false"),
        (("op: eq, value: production", "op: in, value: production"), 5, "environment in takes a list"),
        (("freshness: 1d", "freshness: 1d\nscope: unit\nevidence_time: name"), 11, "no time field"),
    ],
)
def test_a_check_against_what_does_not_exist_names_the_line(change: tuple[str, str], line: int, message: str) -> None:
    pack, problems = read_source(KIND, OWNED.replace(*change).encode(), path=Path("check.yaml"))
    assert pack is not None, problems
    found = [pack.problem(fault.at, fault.message) for fault in check_faults(pack.value, STANDARD_COLLECTIONS)]
    assert [problem.line for problem in found] == [line]
    assert message in found[0].message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('pass: "== 100%"', 'pass: ">= 1"'), "a share is compared with a percent"),
        (('pass: "== 100%"', 'pass: "about 5"'), "expected a comparison such as >= 1"),
        (("measure: share", "measure: age"), "age needs `field`"),
        (("measure: share", "measure: count\nfield: name"), "count does not take `field`"),
        (("freshness: 1d", "freshness: 0d"), "freshness must be longer than nothing"),
    ],
)
def test_a_check_that_contradicts_itself_is_refused(change: tuple[str, str], message: str) -> None:
    pack, problems = read_source(KIND, OWNED.replace(*change).encode(), path=Path("check.yaml"))
    assert pack is None
    assert message in "\n".join(map(str, problems))


def test_state_words_are_checked_against_the_known_ones() -> None:
    text = OWNED.replace("ai_systems", "duties").replace(
        "field: environment, op: eq, value: production", "field: state, op: in, value: [covered, fine]"
    )
    pack, _ = read_source(KIND, text.encode(), path=Path("check.yaml"))
    assert pack is not None
    messages = [fault.message for fault in check_faults(pack.value, STANDARD_COLLECTIONS)]
    assert 'state in takes one of unowned, contested, unstaffed, unqualified, covered, not "fine"' in messages


def test_a_collection_has_one_owner() -> None:
    mine = Collections(STANDARD_COLLECTIONS.values())
    with pytest.raises(UnableToRegister, match="alerts is already defined"):
        mine.add(STANDARD_COLLECTIONS["alerts"])


@given(
    st.integers(0, 500), st.integers(1, 500), st.sampled_from([">=", ">", "<=", "<", "==", "!="]), st.integers(0, 100)
)
def test_share_compares_exactly(part: int, extra: int, comparison: str, percent: int) -> None:
    total = part + extra
    rule = PassRule.parse(f"{comparison} {percent}%")
    left, right = part * 100, percent * total
    expected = {
        ">=": left >= right,
        ">": left > right,
        "<=": left <= right,
        "<": left < right,
        "==": left == right,
        "!=": left != right,
    }[comparison]
    assert rule.holds(Fraction(part, total)) is expected
