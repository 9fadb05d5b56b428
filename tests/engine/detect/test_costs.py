"""What a rule costs is measured by a clock that is handed in, and divided among those who caused it."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from caiso.engine.detect.costs import EVERY, Costs
from caiso.engine.detect.detector import Detector
from caiso.engine.detect.listening import with_base_rules
from caiso.engine.detect.loader import read_rules
from caiso.engine.detect.ruleset import compile_ruleset

RULES = b"""
title: words
name: words
logsource: {product: ai}
detection: {s: {content.user|re: 'secret[a-z]{2}'}, f: {user.id|endswith: x}, condition: s and not f}
---
title: quiet
name: quiet
logsource: {product: ai}
detection: {s: {event.kind: inference}, condition: s}
---
title: counted
name: counted
correlation: {type: event_count, rules: [quiet], group-by: [user.id], timespan: 1m, condition: {gte: 900}}
---
title: measured
name: measured
statistic: {method: volume, rules: [quiet], client: [user.id], least: 900}
"""


def ticking() -> Costs:
    ticks = count()
    return Costs(lambda: float(next(ticks)))  # every look at the clock is one second later


def detector(backend: str) -> Detector:
    rules, problems = read_rules(RULES, path=Path("made.yaml"))
    assert problems == ()
    return Detector(compile_ruleset(rules, backend=backend, isolate=False))  # type: ignore[arg-type]


def batch(size: int) -> list[dict[str, object]]:
    return [
        {"event.id": f"e{number}", "time": number, "event.kind": "inference", "user.id": "u", "content.user": "secretly it was"}
        for number in range(size)
    ]  # fmt: skip


@pytest.mark.parametrize("backend", ["hyperscan", "re2", "re"])
def test_every_rule_gets_its_part(backend: str) -> None:
    engine = detector(backend)
    engine.costs = ticking()
    engine.process(batch(200))
    costs, events = engine.costs.take()
    assert events == 200
    assert set(costs) == {"words", "quiet", "counted", "measured"}
    assert costs["counted"] == costs["measured"] == 1 / 200 * 1e6  # one look before, one after
    assert costs["words"] == 3 / 200 * 1e6  # the scan of two fields, and its own condition
    assert engine.costs.per_event() == {}


def test_only_some_batches_are_done_twice_and_small_ones_never() -> None:
    engine = detector("re2")
    engine.costs = ticking()
    for _ in range(EVERY + 1):
        engine.process(batch(100))
    engine.process(batch(5))
    assert engine.costs.matched == 200
    assert engine.costs.listened == 100 * (EVERY + 1) + 5


def test_measuring_changes_no_signal() -> None:
    one, other = detector("re2"), detector("re2")
    other.costs = ticking()
    assert one.process(batch(300)) == other.process(batch(300)) != []


def test_a_quiet_base_rule_is_paid_by_who_hears_it() -> None:
    rules, _ = read_rules(RULES, path=Path("made.yaml"))
    assert with_base_rules({"quiet": 4.0, "counted": 1.0, "words": 7.0}, rules) == {
        "words": 7.0, "quiet": 4.0, "counted": 3.0, "measured": 2.0,
    }  # fmt: skip
