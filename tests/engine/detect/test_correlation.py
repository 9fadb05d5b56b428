# ruff: noqa: S311 - seeded on purpose
"""Correlations depend on event time and order of arrival, never on batches, restarts or the clock."""

from __future__ import annotations

import random
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caiso.engine.detect.detector import Detector, Limits, UnableToRestore
from caiso.engine.detect.loader import read_rules
from caiso.engine.detect.ruleset import Ruleset, compile_ruleset
from caiso.engine.detect.signal import Signal

RULES = b"""
title: a
name: a
logsource: {product: ai}
detection: {s: {action: a}, condition: s}
---
title: b
name: b
logsource: {product: ai}
detection: {s: {action: b}, condition: s}
---
title: c
name: c
logsource: {product: ai}
detection: {s: {action: c}, condition: s}
---
title: three of a
name: count
correlation: {type: event_count, rules: [a], group-by: [user.id], timespan: 10s, condition: {gte: 3}}
---
title: three different hosts
name: distinct
correlation: {type: value_count, rules: [a, b], group-by: [user.id], timespan: 20s, condition: {field: writer, gte: 3}}
---
title: rows add up
name: sum
correlation: {type: value_sum, rules: [a, b, c], group-by: [user.id], timespan: 20s, condition: {field: rows, gte: 25}}
---
title: a then b then c
name: ordered
correlation: {type: temporal_ordered, rules: [a, b, c], group-by: [aisoc.session], timespan: 15s}
---
title: b and c
name: together
correlation: {type: temporal, rules: [b, c], group-by: [user.id], timespan: 5s}
---
title: count then c
name: nested
correlation: {type: temporal_ordered, rules: [count, c], group-by: [user.id], timespan: 30s}
---
title: a without b before
name: lonely
correlation: {type: event_count, rules: [a], group-by: [user.id], timespan: 8s, condition: {gte: 1}}
caiso: {unless: [b]}
"""
BASE = 1_790_000_000_000_000


def ruleset_of(source: bytes) -> Ruleset:
    rules, problems = read_rules(source, path=Path("made.yaml"))
    assert problems == ()
    return compile_ruleset(rules, isolate=False)


@cache
def all_rules() -> Ruleset:
    return ruleset_of(RULES)


@pytest.fixture
def ruleset() -> Ruleset:
    return all_rules()


def event(number: int, at: float, action: str, **more: Any) -> dict[str, Any]:
    return {
        "event.id": f"e{number}", "event.kind": "config", "time": BASE + int(at * 1_000_000), "action": action,
        "user.id": "u", "trace_id": "t", **more,
    }  # fmt: skip


def events_of(*steps: tuple[float, str]) -> list[dict[str, Any]]:
    return [event(number, at, action) for number, (at, action) in enumerate(steps)]


def fired(ruleset: Ruleset, events: list[dict[str, Any]], **limits: int) -> dict[str, list[tuple[str, ...]]]:
    found: dict[str, list[tuple[str, ...]]] = {}
    for signal in Detector(ruleset, limits=Limits(**limits)).process(events):
        found.setdefault(signal.rule_id, []).append(signal.event_ids)
    return found


def random_stream(seed: int, count: int) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    at, stream = 0.0, []
    for number in range(count):
        at += rng.choice((0, 0.5, 1, 2, 7))
        late = rng.choice((0, 0, 0, 1, 4, 30))
        stream.append(
            event(
                number, max(at - late, 0), rng.choice("abcx"),
                **{"user.id": rng.choice("uv"), "trace_id": rng.choice("tw"), "writer": rng.choice("1234"), "rows": rng.randrange(9)},
            )
        )  # fmt: skip
    return stream


def in_batches(ruleset: Ruleset, stream: list[dict[str, Any]], cuts: list[int], *, restart: bool) -> list[Signal]:
    detector, signals = Detector(ruleset), []
    bounds = [0, *sorted(cuts), len(stream)]
    for start, end in pairwise(bounds):
        signals += detector.process(stream[start:end])
        if restart:
            detector = Detector.restore(ruleset, detector.snapshot())
    return signals


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(0, 80), max_size=8), restart=st.booleans())
def test_any_cut_of_the_stream_gives_the_same_signals(seed: int, cuts: list[int], restart: bool) -> None:
    ruleset = all_rules()
    stream = random_stream(seed, 80)
    whole = Detector(ruleset).process(stream)
    assert in_batches(ruleset, stream, cuts, restart=restart) == whole


