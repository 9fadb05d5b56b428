"""Reads and writes people, roles, holdings, assignments and lines as flat rows, for CSV and Excel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from caiso.engine.coverage.organisation.model import Assignment, Holding, Person, ReportingLine, Role
from caiso.engine.coverage.organisation.validate import find_faults, repeated_ids
from caiso.engine.coverage.organisation.whole import Organisation, join
from caiso.engine.packs import PackError, PackProblem, Reader, quoted
from caiso.engine.packs.compose import Mapping as MappingNode
from caiso.engine.packs.compose import Scalar

MAX_ROWS = 50_000
FIRST_ROW = 2  # row 1 holds the headings, as a spreadsheet counts
COMPETENCE = "competence:"
WITH_ID = ("people", "roles")


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of a collection; roles also have one column `competence:<id>` for each competence."""

    model: type
    columns: tuple[str, ...]


TABLES: dict[str, Table] = {
    "people": Table(Person, ("id", "name", "unit", "hours_per_week")),
    "roles": Table(
        Role, ("id", "title", "description", "authority", "capacity_hours", "annual_cost", "template", "confirmed")
    ),
    "holdings": Table(Holding, tuple(field.name for field in fields(Holding))),
    "assignments": Table(Assignment, tuple(field.name for field in fields(Assignment))),
    "lines": Table(ReportingLine, tuple(field.name.rstrip("_") for field in fields(ReportingLine))),
}


def read_table(
    organisation: Organisation, collection: str, rows: Sequence[Mapping[str, str]], *, path: Path
) -> Organisation:
    """The organisation with the rows laid over it; refused whole with every mistake as file:row (PackError).

    A row with a known id replaces that record but keeps what the table has no column for, such as skills.
    """
    if len(rows) > MAX_ROWS:
        raise PackError([PackProblem(path, 0, f"holds {len(rows)} rows, at most {MAX_ROWS} are read")])
    reader = Reader()
    records = [_record(reader, collection, row, FIRST_ROW + place) for place, row in enumerate(rows)]
    if reader.faults:
        raise PackError(sorted({PackProblem(path, row, message) for row, message in reader.faults}))
    present = getattr(organisation, collection)
    known = {item.id: item for item in present if hasattr(item, "id")}
    merged = tuple(_kept(record, known.get(getattr(record, "id", None)), collection) for record in records)
    # A dated record that is there already is the same one: importing an export changes nothing.
    new = merged if collection in WITH_ID else _unseen(merged, present)
    changes: dict[str, Any] = {collection: new}
    whole = replace(join([organisation, replace(Organisation(organisation.id), **changes)]), title=organisation.title)
    every: dict[str, Any] = {collection: merged}
    problems = [
        PackProblem(path, FIRST_ROW + int(fault.at[1]), fault.message)
        for fault in repeated_ids(replace(Organisation(organisation.id), **every))
    ]
    problems += _faults(whole, collection, merged, path)
    if problems:
        raise PackError(sorted(set(problems)))
    return whole


def write_table(organisation: Organisation, collection: str) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Headings and rows; an empty cell is the field's default."""
    competences = [competence.id for competence in organisation.competences] if collection == "roles" else []
    columns = TABLES[collection].columns
    rows = [
        (
            *(getattr(record, f"{column}_" if column == "from" else column) for column in columns),
            *(record.competences.get(name) for name in competences),
        )
        for record in getattr(organisation, collection)
    ]
    return (*columns, *(f"{COMPETENCE}{name}" for name in competences)), rows


def _record(reader: Reader, collection: str, row: Mapping[str, str], number: int) -> Any:
    entries: list[tuple[Scalar, Scalar | MappingNode]] = []
    levels: list[tuple[Scalar, Scalar]] = []
    for heading, text in row.items():
        cell = str(text).strip()
        if heading not in TABLES[collection].columns and not (collection == "roles" and heading.startswith(COMPETENCE)):
            reader.faults.append((number, f"unknown column {quoted(heading)}"))
        elif cell and heading.startswith(COMPETENCE):
            levels.append((_scalar(heading.removeprefix(COMPETENCE), number), _scalar(cell, number)))
        elif cell:
            entries.append((_scalar(heading, number), _scalar(_spelled(cell), number)))
    if levels:
        entries.append((_scalar("competences", number), MappingNode(tuple(levels), number)))
    # A fault of an earlier row must not make the reader refuse this one unread.
    fresh = Reader()
    record = fresh.read(TABLES[collection].model, MappingNode(tuple(entries), number))
    reader.faults += fresh.faults
    return record


def _scalar(text: str, row: int) -> Scalar:
    return Scalar(text, plain=True, line=row)


def _spelled(cell: str) -> str:
    """Spreadsheets write True and FALSE, our reader knows both; whole numbers come as 40.0."""
    return cell.removesuffix(".0") if cell.removesuffix(".0").isdigit() else cell


def _kept(record: Any, known: Any, collection: str) -> Any:
    if known is None or collection not in WITH_ID:
        return record
    if collection == "people":
        return replace(record, skills=known.skills, absences=known.absences, unnamed=known.unnamed)
    return record if record.competences else replace(record, competences=known.competences)


def _unseen(records: Sequence[Any], present: Sequence[Any]) -> tuple[Any, ...]:
    seen = set(present)
    return tuple(record for record in records if record not in seen)


def _faults(whole: Organisation, collection: str, merged: Sequence[Any], path: Path) -> list[PackProblem]:
    rows = {id(record): FIRST_ROW + place for place, record in enumerate(merged)}
    problems = []
    for fault in find_faults(whole):
        record = getattr(whole, str(fault.at[0]))[int(fault.at[1])]
        problems.append(PackProblem(path, rows.get(id(record), 0), fault.message))
    return problems
