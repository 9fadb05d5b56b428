"""Every detection that ships loads, is tested with attacks and benign twins, and says what it needs."""

from __future__ import annotations

from functools import cache

import pytest

from caiso.engine.detect.loader import load_rules, shipped_rules
from caiso.engine.detect.rule import Rule
from caiso.engine.detect.rule_tests import needed_fields, run_tests, untested
from caiso.engine.detect.ruleset import compile_ruleset
from caiso.engine.detect.schema import FIELDS


@cache
def shipped() -> tuple[Rule, ...]:
    rules, problems = load_rules(shipped_rules())
    assert problems == ()
    return rules


def test_every_rule_does_what_its_tests_promise() -> None:
    rules = shipped()
    # RE2 needs no compile time; that all back ends agree is tested beside the engine.
    results = run_tests(rules, compile_ruleset(rules, backend="re2"))
    assert [result for result in results if not result.passed] == []
    assert len(results) >= 150


@pytest.mark.slow
def test_every_rule_does_the_same_on_hyperscan() -> None:
    rules = shipped()
    results = run_tests(rules, compile_ruleset(rules))
    assert [result for result in results if not result.passed] == []


def test_every_emitting_rule_has_two_attacks_and_two_twins() -> None:
    assert untested(shipped()) == []


def test_every_emitting_rule_is_documented() -> None:
    for rule in shipped():
        if rule.emits:
            assert rule.description, rule.id
            assert rule.falsepositives, rule.id
            assert rule.response, rule.id
            assert needed_fields(shipped(), rule), rule.id
            assert rule.uuid, rule.id
            assert rule.techniques or rule.id == "content-missing", rule.id


def test_needed_fields_are_fields_of_the_schema() -> None:
    assert {name for rule in shipped() for name in rule.needs} <= set(FIELDS)


def test_the_catalogue_covers_a_breadth_of_techniques_and_sequences() -> None:
    emitting = [rule for rule in shipped() if rule.emits]
    assert len({technique for rule in emitting for technique in rule.techniques}) >= 30
    assert sum(rule.is_correlation for rule in emitting) >= 10


def test_no_rule_looks_at_every_event() -> None:
    assert compile_ruleset(shipped(), backend="re2").dense == ()
