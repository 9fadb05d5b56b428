"""Lets a running product take in telemetry for half an hour and watches its memory, its lag and what it stores.

Starts `caiso up --no-demo` on a directory of its own, sends a steady stream of 2,000 events a second with two attacks a
second, and looks at every process each five seconds. The first third is left out: windows and caches fill then. Memory
is the proportional set size: what processes share is divided among them.

    python -m bench.soak --json [--quick] [--minutes 30] [--rate 2000]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.alerting import SPANS, TEMPLATES, Sender, attack, latencies, running, taken
from bench.ingest import Template, request_body
from bench.startup import family, proportional_mb

EVERY_S = 5.0
FLAT_SHARE = 0.05


@dataclass
class Watch:
    """What was seen of the processes, a sample at a time."""

    pid: int
    data: Path
    begun: float
    at: list[float] = field(default_factory=list)
    megabytes: list[dict[str, float]] = field(default_factory=list)
    log_mb: list[float] = field(default_factory=list)
    due: float = 0.0

    def look(self) -> None:
        """Take a sample if one is due."""
        passed = time.monotonic() - self.begun
        if passed < self.due:
            return
        self.due = passed + EVERY_S
        found: dict[str, float] = {}
        for name, pid in family(self.pid):
            found[name] = found.get(name, 0.0) + proportional_mb(pid)
        self.at.append(passed)
        self.megabytes.append(found)
        self.log_mb.append(sum(path.stat().st_size for path in (self.data / "wal").rglob("*") if path.is_file()) / 1e6)
        if len(self.at) % 60 == 0:
            print(f"{passed / 60:.0f} min: {sum(found.values()):.0f} MB", file=sys.stderr, flush=True)


def stream(sender: Sender, watch: Watch, *, rate: int, seconds: float) -> tuple[int, int]:
    """Send at this rate and two attacks a second; returns how many events and how many attacks."""
    chance = random.Random(7)
    templates = [Template(request_body(number, SPANS, chance)) for number in range(TEMPLATES)]
    sent = attacks = 0
    while (passed := time.monotonic() - watch.begun) < seconds:
        if sent < passed * rate:
            sender.send(templates[sent // SPANS % TEMPLATES].fresh(chance))
            sent += SPANS
        if attacks < passed * 2:
            sender.send(attack(attacks, "soak"), "application/json")
            attacks += 1
        watch.look()
        if sent > (time.monotonic() - watch.begun) * rate:
            time.sleep(0.01)
    return sent, attacks


def row(name: str, at: list[float], values: list[float]) -> dict[str, Any]:
    """The middle third beside the last, and the slope of a line through both."""
    third = len(values) // 3
    middle, last = statistics.median(values[third : 2 * third]), statistics.median(values[2 * third :])
    slope = statistics.linear_regression(at[third:], values[third:]).slope * 3600
    return {
        "what": name,
        "middle_third": round(middle, 1),
        "last_third": round(last, 1),
        "highest": round(max(values), 1),
        "per_hour": round(slope, 1),
    }


def measure(*, minutes: float, rate: int) -> dict[str, Any]:
    """Run, wait until everything is in the database, and say what grew."""
    with running() as (data, sender, pid):
        before = taken(data)
        watch = Watch(pid, data, time.monotonic())
        sent, attacks = stream(sender, watch, rate=rate, seconds=minutes * 60)
        deadline = time.monotonic() + 120
        while taken(data) < before + sent + attacks and time.monotonic() < deadline:
            time.sleep(0.5)
        found = sorted(latencies(data, "soak"))
        stored = taken(data) - before
    names = sorted({name for one in watch.megabytes for name in one})
    whole = row("memory of all, MB", watch.at, [sum(one.values()) for one in watch.megabytes])
    return {
        "rows": [
            whole,
            *(row(f"of it {name}, MB", watch.at, [one.get(name, 0.0) for one in watch.megabytes]) for name in names),
            row("log waiting, MB", watch.at, watch.log_mb),
        ],
        "minutes": minutes,
        "events": sent + attacks,
        "events_per_s": round((sent + attacks) / (minutes * 60)),
        "missing": sent + attacks - stored,
        "attacks": attacks,
        "alerts": len(found),
        "to_alert_s_p50": round(statistics.median(found), 2) if found else None,
        "to_alert_s_p99": round(found[min(len(found) - 1, int(len(found) * 0.99))], 2) if found else None,
        "asked_to_wait": sender.waited,
        "flat": whole["last_third"] <= whole["middle_third"] * (1 + FLAT_SHARE),
        "load_1m": os.getloadavg()[0],
    }


def main() -> None:
    """Print the figures as JSON; a run that lost something or grew ends with an error."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two minutes")
    parser.add_argument("--json", action="store_true", help="what `python -m bench` asks for; it is always JSON")
    parser.add_argument("--minutes", type=float, default=0, help="30, or 2 with --quick")
    parser.add_argument("--rate", type=int, default=2000, help="events a second")
    given = parser.parse_args()
    figures = measure(minutes=given.minutes or (2 if given.quick else 30), rate=given.rate)
    print(json.dumps(figures, indent=2))
    if figures["missing"] or (not given.quick and not figures["flat"]):
        raise SystemExit("events are missing" if figures["missing"] else "memory grew by more than a twentieth")


if __name__ == "__main__":
    main()
