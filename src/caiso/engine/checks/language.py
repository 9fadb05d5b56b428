"""The words of a check: which records, what is measured, what counts as passing."""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Annotated

from caiso.engine.checks.collections import CollectionField, CollectionSpec, FieldKind, Scope
from caiso.engine.packs import Doc, Fault, Length, Slug, Title, parse_duration, quoted

Value = bool | int | float | str | tuple[str, ...] | None
Resolved = bool | int | float | str | tuple[str, ...] | datetime | timedelta | None


class UnableToRead(ValueError):
    """A filter's value does not fit its field; the text says what the field takes."""


class Op(StrEnum):
    """How a field is compared.

    A missing value (None) satisfies only `ne`, `not_in` and `exists: false`; that is what SQL does when the
    negations are written as NOT (field IS NOT NULL AND field = value), Django's `~Q(field=value)`.
    `contains` on a list of words takes one word or several, of which one is enough; on a text, a part of it.
    """

    EQ = "eq"
    NE = "ne"
    IN = "in"
    NOT_IN = "not_in"
    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"
    EXISTS = "exists"
    CONTAINS = "contains"
    BEFORE = "before"
    AFTER = "after"


class Measure(StrEnum):
    """count: how many; share: how many of them; min, max: of a field; age: time since the newest `field`."""

    COUNT = "count"
    SHARE = "share"
    MIN = "min"
    MAX = "max"
    AGE = "age"


class Empty(StrEnum):
    """What a check says when there is no record to judge."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


_ORDER_KINDS = {FieldKind.INTEGER, FieldKind.NUMBER, FieldKind.DURATION}
_ALLOWED: dict[Op, set[FieldKind]] = {
    Op.EQ: set(FieldKind) - {FieldKind.WORDS, FieldKind.TIME},
    Op.NE: set(FieldKind) - {FieldKind.WORDS, FieldKind.TIME},
    Op.IN: {FieldKind.TEXT},
    Op.NOT_IN: {FieldKind.TEXT},
    Op.LT: _ORDER_KINDS,
    Op.LTE: _ORDER_KINDS,
    Op.GT: _ORDER_KINDS,
    Op.GTE: _ORDER_KINDS,
    Op.EXISTS: set(FieldKind),
    Op.CONTAINS: {FieldKind.WORDS, FieldKind.TEXT},
    Op.BEFORE: {FieldKind.TIME},
    Op.AFTER: {FieldKind.TIME},
}
_RELATIVE = re.compile(r"now(?:\s*([+-])\s*([0-9smhdw]+))?")


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on one field; the filters of a list must all hold."""

    field: Slug
    op: Op
    value: Annotated[Value, Doc("for before and after: `now - 7d` or a time; for durations: `4h`")] = None


@dataclass(frozen=True, slots=True)
class Term:
    """A filter whose value is a Python value of the field's kind: what a source compiles into its own query."""

    field: str
    op: Op
    value: Resolved


_COMPARE: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_RULE = re.compile(r"(==|!=|>=|<=|>|<)\s*(?:(\d{1,9}(?:\.\d{1,6})?)(\s*%)?|((?:\d{1,6}[smhdw])+))")


@dataclass(frozen=True, slots=True)
class PassRule:
    """A comparison such as `>= 1`, `== 100%` or `<= 7d`; percent as a share of 1, durations in seconds, all exact."""

    comparison: str
    threshold: Fraction
    unit: str  # number, percent or duration
    text: str

    @classmethod
    def parse(cls, text: str) -> "PassRule":
        match = _RULE.fullmatch(text.strip())
        if match is None:
            raise ValueError("a comparison such as >= 1, == 100% or <= 7d")
        comparison, number, percent, duration = match.groups()
        if duration:
            seconds = Fraction(int(parse_duration(duration).total_seconds()))
            return cls(comparison, seconds, "duration", text.strip())
        threshold = Fraction(number)
        if percent:
            return cls(comparison, threshold / 100, "percent", text.strip())
        return cls(comparison, threshold, "number", text.strip())

    @classmethod
    def text_schema(cls) -> dict[str, object]:
        return {"type": "string", "pattern": f"^{_RULE.pattern}$", "description": "such as >= 1, == 100% or <= 7d"}

    def holds(self, value: Fraction) -> bool:
        return _COMPARE[self.comparison](value, self.threshold)


