"""Bringing the dated rows of the database to what an organisation says, leaving alone the rows that say it already."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from django.db.models import Model

from caiso.engine.coverage.organisation import Organisation
from caiso.web.base.models import Person, Unit
from caiso.web.base.services import audit
from caiso.web.organisation.models import Assignment, Delegate, Duty, Holding, ReportingLine, Role

R = TypeVar("R", bound=Model)


def settle_dated(
    organisation: Organisation,
    *,
    units: Mapping[str, Unit],
    roles: Mapping[str, Role],
    duties: Mapping[str, Duty],
    people: Mapping[str, Person],
) -> list[audit.Entry]:
    """Write what is new, remove what is no longer said; what stays keeps its row. Says what changed, for the trail."""
    assignments = [
        Assignment(
            duty=duties[one.duty],
            role=roles[one.role],
            kind=one.kind,
            scope_unit=units[one.unit] if one.unit else None,
            scope_system=one.system or "",
            since_on=one.since_on,
            until_on=one.until_on,
        )
        for one in organisation.assignments
    ]
    holdings = [
        Holding(
            person=people[one.person],
            role=roles[one.role],
            since_on=one.since_on,
            until_on=one.until_on,
            is_acting=one.acting,
            share=one.share,
        )
        for one in organisation.holdings
    ]
    delegates = [
        Delegate(
            person=people[one.person],
            delegate=people[one.delegate],
            role=roles[one.role],
            since_on=one.since_on,
            until_on=one.until_on,
            duties=list(one.duties),
        )
        for one in organisation.delegates
    ]
    lines = [
        ReportingLine(
            junior=roles[one.from_],
            senior=roles[one.to],
            kind=one.kind,
            covers=one.covers,
            since_on=one.since_on,
            until_on=one.until_on,
        )
        for one in organisation.lines
    ]
    return [
        *_settle(Assignment, assignments, subject=lambda row: row.duty, word="assignment"),
        *_settle(Holding, holdings, subject=lambda row: row.role, word="holding"),
        *_settle(Delegate, delegates, subject=lambda row: row.role, word="delegate"),
        *_settle(ReportingLine, lines, subject=lambda row: row.junior, word="line"),
    ]


def _settle(table: type[R], wanted: Iterable[R], *, subject: Callable[[Any], Model], word: str) -> list[audit.Entry]:
    rows = list(wanted)
    missing = Counter(_key(row) for row in rows)
    gone = []
    related = [field.name for field in table._meta.fields if field.many_to_one]
    for row in table._default_manager.select_related(*related):
        if missing[_key(row)]:
            missing[_key(row)] -= 1
        else:
            gone.append(row)
    new = []
    for row in rows:
        if missing[_key(row)]:
            missing[_key(row)] -= 1
            new.append(row)
    table._default_manager.filter(pk__in=[row.pk for row in gone]).delete()
    table._default_manager.bulk_create(new, batch_size=500)
    ended = [audit.Entry("organisation.change", subject(row), {word: [_words(row), None]}) for row in gone]
    return ended + [audit.Entry("organisation.change", subject(row), {word: [None, _words(row)]}) for row in new]


def _key(row: Model) -> tuple[str, ...]:
    return tuple(str(getattr(row, field.attname)) for field in row._meta.fields if not field.primary_key)


def _words(row: Any) -> str:
    return f"{row}, {row.since_on or 'always'} to {row.until_on or 'open'}"
