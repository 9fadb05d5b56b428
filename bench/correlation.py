"""Correlation alone, and the whole detector with the rules that ship: events per CPU second, late events and snapshots included."""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bench.matcher import made_events, made_rules

from caiso.engine.detect.batch import Columns
from caiso.engine.detect.detector import Detector
from caiso.engine.detect.loader import load_rules, read_rules, shipped_rules
from caiso.engine.detect.rule import Rule, Statistic
from caiso.engine.detect.ruleset import compile_ruleset

KINDS = (
    {"type": "event_count", "condition": {"gte": 20}, "timespan": "5m"},
    {"type": "event_count", "condition": {"gte": 50}, "timespan": "5m"},
    {"type": "value_count", "condition": {"gte": 8, "field": "writer"}, "timespan": "5m"},
    {"type": "value_sum", "condition": {"gte": 400, "field": "rows"}, "timespan": "5m"},
    {"type": "temporal_ordered", "timespan": "30s"},
)
MICROSECONDS = 1_000_000
BATCH = 10_000


def correlation_rules() -> str:
    """Ten correlations over five minutes per user: each kind twice, each over base rules of its own."""
    documents: list[dict[str, Any]] = []
    for number in range(10):
        asked = KINDS[number % len(KINDS)]
        names = [f"b{number}"] if "condition" in asked else [f"b{number}", f"b{number}x", f"b{number}y"]
        for name in names:
            detection = {"s": {"action": name}, "condition": "s"}
            documents.append({"title": name, "name": name, "logsource": {"product": "ai"}, "detection": detection})
        correlation = {**asked, "rules": names, "group-by": ["user.id"]}
        documents.append({"title": f"c{number}", "name": f"c{number}", "correlation": correlation})
    return "\n---\n".join(map(json.dumps, documents))


def matches(count: int, base: int, *, late_share: float) -> list[tuple[Columns, tuple[Any, Any]]]:
    """Batches of events of 500 users over an hour, each event matched by one base rule; some arrive two minutes late."""
    rng = random.Random(11)
    times, users, writers, rows, rules = [], [], [], [], []
    for number in range(count):
        at = number * 3600 * MICROSECONDS // count
        times.append(max(0, at - rng.randrange(120 * MICROSECONDS)) if rng.random() < late_share else at)
        users.append(f"u{rng.randrange(500)}")
        writers.append(f"w{rng.randrange(12)}")
        rows.append(rng.randrange(20))
        rules.append(rng.randrange(base))
    batches = []
    for start in range(0, count, BATCH):
        end = min(start + BATCH, count)
        columns: dict[str, list[object]] = {
            "event.id": [f"e{number}" for number in range(start, end)], "time": times[start:end],
            "user.id": users[start:end], "writer": writers[start:end], "rows": rows[start:end],
        }  # fmt: skip
        sources = {name: (lambda values=values: values) for name, values in columns.items()}
        found = (np.arange(end - start), np.array(rules[start:end]))
        batches.append((Columns(end - start, sources), found))
    return batches


def correlation(*, quick: bool) -> list[dict[str, Any]]:
    """Correlation alone, from known matches to firings, a snapshot after every tenth batch; a tenth of the events late."""
    rules, problems = read_rules(correlation_rules().encode(), path=Path("made.yaml"))
    assert not problems, problems  # noqa: S101
    ruleset = compile_ruleset(rules, isolate=False)
    rows = []
    for share in (0.0, 0.1):
        rates, firings, count = [], 0, 200_000 if quick else 1_000_000
        for _ in range(3 if quick else 7):
            detector, batches = Detector(ruleset), matches(count, len(ruleset.base), late_share=share)
            begun = time.process_time()
            firings = 0
            for number, (batch, found) in enumerate(batches):
                firings += len(detector.correlate(batch, found))
                if number % 10 == 9:
                    detector.snapshot()
            rates.append(count / (time.process_time() - begun))
        rows.append(row(f"correlation, {share:.0%} late", rates, count, firings))
    return rows


def detector(*, quick: bool) -> list[dict[str, Any]]:
    """All rules that ship, and all but the statistics, on conversations with a snapshot after every tenth batch."""
    rules, _ = load_rules(shipped_rules())
    texts = made_events(4000 if quick else 20_000, made_rules(50, seed=50), seed=3)
    rng = random.Random(5)
    for number, event in enumerate(texts):
        event["gen_ai.conversation.id"] = f"c{number // 8}"
        event["time"] = number * 100_000
        event["user.id"] = f"u{number // 8 % 40}"
        event["gen_ai.request.model"] = "m1"
        event["gen_ai.usage.output_tokens"] = rng.randrange(50, 900)
        event["duration_us"] = rng.randrange(400_000, 9_000_000)
        if rng.random() < 0.5:
            event["event.kind"] = "tool"
            event["gen_ai.tool.name"] = rng.choice(("fetch_url", "read_file", "search", "send_email", "shell"))
            event["aisoc.tool.impact"] = rng.choice(("read", "read", "read", "egress", "exec"))
            event["gen_ai.tool.call.arguments"] = json.dumps({"value": event.pop("content.user")[:200]})
            event["content.untrusted"] = event["gen_ai.tool.call.result"] = event.pop("content.output")
    parts = {"all shipped rules": list(rules), "without the statistics": without_statistics(rules)}
    return [
        row(f"detector, {len(part)} rules, {what}", *detected(part, texts, runs=3 if quick else 7))
        for what, part in parts.items()
    ]


def without_statistics(rules: Sequence[Rule]) -> list[Rule]:
    """The rules but for the statistical ones and the quiet ones that only those listen to."""
    left = [rule for rule in rules if not isinstance(rule.logic, Statistic)]
    heard = {name for rule in left for name in rule.heard}
    return [rule for rule in left if rule.emits or rule.id in heard]


def detected(
    rules: Sequence[Rule], events: Sequence[Mapping[str, object]], *, runs: int
) -> tuple[list[float], int, int]:
    """Events for each second of processor time in each run, how many events, and the signals."""
    ruleset = compile_ruleset(rules)
    rates, found = [], 0
    for _ in range(runs):
        engine = Detector(ruleset)
        begun = time.process_time()
        found = 0
        for batch, start in enumerate(range(0, len(events), 500)):
            found += len(engine.process(events[start : start + 500]))
            if batch % 10 == 9:
                engine.snapshot()
        rates.append(len(events) / (time.process_time() - begun))
    return rates, len(events), found


def row(what: str, rates: list[float], events: int, found: int) -> dict[str, Any]:
    return {
        "what": what,
        "events_per_cpu_second": round(statistics.median(rates)),
        "least": round(min(rates)),
        "most": round(max(rates)),
        "events": events,
        "found": found,
    }


def main() -> None:
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)  # as the detector's process does
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--quick", action="store_true", help="under half a minute")
    arguments = parser.parse_args()
    figures = {"rows": correlation(quick=arguments.quick) + detector(quick=arguments.quick)}
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
