# ruff: noqa: S311 - seeded on purpose
"""The fast correlations give what a slow, separate reading gives, whatever the order of arrival."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from caiso.engine.detect.detector import Detector
from caiso.engine.detect.loader import read_rules
from caiso.engine.detect.rule import Correlation, Rule
from caiso.engine.detect.ruleset import compile_ruleset
from tests.engine.detect.reference_correlation import Found, Kept, SlowCorrelation, SlowWindow

BASE = 1_790_000_000_000_000
ACTIONS = "abc"
INSTANT = ("event_count", "value_count", "value_sum", "temporal", "temporal_ordered")
AVERAGED = ("value_avg", "value_median", "value_percentile")


def base_rules() -> list[dict[str, Any]]:
    return [
        {
            "title": action, "name": action, "logsource": {"product": "ai"},
            "detection": {"s": {"action|contains": action}, "condition": "s"},
        }
        for action in ACTIONS
    ]  # fmt: skip


def correlation(rng: random.Random, number: int, *, waits: bool) -> dict[str, Any]:
    kind = rng.choice((*INSTANT[:3], *AVERAGED, "temporal") if waits else INSTANT)
    rules = rng.sample(ACTIONS, rng.randint(1, 3))
    asked: dict[str, Any] = {
        "type": kind, "rules": rules, "timespan": f"{rng.choice((2, 5, 20, 60))}s",
        "group-by": rng.choice((["user.id"], ["user.id", "writer"], ["trace_id"])),
    }  # fmt: skip
    if kind.startswith("temporal"):
        if waits:
            first, *others = rules if len(rules) > 1 else ["a", "b"]
            asked["rules"] = [first, *others]
            asked["condition"] = f"{first} and not ({' or '.join(others)})"
        elif kind == "temporal" and len(rules) > 1 and rng.random() < 0.3:
            asked["condition"] = rng.choice(({"gte": len(rules) - 1}, " or ".join(rules)))
    else:
        relation = rng.choice(("lt", "lte", "eq", "neq") if waits and kind not in AVERAGED else ("gte", "gt"))
        least = rng.randint(5, 60) if kind == "value_sum" else rng.randint(1, 6)
        asked["condition"] = {relation: least}
        if kind != "event_count":
            asked["condition"]["field"] = "writer" if kind == "value_count" else "rows"
        if kind == "value_percentile":
            asked["condition"]["percentile"] = rng.choice((10, 50, 90))
    document: dict[str, Any] = {"title": f"c{number}", "name": f"c{number}", "correlation": asked}
    left = sorted(set(ACTIONS) - set(asked["rules"]))
    if left and rng.random() < 0.3:
        document["caiso"] = {"unless": [rng.choice(left)]}
    return document


def stream(rng: random.Random, count: int) -> list[dict[str, Any]]:
    at, made = 0.0, []
    pace = rng.choice((1, 10, 60))
    for number in range(count):
        at += rng.choice((0, 0.25, 0.5, 1, 2)) * pace
        late = rng.choice((0, 0, 0, 0, 1, 4, 30, 400)) if rng.random() < 0.5 else 0
        event: dict[str, Any] = {
            "event.id": f"e{number}", "event.kind": "config", "time": BASE + int(max(at - late, 0) * 1_000_000),
            "action": "".join(rng.sample("abcxyz", rng.choice((1, 1, 1, 2)))), "user.id": rng.choice("uv"),
            "trace_id": rng.choice("tw"), "rows": rng.choice((1, 2, 3, 9, 0.5)),
        }  # fmt: skip
        if rng.random() < 0.9:
            event["writer"] = rng.choice("12345")
        made.append(event)
    return made


def expected(rules: list[tuple[Rule, Correlation]], events: list[dict[str, Any]]) -> Counter[Found]:
    found: Counter[Found] = Counter()
    for rule, logic in rules:
        instant, window = SlowCorrelation(rule, logic), SlowWindow(rule, logic)
        mark = 0
        for number, event in enumerate(events):
            mark = max(mark, event["time"])
            matched = [name for name in logic.heard if name in event["action"]]
            kept = Kept(event["time"], number, (event["event.id"],), frozenset(), None, event)
            if logic.waits:
                fired = window.take(event, matched, kept, mark) if matched else []
            else:
                chosen = instant.take(event, number, matched, kept) if matched else None
                fired = [chosen] if chosen else []
            for entries in fired:
                found[rule.id, tuple(name for one in entries for name in one.ids)] += 1
        for entries in window.close(mark):
            found[rule.id, tuple(name for one in entries for name in one.ids)] += 1
    return found


def compare(seed: int, *, waits: bool, events: int) -> tuple[Counter[Found], Counter[Found]]:
    rng = random.Random(seed)
    documents = base_rules() + [correlation(rng, number, waits=waits) for number in range(12)]
    text = "\n---\n".join(json.dumps(document) for document in documents)
    rules, problems = read_rules(text.encode(), path=Path("made.yaml"))
    assert problems == ()
    detector = Detector(compile_ruleset(rules, isolate=False))
    made = stream(rng, events)
    found: Counter[Found] = Counter()
    size = rng.choice((1, 7, 50, events))
    for start in range(0, events, size):
        for signal in detector.process(made[start : start + size]):
            found[signal.rule_id, signal.event_ids] += 1
        if rng.random() < 0.2:
            detector = Detector.restore(detector.ruleset, detector.snapshot())
    logics = [(rule, rule.logic) for rule in rules if isinstance(rule.logic, Correlation)]
    return found, expected(logics, made)


@pytest.mark.parametrize("waits", [False, True])
def test_fast_and_slow_agree(waits: bool) -> None:
    total = 0
    for seed in range(40):
        found, wanted = compare(seed, waits=waits, events=120)
        assert found == wanted, f"seed {seed}: too much {found - wanted}, missing {wanted - found}"
        total += found.total()
    assert total > 400


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("waits", [False, True])
def test_fast_and_slow_agree_on_many_streams(waits: bool) -> None:
    for seed in range(1000, 3000):
        found, wanted = compare(seed, waits=waits, events=150)
        assert found == wanted, f"seed {seed}"
