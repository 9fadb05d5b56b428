"""What a readable rule still lacks before others should live with it; each hint with its line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from caiso.connect.telemetry.trial.jobs import Finding
from caiso.engine.detect.condition import TextMatch, leaves
from caiso.engine.detect.documents import Document, documents
from caiso.engine.detect.rule import Correlation, Rule, Statistic
from caiso.engine.detect.ruleset import Ruleset
from caiso.engine.packs import line_at


def hints_of(text: str, rules: Sequence[Rule], ruleset: Ruleset) -> Iterator[Finding]:
    """Hints on every rule of the text."""
    by_line = {document.line: document for document in documents(text.encode()) if isinstance(document, Document)}
    dense = {ruleset.base[number].id for number in ruleset.dense}
    slow = _second_engine(ruleset)
    for rule in rules:
        document = by_line.get(rule.line)
        if document is None:
            continue
        if rule.emits:
            yield from _missing(rule, document)
        if rule.id in dense:
            message = "looks at every event; let it ask for a field or kind of event that must be there"
            yield Finding(line_at(document.root, ("detection",)), f"{rule.id} {message}")
        for field in sorted(slow.get(rule.id, ())):
            yield Finding(
                line_at(document.root, ("detection",)),
                f"{rule.id}: a pattern on {field} is left to the slower engine (look-around, or too large)",
            )


def _missing(rule: Rule, document: Document) -> Iterator[Finding]:
    def at(key: str) -> int:
        return line_at(document.root, (key,))

    if not rule.description:
        yield Finding(at("title"), "description is missing: say what the attacker does and why this shows it")
    if not rule.techniques:
        yield Finding(at("tags"), "no ATLAS technique, such as atlas.aml.t0051.000: coverage cannot count the rule")
    if not rule.falsepositives:
        yield Finding(at("title"), "falsepositives are missing: which ordinary work looks like this?")
    if not rule.needs:
        yield Finding(at("caiso"), "caiso.needs is missing: without it nobody learns where the rule is blind")
    firing = sum(test.fires for test in rule.tests)
    silent = len(rule.tests) - firing
    if firing < 2 or silent < 2:
        yield Finding(at("tests"), f"{firing} firing and {silent} silent tests, expected at least two of each")


def _second_engine(ruleset: Ruleset) -> dict[str, set[str]]:
    """{rule id: fields with a pattern that Hyperscan does not take}."""
    refused = {
        name: {scanner.patterns[number] for number in scanner.databases.refused}
        for name, scanner in ruleset.scanners.items()
        if scanner.databases is not None and scanner.databases.refused
    }
    found: dict[str, set[str]] = {}
    for rule in ruleset.base:
        if isinstance(rule.logic, Correlation | Statistic):
            continue
        for leaf in leaves(rule.logic):
            if isinstance(leaf, TextMatch) and leaf.pattern in refused.get(leaf.field, ()):
                found.setdefault(rule.id, set()).add(leaf.field)
    return found
