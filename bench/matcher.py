"""Matching at 50, 200 and 1000 rules: our matcher beside one Python function per rule, one SQL query per rule and agent-firedrill.

Rules and texts are generated from a seed; CPU time of one thread; medians. All engines must find the same pairs.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

from caiso.engine.detect.batch import Events
from caiso.engine.detect.loader import read_rules
from caiso.engine.detect.matcher import Matcher
from caiso.engine.detect.rule import Rule
from caiso.engine.detect.ruleset import compile_ruleset

SIZES = (50, 200, 1000)
BATCH = 2000
FIELDS = ("content.user", "content.output")
SERVICES = tuple(f"service-{number}" for number in range(20))
TEXT_BYTES = 1500
GOAL_RATE = 140_000
GOAL_SLOWDOWN = 2.3

Event = dict[str, Any]
Pairs = set[tuple[str, str]]
Run = Callable[[Sequence[Event]], Pairs]


@dataclass(frozen=True)
class Workload:
    """Rule documents and the words that they look for."""

    documents: list[dict[str, Any]]
    pool: list[str]
    literals: list[str]


def made_rules(count: int, seed: int) -> Workload:
    """Rules with 3 to 12 literals, expressions, metadata and a negation here and there."""
    rng = random.Random(seed)
    syllables = [a + b for a in "bcdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "ar", "en", "is", "ox")]
    pool = sorted({"".join(rng.choices(syllables, k=rng.randint(2, 4))) for _ in range(600)})
    literals: list[str] = []
    documents = []
    for number in range(count):
        own = [" ".join(rng.sample(pool, rng.randint(2, 3))) for _ in range(rng.randint(3, 12))]
        literals += own
        half = max(1, len(own) // 2)
        detection: dict[str, Any] = {
            "words": {f"{rng.choice(FIELDS)}|contains": own[:half]},
            "others": {f"{rng.choice(FIELDS)}|contains": own[half:] or own[:1]},
            "pattern": {
                f"{rng.choice(FIELDS)}|re|i": rf"\b{rng.choice(pool)}[ _-]{{1,3}}{rng.choice(pool)}[0-9]{{2,4}}\b"
            },
            "service": {"service.name": rng.sample(SERVICES, rng.randint(1, 6))},
            "size": {"rows|gte": rng.randrange(500)},
        }
        shape = rng.choice(
            ("words or pattern", "(words or others) and service", "words and size", "(words or pattern) and not service",
             "others or (pattern and size)", "words or others or pattern")
        )  # fmt: skip
        used = {name: part for name, part in detection.items() if re.search(rf"\b{name}\b", shape)}
        documents.append(
            {
                "title": f"Rule {number}",
                "name": f"rule-{number}",
                "logsource": {"product": "ai"},
                "detection": {**used, "condition": shape},
            }
        )
    return Workload(documents, pool, literals)


def made_events(count: int, workload: Workload, seed: int) -> list[Event]:
    """Two texts of together about 1.5 kB from English words, 4 % of them words of the rules, 0.5 % with a planted literal."""
    rng = random.Random(seed)
    english = re.findall(r"[A-Za-z]{2,12}", " ".join(topics.values()))
    events = []
    for number in range(count):
        texts = []
        for _ in FIELDS:
            words: list[str] = []
            length = 0
            while length < TEXT_BYTES / len(FIELDS):
                word = rng.choice(workload.pool) if rng.random() < 0.04 else rng.choice(english)
                words.append("naïve" if rng.random() < 0.0005 else word)
                length += len(word) + 1
            texts.append(words)
        if rng.random() < 0.005:
            planted = rng.choice(workload.literals)
            place = rng.choice(texts)
            place.insert(rng.randrange(len(place)), rng.choice((planted, planted.upper(), planted.title())))
        event: Event = {name: " ".join(words) for name, words in zip(FIELDS, texts, strict=True)}
        event |= {"event.id": f"e{number}", "event.kind": "inference", "time": number, "rows": rng.randrange(1000)}
        event |= {"service.name": rng.choice(SERVICES), "user.id": f"u{rng.randrange(5000)}", "trace_id": f"t{number}"}
        event |= {f"aisoc.extra.{column}": rng.randrange(100) for column in range(19)}
        events.append(event)
    return events


def ours(rules: Sequence[Rule], backend: Any) -> Run:
    """Our matcher in batches."""
    ruleset = compile_ruleset(rules, backend=backend, isolate=False)
    matcher = Matcher(ruleset)

    def run(events: Sequence[Event]) -> Pairs:
        found: Pairs = set()
        for start in range(0, len(events), BATCH):
            batch = events[start : start + BATCH]
            for row, number in zip(*matcher.match(Events(batch)), strict=True):
                found.add((batch[row]["event.id"], ruleset.base[number].id))
        return found

    return run


def functions(workload: Workload) -> Run:
    """One compiled Python function per rule, texts lower-cased once for all of them."""
    space: dict[str, Any] = {"re": re}
    source = []
    for number, document in enumerate(workload.documents):
        parts = {
            name: _python(part, space, f"{number}_{name}")
            for name, part in document["detection"].items()
            if name != "condition"
        }
        condition = re.sub(
            r"[a-z]+", lambda word, parts=parts: parts.get(word[0], word[0]), document["detection"]["condition"]
        )
        source.append(f"def rule_{number}(event):\n    return {condition}")
    exec(compile("\n".join(source), "<rules>", "exec"), space)  # noqa: S102 - generated a few lines above
    compiled = [(document["name"], space[f"rule_{number}"]) for number, document in enumerate(workload.documents)]

    def run(events: Sequence[Event]) -> Pairs:
        found: Pairs = set()
        for event in events:
            lowered = event | {f"lower.{name}": event[name].lower() for name in FIELDS}
            for name, rule in compiled:
                if rule(lowered):
                    found.add((event["event.id"], name))
        return found

    return run


def _python(part: dict[str, Any], space: dict[str, Any], label: str) -> str:
    ((key, value),) = part.items()
    field, _, modifier = key.partition("|")
    if modifier == "contains":
        tests = " or ".join(f"{word!r} in event['lower.{field}']" for word in value)
        return f"({tests})"
    if modifier == "re|i":
        space[f"expression_{label}"] = re.compile(value, re.IGNORECASE)
        return f"(expression_{label}.search(event[{field!r}]) is not None)"
    return f"(event[{field!r}] in {tuple(value)!r})" if not modifier else f"(event[{field!r}] >= {value})"


def sql(workload: Workload) -> Run:
    """One query per rule, written by pySigma's SQLite back end."""
    from sigma.backends.sqlite import sqliteBackend
    from sigma.collection import SigmaCollection

    backend = sqliteBackend()
    queries = []
    for document in workload.documents:
        (query,) = backend.convert(SigmaCollection.from_dicts([json.loads(json.dumps(document))]))
        queries.append((document["name"], query.replace("SELECT *", "SELECT `event.id`", 1)))
    compiled: dict[str, re.Pattern[str]] = {}

    def regexp(expression: str, text: str) -> bool:
        if expression not in compiled:
            compiled[expression] = re.compile(expression)
        return compiled[expression].search(text) is not None

    def run(events: Sequence[Event]) -> Pairs:
        columns = ("event.id", "service.name", "rows", *FIELDS)
        database = sqlite3.connect(":memory:")
        database.create_function("regexp", 2, regexp, deterministic=True)
        database.execute(f"create table logs ({', '.join(f'[{name}]' for name in columns)})")
        marks = ", ".join("?" * len(columns))
        database.executemany(
            f"insert into logs values ({marks})",  # noqa: S608 - question marks only
            [[event[name] for name in columns] for event in events],
        )
        found: Pairs = set()
        for name, query in queries:
            ids = database.execute(query)
            found.update((event_id, name) for (event_id,) in ids)
        database.close()
        return found

    return run


