"""Turns what a source counted into a verdict with its reason; reads no clock and no database."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Protocol

from caiso.engine.checks.language import Check, Empty, Measure, describe
from caiso.engine.packs import duration_text

WHOLE = ""  # the scope key of an answer about the whole organisation
RECORD_LIMIT = 20


class CheckState(StrEnum):
    """The five things a check can say."""

    EFFECTIVE = "effective"
    FAILING = "failing"
    STALE = "stale"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


class Side(StrEnum):
    """Which records of the population are meant: those counted by `of`, the rest, or the one with the extreme."""

    MATCHING = "matching"
    OTHERS = "others"
    EXTREME = "extreme"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What one scope's records come to.

    `total` records pass `where`; `matching` of these pass `of` too (all, without `of`); `extreme` is the min, the
    max, or for age the newest time of `field`; `newest_at` is the newest `evidence_time`.
    """

    total: int
    matching: int
    extreme: int | float | timedelta | datetime | None = None
    newest_at: datetime | None = None


class FactSource(Protocol):
    """Answers checks from records; one grouped query per check, then one bounded query for each verdict's records."""

    def aggregate(self, check: Check, *, now: datetime) -> Mapping[str, Aggregate]:
        """Per scope key (`""` for the organisation); a scope that is absent has no record, that is Aggregate(0, 0)."""
        ...

    def records(self, check: Check, *, now: datetime, scope: str, side: Side, limit: int) -> tuple[str, ...]:
        """References of the records on one side, worst or oldest first where that has a meaning."""
        ...


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A verdict on one scope; `value` is a count, a share of 1, a field's value or an age in seconds."""

    check: str
    scope: str
    state: CheckState
    value: float | None
    numerator: int | None
    denominator: int | None
    reason: str
    evaluated_at: datetime
    valid_until: datetime
    records: tuple[str, ...] = ()

    def at(self, now: datetime) -> "CheckResult":
        """The verdict as it stands later: what was not evaluated again in time is stale, a failure stays a failure."""
        if now <= self.valid_until or self.state is not CheckState.EFFECTIVE:
            return self
        age = _elapsed(int((now - self.evaluated_at).total_seconds()))
        return replace(self, state=CheckState.STALE, reason=f"last evaluated {age} ago; before: {self.reason}")


def evaluate(
    check: Check, aggregate: Aggregate, *, now: datetime, scope: str = WHOLE, records: tuple[str, ...] = ()
) -> CheckResult:
    """Judge one scope's aggregate."""
    value = None if aggregate.total == 0 else _value(check, aggregate, now)
    if value is None:
        state, reason = _when_empty(check, aggregate)
    else:
        state, reason = _judge(check, aggregate, value, now=now)
    counted = check.measure in (Measure.COUNT, Measure.SHARE)
    return CheckResult(
        check=check.id,
        scope=scope,
        state=state,
        value=None if value is None else float(value),
        numerator=aggregate.matching if counted else None,
        denominator=aggregate.total,
        reason=reason,
        evaluated_at=now,
        valid_until=now + check.freshness,
        records=records,
    )


def run_check(check: Check, source: FactSource, *, now: datetime) -> dict[str, CheckResult]:
    """Ask a source and judge every scope, with the records that caused each verdict."""
    results = {}
    for scope, aggregate in source.aggregate(check, now=now).items():
        result = evaluate(check, aggregate, now=now, scope=scope)
        if aggregate.total:
            side = causing_side(check, aggregate, result.state)
            found = source.records(check, now=now, scope=scope, side=side, limit=RECORD_LIMIT)
            result = replace(result, records=found[:RECORD_LIMIT])
        results[scope] = result
    return results


def causing_side(check: Check, aggregate: Aggregate, state: CheckState) -> Side:
    """Which records explain a verdict: the offenders of a failure, the proof of a success."""
    if check.measure in (Measure.MIN, Measure.MAX, Measure.AGE):
        return Side.EXTREME
    if check.measure is Measure.SHARE:
        wants_much = check.pass_.comparison in ("==", ">=", ">")
        offenders = Side.OTHERS if wants_much else Side.MATCHING
        proof = Side.MATCHING if wants_much else Side.OTHERS
        return offenders if state is CheckState.FAILING else proof
    return Side.MATCHING if aggregate.matching else Side.OTHERS


def _value(check: Check, aggregate: Aggregate, now: datetime) -> Fraction | None:
    if check.measure is Measure.COUNT:
        return Fraction(aggregate.matching)
    if check.measure is Measure.SHARE:
        return Fraction(aggregate.matching, aggregate.total)
    extreme = aggregate.extreme
    if isinstance(extreme, datetime):
        return _seconds(max(now - extreme, timedelta()))
    if isinstance(extreme, timedelta):
        return _seconds(extreme)
    return None if extreme is None else Fraction(extreme)


def _seconds(duration: timedelta) -> Fraction:
    return Fraction(duration // timedelta(microseconds=1), 1_000_000)


_EMPTY_STATES = {
    Empty.PASS: CheckState.EFFECTIVE,
    Empty.FAIL: CheckState.FAILING,
    Empty.UNKNOWN: CheckState.UNKNOWN,
    Empty.NOT_APPLICABLE: CheckState.NOT_APPLICABLE,
}


def _when_empty(check: Check, aggregate: Aggregate) -> tuple[CheckState, str]:
    state = _EMPTY_STATES[check.empty]
    if aggregate.total:
        return state, f"none of {aggregate.total} records in {check.collection} has a value in {check.field}"
    return state, f"no record in {check.collection} where {describe(check.where)}"


def _judge(check: Check, aggregate: Aggregate, value: Fraction, *, now: datetime) -> tuple[CheckState, str]:
    measured = _words(check, aggregate, value)
    if not check.pass_.holds(value):
        return CheckState.FAILING, f"{measured}; required {check.pass_.text}"
    if check.evidence_time is not None:
        limit = duration_text(check.freshness)
        if aggregate.newest_at is None:
            return CheckState.STALE, f"{measured}, but no record has a {check.evidence_time}"
        if now - aggregate.newest_at > check.freshness:
            newest = aggregate.newest_at.isoformat(timespec="minutes")
            return CheckState.STALE, f"{measured}, but the newest record is of {newest}, older than {limit}"
    return CheckState.EFFECTIVE, f"{measured}; required {check.pass_.text}"


def _words(check: Check, aggregate: Aggregate, value: Fraction) -> str:
    if check.measure is Measure.SHARE:
        return f"{aggregate.matching} of {aggregate.total} ({_percent(value)})"
    if check.measure is Measure.COUNT:
        return f"{aggregate.matching} of {aggregate.total} records" if check.of else f"{aggregate.matching} records"
    if check.pass_.unit == "duration":
        shown = _elapsed(int(value))
        return f"newest is {shown} old" if check.measure is Measure.AGE else f"{check.measure} {check.field} is {shown}"
    return f"{check.measure} {check.field} is {float(value):g}"


def _elapsed(seconds: int) -> str:
    """A measured duration as people read it, to the minute once it is an hour: `5d 3h 37m`."""
    parts = [(seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "m")]
    if seconds < 3600:
        parts.append((seconds % 60, "s"))
    return " ".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


def _percent(share: Fraction) -> str:
    """One decimal, rounded towards the less flattering side: 999 of 1,000 is never shown as 100 %."""
    tenths = int(share * 1000)
    return f"{tenths // 10} %" if tenths % 10 == 0 else f"{tenths / 10:.1f} %"
