"""Measures `caiso up` on the demo's store: time until pages answer, and the memory of all processes when idle.

Starts the installation as a person does (supervisor, web, worker, detector), once to make the store and then again and
again. Memory is the proportional set size: what processes share is divided among them; it is taken after a start, after a
first batch of events, and after a change of rules for which all of them were compiled and tested anew.

    python -m bench.startup --quick
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.alerting import SPANS, Sender, attack, caiso, taken
from bench.ingest import request_body

SETTLE_S = 20.0
GOAL_S, GOAL_MB = 3.0, 400
# The word of a command line that tells a process, and what it is called here.
NAMES = {"web": "web", "worker": "worker", "detector": "detector", "caiso.connect.telemetry.matching": "matcher"}


@dataclass(frozen=True)
class Start:
    """One life of the installation."""

    seconds: float
    processor_s: float
    megabytes: dict[str, float]
    later: dict[str, float] = field(default_factory=dict)  # megabytes of all, by what had happened


def up(data: Path, *, live: bool = False) -> Start:
    """Start, wait until it says that it is ready and has settled, look, stop; ``live`` looks on while things happen."""
    port, later = _free_port(), {}
    with (data.parent / "up.log").open("ab") as log:
        begun = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "caiso.cli.main", "up", "--data", str(data), "--port", str(port), "--json"],
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        _wait_until_told(process)
        seconds = time.perf_counter() - begun
        found = family(process.pid)
        # The worker and the detector start later, beside the pages; nobody waits for them.
        processor = sum(_processor_s(pid) for name, pid in found if name in ("supervisor", "web"))
        time.sleep(SETTLE_S)
        megabytes = {name: proportional_mb(pid) for name, pid in family(process.pid)}
        for what, happen in HAPPENING.items() if live else ():
            happen(data, port)
            time.sleep(SETTLE_S)
            later[what] = sum(proportional_mb(pid) for _, pid in family(process.pid))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
    return Start(seconds, processor, megabytes, later)


def _first_batch(data: Path, port: int) -> None:
    before = taken(data)
    sender = Sender(
        port, json.loads(caiso("token", "create", "bench", "--scope", "ingest", "--json", data=data))["token"]
    )
    chance = random.Random(5)
    for number in range(8):
        sender.send(request_body(number, SPANS, chance))
    sender.send(attack(0, "first"), "application/json")
    _until(lambda: taken(data) >= before + 8 * SPANS + 1)


def _change_rules(data: Path, port: int) -> None:
    def tested() -> str:
        with closing(sqlite3.connect(data / "caiso.sqlite3", timeout=30)) as link:
            return str(link.execute("SELECT max(tested_at) FROM soc_detectionrule").fetchone()[0])

    before = tested()
    for path in (data / "cache").glob("hyperscan-*"):
        path.unlink()
    with closing(sqlite3.connect(data / "caiso.sqlite3", timeout=30)) as link, link:
        link.execute("DELETE FROM base_setting WHERE key = 'soc.rule_tests'")
        link.execute(
            "INSERT OR REPLACE INTO base_setting (key, value) VALUES ('soc.rule_states', '{\"reverse-shell\": \"shadow\"}')"
        )
    _until(lambda: tested() != before)


HAPPENING: dict[str, Callable[[Path, int], None]] = {
    "after a first batch of events": _first_batch, "after all rules were compiled anew": _change_rules,
}  # fmt: skip


def _until(holds: Callable[[], bool], seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit("what was waited for did not happen; see up.log")
        time.sleep(0.5)


def _wait_until_told(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None  # noqa: S101 - PIPE was asked for
    told = b""
    while line := process.stdout.readline():
        told += line
        try:
            json.loads(told)
        except ValueError:
            continue
        return
    raise SystemExit("caiso up ended before it was ready; see its log")


def family(pid: int) -> list[tuple[str, int]]:
    """The supervisor and everything below it: name and pid."""
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _read(entry / "stat")):
            below.setdefault(int(fields.rsplit(")", 1)[1].split()[1]), []).append(int(entry.name))
    found, waiting = [("supervisor", pid)], list(below.get(pid, ()))
    while waiting:
        child = waiting.pop()
        words = _read(Path(f"/proc/{child}/cmdline")).split("\0")
        found.append((next((NAMES[word] for word in words if word in NAMES), "other"), child))
        waiting += below.get(child, ())
    return found


def proportional_mb(pid: int) -> float:
    """Memory of a process in MB, what it shares divided among those that share it."""
    lines = _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def _processor_s(pid: int) -> float:
    return time.clock_gettime((~pid << 3) | 2)  # the kernel's clock of that process


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it ended meanwhile
        return ""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def run(data: Path, times: int) -> dict[str, Any]:
    """Make the store, then start upon it."""
    print("making the demo's store", file=sys.stderr)
    up(data)
    starts = []
    for number in range(times):
        starts.append(up(data, live=number == times - 1))
        print(f"start {number + 1}: {starts[-1].seconds:.1f} s", file=sys.stderr)
    last = starts[-1].megabytes
    rows = [
        {
            "what": "ready to answer, s",
            "median": round(statistics.median(one.seconds for one in starts), 2),
            "worst": round(max(one.seconds for one in starts), 2),
            "goal": GOAL_S,
        },
        {
            "what": "processor time until then, s",
            "median": round(statistics.median(one.processor_s for one in starts), 2),
            "worst": round(max(one.processor_s for one in starts), 2),
        },
        {
            "what": "memory of all when idle, MB",
            "median": round(statistics.median(sum(one.megabytes.values()) for one in starts)),
            "worst": round(max(sum(one.megabytes.values()) for one in starts)),
            "goal": GOAL_MB,
        },
        *({"what": f"of it {name}, MB", "median": round(megabytes)} for name, megabytes in last.items()),
        *({"what": f"memory of all {what}, MB", "median": round(mb)} for what, mb in starts[-1].later.items()),
    ]
    return {"rows": rows, "starts": times, "settled_s": SETTLE_S}


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.startup", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two starts instead of seven")
    parser.add_argument("--json", action="store_true", help="what `python -m bench` asks for; it is always JSON")
    given = parser.parse_args()
    os.environ.pop("CAISO_DATA", None)
    with tempfile.TemporaryDirectory(prefix="caiso-startup-") as folder:
        print(json.dumps(run(Path(folder) / "data", 2 if given.quick else 7), indent=2))


if __name__ == "__main__":
    main()