def firedrill(workload: Workload) -> Run:
    """The evaluator of agent-firedrill on the same documents."""
    from firedrill.events import Event as Flat
    from firedrill.sigma import RuleSet, parse_documents

    rules, _ = parse_documents(workload.documents, "made")
    ruleset = RuleSet(rules, [])

    def run(events: Sequence[Event]) -> Pairs:
        flat = [Flat(time=event["time"], fields={**event, "span_id": event["event.id"]}) for event in events]
        return {(alert.span_ids[0], alert.rule_id) for alert in ruleset.evaluate(flat)}

    return run


def measured(run: Run, events: Sequence[Event], repeats: int) -> tuple[float, float, float]:
    """Events per CPU second: median, least, most."""
    rates = []
    for _ in range(repeats):
        begun = time.process_time()
        run(events)
        rates.append(len(events) / max(time.process_time() - begun, 1e-9))
    return statistics.median(rates), min(rates), max(rates)


def row(engine: str, size: int, rates: tuple[float, float, float], events: int) -> dict[str, Any]:
    median, least, most = rates
    return {
        "engine": engine,
        "rules": size,
        "events_per_cpu_second": round(median),
        "least": round(least),
        "most": round(most),
        "events": events,
    }


def bench(*, quick: bool) -> dict[str, Any]:
    """Every engine at every size, and whether all found the same pairs."""
    repeats, count = (3, 6000) if quick else (7, 20_000)
    rows: list[dict[str, Any]] = []
    agreement = []
    for size in SIZES:
        workload = made_rules(size, seed=size)
        loaded, problems = read_rules(
            "\n---\n".join(map(json.dumps, workload.documents)).encode(), path=Path("made.yaml")
        )
        if problems:
            raise SystemExit("\n".join(map(str, problems)))
        events = made_events(count, workload, seed=7)
        slow_count = min(count, (150_000 if quick else 1_200_000) // size // 6)
        engines: list[tuple[str, Run, int]] = [
            ("caiso, Hyperscan", ours(loaded, "hyperscan"), count),
            ("caiso, RE2", ours(loaded, "re2"), min(count, 4000)),
            ("one Python function per rule", functions(workload), slow_count),
            ("pySigma, SQLite", sql(workload), slow_count),
            ("agent-firedrill", firedrill(workload), slow_count),
        ]
        expected = engines[0][1](events)
        for name, run, used in engines:
            known = {event["event.id"] for event in events[:used]}
            agreement.append(
                {
                    "engine": name,
                    "rules": size,
                    "same": run(events[:used]) == {pair for pair in expected if pair[0] in known},
                }
            )
            rows.append(
                row(name, size, measured(run, events[:used], repeats if used == count else min(repeats, 3)), used)
            )
            print(f"{name}, {size} rules: {rows[-1]['events_per_cpu_second']:,} events/s", file=sys.stderr, flush=True)
    rates = {entry["rules"]: entry["events_per_cpu_second"] for entry in rows if entry["engine"] == "caiso, Hyperscan"}
    slowdown = round(rates[SIZES[0]] / rates[SIZES[-1]], 2)
    return {
        "rows": rows,
        "agreement": agreement,
        "all_agree": all(entry["same"] for entry in agreement),
        "slowdown_50_to_1000": slowdown,
        "goal": {"events_per_cpu_second_at_1000": GOAL_RATE, "slowdown": GOAL_SLOWDOWN},
        "goal_met": rates[SIZES[-1]] >= GOAL_RATE and slowdown <= GOAL_SLOWDOWN,
    }


def markdown(figures: dict[str, Any]) -> str:
    """The rows as a table for the documentation."""
    lines = ["| engine | rules | events / CPU s | range |", "|---|---|---|---|"]
    lines += [
        f"| {entry['engine']} | {entry['rules']} | {entry['events_per_cpu_second']:,} | {entry['least']:,}-{entry['most']:,} |"
        for entry in figures["rows"]
    ]
    return "\n".join(
        [*lines, "", f"All agree: {figures['all_agree']}. 50 to 1000 rules: {figures['slowdown_50_to_1000']}x slower."]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--quick", action="store_true", help="under a minute")
    arguments = parser.parse_args()
    figures = bench(quick=arguments.quick)
    print(json.dumps(figures, indent=2) if arguments.json else markdown(figures))


if __name__ == "__main__":
    main()
