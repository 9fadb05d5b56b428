"""Trials run in a process of their own: bounded, cancellable, and without anything of ours in their environment."""

import os
import time
from pathlib import Path

import msgspec
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from caiso.connect.telemetry.files.record import Request
from caiso.connect.telemetry.records import Encoding, Signal
from caiso.connect.telemetry.rehearsal import rehearse
from caiso.connect.telemetry.trial import parent
from caiso.connect.telemetry.trial.drill import UnableToDrill, run_drill
from caiso.connect.telemetry.trial.jobs import DrillJob, DrillReport, FileTrace, RuleSources, RuleText, Silence
from caiso.connect.telemetry.trial.parent import Bounds, UnableToTry, run_trial
from caiso.connect.telemetry.trial.rules import label_of, load_sources
from caiso.engine.detect.rule import DeployState

RULE = """
title: Shell opened
name: shell-opened
level: high
tags: [atlas.aml.t0050]
logsource: {product: ai}
detection: {a: {gen_ai.tool.name: shell}, condition: a}
caiso: {state: live, needs: [gen_ai.tool.name]}
"""
PACK = """
id: own
title: Own
about: Ours
traces:
  - {id: one, title: One, technique: AML.T0050, expects: [shell-opened], story: s, twin_story: s,
     attack: [{attributes: {gen_ai.tool.name: shell}}], twin: [{attributes: {gen_ai.tool.name: list}}]}
"""


@pytest.fixture
def job(tmp_path: Path) -> DrillJob:
    rules, drills = tmp_path / "rules", tmp_path / "drills"
    rules.mkdir()
    drills.mkdir()
    (rules / "a.yaml").write_text(RULE)
    (drills / "own.yaml").write_text(PACK)
    return DrillJob(RuleSources([str(rules)]), [str(drills)])


def test_drill_in_a_process_of_its_own_says_the_same_as_here(job: DrillJob) -> None:
    told: list[tuple[int, int, str]] = []
    there = run_trial(job, DrillReport, tell=lambda *now: told.append(now))
    assert there == run_drill(job)
    assert [row.outcome for row in there.rows] == ["covered"]
    assert there.rows[0].needs == {"shell-opened": ["gen_ai.tool.name"]}


