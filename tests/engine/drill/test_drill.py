"""Drill packs are read strictly, and a trace that is not covered says why."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from caiso.engine.detect.loader import read_rules
from caiso.engine.detect.ruleset import compile_ruleset
from caiso.engine.drill import DRILLS, DrillPack, Outcome, Step, Trace, count_outcomes, drill_kind, worst
from caiso.engine.drill.firedrill import load_atomics, looks_like_atomics
from caiso.engine.drill.layer import Cell, navigator_layer
from caiso.engine.drill.play import Stage, play
from caiso.engine.drill.wire import BASE_NS, requests
from caiso.engine.packs import load_folder, read_source

RULES = """
title: A file of secrets was read
name: secret-read
level: high
tags: [atlas.aml.t0083]
logsource: {product: ai}
detection: {a: {gen_ai.tool.call.arguments|contains: '.env'}, condition: a}
caiso: {state: live, emit: true, needs: [gen_ai.tool.call.arguments]}
---
title: Something was sent
name: sent
logsource: {product: ai}
detection: {a: {gen_ai.tool.name: send}, condition: a}
caiso: {state: live}
---
title: Read, then sent
name: read-then-sent
level: critical
tags: [atlas.aml.t0086]
correlation: {type: temporal_ordered, rules: [secret-read, sent], group-by: [gen_ai.conversation.id], timespan: 5m}
caiso: {state: live, needs: [gen_ai.tool.name]}
---
title: Only watched
name: quiet-one
tags: [atlas.aml.t0101]
logsource: {product: ai}
detection: {a: {gen_ai.tool.name: drop}, condition: a}
caiso: {state: shadow, needs: [gen_ai.tool.name]}
"""
Event = Mapping[str, object]


@pytest.fixture(scope="module")
def stage() -> Stage:
    rules, problems = read_rules(RULES.encode(), path=Path("rules.yaml"))
    assert problems == ()

    def events_of(trace: Trace, side: str) -> Sequence[Event]:
        return [
            {"event.id": f"{side}/{n}", "time": 1_790_000_000_000_000 + round(step.at * 1e6), **trace.defaults, **step.attributes}
            for n, step in enumerate(getattr(trace, side))
        ]  # fmt: skip

    return Stage(rules, compile_ruleset(rules, backend="re2"), events_of)


def trace(*attack: Event, twin: Sequence[Event] = ({"gen_ai.tool.name": "list"},), **more: object) -> Trace:
    values: dict[str, object] = {"id": "t", "title": "T", "technique": "AML.T0083", "story": "s", "twin_story": "s"}
    values |= {"defaults": {"gen_ai.conversation.id": "c"}, **more}
    steps = {
        "attack": tuple(Step(attributes=dict(one), at=n) for n, one in enumerate(attack)),
        "twin": tuple(Step(attributes=dict(one), at=n) for n, one in enumerate(twin)),
    }
    return Trace(**values, **steps)  # type: ignore[arg-type]


READ = {"gen_ai.tool.call.arguments": "cat app/.env"}
SENT = {"gen_ai.tool.name": "send"}


def test_attack_that_alerts_beside_a_silent_twin_is_covered(stage: Stage) -> None:
    result = play(trace(READ, expects=("secret-read",)), stage)
    assert (result.outcome, result.seen_by, result.noise, result.why) == (Outcome.COVERED, ("secret-read",), (), "")


def test_rule_that_fires_on_the_twin_is_noisy_whatever_it_saw(stage: Stage) -> None:
    result = play(trace(READ, twin=[READ]), stage)
    assert result.outcome is Outcome.NOISY
    assert result.why == "secret-read fired on the benign twin too"
    blamed = play(trace({"gen_ai.tool.name": "list", **{"gen_ai.tool.call.arguments": "x"}}, twin=[READ]), stage)
    assert blamed.outcome is Outcome.NOISY
    assert "no expected rule on the attack" in blamed.why


def test_miss_names_the_step_that_a_sequence_did_not_see(stage: Stage) -> None:
    attack = {"gen_ai.tool.name": "post", **READ}
    result = play(trace(attack, expects=("read-then-sent",), technique="AML.T0086"), stage)
    assert result.outcome is Outcome.MISSED
    assert result.why == "read-then-sent did not see sent (it saw secret-read)"


def test_miss_names_a_sequence_whose_steps_came_in_another_order(stage: Stage) -> None:
    attack = trace(SENT, READ, expects=("read-then-sent",), technique="AML.T0086")
    assert "not often, near or ordered enough" in play(attack, stage).why


def test_rule_that_is_not_live_covers_nothing_and_says_so(stage: Stage) -> None:
    result = play(trace({"gen_ai.tool.name": "drop"}, expects=("quiet-one",), technique="AML.T0101"), stage)
    assert (result.outcome, result.why) == (
        Outcome.MISSED, "quiet-one fired, but it is in shadow: no alert comes of it",
    )  # fmt: skip


def test_suppressed_rule_covers_nothing_and_says_so(stage: Stage) -> None:
    muted = Stage(
        stage.rules, stage.ruleset, stage.events_of, lambda signal: "it is suppressed until 1 Dec 2026: noise"
    )
    result = play(trace(READ), muted)
    assert result.outcome is Outcome.MISSED
    assert "suppressed until 1 Dec 2026" in result.why


def test_attack_whose_telemetry_lacks_what_the_rule_needs_is_blind(stage: Stage) -> None:
    result = play(trace({"gen_ai.tool.name": "shell"}), stage)
    assert (result.outcome, result.missing) == (Outcome.BLIND, ("gen_ai.tool.call.arguments",))
    assert result.why == "secret-read needs gen_ai.tool.call.arguments, which did not arrive"


def test_technique_that_no_rule_claims_is_missed_by_name(stage: Stage) -> None:
    assert play(trace(SENT, technique="AML.T0057"), stage).why == "no rule watches for AML.T0057"
    absent = play(trace(SENT, technique="AML.T0057", expects=("gone",)), stage)
    assert absent.why == "no rule watches for AML.T0057; gone not loaded"


def test_sides_do_not_see_each_other(stage: Stage) -> None:
    """The attack reads; the twin only sends, in the same conversation: together they would make the sequence."""
    result = play(trace({**READ, "gen_ai.tool.name": "cat"}, twin=[SENT], expects=("secret-read",)), stage)
    assert result.outcome is Outcome.COVERED


def test_the_worst_trace_decides_for_a_technique() -> None:
    assert worst(["covered", "noisy", "covered"]) is Outcome.NOISY
    assert worst(["covered", "blind", "noisy"]) is Outcome.BLIND
    assert worst(["covered", "missed"]) is Outcome.MISSED
    assert count_outcomes(["covered", Outcome.MISSED]) == {"covered": 1, "noisy": 0, "missed": 1, "blind": 0}


PACK = """
id: own
title: Own
about: Ours
traces:
  - id: one
    title: One
    technique: AML.T0083
    story: s
    twin_story: s
    attack: [{attributes: {gen_ai.tool.name: a}}]
    twin: [{attributes: {gen_ai.tool.name: b}}]