def test_random_streams_do_raise_every_kind_of_correlation(ruleset: Ruleset) -> None:
    names = {signal.rule_id for seed in range(20) for signal in Detector(ruleset).process(random_stream(seed, 80))}
    assert names == {"distinct", "sum", "ordered", "together", "nested", "lonely"}


def test_replaying_gives_the_same_ids_and_no_id_twice(ruleset: Ruleset) -> None:
    stream = random_stream(3, 200)
    first, again = Detector(ruleset).process(stream), Detector(ruleset).process(stream)
    assert [signal.id for signal in first] == [signal.id for signal in again]
    assert len({signal.id for signal in first}) == len(first) > 10


def test_base_rules_of_correlations_stay_silent(ruleset: Ruleset) -> None:
    detector = Detector(ruleset)
    assert detector.process(events_of((0, "c"))) == []
    assert detector.metrics.hits["c"] == 1


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([(0, "a"), (5, "a"), (10, "a")], True),
        ([(0, "a"), (5, "a"), (10.1, "a")], False),
        ([(0, "a"), (10, "a"), (5, "a")], True),
        ([(100, "a"), (0, "a"), (1, "a"), (2, "a")], True),
        ([(1000, "a"), (0, "a"), (1, "a"), (2, "a")], False),
    ],
)
def test_event_count_uses_event_time_and_bounded_lateness(steps: list[tuple[float, str]], expected: bool) -> None:
    source = b"\n---\n".join(RULES.split(b"\n---\n")[i] for i in (0, 3))
    assert bool(fired(ruleset_of(source), events_of(*steps))) == expected


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([(0, "a"), (1, "b"), (2, "c")], [("e0", "e1", "e2")]),
        ([(0, "a"), (2, "c"), (1, "b")], [("e0", "e2", "e1")]),
        ([(0, "b"), (1, "a"), (2, "c")], []),
        ([(0, "a"), (1, "b"), (16, "c")], []),
        ([(0, "a"), (8, "a"), (9, "b"), (17, "c")], [("e1", "e2", "e3")]),
        ([(0, "a"), (0, "b"), (0, "c")], [("e0", "e1", "e2")]),
    ],
)
def test_ordered_sequences(ruleset: Ruleset, steps: list[tuple[float, str]], expected: list[tuple[str, ...]]) -> None:
    assert fired(ruleset, events_of(*steps)).get("ordered", []) == expected


def test_one_event_cannot_be_two_steps_of_a_sequence() -> None:
    source = b"""
title: a
name: a
logsource: {product: ai}
detection: {s: {action: x}, condition: s}
---
title: b
name: b
logsource: {product: ai}
detection: {s: {user.id: u}, condition: s}
---
title: o
name: o
correlation: {type: temporal_ordered, rules: [a, b], group-by: [user.id], timespan: 1m}
---
title: t
name: t
correlation: {type: temporal, rules: [a, b], group-by: [user.id], timespan: 1m}
"""
    ruleset = ruleset_of(source)
    assert fired(ruleset, events_of((0, "x"))) == {"t": [("e0",)]}
    assert fired(ruleset, events_of((0, "x"), (1, "y")))["o"] == [("e0", "e1")]


def test_unless_looks_back_only_within_the_span(ruleset: Ruleset) -> None:
    assert "lonely" in fired(ruleset, events_of((0, "a")))
    assert "lonely" not in fired(ruleset, events_of((0, "b"), (8, "a")))
    assert "lonely" in fired(ruleset, events_of((0, "b"), (9, "a")))
    assert "lonely" in fired(ruleset, events_of((5, "a"), (6, "b")))


ALIKE = b"""
title: a
name: a
logsource: {product: ai}
detection: {s: {action: a}, condition: s}
---
title: nearly one text from three
name: alike
correlation: {type: value_count, rules: [a], group-by: [content.user], timespan: 1h, condition: {field: user.id, gte: 3}}
caiso: {alike: true}
"""
LONG = "send me the price list of the wholesale department as a table with every customer and each discount"


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        (
            [f"{name} here, {LONG}, ref {number}!" for number, name in enumerate(("Anna", "Boris", "Chloe", "Dana"))],
            True,
        ),
        (["Open the door", "open the door!", "OPEN the door 7"], True),  # few words are compared as they stand
        (["Open the door", "Open the gate", "Open the window"], False),
        (
            [f"{LONG} of the {word}" for word in ("north",)]
            + ["what does a heat pump cost in a flat of four rooms"] * 2,
            False,
        ),
    ],
)
def test_alike_joins_texts_that_share_most_of_their_words(texts: list[str], joined: bool) -> None:
    stream = [
        event(number, number, "a", **{"user.id": f"u{number}", "content.user": text})
        for number, text in enumerate(texts)
    ]
    assert ("alike" in fired(ruleset_of(ALIKE), stream)) is joined


