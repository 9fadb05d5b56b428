"""Measures the server time of the main pages on a store a hundred times the demo's, by requests one after the other.

Makes the store itself (100,000 alerts, 10,000 assets, 1,000 incidents, a million events), starts the web process alone,
signs in as an officer of the root unit and asks each page again and again. The goal is held against the processor time of
the server, which other work on the machine hardly changes; the time on the clock is that of the whole answer at the client:
server, middleware, template and loopback.

    python -m bench.pages --quick
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.store import Asked, Sizes, fill

WARM_UP = 3
GOAL_MS = 150
FULL = Sizes(
    alerts=100_000,
    assets=10_000,
    systems=300,
    incidents=1_000,
    parts=200,
    events_per_part=5_000,
    audit=100_000,
    tasks=5_000,
)
QUICK = Sizes(
    alerts=10_000, assets=2_000, systems=60, incidents=200, parts=20, events_per_part=2_000, audit=10_000, tasks=500
)


def prepare(data: Path) -> None:
    """Tables and shipped content, as the first start makes them."""
    subprocess.run(
        [sys.executable, "-m", "caiso.cli.platform.processes", "prepare"],
        env=os.environ | {"CAISO_DATA": str(data)},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def start_web(data: Path) -> tuple[subprocess.Popen[bytes], int]:
    """One web process; (process, port)."""
    listening = socket.create_server(("127.0.0.1", 0))
    with (data / "web.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "caiso.cli.platform.processes", "web", str(listening.fileno())],
            env=os.environ | {"CAISO_DATA": str(data), "CAISO_SUPERVISOR": str(os.getpid())},
            pass_fds=[listening.fileno()],
            stdout=log,
            stderr=log,
        )
    return process, int(listening.getsockname()[1])


def ask(link: http.client.HTTPConnection, path: str, cookie: str) -> tuple[float, int]:
    """Milliseconds and bytes of one page; a page that is not answered in full ends the run."""
    begun = time.perf_counter()
    link.request("GET", path, headers={"Cookie": cookie, "Accept": "text/html"})
    answer = link.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{path} answered {answer.status}")
    return (time.perf_counter() - begun) * 1000, len(body)


def processor_ms(pid: int) -> float:
    """Processor time that a process has used, in milliseconds: what other work on the machine does not change.

    From the kernel's clock of that process (its number is made of the process id), which counts nanoseconds.
    """
    return time.clock_gettime((~pid << 3) | 2) * 1000


def measure(port: int, pid: int, pages: list[Asked], *, times: int) -> list[dict[str, Any]]:
    """p50 and p95 of each page, on the clock and of the server's processor time."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    rows = []
    for asked in pages:
        for _ in range(WARM_UP):
            ask(link, asked.path, asked.cookie)
        taken, used = [], []
        for _ in range(times):
            before = processor_ms(pid)
            taken.append(ask(link, asked.path, asked.cookie))
            used.append(processor_ms(pid) - before)
        spans = sorted(span for span, _ in taken)
        p95, busy = _p95(spans), _p95(sorted(used))
        print(f"{asked.name}: {p95:.0f} ms, processor {busy:.0f} ms", file=sys.stderr)
        rows.append(
            {
                "page": asked.name,
                "path": asked.path,
                "p50_ms": round(statistics.median(spans), 1),
                "p95_ms": round(p95, 1),
                "processor_p50_ms": round(statistics.median(used), 1),
                "processor_p95_ms": round(busy, 1),
                "kilobytes": round(taken[0][1] / 1000),
                "within_goal": busy < GOAL_MS,
            }
        )
    return rows


def _p95(ordered: list[float]) -> float:
    return ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]


def take(port: int, pid: int, exports: list[Asked]) -> list[dict[str, Any]]:
    """Each file once: when its first byte came, how long the whole took, and by how much the server grew meanwhile."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    rows = []
    for asked in exports:
        before, processor, begun = resident_mb(pid), processor_ms(pid), time.perf_counter()
        link.request("GET", asked.path, headers={"Cookie": asked.cookie})
        answer = link.getresponse()
        first, size, most = 0.0, 0, before
        while portion := answer.read1(1 << 20):
            first = first or time.perf_counter() - begun
            size, most = size + len(portion), max(most, resident_mb(pid))
        rows.append(
            {
                "file": asked.name,
                "first_byte_ms": round(first * 1000),
                "seconds": round(time.perf_counter() - begun, 1),
                "processor_s": round((processor_ms(pid) - processor) / 1000, 1),
                "megabytes": round(size / 1e6, 1),
                "server_grew_mb": round(most - before),
            }
        )
    return rows


def resident_mb(pid: int) -> float:
    """Memory of a process that is in use now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def run(data: Path, sizes: Sizes, times: int) -> dict[str, Any]:
    """Fill, serve, measure."""
    begun = time.monotonic()
    prepare(data)
    filled = fill(data, sizes)
    print(f"filled in {time.monotonic() - begun:.0f} s", file=sys.stderr)
    process, port = start_web(data)
    try:
        rows = measure(port, process.pid, filled.pages, times=times)
        files = take(port, process.pid, filled.exports)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
    return {
        "rows": rows,
        "files": files,
        "store": filled.counts,
        "requests_per_page": times,
        "goal_processor_p95_ms": GOAL_MS,
        "load": list(os.getloadavg()),
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the store, fewer requests")
    parser.add_argument("--json", action="store_true", help="what `python -m bench` asks for; it is always JSON")
    parser.add_argument("--keep", type=Path, help="make the store in this folder and leave it there")
    given = parser.parse_args()
    sizes, times = (QUICK, 20) if given.quick else (FULL, 60)
    if given.keep:
        found = run(given.keep, sizes, times)
    else:
        with tempfile.TemporaryDirectory(prefix="caiso-pages-") as folder:
            found = run(Path(folder), sizes, times)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
