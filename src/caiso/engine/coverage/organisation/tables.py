"""Reads and writes the parts of an organisation as flat rows, for CSV and Excel."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from caiso.engine.coverage.organisation.model import (
    Assignment,
    Delegate,
    Duty,
    Holding,
    Person,
    ReportingLine,
    Role,
    Unit,
)
from caiso.engine.coverage.organisation.validate import IN_PROFILE, find_faults, repeated_ids
from caiso.engine.coverage.organisation.whole import Organisation, join, with_real_roles
from caiso.engine.packs import PackError, PackProblem, Reader, quoted
from caiso.engine.packs.compose import Listing, Node, Scalar
from caiso.engine.packs.compose import Mapping as MappingNode

MAX_ROWS = 50_000
FIRST_ROW = 2  # row 1 holds the headings, as a spreadsheet counts
_BETWEEN = re.compile(r"[\s,;]+")
# What people and spreadsheets write where we read true and false.
_YES, _NO = {"true", "yes", "y", "1", "x"}, {"false", "no", "n", "0"}


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of a collection; `levels` is a field of levels with one column `<prefix><competence>` for each."""

    model: type
    columns: tuple[str, ...]
    levels: str = ""
    prefix: str = ""

    @property
    def has_id(self) -> bool:
        return "id" in self.columns


def _columns(model: type, without: Iterable[str] = ()) -> tuple[str, ...]:
    return tuple(field.name.rstrip("_") for field in fields(model) if field.name not in without)


TABLES: dict[str, Table] = {
    "units": Table(Unit, _columns(Unit)),
    "people": Table(Person, ("id", "name", "unit", "hours_per_week")),
    "roles": Table(Role, _columns(Role, ("competences",)), levels="competences", prefix="competence:"),
    "holdings": Table(Holding, _columns(Holding)),
    "delegates": Table(Delegate, _columns(Delegate)),
    "duties": Table(Duty, _columns(Duty, ("requires",)), levels="requires", prefix="requires:"),
    "assignments": Table(Assignment, _columns(Assignment)),
    "lines": Table(ReportingLine, _columns(ReportingLine)),
}
Row = Mapping[str, str]


def read_table(
    organisation: Organisation, collection: str, rows: Sequence[Row | tuple[int, Row]], *, path: Path
) -> Organisation:
    """The organisation with the rows laid over it; refused whole with every mistake as file:row (PackError).

    A row may come with its number. A row with a known id changes that record in the columns that the table has, and
    keeps the rest; an empty cell is the field's default. Dated rows are added to those that are there.
    """
    if len(rows) > MAX_ROWS:
        raise PackError([PackProblem(path, 0, f"holds {len(rows)} rows, at most {MAX_ROWS} are read")])
    table = TABLES[collection]
    numbered = [row if isinstance(row, tuple) else (FIRST_ROW + place, row) for place, row in enumerate(rows)]
    numbers = [number for number, _ in numbered]
    reader = Reader()
    read = [_record(reader, table, row, number) for number, row in numbered]
    if reader.faults:
        raise PackError(sorted({PackProblem(path, row, message) for row, message in reader.faults}))
    present = getattr(organisation, collection)
    known = {item.id: item for item in present} if table.has_id else {}
    merged = tuple(
        _kept(table, record, known.get(record.id) if table.has_id else None, row)
        for record, (_, row) in zip(read, numbered, strict=True)
    )
    problems = [
        PackProblem(path, row, message) for row, message in _repeated(organisation, collection, merged, numbers)
    ]
    # A dated record that is there already is the same one: importing an export changes nothing.
    new = merged if table.has_id else tuple(record for record in merged if record not in set(present))
    changes: dict[str, Any] = {collection: new}
    whole = replace(join([organisation, replace(Organisation(organisation.id), **changes)]), title=organisation.title)
    problems += _faults(whole, merged, numbers, path)
    if problems:
        raise PackError(sorted(set(problems)))
    return with_real_roles(whole)


