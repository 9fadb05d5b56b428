"""The shipped drills: every technique that a shipped rule claims is played, and the shipped rules pass."""

from collections.abc import Iterator

import pytest

from caiso.connect.telemetry.trial.drill import run_drill
from caiso.connect.telemetry.trial.jobs import DrillJob, DrillReport, RuleSources
from caiso.engine.detect.loader import load_rules, shipped_rules
from caiso.engine.drill import count_outcomes, load_drills
from caiso.engine.drill.firedrill import PACK_ID, installed_atomics
from caiso.engine.drill.packs import DRILL_FOLDER


@pytest.fixture(scope="module")
def report() -> Iterator[DrillReport]:
    atomics = installed_atomics()
    assert atomics is not None, "agent-firedrill belongs to the development set"
    yield run_drill(DrillJob(RuleSources([str(shipped_rules())]), [str(DRILL_FOLDER)], atomics=str(atomics)))


def test_every_technique_that_a_shipped_rule_claims_is_drilled_by_a_pack_of_ours() -> None:
    rules, _ = load_rules(shipped_rules())
    packs, problems = load_drills(DRILL_FOLDER)
    assert problems == ()
    claimed = {technique for rule in rules if rule.emits for technique in rule.techniques}
    drilled = {technique for pack in packs for trace in pack.value.traces for technique in trace.techniques}
    assert sorted(claimed - drilled) == [], "write a trace with a twin into content/drills"


def test_every_shipped_trace_names_a_technique_and_the_rule_that_must_see_it() -> None:
    packs, _ = load_drills(DRILL_FOLDER)
    loose = [trace.id for pack in packs for trace in pack.value.traces if not trace.technique or not trace.expects]
    assert loose == []


def test_shipped_rules_see_every_shipped_attack_and_no_twin(report: DrillReport) -> None:
    failed = [f"{row.pack}/{row.trace}: {row.outcome}: {row.why}" for row in report.rows if row.pack != PACK_ID]
    assert [line for line in failed if ": covered:" not in line] == []
    assert report.problems == []


def test_atomics_of_agent_firedrill_are_covered_without_noise(report: DrillReport) -> None:
    counts = count_outcomes(row.outcome for row in report.rows if row.pack == PACK_ID)
    assert sum(counts.values()) == 17
    assert counts["covered"] >= 16
    assert counts["noisy"] == 0


def test_a_drill_of_no_rules_misses_everything(report: DrillReport) -> None:
    """The score comes from the rules, not from the packs."""
    empty = run_drill(DrillJob(RuleSources([]), [str(DRILL_FOLDER)]))
    assert {row.outcome for row in empty.rows} == {"missed"}
    assert all(row.why.startswith("no rule watches for") for row in empty.rows)