@dataclass(frozen=True, slots=True)
class Check:
    """A question to live records whose answer says whether a control works.

    `where` picks the population; `of` the part that is counted (count, share); `field` what min, max and age read.
    The answer holds for `freshness`; with `evidence_time` the newest record must be that young too.
    """

    id: Slug
    title: Title
    collection: Slug
    measure: Measure
    pass_: PassRule
    freshness: timedelta
    empty: Empty
    scope: Scope = Scope.ORGANISATION
    where: Annotated[tuple[Filter, ...], Length(0, 12)] = ()
    of: Annotated[tuple[Filter, ...], Length(0, 12)] = ()
    field: str | None = None
    evidence_time: str | None = None

    def faults(self) -> Iterator[Fault]:
        if self.measure is Measure.SHARE and not self.of:
            yield Fault(("measure",), "a share needs `of`, the filters of the part that is counted")
        if self.measure not in (Measure.SHARE, Measure.COUNT) and self.of:
            yield Fault(("of",), f"`of` has no meaning for {self.measure}")
        needs_field = self.measure in (Measure.MIN, Measure.MAX, Measure.AGE)
        if needs_field != (self.field is not None):
            yield Fault(("measure",), f"{self.measure} {'needs' if needs_field else 'does not take'} `field`")
        units = {
            Measure.SHARE: {"percent"},
            Measure.COUNT: {"number"},
            Measure.AGE: {"duration"},
        }.get(self.measure, {"number", "duration"})
        if self.pass_.unit not in units:
            yield Fault(("pass",), f"a {self.measure} is compared with a {' or '.join(sorted(units))}")
        if self.freshness <= timedelta():
            yield Fault(("freshness",), "freshness must be longer than nothing")


def check_faults(check: Check, collections: Mapping[str, CollectionSpec]) -> Iterator[Fault]:
    """What is wrong with a check against the collections that exist."""
    spec = collections.get(check.collection)
    if spec is None:
        known = ", ".join(sorted(collections))
        yield Fault(("collection",), f"collection {quoted(check.collection)} does not exist, expected one of {known}")
        return
    if check.scope is not Scope.ORGANISATION and check.scope not in spec.scope_keys:
        allowed = ", ".join([Scope.ORGANISATION, *spec.scope_keys])
        yield Fault(("scope",), f"{spec.name} cannot be asked per {check.scope}, expected one of {allowed}")
    for part, filters in (("where", check.where), ("of", check.of)):
        for index, condition in enumerate(filters):
            yield from _filter_faults(condition, spec, (part, index))
    if check.field is not None:
        kinds = {FieldKind.TIME} if check.measure is Measure.AGE else _ORDER_KINDS
        yield from _field_faults(spec, check.field, "field", kinds)
        field = spec.field(check.field)
        if check.measure is not Measure.AGE and field is not None:
            unit = "duration" if field.kind is FieldKind.DURATION else "number"
            if check.pass_.unit != unit:
                yield Fault(("pass",), f"{spec.name}.{check.field} is compared with a {unit}")
    if check.evidence_time is not None:
        yield from _field_faults(spec, check.evidence_time, "evidence_time", {FieldKind.TIME})


def _field_faults(spec: CollectionSpec, name: str, key: str, kinds: set[FieldKind]) -> Iterator[Fault]:
    field = spec.field(name)
    usable = [known.name for known in spec.fields if known.kind in kinds]
    if field is None or field.kind not in kinds:
        expected = ", ".join(usable) or "no field of this collection"
        yield Fault((key,), f"{spec.name} has no {'/'.join(sorted(kinds))} field {quoted(name)}, expected {expected}")


def _filter_faults(condition: Filter, spec: CollectionSpec, at: tuple[str | int, ...]) -> Iterator[Fault]:
    field = spec.field(condition.field)
    if field is None:
        known = ", ".join(spec.field_names)
        message = f"{spec.name} has no field {quoted(condition.field)}, expected one of {known}"
        yield Fault((*at, "field"), message)
        return
    if field.kind not in _ALLOWED[condition.op]:
        allowed = ", ".join(op for op, kinds in _ALLOWED.items() if field.kind in kinds)
        yield Fault((*at, "op"), f"{field.name} is a {field.kind}, for which op is one of {allowed}")
        return
    try:
        resolve(condition, field, now=datetime(2000, 1, 1, tzinfo=UTC))
    except UnableToRead as error:
        yield Fault((*at, "value"), f"{field.name} {condition.op} takes {error}")


