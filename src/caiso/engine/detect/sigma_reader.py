"""Turns what pySigma parsed into our own conditions and correlations, naming what is not supported."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Final

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.correlations import (
    CorrelationConditionNOT,
    CorrelationConditionOR,
    SigmaCorrelationCondition,
    SigmaCorrelationRule,
    SigmaExtendedCorrelationCondition,
    SigmaRuleReference,
)
from sigma.rule import SigmaRule
from sigma.types import (
    Placeholder,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SpecialChars,
)

from caiso.engine.detect.condition import (
    And,
    Compare,
    Condition,
    Equals,
    Exists,
    InNetwork,
    Not,
    Or,
    SameAs,
    TextMatch,
    TimePart,
)
from caiso.engine.detect.correlation.bounds import MAX_ENTRIES
from caiso.engine.detect.pattern import UnableToUsePattern, compile_pattern, escape
from caiso.engine.detect.rule import Correlation, CorrelationKind
from caiso.engine.detect.schema import EVENT_KINDS, FIELDS, TEXT_FIELDS, FieldType
from caiso.engine.detect.taxonomy import Taxonomy
from caiso.engine.detect.text import fold, valid
from caiso.errors import DomainError

PRODUCT: Final = "ai"
MAX_LEAVES: Final = 5000
MAX_STAGES: Final = 32
MAX_TERMS: Final = 256
_TEMPORAL: Final = (CorrelationKind.TEMPORAL, CorrelationKind.TEMPORAL_ORDERED)
_FLAGS: Final = {"IGNORECASE": re.IGNORECASE, "MULTILINE": re.MULTILINE, "DOTALL": re.DOTALL}
_RELATIONS: Final = {"LT": "lt", "LTE": "lte", "GT": "gt", "GTE": "gte", "NEQ": "ne"}
_HYPHEN: Final = "__hyphen__"
_INNER_HYPHEN: Final = re.compile(r"(?<=[0-9A-Za-z_])-(?=[0-9A-Za-z_])")


class UnableToReadRule(DomainError):
    """The rule uses something that this engine does not do; ``hint`` is a word of the document to point at."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.hint = hint
        super().__init__(message)


class _NoCounterpart(UnableToReadRule):
    """A field that our events do not have."""


def condition_of(rule: SigmaRule, taxonomies: Sequence[Taxonomy] = ()) -> tuple[Condition, tuple[str, ...]]:
    """The rule's conditions (any of them), bound to the kinds of event that its log source names, and what is not asked.

    Public rules look for a program by several of its traits, of which one will do. An alternative whose field our events
    do not have can never hold, so it is left out and its field returned; anywhere else such a field is refused.
    """
    reading = _Reading(rule, taxonomies)
    parts = [reading.convert(parsed.parsed) for parsed in rule.detection.parsed_condition]
    asked = parts[0] if len(parts) == 1 else Or(tuple(parts))
    return And((*reading.bound, asked)) if reading.bound else asked, tuple(reading.unanswered)


