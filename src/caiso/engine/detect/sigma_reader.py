"""Turns what pySigma parsed into our own conditions and correlations, naming what is not supported."""

from __future__ import annotations

import re
from typing import Any, Final

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.correlations import SigmaCorrelationCondition, SigmaCorrelationRule
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
from caiso.engine.detect.pattern import UnableToUsePattern, compile_pattern, escape
from caiso.engine.detect.rule import Correlation, CorrelationKind
from caiso.engine.detect.schema import EVENT_KINDS, FIELDS, TEXT_FIELDS, FieldType
from caiso.engine.detect.text import fold, valid
from caiso.errors import DomainError

PRODUCT: Final = "ai"
MAX_LEAVES: Final = 5000
_FLAGS: Final = {"IGNORECASE": re.IGNORECASE, "MULTILINE": re.MULTILINE, "DOTALL": re.DOTALL}
_RELATIONS: Final = {"LT": "lt", "LTE": "lte", "GT": "gt", "GTE": "gte", "NEQ": "ne"}


class UnableToReadRule(DomainError):
    """The rule uses something that this engine does not do; ``hint`` is a word of the document to point at."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.hint = hint
        super().__init__(message)


def condition_of(rule: SigmaRule) -> Condition:
    """The rule's conditions (any of them), bound to the kinds of event that its log source names."""
    parts = [_convert(parsed.parsed) for parsed in rule.detection.parsed_condition]
    asked = parts[0] if len(parts) == 1 else Or(tuple(parts))
    kind = _event_kind(rule)
    return asked if kind is None else And((Equals("event.kind", kind), asked))


def _event_kind(rule: SigmaRule) -> str | None:
    source = rule.logsource
    if source.product != PRODUCT or source.service:
        shown = "/".join(part for part in (source.product, source.category, source.service) if part)
        raise UnableToReadRule(f"log source {shown!r} is not mapped, expected product {PRODUCT}", hint="logsource")
    if source.category is None:
        return None
    if source.category not in EVENT_KINDS:
        expected = ", ".join(EVENT_KINDS)
        raise UnableToReadRule(f"category {source.category!r}, expected one of {expected}", hint="category")
    return str(source.category)


def _convert(node: Any) -> Condition:
    if isinstance(node, ConditionAND):
        return And(tuple(_convert(part) for part in node.args))
    if isinstance(node, ConditionOR):
        return Or(tuple(_convert(part) for part in node.args))
    if isinstance(node, ConditionNOT):
        return Not(_convert(node.args[0]))
    if isinstance(node, ConditionFieldEqualsValueExpression):
        return _field_value(node.field, node.value)
    if isinstance(node, ConditionValueExpression):
        return Or(tuple(_field_value(field, _contained(node.value)) for field in sorted(TEXT_FIELDS)))
    raise UnableToReadRule("the condition is empty, expected at least one detection", hint="condition")


def _contained(value: Any) -> Any:
    """A keyword without a field is looked for anywhere in every content field."""
    if isinstance(value, SigmaString):
        if not value.startswith(SpecialChars.WILDCARD_MULTI):
            value = SpecialChars.WILDCARD_MULTI + value
        return value if value.endswith(SpecialChars.WILDCARD_MULTI) else value + SpecialChars.WILDCARD_MULTI
    if isinstance(value, SigmaNumber):
        return SigmaString(f"*{value.number}*")
    return value


def _field_value(field: str, value: Any) -> Condition:  # noqa: C901 - one line per Sigma type
    if isinstance(value, SigmaExpansion):
        return Or(tuple(_field_value(field, inner) for inner in value.values))
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
    if isinstance(value, SigmaCompareExpression):
        return Compare(field, _RELATIONS[value.op.name], value.number.number)
    if isinstance(value, SigmaFieldReference):
        return SameAs(field, value.field, bool(value.starts_with), bool(value.ends_with))
    if isinstance(value, SigmaTimestampPart):
        return _time_part(field, value)
    if isinstance(value, SigmaNumber):
        return Compare(field, "eq", value.number)
    if isinstance(value, SigmaString):
        return _string(field, value)
    raise UnableToReadRule(f"value type {type(value).__name__} is not supported", hint=field)


def _time_part(field: str, value: Any) -> Condition:
    if FIELDS.get(field) is not FieldType.TIME:
        raise UnableToReadRule(f"time modifier on {field}, expected a time field: time, observed_time", hint=field)
    return TimePart(field, value.timestamp_part.name.lower(), int(value.number))


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


def correlation_of(rule: SigmaCorrelationRule) -> Correlation:
    """The correlation, or a refusal that names the unsupported kind or condition."""
    name = rule.type.name.lower()
    if name not in {kind.value for kind in CorrelationKind}:
        expected = ", ".join(kind.value for kind in CorrelationKind)
        raise UnableToReadRule(f"correlation type {name!r} is not supported, expected one of {expected}", hint=name)
    kind = CorrelationKind(name)
    threshold, value_field = _threshold(rule, kind)
    return Correlation(
        kind=kind,
        rules=tuple(reference.reference for reference in rule.rules or ()),
        span_us=rule.timespan.seconds * 1_000_000,
        group_by=tuple(rule.group_by or ()),
        threshold=threshold,
        value_field=value_field,
        aliases={
            alias.alias: {reference.reference: field for reference, field in alias.mapping.items()}
            for alias in rule.aliases
        },
        generate=bool(rule.generate),
    )


def _threshold(rule: SigmaCorrelationRule, kind: CorrelationKind) -> tuple[float, str]:
    condition = rule.condition
    temporal = kind in (CorrelationKind.TEMPORAL, CorrelationKind.TEMPORAL_ORDERED)
    if not isinstance(condition, SigmaCorrelationCondition):
        raise UnableToReadRule(
            "extended correlation conditions are not supported, expected a list of rules", hint="condition"
        )
    if temporal:
        if not rule.rules:
            raise UnableToReadRule("a temporal correlation without rules, expected a list of rules", hint="correlation")
        return len(rule.rules), ""
    operation = condition.op.name.lower()
    if operation not in ("gte", "gt"):
        # Anything that must see the window end would need a clock, which the engine has not.
        raise UnableToReadRule(f"correlation condition {operation!r}, expected one of gte, gt", hint=operation)
    whole = kind is not CorrelationKind.VALUE_SUM
    threshold = condition.count + (1 if operation == "gt" and whole else 0)
    if operation == "gt" and not whole:
        raise UnableToReadRule("value_sum with gt, expected gte", hint="gt")
    if whole and threshold < 1:
        raise UnableToReadRule(f"threshold {condition.count}, expected at least 1", hint=operation)
    value_field = condition.fieldref or ""
    if isinstance(value_field, list):
        raise UnableToReadRule("a list of fields to count over, expected one field", hint="field")
    return threshold, value_field
