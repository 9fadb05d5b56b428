"""Whatever is killed, whenever: what was acknowledged is stored once, and the alerts are those of a calm run."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from caiso.connect.telemetry.apart import usable_cores
from tests.cli.running import Platform, platform, start
from tests.cli.test_supervisor import alive, wait_for
from tests.journeys.conftest import Seed, settle, stored
from tests.journeys.stream import Sender, post

SENDERS = 3
PROCESSES = 3
VICTIMS = ("detector", "web", "all", "worker", *(("matcher",) if usable_cores() > 1 else ()))


def kill(product: Platform, victim: str) -> None:
    """Kill one process, or the supervisor and all, once they run; returns when they are gone."""
    wait_for(lambda: len(product.processes()) == PROCESSES, seconds=60)
    pids = product.processes()
    if victim == "all":
        chosen = [*pids.values(), product.process.pid]
    elif victim == "matcher":
        chosen = wait_for(lambda: matchers(product.processes()["detector"]), seconds=60)
    else:
        chosen = [pids[victim]]
    for pid in chosen:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not any(alive(pid) for pid in chosen), seconds=10)


def matchers(parent: int) -> list[int]:
    """The process that matches for a detector, once it runs."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may have just ended
            ours = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1]) == parent
            if ours and b"telemetry.matching" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def parts(data: Path) -> set[Path]:
    """The event files that the detector has written."""
    return set((data / "events").glob("hour=*/*.parquet"))


def again(product: Platform) -> Platform:
    """Start an installation that was killed as a whole, at the address that its senders know."""
    product.process.wait()
    assert product.process.stdout is not None
    product.process.stdout.close()
    port = product.ready["url"].rstrip("/").rpartition(":")[2]
    return start(product.data, "--no-demo", "--port", port)


def disturbed(data: Path, token: str, *, kills: int, chance: random.Random) -> tuple[list[Sender], list[str]]:
    """Send under load while processes are killed; returns the senders with what was acknowledged, and the victims."""
    killed = []
    product = start(data, "--no-demo")
    try:
        senders = [Sender(number, token, product.ready["url"]) for number in range(1, SENDERS + 1)]
        threads = [sender.start() for sender in senders]
        first = chance.randrange(len(VICTIMS))
        wait_for(lambda: parts(data), seconds=120)
        for number in range(kills):
            victim = VICTIMS[(first + number) % len(VICTIMS)]
            if number % 2:  # into steady work; else also into starting and recovering
                before = parts(data)
                wait_for(lambda before=before: parts(data) - before, seconds=120)
            time.sleep(chance.uniform(0.0, 2.0))
            kill(product, victim)
            killed.append(victim)
            sys.stderr.write(f"kill {number + 1}: {victim}\n")
            if victim == "all":
                product = again(product)
        time.sleep(1.0)
        for sender in senders:
            sender.stop.set()
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()
        settle(data, {span for sender in senders for request in sender.acknowledged for span in request.spans})
    finally:
        if product.process.poll() is None:
            product.process.terminate()
            product.process.wait(timeout=20)
    return senders, killed


def undisturbed(data: Path, token: str, senders: list[Sender], *, also: set[str]) -> dict[str, Any]:
    """The same requests in the same order, and nothing is killed; `also` are stored without an acknowledgement."""
    with platform(data, "--no-demo") as product:
        spans: set[str] = set()
        for sender in senders:
            last = [sender.unanswered] if sender.unanswered and also & set(sender.unanswered.spans) else []
            for request in [*sender.acknowledged, *last]:
                wait_for(lambda body=request.body: post(product.ready["url"], token, body) == 200, seconds=60)
                spans |= set(request.spans)
        return settle(data, spans)


def survive(seed: Seed, folder: Path, *, kills: int) -> None:
    """Kill at random moments, then compare with the run that was left in peace."""
    number = random.SystemRandom().randrange(1 << 30)
    sys.stderr.write(f"seed {number}\n")
    token = seed.token
    data, calm = seed.copy(folder / "killed"), seed.copy(folder / "calm")
    senders, killed = disturbed(data, token, kills=kills, chance=random.Random(number))  # noqa: S311 - moments of death
    found = stored(data)
    sent = Counter(span for sender in senders for request in sender.acknowledged for span in request.spans)
    extra = set(found["spans"]) - set(sent)
    expected = undisturbed(calm, token, senders, also=extra)
    report(senders, found, expected)
    assert set(sent.values()) == {1}
    assert [span for span in sent if span not in found["spans"]] == [], "acknowledged and lost"
    assert {name: count for name, count in found["events"].items() if count > 1} == {}, "stored twice"
    waiting = {span for sender in senders if sender.unanswered for span in sender.unanswered.spans}
    assert extra <= waiting, "events that nobody sent"
    assert sum(rows for _, _, rows in found["parts"]) == len(found["events"])
    assert set(found["events"]) == set(expected["events"])
    assert Counter(uid for uid, _, _ in found["signals"]).most_common(1)[0][1] == 1
    assert sorted(found["signals"]) == sorted(expected["signals"]), "alerts differ from the calm run"
    assert sorted(found["alerts"]) == sorted(expected["alerts"])
    assert sum(rule == "lethal-trifecta" for rule, _, _ in found["alerts"]) > 3, "too little was sent to prove anything"
    if "all" in killed:  # else the supervisor keeps the socket open, and a request may wait for the next web process
        assert sum(sender.repeats for sender in senders) > 0, "no request ever failed: the kills did not hit"


def report(senders: list[Sender], found: dict[str, Any], expected: dict[str, Any]) -> None:
    """What was compared, for whoever reads the log."""
    counts = {
        "requests": sum(len(sender.acknowledged) for sender in senders),
        "repeats": sum(sender.repeats for sender in senders),
        "events": [len(found["events"]), len(expected["events"])],
        "signals": [len(found["signals"]), len(expected["signals"])],
        "alerts": [len(found["alerts"]), len(expected["alerts"])],
        "parts": [len(found["parts"]), len(expected["parts"])],
    }
    sys.stderr.write(f"{json.dumps(counts)}\n")


def test_kills_lose_and_double_nothing(seed: Seed, tmp_path: Path) -> None:
    survive(seed, tmp_path, kills=3)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_thirty_kills_lose_and_double_nothing(seed: Seed, tmp_path: Path) -> None:
    survive(seed, tmp_path, kills=30)
