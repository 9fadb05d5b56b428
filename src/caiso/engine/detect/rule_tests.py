"""Runs the tests that stand beside a rule in its file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from caiso.engine.detect.detector import Detector
from caiso.engine.detect.rule import Rule
from caiso.engine.detect.ruleset import Ruleset


@dataclass(frozen=True, slots=True)
class TestResult:
    """Whether a rule did what one of its tests promises."""

    rule_id: str
    test: str
    fires: bool
    fired: bool

    @property
    def passed(self) -> bool:
        return self.fires == self.fired


def run_tests(rules: Iterable[Rule], ruleset: Ruleset) -> list[TestResult]:
    """Each test of each rule on a fresh engine, with the whole rule set loaded; quiet base rules are asked for hits."""
    results = []
    for rule in rules:
        for test in rule.tests:
            detector = Detector(ruleset)
            signals = detector.process(tuple(test.events))
            fired = any(signal.rule_id == rule.id for signal in signals) or (
                not rule.emits and detector.metrics.hits[rule.id] > 0
            )
            results.append(TestResult(rule.id, test.name, test.fires, fired))
    return results


def untested(rules: Iterable[Rule], *, least: int = 2) -> list[str]:
    """Emitting rules with fewer than ``least`` firing or silent tests."""
    return [
        rule.id
        for rule in rules
        if rule.emits
        and (sum(test.fires for test in rule.tests) < least or sum(not test.fires for test in rule.tests) < least)
    ]


def needed_fields(rules: Sequence[Rule], rule: Rule) -> tuple[str, ...]:
    """The fields without which a rule is blind, those of its base rules included."""
    by_id: Mapping[str, Rule] = {known.id: known for known in rules}
    names = dict.fromkeys(rule.needs)
    for name in rule.heard:
        if name in by_id:
            names.update(dict.fromkeys(needed_fields(rules, by_id[name])))
    return tuple(names)
