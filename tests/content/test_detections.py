"""Every detection that ships loads, is tested with attacks and benign twins, and says what it needs."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from caiso.engine.detect.loader import load_rules, shipped_rules
from caiso.engine.detect.requirements import with_derived
from caiso.engine.detect.rule import Rule
from caiso.engine.detect.rule_tests import needed_fields, run_tests, untested
from caiso.engine.detect.ruleset import compile_ruleset
from caiso.engine.detect.schema import FIELDS
from tests.content.shipped import compiled


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


ENVELOPE = (
    "event.id event.kind event.name source.id schema.version trace_id span_id parent_span_id service.name time observed_time "
    "ingest_time duration_us aisoc.session deployment.environment.name"
)


@pytest.mark.parametrize(
    ("sent", "fed"),
    [
        ("", set()),
        ("gen_ai.request.model", {"content-missing", "first-seen-model", "slow-calls"}),
        (
            "gen_ai.tool.name gen_ai.agent.name",
            {"agent-tool-volume", "first-seen-tool", "runaway-agent-steps", "runaway-tool-volume"},
        ),
    ],
)
def test_needed_fields_promise_no_more_than_what_is_sent(sent: str, fed: set[str]) -> None:
    """Coverage is computed from these: a system that sends no text must not count as one whose text is watched."""
    arriving = with_derived(frozenset(f"{ENVELOPE} {sent}".split()))
    assert {rule.id for rule in shipped() if rule.emits and arriving.issuperset(needed_fields(shipped(), rule))} == fed


def test_the_catalogue_covers_a_breadth_of_techniques_and_sequences() -> None:
    emitting = [rule for rule in shipped() if rule.emits]
    assert len({technique for rule in emitting for technique in rule.techniques}) >= 30
    assert sum(rule.is_correlation for rule in emitting) >= 10


def test_no_rule_looks_at_every_event() -> None:
    assert compile_ruleset(shipped(), backend="re2").dense == ()


def test_no_pattern_reports_a_hit_at_every_letter() -> None:
    """Each hit is a call from the scanner; a pattern for "anything at all" is the field's presence."""
    text = (
        "Could you check whether the invoice of the third of May was paid? The supplier asks for it again, thank you. "
        * 8
    )
    for name, scanner in compiled().scanners.items():
        _, patterns = scanner.scan([text])
        most, hits = Counter(patterns.tolist()).most_common(1)[0] if patterns.size else (0, 0)
        assert hits <= len(text.split()), (name, scanner.patterns[most].python)
