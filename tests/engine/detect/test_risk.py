"""Risk adds up, fades, and becomes an alert in the ways that its page promises."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from caiso.engine.detect.loader import load_rules, read_rules, shipped_rules
from caiso.engine.detect.looks import is_content_only
from caiso.engine.detect.risk import (
    DAY_US,
    Addition,
    RiskSettings,
    Standing,
    crossings,
    distinct_tactics,
    faded,
    points_of,
    precision_of,
    rank_of,
    tactic_name,
    tactics_of,
)
from caiso.engine.detect.techniques import atlas_ids

HOUR = 3_600_000_000
BASE = 1_790_000_000_000_000
SETTINGS = RiskSettings(half_life_hours=24)


def add(hours: float, points: float, rule: str = "r", tactics: tuple[str, ...] = ()) -> Addition:
    return Addition(BASE + int(hours * HOUR), rule, points, tactics)


def test_risk_halves_with_every_half_life() -> None:
    assert faded(80, 24 * HOUR, SETTINGS) == pytest.approx(40)
    assert faded(80, 72 * HOUR, SETTINGS) == pytest.approx(10)


def test_the_order_by_rank_never_changes_by_waiting() -> None:
    early, late = rank_of(100, BASE, SETTINGS), rank_of(60, BASE + 24 * HOUR, SETTINGS)
    assert late > early, "100 yesterday is 50 today"
    assert rank_of(100, BASE, SETTINGS) == pytest.approx(rank_of(50, BASE + 24 * HOUR, SETTINGS))


def test_a_threshold_is_passed_once_and_again_only_when_as_much_comes_on_top() -> None:
    found = crossings([add(0, 60), add(1, 60), add(2, 20), add(3, 60), add(4, 60)], "user", SETTINGS)
    assert [crossing.at_us for crossing in found] == [BASE + HOUR, BASE + 4 * HOUR]


def test_what_faded_in_between_does_not_add_up() -> None:
    assert crossings([add(0, 60), add(96, 60)], "user", SETTINGS) == []


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_the_order_of_arrival_does_not_change_the_sum(order: tuple[int, ...]) -> None:
    additions = [add(0, 10), add(7, 30), add(13, 5), add(30, 20)]
    standing = Standing()
    for place in order:
        standing.add(additions[place], [], "user", SETTINGS)
    expected = sum(faded(one.points, additions[3].at_us - one.at_us, SETTINGS) for one in additions)
    assert standing.risk == pytest.approx(expected)


def test_three_tactics_of_three_rules_within_a_day_are_an_alert_and_one_rule_is_not() -> None:
    one, two, three = ("AML.TA0005",), ("AML.TA0010",), ("AML.TA0013",)
    small = [add(0, 5, "a", one), add(1, 5, "b", two), add(2, 5, "c", three)]
    assert [crossing.tactics for crossing in crossings(small, "user", SETTINGS)] == [(*one, *two, *three)]
    assert crossings([add(0, 5, "a", one + two + three)], "user", SETTINGS) == []
    spread = [small[0], add(20, 5, "b", two), Addition(small[0].at_us + DAY_US + 1, "c", 5, three)]
    assert crossings(spread, "user", SETTINGS) == []
    assert len(crossings([*small, add(3, 5, "d", ("AML.TA0011",))], "user", SETTINGS)) == 1, "told once"


def test_rules_stand_for_as_many_tactics_as_can_be_told_apart() -> None:
    assert distinct_tactics({"a": ("x", "y"), "b": ("x",), "c": ("y",)}) == ["x", "y"]
    assert distinct_tactics({"a": ("x", "y"), "b": ("x",), "c": ("z", "x")}) == ["x", "y", "z"]
    assert distinct_tactics({"a": (), "b": ("x",)}) == ["x"]


def test_repeats_and_bad_precision_weigh_less() -> None:
    first = points_of("high", confidence=0.8, precision=1, repeats=0)
    assert points_of("high", confidence=0.8, precision=1, repeats=2) == first / 4
    assert points_of("high", confidence=0.8, precision=0.5, repeats=0) == first / 2
    assert sum(points_of("low", confidence=1, precision=1, repeats=number) for number in range(50)) <= 16
    assert precision_of(0, 0) == 0.7
    assert precision_of(0, 20) < 0.2 < 0.8 < precision_of(20, 20)


def test_every_technique_of_the_shipped_rules_serves_a_tactic() -> None:
    rules, _ = load_rules(shipped_rules())
    assert [name for rule in rules for name in rule.techniques if not tactics_of([name])] == []
    assert tactic_name(tactics_of(["AML.T0051.000"])[0]) == "Execution"
    assert len([name for name in atlas_ids() if tactics_of([name])]) >= 200


def said(detection: str) -> bool:
    document = f"title: t\nname: t\nlogsource: {{product: ai}}\ndetection: {{s: {detection}, condition: s}}\n"
    rules, problems = read_rules(document.encode(), path=Path("made.yaml"))
    assert problems == ()
    return is_content_only(rules[0])


def test_words_are_told_from_deeds() -> None:
    assert said("{event.kind: inference, content.user|re: 'ignore all'}")
    assert said("{content.untrusted|contains: assistant}")
    assert not said("{event.kind: tool, content.untrusted|contains: assistant, aisoc.tool.impact: egress}")
    assert not said("{content.output|contains: secret}")
    assert not said("{gen_ai.tool.call.arguments|contains: curl}")
    assert not said("{event.kind: inference}")
