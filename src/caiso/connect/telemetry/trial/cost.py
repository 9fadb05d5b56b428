"""What a rule costs: processor time per event, measured on the events of all rules' own tests."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Final

from caiso.engine.detect.detector import Detector
from caiso.engine.detect.rule import Rule
from caiso.engine.detect.ruleset import Ruleset, compile_ruleset

_EVENTS: Final = 2_000
_ROUNDS: Final = 3


def cost_of(ruleset: Ruleset, rules: Iterable[Rule]) -> tuple[float | None, int]:
    """Microseconds per event that the rule set adds to an empty one, and on how many events that was measured."""
    events = [event for rule in rules for test in rule.tests for event in test.events]
    if not events:
        return None, 0
    batch = (events * (1 + _EVENTS // len(events)))[:_EVENTS]
    nothing = compile_ruleset(())
    spent = [max(0.0, _seconds(ruleset, batch) - _seconds(nothing, batch)) for _ in range(_ROUNDS)]
    return round(sorted(spent)[_ROUNDS // 2] / len(batch) * 1_000_000, 2), len(batch)


def _seconds(ruleset: Ruleset, events: Sequence[object]) -> float:
    detector = Detector(ruleset)
    before = time.process_time()
    detector.process(events)  # type: ignore[arg-type]  # events of tests are mappings
    return time.process_time() - before
