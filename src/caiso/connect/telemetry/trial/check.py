"""Checks the text of a rule as its author writes it: mistakes with lines, its own tests, samples, cost, similar rules."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from caiso.connect.telemetry.files.read import read_stream
from caiso.connect.telemetry.files.record import Misread, Placed
from caiso.connect.telemetry.records import UnableToDecode
from caiso.connect.telemetry.rehearsal import rehearse
from caiso.connect.telemetry.trial.cost import cost_of
from caiso.connect.telemetry.trial.hints import hints_of
from caiso.connect.telemetry.trial.jobs import (
    CheckedRule,
    CheckJob,
    CheckReport,
    Finding,
    Hit,
    OwnTest,
    RuleText,
    Sample,
)
from caiso.connect.telemetry.trial.rules import load_sources, with_what_they_hear
from caiso.connect.telemetry.trial.similar import similar_rules
from caiso.engine.detect.detector import Detector
from caiso.engine.detect.rule import Rule
from caiso.engine.detect.rule_tests import needed_fields, run_tests
from caiso.engine.detect.ruleset import Ruleset, compile_ruleset
from caiso.engine.detect.text import texts_of

Tell = Callable[[int, int, str], None]
MAX_SAMPLES: Final = 500
_SHOWN_CHARS: Final = 20_000
_HIDDEN: Final = frozenset(
    {
        "event.id",
        "time",
        "schema.version",
        "ingest_time",
        "observed_time",
        "source.id",
        "time.marked",
        "content.missing",
    }
)


def run_check(job: CheckJob, tell: Tell = lambda done, total, note: None) -> CheckReport:
    """Read, test, try and compare the text."""
    tell(0, 4, "reading")
    path = Path(job.path)
    texts = [*job.rules.texts, RuleText(job.path, job.text)]
    everything, problems = load_sources(msgspec.structs.replace(job.rules, texts=texts))
    found = sorted(Finding(problem.line, problem.message) for problem in problems if problem.path == path)
    mine = [rule for rule in everything if rule.path == path]
    if not mine:
        return CheckReport(found or [Finding(1, "the text holds no rule")])
    tell(1, 4, "compiling")
    ruleset = compile_ruleset(with_what_they_hear(everything, {rule.id for rule in mine}))
    tell(2, 4, "testing")
    tests = [OwnTest(one.rule_id, one.test, one.fires, one.fired) for one in run_tests(mine, ruleset)]
    samples = _samples(job.samples, {rule.id for rule in mine}, ruleset)
    tell(3, 4, "measuring")
    others = [rule for rule in everything if rule.path != path]
    cost_us, cost_events = cost_of(ruleset, [*others, *mine])
    return CheckReport(
        problems=found,
        hints=sorted(hints_of(job.text, mine, ruleset)),
        rules=[_checked(rule, everything) for rule in mine],
        tests=tests,
        samples=samples,
        similar=similar_rules(mine, others),
        cost_us=cost_us,
        cost_events=cost_events,
    )


def _checked(rule: Rule, everything: Sequence[Rule]) -> CheckedRule:
    return CheckedRule(
        id=rule.id,
        title=rule.title,
        kind="correlation" if rule.is_correlation else "single",
        severity=rule.severity.value,
        techniques=list(rule.techniques),
        owasp=list(rule.owasp),
        needs=list(needed_fields(everything, rule)),
        emits=rule.emits,
    )


def _samples(text: str, mine: set[str], ruleset: Ruleset) -> list[Sample]:
    """Pasted events in the order of their time, each with the rules of the text that fired at it."""
    if not text.strip():
        return []
    events: list[dict[str, object]] = []
    rows: list[Sample] = []
    for item in _pasted(text):
        if isinstance(item, Misread):
            rows.append(Sample(item.line, refused=item.reason))
            continue
        try:
            found = rehearse([item.request])
        except UnableToDecode as error:
            rows.append(Sample(item.line, refused=str(error)))
            continue
        rows += [Sample(item.line, refused=refusal.reason) for refusal in found.refused]
        events += [event | {"sample.place": item.line} for event in found.events]
        if len(events) > MAX_SAMPLES:
            rows.append(Sample(item.line, refused=f"more than {MAX_SAMPLES} events; the rest is left out"))
            break
    events = sorted(events[:MAX_SAMPLES], key=lambda event: int(str(event.get("time", 0))))
    detector = Detector(ruleset)
    return rows + [_sample(event, detector, mine, ruleset) for event in events]


def _pasted(text: str) -> Iterator[Placed | Misread]:
    data = text.encode("utf-8", "replace")
    return read_stream(io.BytesIO(data), size=len(data))


def _sample(event: dict[str, object], detector: Detector, mine: set[str], ruleset: Ruleset) -> Sample:
    place = int(str(event.pop("sample.place")))
    before = dict(detector.metrics.hits)
    hits = {signal.rule_id: list(signal.matches) for signal in detector.process([event]) if signal.rule_id in mine}
    for name in mine - set(hits):
        if detector.metrics.hits[name] > before.get(name, 0):
            hits[name] = []  # a base rule that only feeds others: it matched, and says nothing by itself
    fields = [
        (name, "\n".join(texts_of(value))[:_SHOWN_CHARS])
        for name, value in sorted(event.items())
        if name not in _HIDDEN and value not in ("", None)
    ]
    return Sample(place, fields, [Hit(rule, spans) for rule, spans in sorted(hits.items())])
