"""Recall and noise of the rules that ship, per entry of the catalogue, on all sets of traces; and what matching costs.

A trace counts as found, and a twin as noisy, when some rule speaks at medium level or above.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import defaultdict
from typing import Any

from bench.matcher import BATCH, made_events, made_rules
from scripts.detections import sets

from caiso.engine.detect.batch import Events
from caiso.engine.detect.loader import load_rules, shipped_rules
from caiso.engine.detect.matcher import Matcher
from caiso.engine.detect.ruleset import Ruleset, compile_ruleset
from tests.content.traces import LOUD, play, read_traces


def scored(which: str, ruleset: Ruleset) -> list[dict[str, Any]]:
    """One row per entry: attacks, found, twins, noisy, and the names of what was missed or noisy."""
    rows: dict[int, dict[str, Any]] = defaultdict(
        lambda: {"attacks": 0, "found": 0, "twins": 0, "noisy": 0, "missed": [], "noise": []}
    )
    for trace in read_traces(which):
        row = rows[trace.entry]
        loud = {s.rule_id for s in play(trace, ruleset) if s.severity in LOUD} - set(trace.allows)
        row["attacks" if trace.attack else "twins"] += 1
        if trace.attack:
            row["found"] += bool(loud)
            row["missed"] += [] if loud else [trace.name]
        else:
            row["noisy"] += bool(loud)
            row["noise"] += [{"twin": trace.name, "rules": sorted(loud)}] if loud else []
    return [{"set": which, "entry": entry, **rows[entry]} for entry in sorted(rows)]


def matching(ruleset: Ruleset, *, quick: bool) -> dict[str, Any]:
    """Events per CPU second of the matcher alone, with the shipped rules, on the texts of the matcher's benchmark."""
    events = made_events(4000 if quick else 20_000, made_rules(50, seed=50), seed=3)
    rates = []
    for _ in range(3 if quick else 7):
        matcher, begun = Matcher(ruleset), time.process_time()
        for start in range(0, len(events), BATCH):
            matcher.match(Events(events[start : start + BATCH]))
        rates.append(len(events) / (time.process_time() - begun))
    return {
        "rules": len(ruleset.rules),
        "patterns": sum(len(scanner.patterns) for scanner in ruleset.scanners.values()),
        "events_per_cpu_second": round(statistics.median(rates)),
        "least": round(min(rates)),
        "most": round(max(rates)),
    }


def bench(*, quick: bool) -> dict[str, Any]:
    """Everything, with totals for each set."""
    rules, problems = load_rules(shipped_rules())
    if problems:
        raise SystemExit("\n".join(map(str, problems)))
    begun = time.process_time()
    ruleset = compile_ruleset(rules, isolate=False)
    compiled = round(time.process_time() - begun, 1)
    names = [each["set"] for each in sets()]
    rows = [row for which in names for row in scored(which, ruleset)]
    totals = {}
    for which in names:
        own = [row for row in rows if row["set"] == which]
        sums = {key: sum(row[key] for row in own) for key in ("attacks", "found", "twins", "noisy")}
        recall, noise = sums["found"] / sums["attacks"], sums["noisy"] / sums["twins"]
        totals[which] = {**sums, "recall": round(recall, 3), "noise": round(noise, 3)}
    return {"totals": totals, "matching": matching(ruleset, quick=quick), "compile_cpu_s": compiled, "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--quick", action="store_true", help="under a minute")
    figures = bench(quick=parser.parse_args().quick)
    print(json.dumps(figures, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
