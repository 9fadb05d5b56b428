"""Answers checks from rows in memory: for commands that work on a file alone, and as the reference for databases."""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from caiso.engine.checks.collections import STANDARD_COLLECTIONS, CollectionSpec, Scope
from caiso.engine.checks.evaluate import WHOLE, Aggregate, Side
from caiso.engine.checks.language import Check, Measure, Op, Term, terms

Row = Mapping[str, object]

_ORDERED: dict[Op, Callable[[Any, Any], bool]] = {
    Op.LT: operator.lt,
    Op.LTE: operator.le,
    Op.GT: operator.gt,
    Op.GTE: operator.ge,
    Op.BEFORE: operator.lt,
    Op.AFTER: operator.gt,
    Op.EQ: operator.eq,
}


def term_holds(term: Term, row: Row) -> bool:
    """Whether one row satisfies one condition; see `Op` for missing values."""
    value = row.get(term.field)
    if term.op is Op.EXISTS:
        return (value is not None and value != "") is term.value
    if term.op is Op.NE:
        return value != term.value
    if term.op in (Op.IN, Op.NOT_IN):
        inside = isinstance(term.value, tuple) and value in term.value
        return inside is (term.op is Op.IN)
    if value is None:
        return False
    if term.op is Op.CONTAINS:
        return _contains(value, term.value)
    return _ORDERED[term.op](value, term.value)


def _contains(value: object, wanted: object) -> bool:
    if isinstance(value, str):
        return isinstance(wanted, str) and wanted in value
    words = wanted if isinstance(wanted, tuple) else (wanted,)
    return isinstance(value, Iterable) and any(word in words for word in value)


class MemorySource:
    """Rows per collection; grouping, filters and extremes as any other source must give them."""

    def __init__(
        self, rows: Mapping[str, Sequence[Row]], collections: Mapping[str, CollectionSpec] = STANDARD_COLLECTIONS
    ) -> None:
        self._rows = rows
        self._collections = collections

    def aggregate(self, check: Check, *, now: datetime) -> dict[str, Aggregate]:
        groups: dict[str, list[Row]] = {} if check.scope is not Scope.ORGANISATION else {WHOLE: []}
        spec = self._collections[check.collection]
        for row in self._population(check, spec, now):
            groups.setdefault(_scope_of(row, check, spec), []).append(row)
        return {scope: self._sum_up(check, spec, rows, now) for scope, rows in groups.items()}

    def records(self, check: Check, *, now: datetime, scope: str, side: Side, limit: int) -> tuple[str, ...]:
        spec = self._collections[check.collection]
        rows = [row for row in self._population(check, spec, now) if _scope_of(row, check, spec) == scope]
        if side is Side.EXTREME:
            extreme = _extreme(check, rows)
            chosen = [row for row in rows if row.get(check.field or "") == extreme]
        else:
            counted = terms(check.of, spec, now=now)
            wanted = side is Side.MATCHING
            chosen = [row for row in rows if all(term_holds(term, row) for term in counted) is wanted]
        return tuple(str(row[spec.ref]) for row in chosen[:limit])

    def _population(self, check: Check, spec: CollectionSpec, now: datetime) -> list[Row]:
        conditions = terms(check.where, spec, now=now)
        rows = self._rows.get(check.collection, ())
        return [row for row in rows if all(term_holds(term, row) for term in conditions)]

    def _sum_up(self, check: Check, spec: CollectionSpec, rows: list[Row], now: datetime) -> Aggregate:
        counted = terms(check.of, spec, now=now)
        matching = sum(all(term_holds(term, row) for term in counted) for row in rows)
        times = [row.get(check.evidence_time) for row in rows] if check.evidence_time else []
        newest = max((time for time in times if isinstance(time, datetime)), default=None)
        return Aggregate(len(rows), matching, _extreme(check, rows), newest)


def _extreme(check: Check, rows: list[Row]) -> int | float | timedelta | datetime | None:
    if check.field is None:
        return None
    values = [row.get(check.field) for row in rows]
    known = [value for value in values if isinstance(value, int | float | timedelta | datetime)]
    if not known:
        return None
    return min(known, key=_key) if check.measure is Measure.MIN else max(known, key=_key)


def _key(value: float | timedelta | datetime) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


def _scope_of(row: Row, check: Check, spec: CollectionSpec) -> str:
    if check.scope is Scope.ORGANISATION:
        return WHOLE
    return str(row.get(spec.scope_keys[check.scope]) or "")
