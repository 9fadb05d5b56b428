"""Measures `caiso up` on the demo's store: time until pages answer, and the memory of all processes when idle.

Starts the installation as a person does (supervisor, web, worker, detector), once to make the store and then again and
again. Memory is the proportional set size: what processes share is divided among them.

    python -m bench.startup --quick
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


def up(data: Path) -> Start:
    """Start, wait until it says that it is ready and has settled, look, stop."""
    with (data.parent / "up.log").open("ab") as log:
        begun = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "caiso.cli.main", "up", "--data", str(data), "--port", str(_free_port()), "--json"],
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
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
    return Start(seconds, processor, megabytes)


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
        starts.append(up(data))
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
