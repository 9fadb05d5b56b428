"""Error rates of the statistical rules: attacks found, false alarms a day, events until an attack is found.

    python -m bench.statistics --json [--quick] [--only RULE …] [--docs] [--keep FILE]

Made traffic (`streams/`) holds ordinary days of many kinds and attacks of many strengths. Where the environment of
`bench.real_queries` can be made, real data sets with real models and published attacks are measured as well. `--docs`
writes docs/detection-statistics.md and the figures that the rules' pages show; nothing there is typed by hand. `--keep` takes
the figures of the other rules from what an earlier run printed, as far as these rules are still what was measured then.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import random
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any

from bench.streams.catalogue import SCENARIOS
from bench.streams.report import write_reports
from bench.streams.scenario import DAY, Event, Scenario, stamped

from caiso.engine.detect.detector import Detector
from caiso.engine.detect.loader import load_rules, shipped_rules
from caiso.engine.detect.rule import Rule, Statistic
from caiso.engine.detect.ruleset import Ruleset, compile_ruleset

ROOT = Path(__file__).parent.parent
BATCH = 500
Row = dict[str, Any]


@cache
def shipped() -> tuple[Rule, ...]:
    return load_rules(shipped_rules())[0]


def logic_digest(rule: Rule) -> str:
    """Names what a rule does, whatever the rest of its document says."""
    return hashlib.sha256(repr(rule.logic).encode()).hexdigest()[:16]


def alone(name: str, **changed: Any) -> Ruleset:
    """A rule with those that it listens to, its settings changed."""
    by_id = {rule.id: rule for rule in shipped()}
    wanted, waiting = {}, [name]
    while waiting:
        rule = by_id[waiting.pop()]
        wanted[rule.id] = rule
        waiting += rule.heard
    rule = by_id[name]
    if changed and isinstance(rule.logic, Statistic):
        settings = dataclasses.replace(rule.logic.settings, **changed)  # type: ignore[type-var]
        wanted[name] = dataclasses.replace(rule, logic=dataclasses.replace(rule.logic, settings=settings))
    return compile_ruleset(wanted.values(), backend="re2", isolate=False)


def fired(ruleset: Ruleset, name: str, events: Sequence[Event]) -> list[tuple[str, ...]]:
    """The events behind each firing of the rule."""
    detector, found = Detector(ruleset), []
    for start in range(0, len(events), BATCH):
        for signal in detector.process(events[start : start + BATCH]):
            if signal.rule_id == name:
                found.append(signal.event_ids)
    return found


def ordinary(scenario: Scenario, runs: int) -> list[list[Event]]:
    return [
        stamped(scenario.benign(random.Random(f"{scenario.rule} benign {run}"), scenario.days), f"b{run}")
        for run in range(runs)
    ]


def attacked(scenario: Scenario, count: int) -> list[list[Event]]:
    """Streams with one attack each, among ordinary traffic that began some days before."""
    streams = []
    for run in range(count):
        attack = stamped(
            scenario.attack(random.Random(f"{scenario.rule} attack {run}")), "attack", scenario.before * DAY
        )
        if scenario.attack_only:
            streams.append(attack)
            continue
        around = scenario.benign(random.Random(f"{scenario.rule} around {run % 4}"), scenario.before + 0.2)
        whole = sorted([*stamped(around, "b"), *attack], key=lambda event: event["time"])
        streams.append(whole)
    return streams


def found_after(firings: Iterable[tuple[str, ...]], events: Sequence[Event], *, only: bool) -> int | None:
    """How many events of the attack had come when it was found; None when it was not.

    Where the attack is a change within the stream, what came before the change does not count.
    """
    moved = {event["event.id"] for event in events if event.get("moved", not only)}
    for ids in firings:
        mine = [name for name in ids if name.startswith("attack") and name in moved]
        if mine:
            last = mine[-1]
            order = [
                event["event.id"]
                for event in events
                if event["event.id"] in moved and event["event.id"].startswith("attack")
            ]
            return order.index(last) + 1
    return None


def measure(name: str, *, runs: int, attacks: int) -> Row:
    """The scenario of one rule: the shipped setting, and the trade-off around it."""
    scenario = next(scenario for scenario in SCENARIOS if scenario.rule == name)
    begun = time.process_time()
    rule = next(rule for rule in shipped() if rule.id == scenario.rule)
    benign, hostile = ordinary(scenario, runs), attacked(scenario, attacks)
    ships = getattr(rule.logic.settings, scenario.vary) if isinstance(rule.logic, Statistic) and scenario.vary else None
    values = sorted({*scenario.values, *([ships] if ships is not None else [])})
    points = []
    for value in values or [None]:
        changed = {} if value is None else {scenario.vary: type(ships)(value)}
        ruleset = alone(scenario.rule, **changed)
        alarms = sum(len(fired(ruleset, scenario.rule, events)) for events in benign)
        after = [
            found_after(fired(ruleset, scenario.rule, events), events, only=scenario.attack_only) for events in hostile
        ]
        hits = [one for one in after if one is not None]
        points.append(
            {
                "value": value,
                "ships": value == ships,
                "detected": len(hits) / len(after),
                "false_alarms_per_day": alarms / (runs * scenario.days),
                "median_events": int(statistics.median(hits)) if hits else None,
            }
        )
        note(f"{scenario.rule} {scenario.vary}={value}: {points[-1]}")
    shown = next(point for point in points if point["ships"] or value is None)
    return {
        "rule": scenario.rule, "digest": logic_digest(rule), "attacks": attacks, "benign_days": runs * scenario.days,
        "benign_events": sum(map(len, benign)), **{key: shown[key] for key in ("detected", "false_alarms_per_day", "median_events")},
        "vary": scenario.vary, "points": points, "ordinary": scenario.ordinary, "attacks_are": scenario.attacks,
        "evaded_by": scenario.evaded_by, "seconds": round(time.process_time() - begun, 1),
    }  # fmt: skip


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def kept(before: dict[str, Any], rows: list[Row], real: list[Row], measured: set[str]) -> tuple[list[Row], list[Row]]:
    """Rows of before for the rules that were not measured now; a rule that became another since must be measured."""
    by_id = {rule.id: rule for rule in shipped()}
    old = {row["rule"]: row for row in before["made"]} | {row["rule"]: row for row in rows}
    wanted = [one.rule for one in SCENARIOS]
    stale = [name for name in wanted if name not in old or old[name]["digest"] != logic_digest(by_id[name])]
    if stale:
        raise SystemExit(f"measure these as well, they are not what was measured before: {' '.join(stale)}")
    return [old[name] for name in wanted], [row for row in before["real"] if row["rule"] not in measured] + real


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--quick", action="store_true", help="few days and attacks: figures are rough")
    parser.add_argument("--only", nargs="+", default=[], metavar="RULE")
    parser.add_argument("--docs", action="store_true", help="write the page and the figures that ship")
    parser.add_argument(
        "--keep", type=Path, metavar="FILE", help="what an earlier run printed, for the rules not measured now"
    )
    arguments = parser.parse_args()
    chosen = [one.rule for one in SCENARIOS if not arguments.only or one.rule in arguments.only]
    runs, attacks = (1, 8) if arguments.quick else (4, 40)
    with ProcessPoolExecutor() as pool:
        rows = list(pool.map(partial(measure, runs=runs, attacks=attacks), chosen))
    real: list[Row] = []
    if not arguments.quick:
        from bench.real_data import measure_real

        real = measure_real(arguments.only)
    if arguments.keep:
        rows, real = kept(json.loads(arguments.keep.read_text()), rows, real, set(arguments.only))
    if arguments.docs:
        write_reports(rows, real, ROOT)
    columns = ("rule", "detected", "false_alarms_per_day", "median_events", "attacks", "benign_days", "seconds")
    print(
        json.dumps({"rows": [{key: row[key] for key in columns} for row in rows], "real": real, "made": rows}, indent=1)
    )


if __name__ == "__main__":
    main()
