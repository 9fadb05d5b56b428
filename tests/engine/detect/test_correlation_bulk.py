# ruff: noqa: S311 - seeded on purpose
"""A large batch taken at once gives what its events give one by one: signals, counts, and what is remembered."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from caiso.engine.detect.correlation import Limits
from caiso.engine.detect.correlation import bulk as bulk_module
from caiso.engine.detect.correlation import keys as keys_module
from caiso.engine.detect.correlation.bulk import Bulk
from caiso.engine.detect.detector import Detector
from caiso.engine.detect.loader import read_rules
from caiso.engine.detect.ruleset import Ruleset, compile_ruleset
from caiso.engine.detect.signal import Signal
from tests.engine.detect.test_correlation_reference import ACTIONS, base_rules, compare

BASE = 1_790_000_000_000_000
SECOND = 1_000_000
YEAR = 365 * 86_400 * SECOND
KINDS: tuple[dict[str, Any], ...] = (
    {"type": "event_count", "condition": {"gte": 1}},
    {"type": "event_count", "condition": {"gte": 3}},
    {"type": "event_count", "condition": {"gt": 4}},
    {"type": "value_count", "condition": {"gte": 1, "field": "writer"}},
    {"type": "value_count", "condition": {"gte": 3, "field": "writer"}},
    {"type": "value_count", "condition": {"gt": 3, "field": "span_id"}},
    {"type": "value_sum", "condition": {"gte": 12, "field": "rows"}},
    {"type": "value_sum", "condition": {"gt": 20, "field": "rows"}},
    {"type": "temporal"},
    {"type": "temporal", "condition": {"gte": 2}},
    {"type": "temporal_ordered"},
)
LIMITS = (
    Limits(),
    Limits(lateness_us=3 * SECOND),
    Limits(lateness_us=5 * SECOND, max_entries=4),
    Limits(max_entries=3, max_keys=6),
    Limits(lateness_us=0, max_keys=3),
)
Chooses = Callable[[Bulk, int], bool]


@cache
def ruleset_of(seed: int) -> Ruleset:
    rng = random.Random(seed)
    documents = base_rules()
    for number in range(14):
        kind = KINDS[(seed + number) % len(KINDS)]
        several = kind == {"type": "temporal", "condition": {"gte": 2}}
        rules = rng.sample(ACTIONS, 3 if several else rng.randint(1, 3))
        asked = {
            **kind, "rules": rules, "timespan": f"{rng.choice((2, 5, 20))}s",
            "group-by": rng.choice((["user.id"], ["user.id", "trace_id"], [])),
        }  # fmt: skip
        documents.append({"title": f"c{number}", "name": f"c{number}", "correlation": asked})
    # One that listens to another correlation, and one with an excuse: they are never taken at once.
    nested = {"type": "event_count", "rules": ["c0"], "timespan": "20s", "group-by": [], "condition": {"gte": 2}}
    documents.append({"title": "nested", "name": "nested", "correlation": nested})
    excused = {
        "type": "event_count",
        "rules": ["a"],
        "timespan": "3s",
        "group-by": ["user.id"],
        "condition": {"gte": 2},
    }
    documents.append(
        {"title": "excused", "name": "excused", "correlation": excused, "caiso": {"unless": ["c"]}},
    )
    rules, problems = read_rules("\n---\n".join(map(json.dumps, documents)).encode(), path=Path("made.yaml"))
    assert problems == ()
    return compile_ruleset(rules, isolate=False)


def stream(rng: random.Random, count: int, *, far: bool) -> list[dict[str, Any]]:
    """Events of few users in quick succession, so that most windows come true; some late, some without a field."""
    at, made = 0.0, []
    pace, late_share = rng.choice((0.1, 0.5, 3)), rng.choice((0, 0.1, 0.5))
    users, values = "uvwxyz"[: rng.randint(1, 6)], (1, 2, 3, 9, 0.5, -4, 10**6, "7", "no number", None, True)
    for number in range(count):
        at += rng.choice((0, 0.25, 0.5, 1, 2)) * pace
        late = rng.choice((0.5, 1, 4, 30, 400)) if rng.random() < late_share else 0
        if far and rng.random() < 0.01:
            at += rng.choice((86_400, YEAR // SECOND))
        event: dict[str, Any] = {
            "event.id": f"e{number}", "event.kind": "config", "time": BASE + int((at - late) * SECOND),
            "action": "".join(rng.sample("abcx", rng.choice((1, 1, 1, 2)))), "rows": rng.choice(values),
            "span_id": f"m{number}", "service.name": rng.choice("st"),
        }  # fmt: skip
        if far and rng.random() < 0.02:
            event["time"] = rng.choice((0, -5, 2**61, BASE - YEAR))
        for name, choices in (("user.id", users), ("trace_id", "tw"), ("writer", "12345")):
            if rng.random() < 0.95:
                event[name] = rng.choice(choices)
        made.append(event)
    return made


def outcome(
    ruleset: Ruleset, batches: list[list[dict[str, Any]]], limits: Limits, *, restarts: bool
) -> tuple[list[Signal], dict[str, Any]]:
    detector, signals = Detector(ruleset, limits=limits), []
    for number, batch in enumerate(batches):
        signals += detector.process(batch)
        if restarts and number % 3 == 2:
            detector = Detector.restore(ruleset, detector.snapshot(), limits=limits)
    counters = detector.counters()
    return signals, {name: counters[name] for name in ("hits", "signals", "correlations")}


def cut(rng: random.Random, events: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    batches, start = [], 0
    size = rng.choice((1, 10, 80, 400))
    while start < len(events):
        end = start + rng.randint(1, 2 * size)
        batches.append(events[start:end])
        start = end
    return batches


def check(monkeypatch: pytest.MonkeyPatch, seed: int, count: int) -> int:
    rng = random.Random(seed)
    ruleset, limits = ruleset_of(seed % 30), LIMITS[seed % len(LIMITS)]
    batches = cut(rng, stream(rng, count, far=seed % 4 == 3))
    restarts = rng.random() < 0.5
    monkeypatch.setattr(bulk_module, "_BIG", rng.choice((2, 12, 512)))
    share = rng.choice((1, 1, 0.6, 0))
    chance = random.Random(seed)
    choices: tuple[Chooses, Chooses] = (lambda *_: False, lambda *_: chance.random() < share)
    found = []
    for choose, many in zip(choices, (1 << 30, rng.choice((1, 1, 1 << 30))), strict=True):
        monkeypatch.setattr(Bulk, "takes", choose)
        monkeypatch.setattr(bulk_module, "MANY", many)
        monkeypatch.setattr(bulk_module, "RESTING_US", rng.choice((-100, 0, 3, 60)) * SECOND)
        found.append(outcome(ruleset, batches, limits, restarts=restarts))
    (signals, counters), (at_once, counted) = found
    assert at_once == signals, f"seed {seed}"
    assert counted == counters, f"seed {seed}"
    return len(signals)


def test_at_once_is_as_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sum(check(monkeypatch, seed, 500) for seed in range(60)) > 20_000


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_at_once_is_as_one_by_one_on_many_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(1000, 2500):
        check(monkeypatch, seed, 800)


def test_however_the_stream_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bulk, "takes", lambda *_: True)
    for seed in range(20):
        rng = random.Random(seed)
        events = stream(rng, 400, far=False)
        whole, _ = outcome(ruleset_of(seed), [events], Limits(), restarts=False)
        for _ in range(4):
            signals, _ = outcome(ruleset_of(seed), cut(rng, events), Limits(), restarts=True)
            assert signals == whole, f"seed {seed}"


def test_at_once_and_the_slow_reading_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bulk, "takes", lambda *_: True)
    total = 0
    for seed in range(100, 140):
        found, wanted = compare(seed, waits=False, events=120)
        assert found == wanted, f"seed {seed}: too much {found - wanted}, missing {wanted - found}"
        total += found.total()
    assert total > 200


def test_large_batches_are_taken_at_once_and_hot_keys_come_back() -> None:
    ruleset = ruleset_of(1)
    detector = Detector(ruleset)
    rng = random.Random(5)
    for number in range(4):
        batch = [
            {
                "event.id": f"e{number}.{place}", "event.kind": "config", "time": BASE + (number * 3000 + place) * SECOND,
                "action": rng.choice("abc"), "user.id": f"u{rng.randrange(300)}", "trace_id": "t", "rows": 1, "writer": "w",
                "span_id": "m",
            }
            for place in range(3000)
        ]  # fmt: skip
        detector.process(batch)
    bulks = [correlator._bulk for correlator in detector._correlators.values() if correlator._at_once]  # type: ignore[union-attr]
    packed = [bulk.packed.keys for bulk in bulks if bulk is not None]
    assert len(packed) == 14
    assert sum(keys > 0 for keys in packed) >= 8  # those without a group have too many entries under their one key


def test_keys_that_rest_are_kept_in_columns_whatever_their_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also under what is never taken at once, and where batches are small; none but the last minute's stay loose."""
    monkeypatch.setattr(bulk_module, "MANY", 50)
    ruleset = ruleset_of(1)
    detector = Detector(ruleset)
    for number in range(1000):
        event = {
            "event.id": f"e{number}", "event.kind": "config", "time": BASE + number * SECOND, "action": "abc"[number % 3],
            "user.id": f"u{number}", "trace_id": f"t{number}", "rows": 1, "writer": "w", "span_id": f"m{number}",
        }  # fmt: skip
        detector.process([event])
    kept = {name: correlator for name, correlator in detector._correlators.items() if correlator.key_count > 100}
    assert "excused" in kept
    for correlator in kept.values():
        assert len(correlator.states) < 150  # type: ignore[arg-type]
    held = sum(correlator.key_count for correlator in kept.values())
    again = Detector.restore(ruleset, detector.snapshot())
    assert sum(again._correlators[name].key_count for name in kept) == held