class _Reading:
    """One rule with what its log source means: which events, and what its fields are called here."""

    def __init__(self, rule: SigmaRule, taxonomies: Sequence[Taxonomy]) -> None:
        source = rule.logsource
        self.unanswered: dict[str, None] = {}  # fields of alternatives that are left out
        self.taxonomy: Taxonomy | None = None
        self.bound: tuple[Condition, ...] = ()
        if source.product == PRODUCT and not source.service:
            if source.category is not None:
                if source.category not in EVENT_KINDS:
                    expected = ", ".join(EVENT_KINDS)
                    raise UnableToReadRule(f"category {source.category!r}, expected one of {expected}", hint="category")
                self.bound = (Equals("event.kind", str(source.category)),)
            return
        self.taxonomy = next(
            (one for one in taxonomies if one.source.covers(source.product, source.category, source.service)), None
        )
        if self.taxonomy is None:
            shown = "/".join(part for part in (source.product, source.category, source.service) if part)
            raise UnableToReadRule(
                f"log source {shown!r} is not mapped, expected product {PRODUCT} or one that a taxonomy covers",
                hint="logsource",
            )
        kinds = tuple(Equals("event.kind", kind) for kind in self.taxonomy.kinds)
        self.bound = (
            kinds[0] if len(kinds) == 1 else Or(kinds),
            *(Equals(name, fold(value)) for name, value in self.taxonomy.requires.items()),
        )

    def name(self, field: str) -> str:
        """What a field is called here."""
        if self.taxonomy is None:
            return field
        found = self.taxonomy.ours(field)
        if found is None:
            raise _NoCounterpart(
                f"field {field!r} has no counterpart in our events (taxonomy {self.taxonomy.id})", hint=field
            )
        return found

    def convert(self, node: Any, *, positive: bool = True) -> Condition:
        if isinstance(node, ConditionAND):
            return And(tuple(self.convert(part, positive=positive) for part in node.args))
        if isinstance(node, ConditionOR):
            return (
                self.alternatives(node.args)
                if positive
                else Or(tuple(self.convert(part, positive=False) for part in node.args))
            )
        if isinstance(node, ConditionNOT):
            return Not(self.convert(node.args[0], positive=not positive))
        if isinstance(node, ConditionFieldEqualsValueExpression):
            return self.public_value(self.name(node.field), node.value)
        if isinstance(node, ConditionValueExpression):
            fields = sorted(TEXT_FIELDS) if self.taxonomy is None else self.taxonomy.keywords
            if not fields:
                raise UnableToReadRule("words without a field are not looked for in this log source", hint="detection")
            return Or(tuple(self.field_value(field, _contained(node.value)) for field in fields))
        raise UnableToReadRule("the condition is empty, expected at least one detection", hint="condition")

    def public_value(self, field: str, value: Any) -> Condition:
        """A value of a field; what a public rule calls empty is with us a field that was not kept."""
        asked = self.field_value(field, value)
        if self.taxonomy is None or not isinstance(value, SigmaString) or tuple(value.s) not in ((), ("",)):
            return asked
        return Or((asked, Not(Exists(field))))

    def alternatives(self, nodes: Sequence[Any]) -> Condition:
        """Those that can hold; a refusal when none can."""
        parts: list[Condition] = []
        refusals: list[_NoCounterpart] = []
        for node in nodes:
            try:
                parts.append(self.convert(node))
            except _NoCounterpart as refusal:
                refusals.append(refusal)
        if not parts:
            raise refusals[0]
        self.unanswered.update(dict.fromkeys(refusal.hint for refusal in refusals))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def field_value(self, field: str, value: Any) -> Condition:  # noqa: C901 - one line per Sigma type
        if isinstance(value, SigmaExpansion):
            return Or(tuple(self.field_value(field, inner) for inner in value.values))
        if isinstance(value, SigmaNull):
            return Not(Exists(field))
        if isinstance(value, SigmaExists):
            return Exists(field) if value.exists else Not(Exists(field))
        if isinstance(value, SigmaBool):
            return Equals(field, "true" if value.boolean else "false")
        if isinstance(value, SigmaRegularExpression):
            return _regular_expression(field, value)
        if isinstance(value, SigmaCIDRExpression):
            return InNetwork(field, str(value.network))
        if isinstance(value, SigmaCompareExpression) and isinstance(value.number, SigmaTimestampPart):
            return _time_part(field, value.number, _RELATIONS[value.op.name])
        if isinstance(value, SigmaCompareExpression):
            return Compare(field, _RELATIONS[value.op.name], value.number.number)
        if isinstance(value, SigmaFieldReference):
            return SameAs(field, self.name(value.field), bool(value.starts_with), bool(value.ends_with))
        if isinstance(value, SigmaTimestampPart):
            return _time_part(field, value)
        if isinstance(value, SigmaNumber):
            return Compare(field, "eq", value.number)
        if isinstance(value, SigmaString):
            return _string(field, value)
        raise UnableToReadRule(f"value type {type(value).__name__} is not supported", hint=field)


def _contained(value: Any) -> Any:
    """A keyword without a field is looked for anywhere in a field."""
    if isinstance(value, SigmaString):
        if not value.startswith(SpecialChars.WILDCARD_MULTI):
            value = SpecialChars.WILDCARD_MULTI + value
        return value if value.endswith(SpecialChars.WILDCARD_MULTI) else value + SpecialChars.WILDCARD_MULTI
    if isinstance(value, SigmaNumber):
        return SigmaString(f"*{value.number}*")
    return value


def _time_part(field: str, value: Any, relation: str = "eq") -> Condition:
    if FIELDS.get(field) is not FieldType.TIME:
        raise UnableToReadRule(f"time modifier on {field}, expected a time field: time, observed_time", hint=field)
    return TimePart(field, value.timestamp_part.name.lower(), value.number, relation)


