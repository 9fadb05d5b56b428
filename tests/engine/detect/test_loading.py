"""A bad rule is named with file and line; the rest load."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caiso.engine.detect.loader import load_rules, read_rules
from caiso.engine.detect.pattern import UnableToUsePattern, compile_pattern
from caiso.engine.detect.rule import Correlation, Severity

HERE = Path("rule.yaml")
GOOD = b"""title: Good
name: good
level: high
logsource: {product: ai, category: tool}
detection:
  s: {content.user|contains: foo}
  condition: s
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        (b"level: high", b"level: hgih", 3, 'level "hgih", expected one of informational, low, medium, high, critical'),
        (b"category: tool", b"category: tol", 4, "expected one of inference, agent, tool"),
        (b"product: ai,", b"product: windows,", 4, "is not mapped, expected product ai"),
        (b"content.user|contains", b"content.user|contians", 6, "Unknown modifier 'contians'"),
        (b"content.user|contains", b"content.usr|contains", 6, 'field "content.usr" is not in the event schema'),
        (b"condition: s", b"condition: s and t", 1, "'t' not defined"),
        (b"contains: foo", b"contains: fo\x00o", 6, "unacceptable character #x0000"),
        (b"contains: foo", b"re: 'a(b'", 6, "missing )"),
        (b"contains: foo", b"re: '(a)\\1'", 6, "groupref is not supported"),
        (b"contains: foo", b"re: '(?=a)'", 6, "look-around around nothing"),
        (b"contains: foo", b"re: 'a{99999999999999}'", 6, "repetition number is too large"),
        (b"contains: foo", b"re: '(?!b)a{99999999999999}'", 6, "repetition number is too large"),
        (b"name: good", b"name: Good Rule", 2, "expected a slug"),
        (b"name: good", b"name: good\ntags: [atlas.aml.t9999]", 3, "expected a technique of ATLAS 2026.09"),
        (b"name: good", b"name: good\ntags: [owasp.llm01]", 3, "expected list and year"),
        (b"name: good", b"name: good\ntags: [atlas.aml.t0058]", 3, "expected a technique of ATLAS 2026.09"),
        (b"name: good", b"name: good\ncaiso: {state: alive}", 3, "live"),
        (b"name: good", b"name: good\ntests:\n  - {name: x, fires: maybe, events: [{}]}", 4, "fires (true or false)"),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_their_line(old: bytes, new: bytes, line: int, told: str) -> None:
    rules, problems = read_rules(GOOD + b"---\n" + GOOD.replace(b"good", b"bad").replace(b"Good", b"Bad"), path=HERE)
    assert [rule.id for rule in rules] == ["good", "bad"]
    rules, problems = read_rules(GOOD.replace(old, new), path=HERE)
    assert rules == ()
    assert [problem.line for problem in problems] == [line]
    assert told in problems[0].message
    assert str(problems[0]).startswith(f"rule.yaml:{line}: ")


def test_lines_count_from_the_file_not_the_document() -> None:
    broken = GOOD.replace(b"name: good", b"name: other").replace(b"level: high", b"level: nope")
    rules, problems = read_rules(GOOD + b"---\n" + broken, path=HERE)
    assert [rule.id for rule in rules] == ["good"]
    assert [problem.line for problem in problems] == [GOOD.count(b"\n") + 4]


