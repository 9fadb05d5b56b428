"""The rules of a trial: folders and texts with the states that people gave them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

from caiso.connect.telemetry.trial.jobs import RuleCard, RuleSources, RulesReport, TestsJob, TestsReport, label_of_rows
from caiso.engine.detect.documents import Document, documents
from caiso.engine.detect.loader import load_rules
from caiso.engine.detect.looks import is_content_only
from caiso.engine.detect.rule import Correlation, DeployState, Rule, Statistic
from caiso.engine.detect.rule_tests import needed_fields, run_tests
from caiso.engine.detect.ruleset import Ruleset, compile_ruleset
from caiso.engine.packs import PackProblem


def load_sources(sources: RuleSources) -> tuple[tuple[Rule, ...], tuple[PackProblem, ...]]:
    """Every rule in its state, and what is wrong with the others."""
    own = {Path(text.path) for text in sources.texts}
    found, problems = load_rules(
        *map(Path, sources.folders), texts=[(Path(text.path), text.text.encode()) for text in sources.texts]
    )
    return tuple(_in_state(rule, sources.states, in_text=rule.path in own) for rule in found), problems


def _in_state(rule: Rule, states: dict[str, str], *, in_text: bool) -> Rule:
    if rule.id in states:
        return dataclasses.replace(rule, state=DeployState(states[rule.id]))
    return dataclasses.replace(rule, state=DeployState.SHADOW) if in_text else rule


def report_of(rules: Sequence[Rule], problems: Iterable[PackProblem]) -> RulesReport:
    """What there is to say of loaded rules, for a process that does not hold them."""
    return RulesReport([_card(rule, rules) for rule in rules], [str(problem) for problem in problems])


def _card(rule: Rule, rules: Sequence[Rule]) -> RuleCard:
    return RuleCard(
        id=rule.id,
        title=rule.title,
        description=rule.description,
        severity=rule.severity.value,
        state=rule.state.value,
        kind=rule.kind,
        content_only=is_content_only(rule),
        techniques=list(rule.techniques),
        owasp=list(rule.owasp),
        needs=list(needed_fields(rules, rule)),
        heard=list(rule.heard),
        falsepositives=list(rule.falsepositives),
        response=rule.response,
        path=str(rule.path),
        digest=rule.digest,
        emits=rule.emits,
    )


def run_own_tests(job: TestsJob) -> TestsReport:
    """Run every test that stands beside a rule."""
    rules, _ = load_sources(job.rules)
    return TestsReport(passed_tests(rules, compile_ruleset(rules, Path(job.rules.cache) if job.rules.cache else None)))


def passed_tests(rules: Sequence[Rule], ruleset: Ruleset) -> dict[str, list[bool]]:
    """Whether each test of each rule passes."""
    passed: dict[str, list[bool]] = {}
    for result in run_tests(rules, ruleset):
        passed.setdefault(result.rule_id, []).append(result.passed)
    return passed


def documents_of(sources: RuleSources, names: set[str]) -> list[dict[str, object]]:
    """The Sigma documents of the named rules and of those that they listen to, without the blocks that are ours alone."""
    rules, _ = load_sources(sources)
    texts = {Path(text.path): text.text.encode() for text in sources.texts}
    found: list[dict[str, object]] = []
    for rule in with_what_they_hear(rules, names):
        source = texts[rule.path] if rule.path in texts else rule.path.read_bytes()
        for document in documents(source):
            if isinstance(document, Document) and document.line == rule.line and isinstance(document.value, dict):
                found.append({key: value for key, value in document.value.items() if key not in ("caiso", "tests")})
    return found


def with_what_they_hear(rules: Sequence[Rule], names: set[str]) -> tuple[Rule, ...]:
    """The named rules and every rule that they listen to, in the given order."""
    by_id = {rule.id: rule for rule in rules}
    wanted: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        rule = by_id.get(name)
        if rule is None or name in wanted:
            continue
        wanted.add(name)
        if isinstance(rule.logic, Correlation | Statistic):
            waiting.extend(rule.logic.heard)
    return tuple(rule for rule in rules if rule.id in wanted)


def label_of(rules: Iterable[Rule]) -> str:
    """Names the rules that alert, in their states: equal labels mean that a trial would go the same way."""
    return label_of_rows((rule.id, rule.digest, rule.state.value) for rule in rules if rule.emits)