def terms(filters: tuple[Filter, ...], spec: CollectionSpec, *, now: datetime) -> tuple[Term, ...]:
    """The filters with values of the field's kind, relative times resolved; the check must be free of faults."""
    resolved = []
    for condition in filters:
        field = spec.field(condition.field)
        if field is None:
            raise ValueError(f"{spec.name} has no field {condition.field}")
        resolved.append(Term(condition.field, condition.op, resolve(condition, field, now=now)))
    return tuple(resolved)


def resolve(condition: Filter, field: CollectionField, *, now: datetime) -> Resolved:
    """The value of a filter as a Python value; raises UnableToRead saying what the field takes."""
    if condition.op is Op.EXISTS:
        return _expect(condition.value, bool, "true or false")
    if field.kind is FieldKind.WORDS:
        words = condition.value
        return _several((words,) if isinstance(words, str) else words, field)
    if condition.op in (Op.IN, Op.NOT_IN):
        return _several(condition.value, field)
    if field.kind is FieldKind.TIME:
        return _time(condition.value, now)
    if field.kind is FieldKind.DURATION:
        return _duration(condition.value)
    if field.kind is FieldKind.BOOLEAN:
        return _expect(condition.value, bool, "true or false")
    if field.kind in (FieldKind.INTEGER, FieldKind.NUMBER):
        if isinstance(condition.value, bool) or not isinstance(condition.value, int | float):
            raise UnableToRead("a number")
        return condition.value
    return _one_text(condition.value, field)


def _expect(value: Value, kind: type, words: str) -> Resolved:
    if type(value) is not kind:
        raise UnableToRead(words)
    return value


def _one_text(value: Value, field: CollectionField) -> str:
    if not isinstance(value, str):
        raise UnableToRead("a text")
    if field.choices and value not in field.choices:
        raise UnableToRead(f"one of {', '.join(field.choices)}, not {quoted(value)}")
    return value


def _several(value: Value, field: CollectionField) -> tuple[str, ...]:
    if not isinstance(value, tuple) or not value:
        raise UnableToRead("a list with at least one text")
    return tuple(_one_text(item, field) for item in value)


def _time(value: Value, now: datetime) -> datetime:
    if not isinstance(value, str):
        raise UnableToRead("a time such as `now - 7d` or 2026-11-22T10:00:00Z")
    match = _RELATIVE.fullmatch(value.strip())
    if match is None:
        try:
            absolute = datetime.fromisoformat(value)
        except ValueError:
            absolute = None
        if absolute is None or absolute.tzinfo is None:
            raise UnableToRead("a time such as `now - 7d` or 2026-11-22T10:00:00Z")
        return absolute
    sign, amount = match.groups()
    if amount is None:
        return now
    delta = _duration(amount)
    return now - delta if sign == "-" else now + delta


def _duration(value: Value) -> timedelta:
    try:
        return parse_duration(value if isinstance(value, str) else "")
    except ValueError:
        raise UnableToRead("a duration such as 30m, 24h or 7d") from None


def describe(filters: tuple[Filter, ...]) -> str:
    """The filters in words, for pages and reasons."""
    parts = []
    for condition in filters:
        if condition.op is Op.EXISTS:
            parts.append(f"{condition.field} is {'set' if condition.value else 'missing'}")
            continue
        value = ", ".join(condition.value) if isinstance(condition.value, tuple) else str(condition.value)
        parts.append(f"{condition.field} {_WORDS[condition.op]} {value}")
    return " and ".join(parts) or "all records"


_WORDS = {
    Op.EQ: "is",
    Op.NE: "is not",
    Op.IN: "is one of",
    Op.NOT_IN: "is none of",
    Op.LT: "is below",
    Op.LTE: "is at most",
    Op.GT: "is above",
    Op.GTE: "is at least",
    Op.CONTAINS: "contains",
    Op.BEFORE: "is before",
    Op.AFTER: "is after",
}

__all__ = [
    "Check",
    "Empty",
    "Filter",
    "Measure",
    "Op",
    "PassRule",
    "Resolved",
    "Term",
    "UnableToRead",
    "check_faults",
    "describe",
    "resolve",
    "terms",
]