def test_one_bad_file_does_not_stop_the_folder(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_bytes(GOOD)
    (tmp_path / "broken.yaml").write_bytes(b"title: [unclosed\n")
    (tmp_path / "list.yml").write_bytes(b"- 1\n")
    (tmp_path / "notes.txt").write_text("no rule")
    rules, problems = load_rules(tmp_path)
    assert [rule.id for rule in rules] == ["good"]
    assert rules[0].severity is Severity.HIGH
    assert {problem.path.name for problem in problems} == {"broken.yaml", "list.yml"}


def test_the_same_name_twice_keeps_the_first(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(GOOD)
    (tmp_path / "b.yaml").write_bytes(GOOD)
    rules, problems = load_rules(tmp_path)
    assert [rule.path.name for rule in rules] == ["a.yaml"]
    assert "already defined at" in problems[0].message


def test_a_correlation_over_a_missing_rule_is_refused_and_so_is_a_circle() -> None:
    source = b"""
title: x
name: x
correlation: {type: event_count, rules: [nowhere], timespan: 1m, condition: {gte: 2}}
---
title: y
name: y
correlation: {type: temporal, rules: [z, y2], timespan: 1m}
---
title: y2
name: y2
correlation: {type: temporal, rules: [y], timespan: 1m}
---
title: z
name: z
logsource: {product: ai}
detection: {s: {action: z}, condition: s}
"""
    rules, problems = read_rules(source, path=HERE)
    assert [rule.id for rule in rules] == ["z"]
    assert [problem.line for problem in problems] == [2, 6, 10]


@pytest.mark.parametrize(
    ("correlation", "told"),
    [
        (
            b"type: value_percentile, rules: [a], timespan: 1m, condition: {gte: 2, field: rows, percentile: 101}",
            "0 to 100",
        ),
        (b"type: value_sum, rules: [a], timespan: 1m, condition: {gte: 2, field: [rows, bytes]}", "expected one"),
        (b"type: event_count, rules: [a], timespan: 1m, condition: {gte: 0}", "threshold 0, expected 1 to 2048"),
        (b"type: event_count, rules: [a], timespan: 1m, condition: {gte: 5000}", "threshold 5000, expected 1 to 2048"),
        (b"type: temporal, rules: [a, b], timespan: 1m, condition: not a and not b", "a rule that must match"),
        (b"type: temporal, rules: [a, b], timespan: 1m, condition: a and not a and b", "can never hold"),
        (b"type: temporal_ordered, rules: [a, b], timespan: 1m, condition: a or b", "a chain of rules"),
        (b"type: temporal, rules: [a, b], timespan: 1m, condition: {gte: 3}", "3 of 2 rules"),
    ],
)
def test_unsupported_correlations_are_refused_by_name(correlation: bytes, told: str) -> None:
    source = b"title: x\nname: x\ncorrelation: {" + correlation + b"}\n"
    rules, problems = read_rules(source, path=HERE)
    assert rules == ()
    assert told in problems[0].message


def test_an_expression_names_rules_with_hyphens() -> None:
    names = ("tool-reads-key", "was-approved", "by_night")
    base = "".join(
        f"title: {name}\nname: {name}\nlogsource: {{product: ai}}\ndetection: {{s: {{action: z}}, condition: s}}\n---\n"
        for name in names
    )
    asked = "type: temporal, timespan: 1m, condition: tool-reads-key and not (was-approved or by_night)"
    rules, problems = read_rules(f"{base}title: x\nname: x\ncorrelation: {{{asked}}}\n".encode(), path=HERE)
    assert problems == ()
    logic = rules[-1].logic
    assert isinstance(logic, Correlation)
    assert (logic.rules, logic.terms) == (names, ((0b001, 0b110),))


def test_a_filter_document_narrows_the_rule_that_it_names() -> None:
    source = (
        GOOD
        + b"""---
title: not in the lab
logsource: {product: ai, category: tool}
filter:
  rules: [good]
  lab: {service.name: lab}
  condition: not lab
"""
    )
    rules, problems = read_rules(source, path=HERE)
    assert problems == ()
    assert "lab" in repr(rules[0].logic)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: GOOD + text.encode("utf-8", "replace")))
def test_no_bytes_make_the_loader_crash(source: bytes) -> None:
    rules, problems = read_rules(source, path=HERE)
    assert isinstance(rules, tuple)
    assert isinstance(problems, tuple)


@settings(max_examples=80, deadline=None)
@given(st.text(alphabet="ab.*+?()[]{}|^$\\wdsb0129,-:=!<i é", max_size=25))
def test_no_expression_makes_the_pattern_compiler_crash(expression: str) -> None:
    try:
        pattern = compile_pattern(expression)
    except UnableToUsePattern:
        return
    assert pattern.joined is not None


def test_patterns_that_could_take_exponential_time_are_refused() -> None:
    for expression in (r"(?<!x)(a+)+b", r"(a*)*(?=c)d", r"a(?!b).*c.*d", "x" * 5000):
        with pytest.raises(UnableToUsePattern):
            compile_pattern(expression)