def _regular_expression(field: str, value: Any) -> Condition:
    flags = 0
    for flag in value.flags:
        flags |= _FLAGS[flag.name]
    expression = str(value.regexp)
    try:
        return TextMatch(field, compile_pattern(expression, flags=flags))
    except UnableToUsePattern as refusal:
        raise UnableToReadRule(str(refusal), hint=expression) from None


def _string(field: str, value: Any) -> Condition:
    parts = list(value.s)
    if any(isinstance(part, Placeholder) for part in parts):
        raise UnableToReadRule("the expand modifier needs a value list, which is not supported", hint=field)
    cased = isinstance(value, SigmaCasedString)
    if field not in TEXT_FIELDS and all(isinstance(part, str) for part in parts):
        text = "".join(parts)
        return Equals(field, valid(text) if cased else fold(text), cased)
    many = SpecialChars.WILDCARD_MULTI
    if parts and all(part is many for part in parts):
        return Exists(field)
    start = "" if parts and parts[0] is many else r"\A"
    end = "" if parts and parts[-1] is many else r"\Z"
    body = "".join(
        escape(part) if isinstance(part, str) else ".*" if part is many else "." for part in _without_outer(parts, many)
    )
    return TextMatch(field, compile_pattern(start + body + end, caseless=not cased, flags=re.DOTALL))


def _without_outer(parts: list[Any], many: Any) -> list[Any]:
    while parts and parts[0] is many:
        parts = parts[1:]
    while parts and parts[-1] is many:
        parts = parts[:-1]
    return parts


def with_plain_names(document: dict[str, Any]) -> dict[str, Any]:
    """A correlation whose expression names rules without hyphens, which the grammar of expressions does not know."""
    correlation = document.get("correlation")
    if not isinstance(correlation, dict) or not isinstance(expression := correlation.get("condition"), str):
        return document
    return {**document, "correlation": {**correlation, "condition": _INNER_HYPHEN.sub(_HYPHEN, expression)}}


def correlation_of(rule: SigmaCorrelationRule) -> Correlation:
    """The correlation, or a refusal that names the unsupported kind or condition."""
    kind = CorrelationKind(rule.type.name.lower())
    asked = _asked(rule, kind)
    return dataclasses.replace(
        asked,
        span_us=rule.timespan.seconds * 1_000_000,
        group_by=tuple(rule.group_by or ()),
        aliases={
            alias.alias: {reference.reference: field for reference, field in alias.mapping.items()}
            for alias in rule.aliases
        },
        generate=bool(rule.generate),
    )


def _asked(rule: SigmaCorrelationRule, kind: CorrelationKind) -> Correlation:
    """Kind, rules and condition, each checked against what the kind can mean."""
    condition = rule.condition
    rules = tuple(dict.fromkeys(reference.reference for reference in rule.rules or ()))
    if isinstance(condition, SigmaExtendedCorrelationCondition):
        return _extended(condition, kind, rules)
    if len(rules) > MAX_STAGES and kind in _TEMPORAL:
        raise UnableToReadRule(f"{len(rules)} rules, expected at most {MAX_STAGES}", hint="rules")
    if kind in _TEMPORAL:
        rules = tuple(reference.reference for reference in rule.rules or ())
        if not rules:
            raise UnableToReadRule(f"a {kind} correlation without rules, expected a list of rules", hint="correlation")
        return Correlation(
            kind=kind, rules=rules, span_us=0, terms=_terms(condition, kind, rules), threshold=len(rules)
        )
    return _measuring(condition, kind, rules)


