"""Changes made through a register: one cell, many rows, one form; always by the register's own service."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.http import Http404, QueryDict

from caiso.errors import DomainError
from caiso.web.base.access import Viewer
from caiso.web.base.register.declaration import Action, Column, Register
from caiso.web.base.register.kinds import Control, Flag, Text, UnableToRead

MOST_AT_ONCE = 2000


class UnableToChange(DomainError):
    """The change is refused as a whole; says which row and column, and why."""


class NotPermitted(UnableToChange):
    """The viewer's access roles do not carry this change in the record's unit."""


class ChangedMeanwhile(UnableToChange):
    """Somebody else changed the value after the page was made."""


def find(register: Register, viewer: Viewer, key: str) -> Any:
    """The visible record of that key; 404 for one that does not exist or lies outside the viewer's scope."""
    if register.key in {"pk", "id"} and not (key.isdecimal() and len(key) < 19):
        raise Http404(f"there is no such {register.one.lower()}")
    record = register.rows(viewer).filter(**{register.key: key}).first()
    if record is None:
        raise Http404(f"there is no such {register.one.lower()}")
    return record


def column_of(register: Register, key: str) -> Column:
    """The column of that key; 404 when there is none."""
    try:
        return register.column(key)
    except KeyError as missing:
        raise Http404(str(missing)) from None


def read(column: Column, text: str, viewer: Viewer, *, clears: bool = True) -> Any:
    """What a person wrote as the column's value: empty means nothing where that is allowed."""
    if not text.strip():
        if column.required or isinstance(column.kind, Flag):
            raise UnableToRead("is required")
        return "" if isinstance(column.kind, Text) else None
    return column.kind.parse(text, viewer)


def as_text(column: Column, record: Any) -> str:
    """The value as text, to notice that it changed meanwhile."""
    value = column.kind.export(column.of(record))
    return "" if value is None else str(value)


def change(register: Register, record: Any, *, changes: Mapping[str, Any], viewer: Viewer, now: datetime) -> None:
    """Write parsed values of one record through the register's service, in one transaction."""
    if register.update is None:
        raise UnableToChange(f"{register.many} are not changed here")
    for key in changes:
        column = register.column(key)
        if not register.may_edit(column, record, viewer):
            raise NotPermitted(f"you may not change {column.label.lower()} of {register.title_column.of(record)}")
    with transaction.atomic():
        register.update(record, changes=dict(changes), actor=viewer.user, now=now)


def change_cell(
    register: Register, record: Any, column: Column, *, text: str, was: str | None, viewer: Viewer, now: datetime
) -> None:
    """Inline edit: refuse when the value is no longer the one that the person saw."""
    if was is not None and was != as_text(column, record):
        shown = as_text(column, record) or "empty"
        raise ChangedMeanwhile(f"somebody changed this to “{shown[:120]}” meanwhile; look again, then save")
    change(register, record, changes={column.key: read(column, text, viewer)}, viewer=viewer, now=now)


def chosen(register: Register, viewer: Viewer, keys: Sequence[str]) -> list[Any]:
    """The records of those keys; 404 if any of them is not visible, so that nothing is learnt about foreign rows."""
    unique = list(dict.fromkeys(keys))
    if not unique:
        raise UnableToChange(f"no {register.one.lower()} is selected; tick some rows first")
    if len(unique) > MOST_AT_ONCE:
        raise UnableToChange(f"{len(unique)} rows are too many at once; at most {MOST_AT_ONCE}")
    if register.key in {"pk", "id"} and not all(key.isdecimal() and len(key) < 19 for key in unique):
        raise Http404("not every selected row exists")
    found = {
        register.key_of(record): record for record in register.rows(viewer).filter(**{f"{register.key}__in": unique})
    }
    if len(found) != len(unique):
        raise Http404("not every selected row exists")
    return [found[key] for key in unique]


def change_many(
    register: Register, records: Sequence[Any], *, column: Column, text: str, viewer: Viewer, now: datetime
) -> int:
    """Set one column of many records, all or nothing; the refusal names the row."""
    try:
        value = read(column, text, viewer)
    except UnableToRead as refusal:
        raise UnableToChange(f"{column.label} {refusal}") from None
    with transaction.atomic():
        for record in records:
            try:
                change(register, record, changes={column.key: value}, viewer=viewer, now=now)
            except UnableToChange:
                raise
            except DomainError as refusal:
                raise UnableToChange(f"{register.title_column.of(record)}: {refusal}. Nothing was changed") from refusal
    return len(records)


def act(register: Register, records: Sequence[Any], *, action: Action, viewer: Viewer, now: datetime) -> str:
    """Run an action on the records, all or nothing."""
    for record in records:
        path = register.unit_path(record)
        allowed = viewer.may(action.permission, path) if path is not None or register.scope is None else False
        if not allowed:
            raise NotPermitted(f"you may not do this to {register.title_column.of(record)}")
    with transaction.atomic():
        return action.run(records, actor=viewer.user, now=now)


def form_columns(register: Register, viewer: Viewer, record: Any = None) -> tuple[Column, ...]:
    """The columns that the form of a new or an existing record offers."""
    if record is None:
        return tuple(column for column in register.writable() if not isinstance(column.kind, Flag) or column.required)
    return tuple(column for column in register.columns if register.may_edit(column, record, viewer))


def read_form(
    columns: Sequence[Column], posted: QueryDict, viewer: Viewer, record: Any = None
) -> tuple[dict[str, Any], dict[str, str]]:
    """(values, errors by column key) of a posted form; an existing record yields only what differs."""
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for column in columns:
        try:
            value = read(column, posted.get(column.key, ""), viewer)
        except UnableToRead as refusal:
            errors[column.key] = str(refusal)
            continue
        if record is None or column.kind.export(value) != column.kind.export(column.of(record)):
            values[column.key] = value
    return values, errors


def controls(
    columns: Sequence[Column],
    viewer: Viewer,
    *,
    record: Any = None,
    posted: QueryDict | None = None,
    errors: Mapping[str, str] | None = None,
) -> list[tuple[Control, str, str]]:
    """(control, error, help) for each column of a form, keeping what the person wrote."""
    fields = []
    for column in columns:
        value = column.of(record) if record is not None else None
        control = column.kind.control(column.key, column.label, viewer, value=value, required=column.required)
        if posted is not None:
            control = _rewritten(control, posted.get(column.key, "")[:10_000])
        fields.append((control, (errors or {}).get(column.key, ""), column.help))
    return fields


def _rewritten(control: Control, text: str) -> Control:
    return Control(**{**{name: getattr(control, name) for name in control.__dataclass_fields__}, "value": text})
