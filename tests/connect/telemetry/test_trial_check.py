"""A rule's text is checked line by line, tried on its tests and on samples, measured and compared."""

from pathlib import Path

import pytest

from caiso.connect.telemetry.trial.check import run_check
from caiso.connect.telemetry.trial.jobs import CheckJob, CheckReport, RuleSources
from caiso.connect.telemetry.trial.parent import Bounds, UnableToTry, run_trial
from caiso.connect.telemetry.trial.rules import documents_of

STANDING = """
title: Payroll read
name: payroll-read
level: high
tags: [atlas.aml.t0085]
logsource: {product: ai, category: tool}
detection: {a: {gen_ai.tool.call.arguments|contains: 'select salary from payroll'}, condition: a}
caiso: {state: live, needs: [gen_ai.tool.call.arguments]}
---
title: A tool ran
name: tool-ran
logsource: {product: ai, category: tool}
detection: {a: {gen_ai.tool.name|exists: true}, condition: a}
caiso: {emit: false}
"""
RULE = """title: Salaries exported
name: salaries-exported
level: high
description: Salaries leave the database.
tags: [atlas.aml.t0085]
falsepositives: [Payday]
logsource: {product: ai, category: tool}
detection:
  a: {gen_ai.tool.call.arguments|contains: 'select salary from payroll'}
  condition: a
caiso: {needs: [gen_ai.tool.call.arguments]}
tests:
  - {name: one, fires: true, events: [{event.kind: tool, gen_ai.tool.call.arguments: 'select salary from payroll'}]}
  - {name: two, fires: true, events: [{event.kind: tool, gen_ai.tool.call.arguments: 'SELECT salary FROM payroll;'}]}
  - {name: three, fires: false, events: [{event.kind: tool, gen_ai.tool.call.arguments: 'select name from pets'}]}
  - {name: four, fires: false, events: [{event.kind: inference, content.user: 'select salary from payroll'}]}
"""


@pytest.fixture
def sources(tmp_path: Path) -> RuleSources:
    (tmp_path / "standing.yaml").write_text(STANDING)
    return RuleSources([str(tmp_path)])


def check(sources: RuleSources, text: str, samples: str = "") -> CheckReport:
    return run_check(CheckJob(sources, "workbench/draft.yaml", text, samples))


def test_good_rule_has_nothing_to_complain_about(sources: RuleSources) -> None:
    report = check(sources, RULE)
    assert (report.problems, report.hints, report.rule_ids) == ([], [], ["salaries-exported"])
    assert report.tests_pass
    assert len(report.tests) == 4
    assert report.cost_us is not None
    assert report.cost_us >= 0


@pytest.mark.parametrize(
    ("change", "line", "says"),
    [
        (("level: high", "level: loud"), 3, "expected one of informational"),
        (("tags: [atlas.aml.t0085]", "tags: [atlas.aml.t9999]"), 5, "expected a technique"),
        (("product: ai", "product: windows"), 7, "windows"),
        (("gen_ai.tool.call.arguments|contains", "gen_ai.tol.arguments|contains"), 9, "not in the event schema"),
        (("gen_ai.tool.call.arguments|contains", "gen_ai.tool.call.arguments|wat"), 9, "wat"),
        (("  condition: a\n", "  condition: b\n"), 10, "b"),
        (("name: salaries-exported", "name: payroll-read"), 1, "already defined at"),
        (("title: Salaries exported\n", "title: [\n"), 2, ""),
    ],
)
def test_mistake_is_named_with_its_line(sources: RuleSources, change: tuple[str, str], line: int, says: str) -> None:
    report = check(sources, RULE.replace(*change))
    assert report.rules == []
    found = [one for one in report.problems if says in one.message]
    assert found, report.problems
    assert abs(found[0].line - line) <= (1 if says else 20), report.problems


def test_what_is_missing_is_hinted_where_it_belongs(sources: RuleSources) -> None:
    bare = "title: Anything\nname: anything\nlogsource: {product: ai}\ndetection: {a: {user.id|exists: false}, condition: a}\n"
    report = check(sources, bare)
    told = " / ".join(f"{one.line} {one.message}" for one in report.hints)
    assert report.problems == []
    for word in ("4 anything looks at every event", "no ATLAS technique", "falsepositives", "caiso.needs", "0 firing"):
        assert word in told


def test_failing_test_is_reported_and_the_rule_does_not_pass(sources: RuleSources) -> None:
    report = check(sources, RULE.replace("name: three, fires: false", "name: three, fires: true"))
    assert [(test.name, test.passed) for test in report.tests if not test.passed] == [("three", False)]
    assert not report.tests_pass


