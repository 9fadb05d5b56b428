"""The shipped frameworks and controls: official counts, exact texts, honest links."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from caiso.engine.checks import MemorySource, run_check
from caiso.engine.comply import (
    Control,
    ControlState,
    ControlVerdict,
    Framework,
    Library,
    Relation,
    RequirementState,
    ReviewStatus,
    framework_coverage,
    in_order,
    judge_control,
    load_library,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CORE = Path(__file__).parents[3] / "shared" / "reference" / "nist" / "nist_ai_rmf_1.0_core.json"
TECHNIQUES = CORE.parents[1] / "atlas" / "atlas_2026.09_technique_ids.tsv"


@cache
def library() -> Library:
    return load_library().trusted()


def ai_rmf() -> Framework:
    found = library().framework("nist-ai-rmf@1.0")
    assert found is not None
    return found


def control(name: str) -> Control:
    return next(pack.value for pack in library().controls if pack.value.id == name)


def test_ai_rmf_has_the_official_counts() -> None:
    framework = ai_rmf()
    assert framework.count_by_level() == {"function": 4, "category": 19, "subcategory": 72}
    per_function = {top.id: sum(node.assessable for node in top.walk()) for top in framework.requirements}
    assert per_function == {"GOVERN": 19, "MAP": 18, "MEASURE": 22, "MANAGE": 13}


def test_ai_rmf_ids_stand_in_numeric_order() -> None:
    for category in (node for node in ai_rmf().walk() if node.level == "category"):
        ids = [node.id for node in category.requirements]
        assert ids == sorted(ids, key=in_order)
        assert ids == [f"{category.id}.{number}" for number in range(1, len(ids) + 1)]
    measure = [node.id for node in ai_rmf().walk() if node.id.startswith("MEASURE 2.")]
    assert measure[8:10] == ["MEASURE 2.9", "MEASURE 2.10"]
    assert measure[-1] == "MEASURE 2.13"


@pytest.mark.parametrize(
    ("requirement", "words"),
    [
        ("GOVERN 1.6", "Mechanisms are in place to inventory AI systems"),
        ("GOVERN 5.2", "the team that developed or deployed AI systems"),
        ("MEASURE 2.10", "Privacy risk of the AI system"),
        ("MANAGE 4.3", "Incidents and errors are communicated to relevant AI actors"),
    ],
)
def test_ai_rmf_texts_are_those_of_the_core(requirement: str, words: str) -> None:
    node = ai_rmf().find(requirement)
    assert node is not None
    assert words in (node.text or "")


def test_ai_rmf_equals_the_reference_text() -> None:
    if not CORE.exists():
        pytest.skip("reference data is not beside this checkout")
    core = json.loads(CORE.read_text())
    official = {
        node["id"]: node["text"]
        for function in core["functions"]
        for category in function["categories"]
        for node in (category, *category["subcategories"])
    }
    ours = {node.id: node.text for node in ai_rmf().walk() if node.level != "function"}
    assert ours == official


def test_controls_are_twenty_and_most_prove_themselves() -> None:
    controls = [pack.value for pack in library().controls]
    assert len(controls) == 20
    assert sum(bool(one.checks) for one in controls) >= 8
    for one in controls:
        assert one.statement.endswith("."), one.id
        assert one.statement.count(". ") == 0, f"{one.id} says more than one sentence"
        assert one.links, one.id


def test_no_link_pretends_to_cover_or_to_be_reviewed() -> None:
    links = [(pack.value.id, link) for pack in library().controls for link in pack.value.links]
    assert len(links) >= 40
    for name, link in links:
        assert link.relation in (Relation.SUBSET, Relation.INTERSECTS), name
        assert link.status is ReviewStatus.UNREVIEWED, name
        assert len(link.rationale) > 30, name


def test_techniques_of_controls_exist_in_atlas() -> None:
    if not TECHNIQUES.exists():
        pytest.skip("reference data is not beside this checkout")
    known = {line.split("\t")[0] for line in TECHNIQUES.read_text().splitlines()}
    used = {technique for pack in library().controls for technique in pack.value.techniques}
    assert used
    assert used <= known


def verdict(name: str, **rows: list[dict[str, object]]) -> ControlVerdict:
    watched: list[dict[str, object]] = [{"id": "gateway", "last_event_at": NOW - HOUR}]
    one, source = control(name), MemorySource({"sources": watched, **rows})
    results = [result for check in one.checks for result in run_check(check, source, now=NOW).values()]
    return judge_control(one, results, now=NOW)


def injection(**fields: object) -> dict[str, object]:
    base = {"id": "alert-7", "techniques": ["AML.T0051.001"], "severity": "high", "age": HOUR, "opened_at": NOW - HOUR}
    return {**base, **fields}


def test_an_untriaged_injection_alert_flips_its_control_and_triage_flips_it_back() -> None:
    assert verdict("prompt-injection-triaged", alerts=[]).state is ControlState.EFFECTIVE
    attacked = verdict("prompt-injection-triaged", alerts=[injection()])
    assert (attacked.state, attacked.records) == (ControlState.FAILING, ("alert-7",))
    taken = verdict("prompt-injection-triaged", alerts=[injection(acknowledged_at=NOW)])
    assert taken.state is ControlState.EFFECTIVE


@pytest.mark.parametrize("name", ["prompt-injection-triaged", "high-alerts-triaged"])
def test_no_alert_proves_nothing_where_nobody_watches(name: str) -> None:
    assert verdict(name, alerts=[], sources=[]).state is ControlState.UNKNOWN
    silent: list[dict[str, object]] = [{"id": "gateway", "last_event_at": NOW - timedelta(days=8)}]
    assert verdict(name, alerts=[], sources=silent).state is ControlState.FAILING


CASES: dict[str, tuple[str, dict[str, object], dict[str, object]]] = {
    "accountable-owner": (
        "ai_systems",
        {"environment": "production", "has_accountable_owner": True},
        {"environment": "production", "has_accountable_owner": False},
    ),
    "ai-duties-covered": (
        "duties", {"ai_security": True, "state": "covered"}, {"ai_security": True, "state": "unqualified"},
    ),
    "unmanaged-ai-decided": (
        "assets",
        {"state": "unmanaged", "first_seen_at": NOW - HOUR},
        {"state": "unmanaged", "first_seen_at": NOW - timedelta(days=8)},
    ),
    "inventory-scanned": (
        "scans", {"ok": True, "finished_at": NOW - HOUR}, {"ok": True, "finished_at": NOW - timedelta(days=8)},
    ),
    "detection-rules-tested": (
        "detection_rules", {"state": "live", "tests_pass": True}, {"state": "live", "tests_pass": False},
    ),
    "criticality-rated": ("ai_systems", {"criticality": "high"}, {"criticality": "unknown"}),
    "telemetry-shows-content": (
        "sources", {"ready": True, "content_missing_share": 0.1}, {"ready": True, "content_missing_share": 0.4},
    ),
    "high-alerts-triaged": ("alerts", injection(), injection(age=5 * HOUR)),
    "incident-clocks-met": (
        "incident_clocks", {"state": "met", "deadline_at": NOW}, {"state": "overdue", "deadline_at": NOW},
    ),
    "incidents-reviewed": (
        "incidents",
        {"severity": "high", "state": "closed", "has_review": True},
        {"severity": "high", "state": "closed", "has_review": False},
    ),
    "audit-chain-verifies": (
        "audit_verifications", {"ok": True, "verified_at": NOW - HOUR}, {"ok": False, "verified_at": NOW - HOUR},
    ),
    "backup-recent": ("backups", {"ok": True, "made_at": NOW - HOUR}, {"ok": False, "made_at": NOW - HOUR}),
    "privileged-logins-mfa": ("users", {"privileged": True, "has_mfa": True}, {"privileged": True, "has_mfa": False}),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CASES))
def test_each_control_with_checks_can_hold_and_can_fail(name: str) -> None:
    collection, good, bad = CASES[name]
    held = verdict(name, **{collection: [{"id": "good", **good}]})
    assert held.state is ControlState.EFFECTIVE, held.reason
    failed = verdict(name, **{collection: [{"id": "bad", **bad}]})
    assert failed.state is ControlState.FAILING, failed.reason


def coverage_rows(*, covered: bool, without: str = "") -> list[dict[str, object]]:
    core = [technique for technique in control("core-techniques-detected").techniques if technique != without]
    return [{"id": name, "technique": name, "covered": covered or name != "AML.T0054"} for name in core]


def test_each_core_technique_must_be_covered_and_one_without_any_rule_is_noticed() -> None:
    name = "core-techniques-detected"
    assert len(control(name).checks) == len(control(name).techniques) == 5
    assert verdict(name, technique_coverage=coverage_rows(covered=True)).state is ControlState.EFFECTIVE
    gap = verdict(name, technique_coverage=coverage_rows(covered=False))
    assert (gap.state, gap.records) == (ControlState.FAILING, ("AML.T0054",))
    unseen = verdict(name, technique_coverage=coverage_rows(covered=True, without="AML.T0057"))
    assert unseen.state is ControlState.UNKNOWN
    assert "AML.T0057" in unseen.reason


def test_missing_values_do_not_count_as_rated() -> None:
    rows: list[dict[str, object]] = [{"id": "a", "criticality": None}, {"id": "b", "criticality": ""}]
    assert verdict("criticality-rated", ai_systems=rows).state is ControlState.FAILING


def test_coverage_of_an_empty_organisation_is_grey() -> None:
    controls = [pack.value for pack in library().controls]
    coverage = framework_coverage(ai_rmf(), controls, {})
    assert coverage.tally().states == {RequirementState.UNASSESSED: 72}


def test_effective_controls_indicate_parts_and_claim_nothing_unreviewed() -> None:
    controls = [pack.value for pack in library().controls]
    coverage = framework_coverage(ai_rmf(), controls, {one.id: ControlState.EFFECTIVE for one in controls})
    shown = coverage.tally(claims_only=False)
    assert shown.satisfied == 0
    assert shown.states[RequirementState.PARTIAL] >= 20
    assert coverage.tally().states == {RequirementState.UNASSESSED: 72}
