# ruff: noqa: S311 - seeded on purpose
"""The statistical rules that ship depend on event time and order alone, forget what they must, and keep no text."""

from __future__ import annotations

import random
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from caiso.engine.detect.batch import Columns
from caiso.engine.detect.detector import Detector, Limits
from caiso.engine.detect.loader import load_rules, shipped_rules
from caiso.engine.detect.rule import Rule, RuleTest
from caiso.engine.detect.ruleset import Ruleset, compile_ruleset
from caiso.engine.detect.signal import Signal
from caiso.engine.detect.snapshot import read_snapshot

Event = dict[str, Any]


@cache
def shipped() -> tuple[Rule, ...]:
    rules, problems = load_rules(shipped_rules() / "statistics")
    assert problems == ()
    return rules


@cache
def ruleset() -> Ruleset:
    return compile_ruleset(shipped(), backend="re2")


def statistics() -> list[Rule]:
    return [rule for rule in shipped() if rule.kind == "statistic"]


def firing_test(rule: Rule) -> RuleTest:
    return min((test for test in rule.tests if test.fires), key=lambda test: len(test.events))


def in_pieces(events: list[Event], seed: int) -> list[Signal]:
    """The stream cut at random places, the detector restored from its snapshot after each piece."""
    rng = random.Random(seed)
    detector, signals = Detector(ruleset()), []
    bounds = [0, *sorted(rng.randrange(len(events) + 1) for _ in range(6)), len(events)]
    for start, end in pairwise(bounds):
        signals += detector.process(events[start:end])
        detector = Detector.restore(ruleset(), detector.snapshot())
    return signals


@pytest.mark.parametrize("rule", statistics(), ids=lambda rule: rule.id)
def test_any_cut_and_any_restart_give_the_same_signals(rule: Rule) -> None:
    twin = next(test for test in rule.tests if not test.fires)
    for test in (firing_test(rule), twin):
        events = [dict(event) for event in test.events][:700]
        assert in_pieces(events, 1) == Detector(ruleset()).process(events)


def mixed_stream(count: int) -> list[Event]:
    """Events of all the rules' tests at once, each with a client of its own, some of them late or out of order."""
    rng = random.Random(7)
    streams = [[dict(event) for event in firing_test(rule).events][:250] for rule in statistics()]
    mixed: list[Event] = []
    for number in range(count):
        stream = rng.choice(streams)
        event = {**rng.choice(stream), "event.id": f"m{number}"}
        event["time"] += rng.choice((0, 0, 0, 400_000_000, -900_000_000))
        mixed.append(event)
    return mixed


def test_a_mixed_stream_out_of_order_gives_the_same_however_it_is_cut() -> None:
    events = mixed_stream(1500)
    whole = Detector(ruleset()).process(events)
    one_by_one, detector = [], Detector(ruleset())
    for event in events:
        one_by_one += detector.process([event])
    assert one_by_one == whole
    assert in_pieces(events, 3) == whole


def everyday(count: int) -> list[Event]:
    """Calls of few clients, nothing out of the ordinary but the values: what every method takes its short way with."""
    rng = random.Random(23)
    events: list[Event] = []
    for number in range(count):
        event: Event = {
            "event.id": f"d{number}", "time": 1_790_000_000_000_000 + number * 3_000_000 - rng.choice((0, 0, 0, 40, 9_000)) * 1_000_000,
            "event.kind": rng.choice(("inference", "inference", "tool", "embedding")), "service.name": rng.choice(("shop", "desk")),
            "gen_ai.request.model": rng.choice(("m1", "m2")), "gen_ai.tool.name": rng.choice(("search", "mail")),
            "gen_ai.usage.output_tokens": rng.choice((None, "x", -1, 1.5, rng.randrange(900), rng.randrange(900), 5_000)),
            "duration_us": rng.choice((rng.randrange(9_000_000), 60_000_000)),
            "content.user": rng.choice(("Tell me the price of ", "Why is it that \0", "\u0130s it \u00fc ")) + "and why so? " * rng.randrange(9),
        }  # fmt: skip
        if rng.random() < 0.9:
            event["user.id"] = f"u{rng.randrange(6)}"
        events.append({name: value for name, value in event.items() if value is not None})
    return events


def remembered(detector: Detector) -> tuple[dict[str, Any], list[Any]]:
    """What the evidence of the statistics refers to, and their states; correlations keep theirs as a batch's size suits."""
    saved = read_snapshot(detector.snapshot())
    return saved.occurrences, [saved.correlations[rule.id] for rule in statistics()]


def test_what_is_remembered_of_ordinary_traffic_is_the_same_however_it_is_cut() -> None:
    events = everyday(900)
    whole, single = Detector(ruleset()), Detector(ruleset())
    signals = whole.process(events)
    assert [signal for event in events for signal in single.process([event])] == signals
    assert remembered(single) == remembered(whole)
    assert single.counters()["correlations"] == whole.counters()["correlations"]
    assert all(
        count["keys"]
        for name, count in whole.counters()["correlations"].items()
        if name in ("sponge-calls", "token-volume")
    )


def test_columns_and_rows_give_the_same() -> None:
    events = mixed_stream(400)
    names = {name for event in events for name in event}
    columns = {name: (lambda name=name: [event.get(name) for event in events]) for name in names}
    assert Detector(ruleset()).process(Columns(len(events), columns)) == Detector(ruleset()).process(events)


