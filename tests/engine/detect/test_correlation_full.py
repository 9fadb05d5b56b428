# ruff: noqa: S311 - seeded on purpose
"""A key whose window holds as much as is remembered: what is counted along is what counting anew would give."""

from __future__ import annotations

import random

import pytest

from caiso.engine.detect.correlation import Limits
from caiso.engine.detect.correlation.bulk import Bulk
from caiso.engine.detect.correlation.correlator import Correlator
from caiso.engine.detect.correlation.stages import Together
from caiso.engine.detect.correlation.state import KeyState
from caiso.engine.detect.correlation.values import Distinct, Total
from tests.engine.detect.test_correlation_bulk import cut, outcome, ruleset_of, stream


@pytest.mark.parametrize("entries", [2, 3, 6, 20])
def test_counting_along_is_counting_anew_when_windows_are_full(monkeypatch: pytest.MonkeyPatch, entries: int) -> None:
    monkeypatch.setattr(Bulk, "takes", lambda *_: False)
    fired = evicted = 0
    for seed in range(12):
        rng = random.Random(seed)
        batches, limits = cut(rng, stream(rng, 400, far=False)), Limits(max_entries=entries)
        along = outcome(ruleset_of(seed), batches, limits, restarts=False)
        with monkeypatch.context() as patch:
            patch.setattr(Distinct, "_leave", Correlator._leave)
            patch.setattr(Total, "_leave", Correlator._leave)
            patch.setattr(Together.__mro__[1], "_leave", Correlator._leave)
            anew = outcome(ruleset_of(seed), batches, limits, restarts=False)
        assert along == anew, f"seed {seed}"
        fired += len(along[0])
        evicted += sum(one["evicted_entries"] for one in along[1]["correlations"].values())
    assert fired > 500
    assert evicted > 500


def test_a_full_window_is_not_counted_again_with_each_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes is taken off the tally. Counting all of a full window with every event made the detector five times slower."""
    anew = 0
    real = KeyState.__setattr__

    def counted(state: KeyState, name: str, value: object) -> None:
        nonlocal anew
        anew += name == "start" and value == -1
        real(state, name, value)

    monkeypatch.setattr(KeyState, "__setattr__", counted)
    monkeypatch.setattr(Bulk, "takes", lambda *_: False)
    events = [
        {"event.id": f"e{number}", "event.kind": "config", "time": 1_790_000_000_000_000 + number, "action": "a", "service.name": "s", "user.id": "u",
         "trace_id": "t", "writer": "1", "rows": 0, "span_id": "m"}
        for number in range(500)
    ]  # fmt: skip
    for seed in range(11):
        ruleset = ruleset_of(seed)
        kinds = {rule.logic.kind for rule in ruleset.correlations}
        anew = 0
        _, counters = outcome(ruleset, [events], Limits(max_entries=50), restarts=False)
        full = sum(one["evicted_entries"] for one in counters["correlations"].values())
        if full > 400:
            assert anew < full / 10, (seed, kinds)