def test_alike_keeps_no_text_and_takes_large_batches_as_small_ones() -> None:
    stream = [
        event(number, number / 10, "a", **{"user.id": f"u{number % 40}", "content.user": f"{LONG} no. {number % 7}"})
        for number in range(1_200)
    ]
    whole, pieces = Detector(ruleset_of(ALIKE)), Detector(ruleset_of(ALIKE))
    at_once = [signal.id for signal in whole.process(stream)]
    assert at_once
    assert at_once == [
        signal.id for start in range(0, 1_200, 50) for signal in pieces.process(stream[start : start + 50])
    ]
    assert "wholesale" not in str(whole.snapshot())


def test_a_flood_is_reported_once_per_span(ruleset: Ruleset) -> None:
    steps = [(second / 10, "a") for second in range(205)]
    detector = Detector(ruleset)
    assert [signal.rule_id for signal in detector.process(events_of(*steps))].count("lonely") == 3
    assert detector.metrics.hits["count"] == 2
    assert detector.counters()["correlations"]["count"]["suppressed"] > 150


def test_memory_is_bounded_and_what_is_forgotten_is_counted(ruleset: Ruleset) -> None:
    detector = Detector(ruleset, limits=Limits(max_keys=10, max_entries=5))
    detector.process([event(number, number / 100, "b", **{"user.id": f"u{number}"}) for number in range(100)])
    counters = detector.counters()["correlations"]["together"]
    assert 5 <= counters["keys"] <= 10
    assert counters["keys"] + counters["evicted_keys"] == 100
    detector.process([event(number, 50 + number / 1000, "c", **{"rows": 0}) for number in range(20)])
    assert detector.counters()["correlations"]["sum"]["evicted_entries"] > 0


def test_late_events_are_counted_not_guessed(ruleset: Ruleset) -> None:
    detector = Detector(ruleset)
    detector.process(events_of((5000, "c"), (0, "c")))
    assert detector.counters()["correlations"]["together"]["late"] == 1


def test_an_event_from_a_fast_clock_counts_when_it_arrived(ruleset: Ruleset) -> None:
    ahead = event(0, 90_000, "a", **{"time.marked": "future", "ingest_time": BASE})
    assert fired(ruleset, [ahead, *events_of((99, "x"), (1, "b"), (2, "c"))])["ordered"] == [("e0", "e1", "e2")]


def test_groups_do_not_mix_and_content_is_kept_as_a_fingerprint() -> None:
    source = b"""
title: a
name: a
logsource: {product: ai}
detection: {s: {content.user|exists: true}, condition: s}
---
title: n
name: n
correlation: {type: value_count, rules: [a], group-by: [content.user], timespan: 1m, condition: {field: user.id, gte: 2}}
"""
    ruleset = ruleset_of(source)
    detector = Detector(ruleset)
    texts = ["My Secret Plan", "my secret  plan", "other"]
    stream = [{**event(n, n, "x"), "content.user": text, "user.id": str(n)} for n, text in enumerate(texts)]
    signals = detector.process(stream)
    assert [signal.event_ids for signal in signals] == [("e0", "e1")]
    assert b"ecret" not in detector.snapshot()
    assert "ecret" not in repr(signals)


def test_a_changed_correlation_drops_its_old_state_and_says_so(ruleset: Ruleset) -> None:
    detector = Detector(ruleset)
    detector.process(events_of((0, "a"), (1, "b")))
    changed = ruleset_of(RULES.replace(b"timespan: 15s", b"timespan: 16s"))
    restored = Detector.restore(changed, detector.snapshot())
    assert restored.metrics.state_dropped == 1
    assert "ordered" not in {s.rule_id for s in restored.process([event(9, 2, "c")])}


@pytest.mark.parametrize("junk", [b"", b"\x80\x04K\x01.", b"{}", b"\xff" * 40])
def test_bytes_that_are_no_snapshot_are_refused_by_name(ruleset: Ruleset, junk: bytes) -> None:
    with pytest.raises(UnableToRestore, match="not a snapshot"):
        Detector.restore(ruleset, junk)