def test_what_progress_raises_ends_the_process(job: DrillJob) -> None:
    class Cancelled(Exception):
        """As a job's progress does."""

    def tell(done: int, total: int, note: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        run_trial(job, DrillReport, tell=tell)


def test_refusal_of_the_child_is_the_parents(job: DrillJob) -> None:
    wrong = msgspec.structs.replace(job, packs=["nobody"])
    with pytest.raises(UnableToTry, match="no drill pack nobody; there are: own"):
        run_trial(wrong, DrillReport, tell=lambda *now: None)


def test_trial_that_takes_too_long_is_stopped(job: DrillJob) -> None:
    with pytest.raises(UnableToTry, match=r"longer than 0\.01 seconds"):
        run_trial(job, DrillReport, tell=lambda *now: None, bounds=Bounds(seconds=0.01))


def test_trial_that_takes_too_much_memory_is_stopped(job: DrillJob) -> None:
    with pytest.raises(UnableToTry, match=r"memory|without a result"):
        run_trial(job, DrillReport, tell=lambda *now: None, bounds=Bounds(address_bytes=64 << 20))


def test_no_secret_of_ours_reaches_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAISO_SECRET_KEY", "hidden")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    assert "hidden" not in parent._environment().values()
    assert "PATH" in parent._environment()


def test_no_process_is_left_behind(job: DrillJob) -> None:
    with pytest.raises(UnableToTry):
        run_trial(job, DrillReport, tell=lambda *now: None, bounds=Bounds(seconds=0.01))
    deadline = time.monotonic() + 10
    while children() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert children() == []


def children() -> list[str]:
    """Command lines of our child processes that are trials."""
    found = []
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        for pid in (task / "children").read_text().split():
            line = Path(f"/proc/{pid}/cmdline")
            if line.exists() and b"trial.child" in line.read_bytes():
                found.append(pid)
    return found


def test_suppression_silences_only_its_entity(job: DrillJob) -> None:
    whole = run_drill(msgspec.structs.replace(job, silences=[Silence("shell-opened", {}, "it is suppressed")]))
    assert [(row.outcome, row.why) for row in whole.rows] == [("missed", "shell-opened fired, but it is suppressed")]
    other = run_drill(
        msgspec.structs.replace(job, silences=[Silence("shell-opened", {"user": "kim"}, "it is suppressed")])
    )
    assert [row.outcome for row in other.rows] == ["covered"]


def test_state_that_people_gave_wins_over_the_files(job: DrillJob) -> None:
    demoted = msgspec.structs.replace(job.rules, states={"shell-opened": "canary"})
    report = run_drill(msgspec.structs.replace(job, rules=demoted))
    assert report.rows[0].outcome == "missed"
    assert "in canary" in report.rows[0].why
    assert report.label != run_drill(job).label


def test_rule_of_a_text_is_in_shadow_until_somebody_promotes_it() -> None:
    text = RuleText("workbench/shell-opened", RULE)
    rules, problems = load_sources(RuleSources([], [text]))
    assert problems == ()
    assert [rule.state for rule in rules] == [DeployState.SHADOW]
    promoted, _ = load_sources(RuleSources([], [text], {"shell-opened": "live"}))
    assert [rule.state for rule in promoted] == [DeployState.LIVE]
    assert label_of(rules) != label_of(promoted)


def test_mistake_in_a_text_names_the_text_and_its_line() -> None:
    _, problems = load_sources(RuleSources([], [RuleText("workbench/x", RULE.replace("level: high", "level: hgih"))]))
    assert [str(problem).startswith("workbench/x:4: level") for problem in problems] == [True]


def span(name: str, tool: str, *, seconds: int) -> bytes:
    """One OTLP request in protobuf."""
    request = ExportTraceServiceRequest()
    made = request.resource_spans.add().scope_spans.add().spans.add()
    made.trace_id, made.span_id, made.name = b"t" * 16, seconds.to_bytes(8, "big"), name
    made.start_time_unix_nano = made.end_time_unix_nano = (1_767_225_600 + seconds) * 1_000_000_000
    for key, value in {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool}.items():
        attribute = made.attributes.add()
        attribute.key, attribute.value.string_value = key, value
    return bytes(request.SerializeToString())


def test_attack_and_twin_may_be_otlp_files_of_either_encoding(job: DrillJob, tmp_path: Path) -> None:
    attack, twin = tmp_path / "attack.pb", tmp_path / "twin.json"
    attack.write_bytes(span("execute_tool", "shell", seconds=1))
    twin.write_text(
        '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"' + "ab" * 16 + '","spanId":"' + "cd" * 8 + '",'
        '"name":"x","startTimeUnixNano":"1767225600000000000","attributes":'
        '[{"key":"gen_ai.tool.name","value":{"stringValue":"list"}}]}]}]}]}'
    )
    files = [FileTrace("attack.pb", str(attack), str(twin), "AML.T0050")]
    report = run_drill(msgspec.structs.replace(job, folders=[], files=files))
    assert [(row.pack, row.trace, row.outcome) for row in report.rows] == [("files", "attack-pb", "covered")]


def test_trace_file_that_is_none_is_refused_with_file_and_line(job: DrillJob, tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.json", tmp_path / "good.pb"
    bad.write_text('{"resourceSpans": []}\n{"resourceSpans": [\n')
    good.write_bytes(span("x", "list", seconds=1))
    files = [FileTrace("bad.json", str(bad), str(good))]
    with pytest.raises(UnableToDrill, match=r"bad\.json:2: is not valid JSON"):
        run_drill(msgspec.structs.replace(job, folders=[], files=files))


def test_rehearsed_events_keep_their_own_time_however_old_they_are() -> None:
    found = rehearse([Request(Signal.TRACES, Encoding.PROTOBUF, span("x", "list", seconds=n)) for n in (9, 3)])
    assert [event["time"] for event in found.events] == [1_767_225_603_000_000, 1_767_225_609_000_000]
    assert [event["time.marked"] for event in found.events] == ["", ""]
