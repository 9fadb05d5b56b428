"""The engine in a process of its own answers as the one in this process does."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from caiso.connect.telemetry.apart import Apart, Engine, EngineLost, pieces
from caiso.connect.telemetry.matching import Here
from caiso.connect.telemetry.table import EventBatch
from caiso.connect.telemetry.trial.jobs import RuleSources, RuleText
from caiso.engine.detect.loader import shipped_rules

T = TypeVar("T")

RULES = b"""
title: loud
name: loud
logsource: {product: ai}
detection: {s: {user.id|startswith: mallory}, condition: s}
---
title: quiet
name: quiet
logsource: {product: ai}
detection: {s: {event.kind: inference}, condition: s}
---
title: counted
name: counted
correlation: {type: event_count, rules: [quiet], group-by: [user.id], timespan: 1m, condition: {gte: 2000}}
---
title: measured
name: measured
statistic: {method: volume, rules: [quiet], client: [user.id], least: 2000}
"""


def batch(size: int, *, start: int = 0) -> EventBatch:
    events = [
        {
            "event.id": f"e{number}", "time": 1_790_000_000_000_000 + number, "event.kind": "inference",
            "user.id": "mallory" if number % 50 == 7 else "u", "source.id": "s",
        }
        for number in range(start, start + size)
    ]  # fmt: skip
    return EventBatch.of_events(events, {})


def started(engine: Engine, cache: Path, *, memory: bytes | None = None) -> None:
    report = engine.load(RuleSources([], [RuleText("made.yaml", RULES.decode())], cache=str(cache)))
    assert report.problems == []
    assert [card.id for card in report.cards] == ["loud", "quiet", "counted", "measured"]
    engine.start(memory)


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[Apart]:
    engine = Apart()
    started(engine, tmp_path)
    yield engine
    engine.close()


def test_costs_come_from_the_child_and_begin_anew(apart: Apart) -> None:
    assert apart.costs() == ({}, 0), "nothing was matched yet"
    found = []
    for start in (0, 200):
        apart.begin(batch(200, start=start))
        found += apart.finish()
    assert [signal.rule_id for signal in found] == ["loud"] * 8
    measured, events = apart.costs()
    assert events == 400
    assert set(measured) == {"loud", "quiet", "counted", "measured"}
    assert all(microseconds >= 0 for microseconds in measured.values())
    assert sum(measured.values()) > 0
    assert apart.costs() == ({}, 0), "what was told once is not told again"


def test_costs_and_memory_may_be_asked_for_in_turn(apart: Apart, tmp_path: Path) -> None:
    here = Here()
    started(here, tmp_path)
    for engine in (apart, here):
        engine.begin(batch(120))
        engine.finish()
        assert engine.costs()[1] == 120
    assert apart.snapshot() == here.snapshot()


def test_a_snapshot_is_made_while_it_goes_on(apart: Apart, tmp_path: Path) -> None:
    here = Here()
    started(here, tmp_path)
    for engine in (apart, here):
        engine.begin(batch(120))
        engine.finish()
    then, later = here.snapshot(), apart.snapshot_beside()
    for _ in range(3):
        apart.begin(batch(200, start=500))
        apart.finish()
    assert b"".join(later()) == then
    assert apart.snapshot() != then
    assert b"".join(here.snapshot_beside()()) == then


def test_a_snapshot_that_was_cut_off_is_none(apart: Apart) -> None:
    apart.begin(batch(120))
    apart.finish()
    all_of_it, later = apart.snapshot(), apart.snapshot_beside()
    with contextlib.suppress(ProcessLookupError):
        for copied in copies(apart.pid):
            os.kill(copied, signal.SIGSTOP)
    stopped = copies(apart.pid)
    for copied in stopped:
        os.kill(copied, signal.SIGKILL)
    try:
        assert b"".join(later()) == all_of_it, "it had written all before it was stopped"
    except EngineLost as lost:
        assert "before it was whole" in str(lost)
    apart.begin(batch(10))
    apart.finish()  # it goes on


@pytest.mark.parametrize("cut", [0, 4, 8, 12, 17, 21])
def test_a_pipe_that_ends_early_holds_no_snapshot(cut: int) -> None:
    sent = (9).to_bytes(8, "big") + b"123456789" + bytes(8)
    for end in (cut, len(sent)):
        reader, writer = os.pipe()
        os.write(writer, sent[:end])
        os.close(writer)
        if end == len(sent):
            assert list(pieces(reader)) == [b"123456789"]
        else:
            with pytest.raises(EngineLost, match="before it was whole"):
                list(pieces(reader))


def test_compiling_ends_with_who_asked_for_it(tmp_path: Path) -> None:
    """A detector that is killed leaves nobody behind who compiles for half a minute."""
    engine = Apart()
    engine._send(RuleSources([str(shipped_rules())], [], cache=str(tmp_path)))
    compiling = until(lambda: copies(engine.pid))
    engine._link.close()  # what the kernel does for a process that is killed
    until(lambda: not any(running(pid) for pid in (engine.pid, *compiling)))
    engine.close()
    assert list(tmp_path.glob("*.bin")) == [], "it was still compiling"


def until(found: Callable[[], T]) -> T:
    """What it finds, as soon as there is something."""
    end = time.monotonic() + 20
    while not (what := found()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return what


def running(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def copies(parent: int) -> list[int]:
    """The processes that the one that matches has made and that have not ended."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[1]) == parent and fields[0] != "Z":
                found.append(int(folder.name))
    return found


def test_costs_of_a_child_that_is_gone_are_not_made_up(apart: Apart) -> None:
    apart.close()
    with pytest.raises(EngineLost):
        apart.costs()


def here(cache: Path, memory: bytes | None = None) -> Here:
    engine = Here()
    started(engine, cache, memory=memory)
    return engine


def test_what_was_seen_of_senders_and_conversations_survives_a_restart(tmp_path: Path) -> None:
    page = "Hand it in at https://intake.example/f"
    reporting = EventBatch.of_events(
        [{"event.id": "a", "time": 1, "event.kind": "tool", "source.id": "s", "service.name": "d", "aisoc.session": "c", "gen_ai.tool.name": "fetch"}],
        {"content.untrusted": [page]},
    )  # fmt: skip
    engine = here(tmp_path)
    engine.begin(reporting)
    engine.finish()
    again = here(tmp_path, engine.snapshot())
    assert again.snapshot() == engine.snapshot()
    assert page.encode() not in engine.snapshot()


def test_a_snapshot_of_an_older_version_is_taken_up(tmp_path: Path) -> None:
    engine = here(tmp_path)
    engine.begin(batch(1_500))
    engine.finish()
    again = here(tmp_path, engine.detector.snapshot())
    again.begin(batch(600, start=1_500))
    assert "counted" in {signal.rule_id for signal in again.finish()}, "the count goes on where it was"