def _terms(condition: Any, kind: CorrelationKind, rules: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """The sets of rules that will do: all of them, or with a condition at least so many."""
    operation = condition.op.name.lower()
    if operation not in ("gte", "gt"):
        raise UnableToReadRule(f"condition {operation!r} on a {kind} correlation, expected gte", hint=operation)
    least = int(condition.count) + (operation == "gt")
    if not 1 <= least <= len(rules) or (least < len(rules) and kind is CorrelationKind.TEMPORAL_ORDERED):
        expected = f"1 to {len(rules)}" if kind is CorrelationKind.TEMPORAL else f"{len(rules)}: all of them, in order"
        raise UnableToReadRule(f"{least} of {len(rules)} rules, expected {expected}", hint=operation)
    if math.comb(len(rules), least) > MAX_TERMS:
        raise UnableToReadRule(f"{least} of {len(rules)} rules are too many combinations", hint=operation)
    return tuple((sum(1 << stage for stage in chosen), 0) for chosen in combinations(range(len(rules)), least))


def _measuring(condition: Any, kind: CorrelationKind, rules: tuple[str, ...]) -> Correlation:
    """A count, sum, mean or percentile that stands in some relation to a number."""
    if not isinstance(condition, SigmaCorrelationCondition):
        raise UnableToReadRule(f"a {kind} correlation needs a condition such as gte: 5", hint="correlation")
    fieldref = condition.fieldref
    fields = tuple(fieldref) if isinstance(fieldref, list) else (fieldref,) if fieldref else ()
    if kind is not CorrelationKind.EVENT_COUNT and not fields:
        raise UnableToReadRule(f"a {kind} correlation needs the field to look at", hint="condition")
    if len(fields) > 1 and kind is not CorrelationKind.VALUE_COUNT:
        raise UnableToReadRule(f"several fields for {kind}, expected one", hint="field")
    rank = 50 if condition.percentile is None else condition.percentile
    if not 0 <= rank <= 100:
        raise UnableToReadRule(f"percentile {rank}, expected 0 to 100", hint="percentile")
    relation, threshold = condition.op.name.lower(), float(condition.count)
    if kind in (CorrelationKind.EVENT_COUNT, CorrelationKind.VALUE_COUNT):
        if relation in ("gt", "gte"):
            relation, threshold = "gte", math.floor(threshold) + 1 if relation == "gt" else math.ceil(threshold)
        if relation == "gte" and not 1 <= threshold <= MAX_ENTRIES:
            raise UnableToReadRule(f"threshold {condition.count}, expected 1 to {MAX_ENTRIES}", hint=relation)
    return Correlation(
        kind=kind, rules=rules, span_us=0, relation=relation, threshold=threshold, value_fields=fields, percentile=rank
    )


def _extended(
    condition: SigmaExtendedCorrelationCondition, kind: CorrelationKind, given: tuple[str, ...]
) -> Correlation:
    """A boolean expression over rules, as the sets of rules that must and must not have matched."""
    named = {name: name.replace(_HYPHEN, "-") for name in condition.get_referenced_rules()}
    rules = tuple(dict.fromkeys((*given, *named.values())))
    if kind not in _TEMPORAL:
        raise UnableToReadRule(f"an expression over rules with {kind}, expected temporal", hint="condition")
    if len(rules) > MAX_STAGES:
        raise UnableToReadRule(f"{len(rules)} rules, expected at most {MAX_STAGES}", hint="condition")
    bit = {name: 1 << stage for stage, name in enumerate(rules)}
    terms = _disjuncts(condition.parsed, {name: bit[meant] for name, meant in named.items()}, positive=True)
    everything = (1 << len(rules)) - 1
    if kind is CorrelationKind.TEMPORAL_ORDERED and terms != ((everything, 0),):
        raise UnableToReadRule("in order only a chain of rules joined by and can be asked for", hint="condition")
    if not all(must for must, _ in terms):
        raise UnableToReadRule("the expression may hold without any match, expected a rule that must match", hint="not")
    return Correlation(kind=kind, rules=rules, span_us=0, terms=terms, threshold=len(rules))


def _disjuncts(node: Any, bit: Mapping[str, int], *, positive: bool) -> tuple[tuple[int, int], ...]:
    """Disjunctive normal form: (rules that must match, rules that must not)."""
    if isinstance(node, SigmaRuleReference):
        return ((bit[node.reference], 0),) if positive else ((0, bit[node.reference]),)
    if isinstance(node, CorrelationConditionNOT):
        return _disjuncts(node.args[0], bit, positive=not positive)
    parts = [_disjuncts(part, bit, positive=positive) for part in node.args]
    if isinstance(node, CorrelationConditionOR) == positive:
        found = [term for part in parts for term in part]
    else:
        found = [(0, 0)]
        for part in parts:
            found = [(left | must, right | must_not) for left, right in found for must, must_not in part]
            if len(found) > MAX_TERMS:
                raise UnableToReadRule(f"the expression has more than {MAX_TERMS} alternatives", hint="condition")
    possible = tuple(dict.fromkeys(term for term in found if not term[0] & term[1]))
    if not possible:
        raise UnableToReadRule("the expression can never hold", hint="condition")
    return possible