@pytest.mark.parametrize("late", [False, True])
def test_what_fires_is_worked_out_at_once_where_the_order_of_arrival_says_enough(late: bool) -> None:
    """Keys stay in columns though they fire; some need a closer look where events come late."""
    rng = random.Random(9)
    ruleset = ruleset_of(1)
    detector, signals = Detector(ruleset), 0
    made: list[dict[str, Any]] = []
    for number in range(12_000):
        behind = rng.randrange(4 * SECOND) if late and rng.random() < 0.1 else 0
        event = {
            "event.id": f"e{number}", "event.kind": "config", "time": BASE + number * SECOND // 40 - behind,
            "action": rng.choice("abc"), "user.id": f"u{rng.randrange(100)}", "trace_id": "t", "rows": rng.randrange(5),
            "writer": rng.choice("12345"), "span_id": f"m{number}",
        }  # fmt: skip
        made.append(event)
    loose = packed = 0
    for start in range(0, len(made), 3000):
        signals += len(detector.process(made[start : start + 3000]))
        for correlator in detector._correlators.values():
            bulk = correlator._bulk  # type: ignore[union-attr]
            if bulk is not None and bulk.packed.keys > 50:
                loose += len(correlator.states)  # type: ignore[arg-type]
                packed += bulk.packed.keys
    assert signals > 5000
    assert packed > 1500
    assert loose < packed // (4 if late else 10)  # of those that fire often in one batch, some are


def test_new_rosters_and_forgotten_keys_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bulk, "takes", lambda *_: True)
    rng = random.Random(3)
    events = stream(rng, 600, far=False)
    batches = [events[start : start + 40] for start in range(0, len(events), 40)]
    wanted = outcome(ruleset_of(3), batches, Limits(max_keys=4), restarts=False)
    monkeypatch.setattr(keys_module, "_LONG", 2)
    assert outcome(ruleset_of(3), batches, Limits(max_keys=4), restarts=False) == wanted