def write_table(organisation: Organisation, collection: str) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Headings and rows; an empty cell is the field's default, words of a list stand apart by a space."""
    table = TABLES[collection]
    competences = [competence.id for competence in organisation.competences] if table.levels else []
    rows = [
        (
            *(_cell(getattr(record, f"{column}_" if column == "from" else column)) for column in table.columns),
            *(getattr(record, table.levels).get(name) for name in competences),
        )
        for record in getattr(organisation, collection)
    ]
    return (*table.columns, *(f"{table.prefix}{name}" for name in competences)), rows


def _cell(value: object) -> object:
    return " ".join(map(str, value)) if isinstance(value, tuple) else value


def _record(reader: Reader, table: Table, row: Row, number: int) -> Any:
    entries: list[tuple[Scalar, Node]] = []
    levels: list[tuple[Scalar, Node]] = []
    hints = get_type_hints(table.model)
    for heading, text in row.items():
        cell = str(text).strip()
        is_level = bool(table.prefix) and heading.startswith(table.prefix)
        if heading not in table.columns and not is_level:
            reader.faults.append((number, f"unknown column {quoted(heading)}"))
        elif cell and is_level:
            levels.append((_scalar(heading.removeprefix(table.prefix), number), _scalar(_whole(cell), number)))
        elif cell:
            hint = hints.get(heading) or hints[f"{heading}_"]
            entries.append((_scalar(heading, number), _value(hint, cell, number)))
    if levels:
        entries.append((_scalar(table.levels, number), MappingNode(tuple(levels), number)))
    # A fault of an earlier row must not make the reader refuse this one unread.
    fresh = Reader()
    record = fresh.read(table.model, MappingNode(tuple(entries), number))
    reader.faults += fresh.faults
    return record


def _scalar(text: str, row: int, *, plain: bool = True) -> Scalar:
    return Scalar(text, plain=plain, line=row)


def _value(hint: Any, cell: str, row: int) -> Node:
    """A cell as the reader of packs takes it, by the kind of field: true and false as people write them, lists by words."""
    if get_origin(hint) is tuple:
        words = tuple(_scalar(word, row) for word in _BETWEEN.split(cell) if word)
        return Listing(words, row)
    if hint is bool:
        word = cell.casefold()
        return _scalar("true" if word in _YES else "false" if word in _NO else cell, row)
    if hint is str:
        # A text such as 2.0 or null stays a text.
        return _scalar(cell, row, plain=False)
    return _scalar(_whole(cell), row)


def _whole(cell: str) -> str:
    """Whole numbers come from spreadsheets as 40.0."""
    return cell.removesuffix(".0") if cell.removesuffix(".0").isdigit() else cell


def _kept(table: Table, record: Any, known: Any, row: Row) -> Any:
    """A known record with the columns of the table changed; what the table has no column for stays."""
    if known is None:
        return record
    told = {f"{name}_" if name == "from" else name for name in row if name in table.columns}
    values: dict[str, Any] = {name: getattr(record, name) for name in told}
    if table.levels:
        columns = {heading.removeprefix(table.prefix) for heading in row if heading.startswith(table.prefix)}
        kept = {name: level for name, level in getattr(known, table.levels).items() if name not in columns}
        values[table.levels] = {**kept, **getattr(record, table.levels)}
    return replace(known, **values)


def _repeated(
    organisation: Organisation, collection: str, merged: Sequence[Any], numbers: Sequence[int]
) -> list[tuple[int, str]]:
    """The same id, or the same dated record, in two rows."""
    if TABLES[collection].has_id:
        only: dict[str, Any] = {collection: tuple(merged)}
        faults = repeated_ids(replace(Organisation(organisation.id), **only))
        return [(numbers[int(fault.at[1])], fault.message) for fault in faults]
    first: dict[Any, int] = {}
    found = []
    for record, number in zip(merged, numbers, strict=True):
        if record in first:
            found.append((number, f"says the same as row {first[record]}"))
        first.setdefault(record, number)
    return found


def _faults(whole: Organisation, merged: Sequence[Any], numbers: Sequence[int], path: Path) -> list[PackProblem]:
    rows = {id(record): number for record, number in zip(merged, numbers, strict=True)}
    problems = []
    for fault in find_faults(whole):
        record = None if fault.at[0] == IN_PROFILE else getattr(whole, str(fault.at[0]))[int(fault.at[1])]
        problems.append(PackProblem(path, rows.get(id(record), 0), fault.message))
    return problems
