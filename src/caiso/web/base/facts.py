"""The registry of facts: how controls, metrics and gates ask any app about its records.

The engine fixes the collections and their fields (engine/checks); an app registers in apps.py where the database has
them. A check becomes one grouped query; a lower app never imports a higher one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from django.db.models import (
    CharField,
    Count,
    F,
    Max,
    Min,
    Q,
    QuerySet,
    TextField,
    Value,
)
from django.db.models.expressions import Combinable, Expression
from django.db.models.functions import Cast, StrIndex
from django.db.models.lookups import GreaterThan

from caiso.engine.checks import (
    STANDARD_COLLECTIONS,
    WHOLE,
    Aggregate,
    Check,
    CollectionSpec,
    FieldKind,
    Filter,
    Measure,
    Op,
    Scope,
    Side,
    Term,
    terms,
)
from caiso.errors import DomainError
from caiso.web.base.access import Viewer, visible

Source = str | Combinable | Callable[[datetime], Expression]
PREFIX = "fact_"


class UnknownCollection(DomainError):
    """A check names a collection that no app registered."""


@dataclass(frozen=True)
class Collection:
    """Where the database has the records and fields of one of the engine's collections.

    `sources` says per field: an ORM lookup ("owner__name"), an expression (Exists, Subquery, Case …) or a function
    of now that returns one (for ages). A field that is not named there has a column of its own name. No source may
    multiply rows: reach to-many relations by Exists or Subquery.
    """

    name: str
    queryset: Callable[[], QuerySet[Any]]
    # From the reference of a record (the text of the spec's `ref` field) to its page.
    link: Callable[[str], str]
    sources: Mapping[str, Source] = field(default_factory=dict)
    # Lookup of the path of the record's unit; empty for collections that belong to no unit.
    unit_lookup: str = "unit__path"
    spec: CollectionSpec = field(init=False)

    def __post_init__(self) -> None:
        spec = STANDARD_COLLECTIONS.get(self.name)
        if spec is None:
            raise ValueError(f"the engine knows no collection {self.name}; add it to STANDARD_COLLECTIONS")
        unknown = sorted(set(self.sources) - set(spec.field_names))
        if unknown:
            raise ValueError(f"collection {self.name} has no field {', '.join(unknown)}")
        object.__setattr__(self, "spec", spec)

    def expression(self, name: str, *, now: datetime) -> Combinable:
        """What stands in a query for the field."""
        source = self.sources.get(name, name)
        if isinstance(source, str):
            return F(source)
        return source if isinstance(source, Combinable) else source(now)


_COLLECTIONS: dict[str, Collection] = {}


def register(collection: Collection) -> None:
    """Make a collection known; a second one of the same name is a mistake of the program."""
    if collection.name in _COLLECTIONS:
        raise ValueError(f"collection {collection.name} is registered twice")
    _COLLECTIONS[collection.name] = collection


def collection(name: str) -> Collection:
    """The registered collection of that name; a refusal lists the ones there are."""
    if name not in _COLLECTIONS:
        raise UnknownCollection(f"no collection {name!r}, expected one of {', '.join(sorted(_COLLECTIONS)) or 'none'}")
    return _COLLECTIONS[name]


def collections() -> tuple[Collection, ...]:
    """Every registered collection, by name."""
    return tuple(_COLLECTIONS[name] for name in sorted(_COLLECTIONS))


def link_to(name: str, ref: str) -> str:
    """The page of one record of a collection."""
    return collection(name).link(ref)


class OrmSource:
    """Answers checks from the database (engine.checks.FactSource); with a viewer, only from what they may see."""

    def __init__(self, viewer: Viewer | None = None) -> None:
        self._viewer = viewer

    def aggregate(self, check: Check, *, now: datetime) -> dict[str, Aggregate]:
        """One grouped query: per scope key what its records come to."""
        known = collection(check.collection)
        rows = self.population(check, now=now)
        measures = _measures(check, known, now)
        if check.scope is Scope.ORGANISATION:
            return {WHOLE: _aggregate(rows.aggregate(**measures))}
        key = PREFIX + known.spec.scope_keys[check.scope]
        found: dict[str, list[Mapping[str, Any]]] = {}
        for row in rows.order_by().values(key).annotate(**measures):
            found.setdefault(_text(row[key]), []).append(row)
        # NULL and "" are the same scope, "none"; the database groups them apart.
        return {scope: _joined(check, [_aggregate(row) for row in group]) for scope, group in found.items()}

    def records(self, check: Check, *, now: datetime, scope: str, side: Side, limit: int) -> tuple[str, ...]:
        """References of the records on one side of the verdict, at most `limit`."""
        return tuple(
            str(ref)
            for ref in self.rows(check, now=now, scope=scope, side=side).values_list(
                PREFIX + collection(check.collection).spec.ref, flat=True
            )[:limit]
        )

    def rows(self, check: Check, *, now: datetime, scope: str, side: Side) -> QuerySet[Any]:
        """The records on one side of the verdict, for a page that opens a figure."""
        known = collection(check.collection)
        rows = self.population(check, now=now)
        if check.scope is not Scope.ORGANISATION:
            rows = rows.filter(_in_scope(PREFIX + known.spec.scope_keys[check.scope], scope))
        if side is Side.EXTREME:
            name = PREFIX + (check.field or known.spec.ref)
            order = F(name).asc() if check.measure is Measure.MIN else F(name).desc()
            valued = rows.filter(**{f"{name}__isnull": False})
            extreme = list(valued.order_by(order).values_list(name, flat=True)[:1])
            return (valued.filter(**{f"{name}__in": extreme}) if extreme else rows).order_by("pk")
        counted = _condition(check.of, known, now)
        return rows.filter(counted if side is Side.MATCHING else ~counted).order_by("pk")

    def population(self, check: Check, *, now: datetime) -> QuerySet[Any]:
        """The records that the check is about, with the fields it needs annotated."""
        known = collection(check.collection)
        rows: QuerySet[Any] = known.queryset()
        if self._viewer is not None and known.unit_lookup:
            rows = visible(rows, self._viewer, lookup=known.unit_lookup)
        rows = rows.annotate(**{PREFIX + name: known.expression(name, now=now) for name in _needed(check, known.spec)})
        return rows.filter(_condition(check.where, known, now))


def _needed(check: Check, spec: CollectionSpec) -> list[str]:
    names = {spec.ref, *(one.field for one in (*check.where, *check.of))}
    names |= {name for name in (check.field, check.evidence_time) if name}
    if check.scope is not Scope.ORGANISATION:
        names.add(spec.scope_keys[check.scope])
    return sorted(names)


def _measures(check: Check, known: Collection, now: datetime) -> dict[str, Expression]:
    measures: dict[str, Expression] = {"total": Count("pk")}
    if check.of:
        measures["matching"] = Count("pk", filter=_condition(check.of, known, now))
    if check.field:
        pick = Min if check.measure is Measure.MIN else Max
        measures["extreme"] = pick(PREFIX + check.field)
    if check.evidence_time:
        measures["newest"] = Max(PREFIX + check.evidence_time)
    return measures


def _aggregate(row: Mapping[str, Any]) -> Aggregate:
    total = row["total"]
    return Aggregate(total, row.get("matching", total), row.get("extreme"), row.get("newest"))


def _joined(check: Check, parts: Sequence[Aggregate]) -> Aggregate:
    if len(parts) == 1:
        return parts[0]
    pick = min if check.measure is Measure.MIN else max
    extremes: list[Any] = [part.extreme for part in parts if part.extreme is not None]
    newest = [part.newest_at for part in parts if part.newest_at is not None]
    return Aggregate(
        sum(part.total for part in parts),
        sum(part.matching for part in parts),
        pick(extremes) if extremes else None,
        max(newest, default=None),
    )


def _condition(filters: tuple[Filter, ...], known: Collection, now: datetime) -> Q:
    condition = Q()
    for term in terms(filters, known.spec, now=now):
        condition &= _term(term, known)
    # An empty Q means every row; its negation must mean none.
    return condition if filters else Q(pk__isnull=False)


def _term(term: Term, known: Collection) -> Q:
    """The condition in SQL; a missing value satisfies only ne, not_in and `exists: false` (engine.checks.Op)."""
    name = PREFIX + term.field
    spec_field = known.spec.field(term.field)
    if spec_field is None:
        raise UnknownCollection(f"{known.name} has no field {term.field}")
    missing = Q(**{f"{name}__isnull": True})
    if term.op is Op.EXISTS:
        absent = missing | Q(**{name: ""}) if spec_field.kind is FieldKind.TEXT else missing
        return ~absent & ~missing if term.value else absent
    if term.op is Op.CONTAINS:
        return _contains(name, term, words=spec_field.kind is FieldKind.WORDS)
    present = Q(**{f"{name}__isnull": False})
    if term.op in (Op.NE, Op.NOT_IN):
        same = Q(**{name if term.op is Op.NE else f"{name}__in": _value(term)})
        return missing | (present & ~same)
    return present & Q(**{name + _LOOKUPS[term.op]: _value(term)})


_LOOKUPS = {
    Op.EQ: "",
    Op.IN: "__in",
    Op.LT: "__lt",
    Op.LTE: "__lte",
    Op.GT: "__gt",
    Op.GTE: "__gte",
    Op.BEFORE: "__lt",
    Op.AFTER: "__gt",
}


def _value(term: Term) -> Any:
    return list(term.value) if isinstance(term.value, tuple) else term.value


def _contains(name: str, term: Term, *, words: bool) -> Q:
    """The text contains the value; several values mean any of them."""
    # Position and not LIKE: LIKE ignores case in SQLite. A word of a JSON list stands between quotes.
    text: Expression = Cast(F(name), TextField())
    condition = Q()
    for value in term.value if isinstance(term.value, tuple) else (term.value,):
        wanted = orjson.dumps(str(value)).decode() if words else str(value)
        condition |= Q(GreaterThan(StrIndex(text, Value(wanted, output_field=CharField())), 0))
    return condition


def _in_scope(name: str, scope: str) -> Q:
    if scope:
        return Q(**{name: scope})
    return Q(**{f"{name}__isnull": True}) | Q(**{f"{name}__exact": ""})


def _text(value: object) -> str:
    return "" if value is None else str(value)


__all__ = [
    "Collection",
    "OrmSource",
    "UnknownCollection",
    "collection",
    "collections",
    "link_to",
    "register",
]
