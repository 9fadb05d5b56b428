"""A statistic's document is checked when it is read: file, line, what, expected what."""

from __future__ import annotations

from pathlib import Path

import pytest

from caiso.engine.detect.loader import read_rules
from caiso.engine.detect.rule import Statistic
from caiso.engine.detect.series import MAX_TEST_EVENTS, TEST_BASE_US

BASE = """title: Any query
name: query
logsource: {product: ai}
detection: {s: {event.kind: ml_inference}, condition: s}
---
title: Much
name: much
"""
GOOD = """statistic:
  method: volume
  rules: [query]
  client: [user.id]
  every: 10m
  least: 5
"""


def faults(block: str) -> list[str]:
    rules, problems = read_rules((BASE + block).encode(), path=Path("mine.yaml"))
    assert "much" not in {rule.id for rule in rules} or not problems
    return [str(problem) for problem in problems]


def test_a_good_document_is_read() -> None:
    rules, problems = read_rules((BASE + GOOD).encode(), path=Path("mine.yaml"))
    assert problems == ()
    rule = next(rule for rule in rules if rule.id == "much")
    assert isinstance(rule.logic, Statistic)
    assert (rule.kind, rule.logic.method, rule.heard) == ("statistic", "volume", ("query",))
    assert not next(rule for rule in rules if rule.id == "query").emits


@pytest.mark.parametrize(
    ("block", "line", "expected"),
    [
        ("statistic: yes\n", 8, "statistic must be a mapping"),
        (
            GOOD.replace("volume", "volumes"),
            9,
            'method "volumes", expected one of descent, distillation, dominance, drift',
        ),
        (GOOD.replace("  rules: [query]\n", ""), 9, 'key "rules" is missing'),
        (GOOD.replace("[query]", "[queries]"), 6, 'statistic refers to rule "queries"'),
        (GOOD.replace("[query]", "[much]"), 6, "statistic refers to itself"),
        (GOOD.replace("[user.id]", "[user.idd]"), 11, 'field "user.idd" is not in the event schema'),
        (GOOD.replace("10m", "ten minutes"), 12, 'every "ten minutes" is not a duration'),
        (GOOD.replace("10m", "90d"), 12, "every is out of range, expected 1s to 30d"),
        (GOOD.replace("least: 5", "least: -5"), 13, "least -5.0 is too small, expected at least 0"),
        (GOOD + "  factor: 0.2\n", 14, "factor 0.2 is too small, expected at least 1"),
        (GOOD + "  factors: 2\n", 14, 'unknown key "factors", expected one of method, rules, group-by'),
        (GOOD + "  measure: sum\n", 14, "measure sum needs the field to look at"),
        (GOOD + "  group-by: [a, b, c, d, e, f, g]\n", 14, "group-by has 7 entries, expected at most 6"),
    ],
)
def test_a_mistake_is_named_with_its_line(block: str, line: int, expected: str) -> None:
    found = faults(block)
    assert any(f"mine.yaml:{line}:" in fault and expected in fault for fault in found), found


TEST = """tests:
  - name: n
    fires: true
    events: [{event}]
"""


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("{repeat: 0}", "repeat 0, expected a whole number from 1"),
        (f"{{repeat: {MAX_TEST_EVENTS + 1}}}", f"repeat {MAX_TEST_EVENTS + 1}, expected"),
        ("{series: 5}", "series must be a mapping"),
        ("{series: {a: {normal: [0, 1], uniform: [0, 1]}}}", "series a: a series needs exactly one of normal"),
        ("{series: {a: {normal: [0]}}}", "series a: normal has 1 entries, expected at least 2"),
        ("{series: {a: {words: 4, size: 3}}}", "series a: size does not go with words"),
        ("{series: {a: {choice: [x, y], weights: [1]}}}", "series a: 1 weights for 2 choices"),
        ("5", "a test event must be a mapping"),
    ],
)
def test_a_mistake_in_a_series_is_named(event: str, expected: str) -> None:
    found = faults(GOOD + TEST.replace("{event}", event))
    assert any(fault.startswith("mine.yaml:17:") and expected in fault for fault in found), found


def events_of(event: str) -> list[dict[str, object]]:
    rules, problems = read_rules((BASE + GOOD + TEST.replace("{event}", event)).encode(), path=Path("mine.yaml"))
    assert problems == ()
    return [dict(one) for one in next(rule for rule in rules if rule.id == "much").tests[0].events]


def test_a_series_gives_the_same_events_each_time() -> None:
    event = "{repeat: 40, every: 2, at: 10, series: {output.score: {normal: [5, 1]}, user.id: {cycle: [a, b]}}}"
    first = events_of(event)
    assert first == events_of(event)
    assert len(first) == 40
    assert [one["user.id"] for one in first[:3]] == ["a", "b", "a"]
    assert first[1]["time"] == TEST_BASE_US + 12_000_000
    scores = [float(str(one["output.score"])) for one in first]
    assert 4.4 < sum(scores) / 40 < 5.6
    assert len(set(scores)) > 35


def test_a_series_in_braces_stands_inside_a_text() -> None:
    found = events_of("{repeat: 3, content.user: 'about {topic}, {n}', series: {topic: {words: 2}}}")
    assert all("topic" not in one for one in found)
    assert [str(one["content.user"]).split()[0] for one in found] == ["about"] * 3
    assert str(found[2]["content.user"]).endswith(", 2")


def test_vectors_and_fingerprints_vary_as_told() -> None:
    near = events_of("{repeat: 20, series: {input.features: {size: 8, normal: [0, 1], around: 0.001}}}")
    rows = [one["input.features"] for one in near]
    assert all(isinstance(row, list) and len(row) == 8 and abs(row[0] - rows[0][0]) < 0.02 for row in rows)  # type: ignore[index]
    prints = [
        str(one["input.fingerprint"])
        for one in events_of("{repeat: 9, series: {input.fingerprint: {hex: 16, around: 2}}}")
    ]
    assert all(len(text) == 16 and (int(text, 16) ^ int(prints[0], 16)).bit_count() <= 4 for text in prints)
    climb = [one["output.confidence"] for one in events_of("{repeat: 5, series: {output.confidence: {ramp: [0, 1]}}}")]
    assert climb == [0.0, 0.25, 0.5, 0.75, 1.0]
