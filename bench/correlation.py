"""Correlation alone, and the whole detector with the rules that ship: events per CPU second, late events and snapshots included."""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from pathlib import Path
from typing import Any

from bench.matcher import made_events, made_rules

from caiso.engine.detect.correlation import Correlator, Occurrence
from caiso.engine.detect.detector import Detector
from caiso.engine.detect.loader import load_rules, read_rules, shipped_rules
from caiso.engine.detect.rule import Correlation
from caiso.engine.detect.ruleset import compile_ruleset

RULES = "\n---\n".join(
    json.dumps(document)
    for document in [
        {
            "title": "base",
            "name": "base",
            "logsource": {"product": "ai"},
            "detection": {"s": {"action": "x"}, "condition": "s"},
        },
        *(
            {
                "title": f"c{number}",
                "name": f"c{number}",
                "correlation": {
                    "type": kind,
                    "rules": ["base"],
                    "group-by": ["user.id"],
                    "timespan": "5m",
                    "condition": {"gte": threshold, **({"field": "writer"} if kind == "value_count" else {})},
                },
            }
            for number, (kind, threshold) in enumerate([("event_count", 20), ("event_count", 50), ("value_count", 8)])
        ),
    ]
)
MICROSECONDS = 1_000_000


def occurrences(count: int, *, late_share: float) -> list[Occurrence]:
    """Matches of 500 users over an hour; a share of them arrives up to two minutes late."""
    rng = random.Random(11)
    made = []
    for number in range(count):
        at = number * 3600 * MICROSECONDS // count
        if rng.random() < late_share:
            at = max(0, at - rng.randrange(120 * MICROSECONDS))
        event = {"user.id": f"u{rng.randrange(500)}", "writer": f"w{rng.randrange(12)}"}
        made.append(Occurrence(at, number, (f"e{number}",), {}, event, at))
    return made


def fed(correlators: list[Correlator], stream: list[Occurrence]) -> int:
    """Firings when each correlator hears a third of the stream, as base matches are spread over rules."""
    firings = 0
    count = len(correlators)
    for number, occurrence in enumerate(stream):
        if correlators[number % count].feed(occurrence, ("base",)) is not None:
            firings += 1
    return firings


def correlation(*, quick: bool) -> list[dict[str, Any]]:
    """Feeding alone, in order and with a tenth of the events late."""
    rules, _ = read_rules(RULES.encode(), path=Path("made.yaml"))
    rows = []
    for share in (0.0, 0.1):
        stream = occurrences(100_000 if quick else 300_000, late_share=share)
        rates, firings = [], 0
        for _ in range(3 if quick else 7):
            correlators = [Correlator(rule, rule.logic) for rule in rules if isinstance(rule.logic, Correlation)]
            begun = time.process_time()
            firings = fed(correlators, stream)
            rates.append(len(stream) / (time.process_time() - begun))
        rows.append(row(f"correlation, {share:.0%} late", rates, events=len(stream), found=firings))
    return rows


def detector(*, quick: bool) -> list[dict[str, Any]]:
    """All rules that ship, on conversations of model and tool calls, with a snapshot after every tenth batch."""
    rules, _ = load_rules(shipped_rules())
    ruleset = compile_ruleset(rules)
    texts = made_events(4000 if quick else 20_000, made_rules(50, seed=50), seed=3)
    rng = random.Random(5)
    for number, event in enumerate(texts):
        event["gen_ai.conversation.id"] = f"c{number // 8}"
        event["time"] = number * 100_000
        if rng.random() < 0.5:
            event["event.kind"] = "tool"
            event["gen_ai.tool.name"] = rng.choice(("fetch_url", "read_file", "search", "send_email", "shell"))
            event["aisoc.tool.impact"] = rng.choice(("read", "read", "read", "egress", "exec"))
            event["gen_ai.tool.call.arguments"] = json.dumps({"value": event.pop("content.user")[:200]})
            event["content.untrusted"] = event["gen_ai.tool.call.result"] = event.pop("content.output")
    rates, found = [], 0
    for _ in range(3 if quick else 7):
        engine = Detector(ruleset)
        begun = time.process_time()
        found = 0
        for batch, start in enumerate(range(0, len(texts), 500)):
            found += len(engine.process(texts[start : start + 500]))
            if batch % 10 == 9:
                engine.snapshot()
        rates.append(len(texts) / (time.process_time() - begun))
    return [row(f"detector, {len(rules)} shipped rules", rates, events=len(texts), found=found)]


def row(what: str, rates: list[float], *, events: int, found: int) -> dict[str, Any]:
    return {
        "what": what,
        "events_per_cpu_second": round(statistics.median(rates)),
        "least": round(min(rates)),
        "most": round(max(rates)),
        "events": events,
        "found": found,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--quick", action="store_true", help="under half a minute")
    arguments = parser.parse_args()
    figures = {"rows": correlation(quick=arguments.quick) + detector(quick=arguments.quick)}
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