def test_replaying_gives_the_same_ids_and_no_id_twice() -> None:
    events = [dict(event) for rule in statistics()[:12] for event in firing_test(rule).events]
    events.sort(key=lambda event: event["time"])
    first, again = Detector(ruleset()).process(events), Detector(ruleset()).process(events)
    assert [signal.id for signal in first] == [signal.id for signal in again]
    assert len({signal.id for signal in first}) == len(first) >= 10


@pytest.mark.parametrize("rule", [rule for rule in statistics() if rule.emits], ids=lambda rule: rule.id)
def test_a_firing_carries_numbers_that_a_page_can_show(rule: Rule) -> None:
    signals = Detector(ruleset()).process([dict(event) for event in firing_test(rule).events])
    signal = next(signal for signal in signals if signal.rule_id == rule.id)
    assert 2 <= len(signal.facts) <= 12
    assert any(char.isdigit() for value in signal.facts.values() for char in str(value))
    assert all(isinstance(value, str | int | float) and len(str(value)) <= 200 for value in signal.facts.values())
    assert 1 <= len(signal.event_ids) <= 20
    assert signal.entity


@pytest.mark.parametrize("rule", statistics(), ids=lambda rule: rule.id)
def test_memory_is_bounded_by_keys_and_what_is_forgotten_is_counted(rule: Rule) -> None:
    detector = Detector(ruleset(), limits=Limits(max_keys=7))
    sample = [dict(event) for event in firing_test(rule).events][-1]
    keyed = ("user.id", "api_key.id", "model.id", "dataset.id", "service.name", "gen_ai.agent.id", "gen_ai.request.model",
             "gen_ai.data_source.id", "source.id")  # fmt: skip
    for number in range(40):
        own = {name: f"{name}-{number}" for name in keyed}
        detector.process([{**sample, **own, "event.id": f"k{number}", "time": sample["time"] + number}])
    counters = detector.counters()["correlations"][rule.id]
    assert counters["keys"] <= 7
    assert counters["keys"] + counters["evicted_keys"] == 40


HOSTILE: tuple[object, ...] = (
    None, "", "x", "\x1e\u202e", "9" * 400, "[1,2", '["a"]', "[1, null]", "{}", '{"a": {"b": 1}}', True, -1, 0, 10**30, float("nan"),
    float("inf"), -1e308, [], [[]], [1, "a"], [float("nan")] * 3, ["x"] * 5, list(range(70_000)), {}, {"a": "b"}, {"a": -5},
    {"": 10**40}, [{"id": None}], [{"id": "x" * 9000, "created": "never"}], [{"id": 1, "created": 1e300}], b"\xff", "User:\n" * 500,
)  # fmt: skip


@pytest.mark.parametrize("rule", statistics(), ids=lambda rule: rule.id)
def test_values_of_any_kind_do_no_harm(rule: Rule) -> None:
    rng = random.Random(rule.id)
    sample = [dict(event) for event in firing_test(rule).events][-1]
    fields = rule.logic.settings.value_fields  # type: ignore[union-attr]
    events = []
    for number, value in enumerate(HOSTILE * 2):
        own = {name: rng.choice((value, sample.get(name))) for name in fields}
        events.append({**sample, **own, "event.id": f"h{number}", "time": sample["time"] + number * 1_000_000})
    detector = Detector(ruleset())
    whole = detector.process(events)
    assert in_pieces(events, 5) == whole
    assert len(detector.snapshot()) < 5_000_000


def test_no_prompt_stays_in_memory_signals_or_facts() -> None:
    detector = Detector(ruleset())
    secret = "my grandmother's maiden name is Wlodarczyk"
    events = []
    for rule in statistics():
        for event in firing_test(rule).events:
            changed = dict(event)
            if isinstance(changed.get("content.user"), str):
                changed["content.user"] = f"{secret} {changed['content.user']}"
            events.append(changed)
    signals = detector.process(events)
    assert "Wlodarczyk" not in repr(signals)
    assert b"odarczyk" not in detector.snapshot().lower()


def test_late_events_are_counted_not_guessed() -> None:
    rule = next(rule for rule in statistics() if rule.id == "model-inversion")
    sample = dict(firing_test(rule).events[0])
    detector = Detector(ruleset())
    detector.process([sample, {**sample, "event.id": "late", "time": sample["time"] - 9 * 86_400_000_000}])
    assert detector.counters()["correlations"]["model-inversion"]["late"] == 1


def test_a_key_that_was_silent_for_a_month_begins_anew() -> None:
    rule = next(rule for rule in statistics() if rule.id == "first-seen-tool")
    events = [dict(event) for event in firing_test(rule).events]
    events[-1]["time"] += 40 * 86_400_000_000
    assert not [signal for signal in Detector(ruleset()).process(events) if signal.rule_id == rule.id]


def test_a_changed_statistic_drops_its_old_state_and_says_so() -> None:
    import dataclasses

    detector = Detector(ruleset())
    detector.process([dict(event) for event in firing_test(statistics()[0]).events])
    changed = [dataclasses.replace(rule, digest="other") if rule == statistics()[0] else rule for rule in shipped()]
    restored = Detector.restore(compile_ruleset(changed, backend="re2"), detector.snapshot())
    assert restored.metrics.state_dropped == 1
