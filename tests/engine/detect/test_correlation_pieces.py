# ruff: noqa: S311 - seeded on purpose
"""Occurrences in pieces: found by number whatever was forgotten, and never many more than are needed."""

from __future__ import annotations

import random

import msgspec
import numpy as np
import pytest

from caiso.engine.detect.batch import Events
from caiso.engine.detect.correlation import keys as keys_module
from caiso.engine.detect.correlation.keys import Keys, Rosters
from caiso.engine.detect.correlation.occurrence import Occurrence, Occurrences
from caiso.engine.detect.snapshot import pieces_of

TRIES = 12


def noted(occurrences: Occurrences, rng: random.Random, count: int, known: dict[int, dict[str, object]]) -> None:
    events: list[dict[str, object]] = []
    for _ in range(count):
        event: dict[str, object] = {"event.id": f"e{len(known) + len(events)}"}
        if rng.random() < 0.7:
            event["user.id"] = f"u{rng.randrange(9)}"
        if rng.random() < 0.3:
            event["service.name"] = "s"
        events.append(event)
    numbers = occurrences.note(Events(events), np.arange(count))
    known.update(zip(numbers.tolist(), events, strict=True))


def told(events: list[dict[str, object]]) -> Occurrence:
    """What several events are together, said in the plainest way."""
    entity = {}
    for event in events:
        for kind, name in (("user", "user.id"), ("service", "service.name")):
            if name in event:
                entity[kind] = str(event[name])
    return Occurrence(tuple(str(event["event.id"]) for event in events), entity, 7)


def test_what_is_needed_is_found_whatever_was_forgotten() -> None:
    for seed in range(TRIES):
        rng = random.Random(seed)
        occurrences = Occurrences()
        known: dict[int, dict[str, object]] = {}
        live: list[int] = []
        for step in range(30):
            before = len(known)
            noted(occurrences, rng, rng.choice((1, 90, 700, 5000)), known)
            live = [number for number in live if rng.random() < 0.7]
            live += rng.sample(range(before, len(known)), (len(known) - before) // rng.choice((1, 3, 20)))
            occurrences.forget(np.array(rng.sample(live, len(live)), dtype=np.int64))
            assert len(live) <= len(occurrences) <= 3 * len(live)
            if step % 7 == 3:
                saved = msgspec.msgpack.decode(b"".join(pieces_of(occurrences.save())))
                occurrences = Occurrences()
                occurrences.load(saved)
            if not live:
                continue
            chosen = [rng.sample(live, min(len(live), rng.randint(1, 5))) for _ in range(20)]
            counts = np.array([len(numbers) for numbers in chosen])
            flat = np.array([number for numbers in chosen for number in numbers])
            wanted = [told([known[number] for number in numbers]) for numbers in chosen]
            assert occurrences.several(flat, counts, [7] * len(chosen)) == wanted, f"seed {seed}"
            assert [occurrences.joined(numbers, [7] * len(numbers)) for numbers in chosen] == wanted, f"seed {seed}"


def test_a_roster_numbers_keys_alike_from_batch_to_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    rosters, names = Rosters(), ("user.id",)

    def numbered(*users: str | None) -> list[str | None]:
        batch = Events([{} if user is None else {"user.id": user} for user in users])
        numbers, roster = Keys(batch, rosters).numbered(names)
        return [None if number < 0 else roster.names[number] for number in numbers.tolist()]

    assert numbered("a", "b", None, "a") == ["a", "b", None, "a"]
    first = rosters.of(names)
    assert numbered("c", "b") == ["c", "b"]
    assert rosters.of(names) is first
    assert first.names == ["a", "b", "c"]
    monkeypatch.setattr(keys_module, "_LONG", 2)
    assert numbered("b", None) == ["b", None]
    assert rosters.of(names).names == ["b"]