"""


@pytest.mark.parametrize(
    ("change", "line", "says"),
    [
        (("technique: AML.T0083", "technique: AML.T9999"), 8, "is not in ATLAS"),
        (("technique: AML.T0083", "technique: T1059"), 8, "an ATLAS technique id"),
        (("    twin: [{attributes: {gen_ai.tool.name: b}}]\n", ""), 6, "exactly one of them"),
        (("{gen_ai.tool.name: b}}]", "{gen_ai.tool.name: b}, repeat: 9999999}]"), 12, "too large"),
        (("    story: s\n    twin_story", "    storyy: s\n    twin_story"), 9, "did you mean story"),
    ],
)
def test_mistake_in_a_pack_is_named_with_its_line(change: tuple[str, str], line: int, says: str) -> None:
    pack, problems = read_source(DRILLS, PACK.replace(*change).encode(), path=Path("own.yaml"))
    assert pack is None
    assert any(problem.line == line and says in problem.message for problem in problems), problems


def test_expected_rule_must_exist(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        PACK.replace("story: s\n    twin", "expects: [nobody]\n    story: s\n    twin", 1)
    )
    _, problems = load_folder(drill_kind(["somebody"]), tmp_path)
    assert [str(problem) for problem in problems] == [f'{tmp_path}/own.yaml:9: rule "nobody" is not loaded']


@pytest.mark.parametrize(("file", "says"), [("../secret.json", "outside"), ("none.json", "not a file")])
def test_trace_file_stays_in_the_folder_of_its_pack(tmp_path: Path, file: str, says: str) -> None:
    inside = tmp_path / "packs"
    inside.mkdir()
    (tmp_path / "secret.json").write_text("{}")
    (inside / "own.yaml").write_text(
        PACK.replace("attack: [{attributes: {gen_ai.tool.name: a}}]", f"attack_file: {file}")
    )
    _, problems = load_folder(DRILLS, inside)
    assert len(problems) == 1
    assert says in problems[0].message


def test_steps_become_spans_and_logs_at_their_times() -> None:
    import orjson

    steps = (
        Step(
            attributes={"gen_ai.tool.name": "x{n}", "input.features": [1.5, 2.0], "args": {"a": ["{n}"]}},
            repeat=2,
            every=3,
        ),
        Step(attributes={"action": "load"}, log="aisoc.registry", at=9),
    )
    made = requests(trace(READ), steps, side="attack")
    spans = orjson.loads(made["traces"])["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert [int(span["startTimeUnixNano"]) - BASE_NS for span in spans] == [0, 3_000_000_000]
    assert {"key": "gen_ai.tool.name", "value": {"stringValue": "x1"}} in spans[1]["attributes"]
    assert {"key": "args", "value": {"stringValue": '{"a":["1"]}'}} in spans[1]["attributes"]
    assert len({span["spanId"] for span in spans}) == 2
    record = orjson.loads(made["logs"])["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    assert record["eventName"] == "aisoc.registry"


ATOMIC = """
id: FD-X-001
name: Named
description: D
atlas: [AML.T0086, AML.T9999]
owasp_asi: [ASI01]
attack: [{at: 0, attrs: {gen_ai.tool.name: send}}]
benign: [{at: 0, attrs: {gen_ai.tool.name: list}}]
"""


def test_atomics_are_taken_as_they_are_and_unknown_techniques_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(ATOMIC)
    assert looks_like_atomics(tmp_path)
    pack, problems = load_atomics(tmp_path)
    assert isinstance(pack, DrillPack)
    assert (pack.traces[0].id, pack.traces[0].techniques) == ("fd-x-001", ("AML.T0086",))
    assert ["AML.T9999" in problem.message for problem in problems] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "just text",
        "!!python/object/apply:os.system ['true']",
        ATOMIC.replace("benign:", "malign:"),
        ATOMIC.replace("attrs: {gen_ai.tool.name: send}", "repeat: 100000000, attrs: {a: b}"),
        "&a [*a, *a]",
        "\x00\x01",
    ],
)
def test_hostile_atomic_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.yml").write_text(text)
    pack, problems = load_atomics(tmp_path)
    assert pack is None
    assert problems
    assert all(problem.path.name == "bad.yml" for problem in problems)


def test_layer_colours_what_was_tested_and_unfolds_its_parents() -> None:
    layer = navigator_layer(
        [
            Cell("AML.T0051.000", Outcome.COVERED, 100, "fine", ("prompt-override",)),
            Cell("AML.T0086", Outcome.MISSED, 0, "not seen"),
        ],
        name="n",
        description="d",
    )
    techniques = {row["techniqueID"]: row for row in layer["techniques"]}  # type: ignore[attr-defined]
    assert techniques["AML.T0051"] == {"techniqueID": "AML.T0051", "enabled": True, "showSubtechniques": True}
    assert techniques["AML.T0051.000"]["score"] == 100
    assert techniques["AML.T0086"]["color"] != techniques["AML.T0051.000"]["color"]
    assert_is_layer(layer)


def assert_is_layer(layer: Mapping[str, object]) -> None:
    """The keys and kinds of layer format 4.3, as the Navigator reads them."""
    import jsonschema

    technique = {
        "type": "object",
        "additionalProperties": False,
        "required": ["techniqueID"],
        "properties": {
            "techniqueID": {"type": "string", "pattern": r"^AML\.T\d{4}(\.\d{3})?$"},
            "tactic": {"type": "string"},
            "comment": {"type": "string"},
            "enabled": {"type": "boolean"},
            "score": {"type": "number"},
            "color": {"type": "string", "pattern": "^(#[0-9a-fA-F]{6})?$"},
            "metadata": {"type": "array", "items": {"type": "object", "required": ["name", "value"]}},
            "links": {"type": "array"},
            "showSubtechniques": {"type": "boolean"},
        },
    }
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "versions", "domain"],
        "properties": {
            "name": {"type": "string"},
            "versions": {"type": "object", "properties": {"layer": {"const": "4.3"}, "navigator": {"type": "string"}}},
            "domain": {"const": "atlas-atlas"},
            "description": {"type": "string"},
            "techniques": {"type": "array", "items": technique},
            "gradient": {"type": "object", "required": ["colors", "minValue", "maxValue"]},
            "legendItems": {"type": "array", "items": {"type": "object", "required": ["label", "color"]}},
            "metadata": {"type": "array"},
            "showTacticRowBackground": {"type": "boolean"},
            "selectTechniquesAcrossTactics": {"type": "boolean"},
        },
    }
    jsonschema.Draft202012Validator(schema).validate(layer)