def test_rule_without_a_silent_test_does_not_pass(sources: RuleSources) -> None:
    assert not check(sources, RULE[: RULE.index("  - {name: three")]).tests_pass


def test_samples_say_what_fired_where_and_what_was_refused(sources: RuleSources) -> None:
    samples = (
        '{"event.kind":"tool","gen_ai.tool.call.arguments":"x; select salary from payroll"}\n'
        '{"event.kind":"tool","gen_ai.tool.name":"list"}\n'
        "{broken\n"
        '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"' + "ab" * 16 + '","spanId":"' + "cd" * 8 + '",'
        '"name":"x","startTimeUnixNano":"1767225600000000000","attributes":[{"key":"gen_ai.operation.name","value":'
        '{"stringValue":"execute_tool"}},{"key":"gen_ai.tool.call.arguments","value":{"stringValue":"select salary '
        'from payroll"}}]}]}]}]}\n'
    )
    rows = {sample.place: sample for sample in check(sources, RULE, samples).samples}
    assert [hit.rule for hit in rows[1].hits] == ["salaries-exported"]
    assert rows[1].hits[0].spans == [("gen_ai.tool.call.arguments", 3, 29)]
    assert rows[2].hits == []
    assert "not valid JSON" in rows[3].refused
    assert [hit.rule for hit in rows[4].hits] == ["salaries-exported"]


def test_sequence_over_samples_fires_at_the_sample_that_completes_it(sources: RuleSources) -> None:
    text = (
        "title: Read then anything\nname: read-then-any\ncorrelation: {type: temporal_ordered, rules: [payroll-read, "
        "tool-ran], group-by: [user.id], timespan: 5m}\n"
    )
    samples = (
        '{"time":"2026-01-01T00:00:00Z","event.kind":"tool","user.id":"k","gen_ai.tool.call.arguments":"select salary '
        'from payroll"}\n{"time":"2026-01-01T00:00:09Z","event.kind":"tool","user.id":"k","gen_ai.tool.name":"send"}\n'
    )
    rows = check(sources, text, samples).samples
    assert [[hit.rule for hit in row.hits] for row in rows] == [[], ["read-then-any"]]


def test_similar_rule_is_named_with_what_is_shared(sources: RuleSources) -> None:
    similar = check(sources, RULE).similar
    assert [one.rule for one in similar] == ["payroll-read"]
    assert similar[0].share > 0.8
    assert similar[0].techniques == ["AML.T0085"]
    assert {"salary", "payroll"} <= set(similar[0].words)


def test_rule_is_not_compared_with_the_text_that_it_replaces(sources: RuleSources) -> None:
    assert all(one.rule != "salaries-exported" for one in check(sources, RULE).similar)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "---\n",
        "just text",
        "[]",
        "title: x",
        "!!python/object/apply:os.system [true]",
        "a: &a [*a]",
        "\x00",
        "name: x\n" * 9,
    ],
)
def test_hostile_text_is_answered_with_a_problem(sources: RuleSources, text: str) -> None:
    report = check(sources, text)
    assert report.problems
    assert report.rules == []


def test_pattern_that_would_never_end_is_stopped_or_refused(sources: RuleSources) -> None:
    """Look-around goes to Python's re, which backtracks; the process of the check is bounded."""
    evil = RULE.replace("|contains: 'select salary from payroll'", "|re: '^(?=(a+)+$)(a|aa)+$'")
    job = CheckJob(sources, "workbench/draft.yaml", evil, '{"gen_ai.tool.call.arguments":"' + "a" * 60 + '!"}')
    try:
        report = run_trial(job, CheckReport, tell=lambda *now: None, bounds=Bounds(seconds=20, cpu_seconds=15))
    except UnableToTry as refusal:
        assert "stopped" in str(refusal) or "without a result" in str(refusal)
    else:
        assert report.rules == [] or report.samples


def test_documents_for_export_carry_what_a_correlation_hears_and_nothing_of_ours(sources: RuleSources) -> None:
    text = (
        "title: Many\nname: many\ncorrelation: {type: event_count, rules: [tool-ran], group-by: [user.id], timespan: 5m, "
        "condition: {gte: 5}}\ncaiso: {needs: [user.id]}\n"
    )
    from caiso.connect.telemetry.trial.jobs import RuleText

    found = documents_of(RuleSources(sources.folders, [RuleText("workbench/many.yaml", text)]), {"many"})
    assert [document["name"] for document in found] == ["tool-ran", "many"]
    assert not any({"caiso", "tests"} & set(document) for document in found)
