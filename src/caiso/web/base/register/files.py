"""A register as a file: CSV and Excel out, and in with a dry run that names every wrong row and field.

A spreadsheet program runs what looks like a formula, so text that starts like one is written with a leading
apostrophe (OWASP, CSV injection) and read back without it.
"""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from caiso.errors import DomainError
from caiso.web.base.access import Viewer
from caiso.web.base.register.declaration import Column, Register
from caiso.web.base.register.editing import UnableToChange, change, read
from caiso.web.base.register.kinds import Plain, UnableToRead

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
LARGEST_FILE = 10 * 1024 * 1024
LARGEST_UNPACKED = 100 * 1024 * 1024
MOST_ROWS = 5_000
MOST_COLUMNS = 200
LONGEST_CELL = 20_000
MOST_PROBLEMS = 200
PORTION = 500  # records
CHUNK = 64_000  # characters
KEY = "key"


class UnableToImport(DomainError):
    """The file cannot be read at all; says why."""


@dataclass(frozen=True)
class Problem:
    """What is wrong in one field of one row; the row as the person counts them, header = 1."""

    row: int
    column: str
    message: str


@dataclass
class Plan:
    """What an import would do: new records, changed records, unchanged ones, and every problem."""

    creates: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    updates: list[tuple[int, Any, dict[str, Any]]] = field(default_factory=list)
    unchanged: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not self.problems and bool(self.creates or self.updates)


def safe_text(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if _is_risky(text) else text


def original_text(text: str) -> str:
    """The text before `safe_text`."""
    return text[1:] if text.startswith("'") and _is_risky(text[1:]) else text


def _is_risky(text: str) -> bool:
    # Apostrophes before a formula count too, so that reading back takes away exactly what writing added.
    return text.lstrip("'").startswith(FORMULA_STARTS)


def headers(register: Register, columns: Sequence[Column]) -> list[str]:
    """The first line: the record's key, then the column keys, which an import understands again."""
    return [KEY, *(column.key for column in columns)]


def values(register: Register, columns: Sequence[Column], record: Any) -> list[Plain]:
    return [register.key_of(record), *(column.kind.export(column.of(record)) for column in columns)]


def in_portions(rows: "QuerySet[Any]", keys: Sequence[Any]) -> Iterator[Any]:
    """The records of the keys in their order, some at a time: a long file needs neither memory nor an open query for all.

    What was deleted or left the viewer's sight meanwhile is left out.
    """
    for start in range(0, len(keys), PORTION):
        portion = keys[start : start + PORTION]
        found = rows.order_by().in_bulk(portion)
        yield from (found[key] for key in portion if key in found)


def csv_lines(register: Register, columns: Sequence[Column], records: Iterable[Any]) -> Iterator[str]:
    """The file, line by line, for streaming; starts with a byte order mark, without which Excel misreads UTF-8."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write("\ufeff")
    writer.writerow(headers(register, columns))
    for record in records:
        if buffer.tell() > CHUNK:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
        writer.writerow([_csv_value(value) for value in values(register, columns, record)])
    yield buffer.getvalue()


def _csv_value(value: Plain) -> str:
    if value is None:
        return ""
    return safe_text(value) if isinstance(value, str) else str(value)


def workbook(register: Register, columns: Sequence[Column], records: Iterable[Any]) -> bytes:
    """The same as an Excel file."""
    return sheet(register.many, headers(register, columns), (values(register, columns, record) for record in records))


def sheet(title: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """An Excel file of one sheet; text cells are typed as text, so that nothing is evaluated."""
    excel = _excel()
    book = excel.Workbook(write_only=True)
    page = book.create_sheet(title[:31])
    page.freeze_panes = "A2"
    head = []
    for heading in headings:
        cell = excel.cell.WriteOnlyCell(page, value=heading)
        cell.font = excel.styles.Font(bold=True)
        head.append(cell)
    page.append(head)
    for row in rows:
        page.append([_excel_cell(page, value) for value in row])
    out = io.BytesIO()
    excel.writer.excel.save_workbook(book, out)
    return out.getvalue()


@cache
def _excel() -> Any:
    """The library for Excel files, which few ever need and every process would load."""
    import openpyxl.cell  # noqa: PLC0415 - see above
    import openpyxl.styles  # noqa: PLC0415 - as above
    import openpyxl.utils.exceptions  # noqa: PLC0415 - as above

    return openpyxl


def _excel_cell(sheet: Any, value: Plain) -> Any:
    if not isinstance(value, str):
        return value
    excel = _excel()
    try:
        cell = excel.cell.WriteOnlyCell(sheet, value=safe_text(value)[:32_000])
    except excel.utils.exceptions.IllegalCharacterError:
        cell = excel.cell.WriteOnlyCell(
            sheet, value="".join(char for char in safe_text(value)[:32_000] if char >= " " or char in "\t\n")
        )
    cell.data_type = "s"
    return cell


def read_table(name: str, content: bytes) -> list[tuple[int, dict[str, str]]]:
    """(row number, {header: text}) of an uploaded CSV or Excel file; UnableToImport when it is not one."""
    if len(content) > LARGEST_FILE:
        raise UnableToImport(f"the file is larger than {LARGEST_FILE // 1_048_576} MB")
    lines = _excel_lines(content) if content[:4] == b"PK\x03\x04" else _csv_lines(content)
    head: list[str] = []
    rows: list[tuple[int, dict[str, str]]] = []
    for number, padded in enumerate(lines, start=1):
        line = _without_empty_end(padded)
        if len(line) > MOST_COLUMNS:
            raise UnableToImport(f"row {number} has more than {MOST_COLUMNS} columns")
        if not any(line):
            continue
        if not head:
            head = [text.strip() for text in line]
            _refuse_bad_head(head)
            continue
        if len(rows) >= MOST_ROWS:
            raise UnableToImport(f"the file has more than {MOST_ROWS} rows; split it")
        if len(line) > len(head):
            raise UnableToImport(f"row {number} has {len(line)} fields, the first row {len(head)}")
        rows.append((number, dict(zip(head, line + [""] * (len(head) - len(line)), strict=False))))
    if not head:
        raise UnableToImport(f"{name or 'the file'} is empty; its first row must name the columns")
    return rows


def _without_empty_end(line: list[str]) -> list[str]:
    """Spreadsheets pad their rows with empty cells."""
    end = len(line)
    while end and not line[end - 1]:
        end -= 1
    return line[:end]


def _refuse_bad_head(head: list[str]) -> None:
    if twice := {name for name in head if name and head.count(name) > 1}:
        raise UnableToImport(f"the first row names {', '.join(sorted(twice))} twice")


def _csv_lines(content: bytes) -> Iterator[list[str]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnableToImport("the file is neither Excel (.xlsx) nor CSV in UTF-8") from None
    if "\x00" in text:
        raise UnableToImport("the file holds null characters; it is not a CSV")
    first = text.split("\n", 1)[0]
    delimiter = ";" if first.count(";") > first.count(",") else ("\t" if "\t" in first and "," not in first else ",")
    try:
        for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            yield [original_text(item)[: LONGEST_CELL + 1] for item in line]
    except csv.Error as problem:
        raise UnableToImport(f"the CSV is broken: {problem}") from None


def _excel_lines(content: bytes) -> Iterator[list[str]]:
    excel = _excel()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            # A small archive may unpack to gigabytes; the sizes stand in its directory, and zipfile enforces them.
            if sum(entry.file_size for entry in archive.infolist()) > LARGEST_UNPACKED:
                raise UnableToImport("the Excel file is too large when unpacked")
        book = excel.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        try:
            sheet = book.active
            if sheet is None or not hasattr(sheet, "iter_rows"):
                raise UnableToImport("the Excel file has no sheet with cells")
            for line in sheet.iter_rows(values_only=True, max_row=MOST_ROWS * 2, max_col=MOST_COLUMNS + 1):
                yield [_excel_text(value) for value in line]
        finally:
            book.close()
    except (
        zipfile.BadZipFile,
        excel.utils.exceptions.InvalidFileException,
        KeyError,
        ValueError,
        SyntaxError,
        OSError,
    ) as problem:
        raise UnableToImport(f"this is not a readable Excel file ({type(problem).__name__})") from None


def _excel_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ") if value.time() != datetime.min.time() else value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return original_text(str(value))[: LONGEST_CELL + 1]


def plan(register: Register, table: Sequence[tuple[int, Mapping[str, str]]], viewer: Viewer) -> Plan:
    """What importing the table would do. An empty field leaves an existing record as it is."""
    made = Plan()
    columns = _columns_of(register, table, made)
    records = _records_of(register, table, viewer)
    seen: dict[str, int] = {}
    for number, line in table:
        if len(made.problems) >= MOST_PROBLEMS:
            made.problems.append(Problem(number, "", "more problems follow; mend these first"))
            break
        key = line.get(KEY, "").strip()
        if key and key in seen:
            made.problems.append(Problem(number, KEY, f"“{key[:80]}” stands in row {seen[key]} already"))
            continue
        seen[key] = number
        if key and key not in records:
            made.problems.append(
                Problem(number, KEY, f"there is no {register.one.lower()} “{key[:80]}”; leave the key empty to add one")
            )
        elif key:
            _plan_update(register, made, viewer, number=number, line=line, columns=columns, record=records[key])
        else:
            _plan_create(register, made, viewer, number=number, line=line, columns=columns)
    if not table:
        made.problems.append(Problem(1, "", "the file has a first row but no records"))
    return made


def _columns_of(register: Register, table: Sequence[tuple[int, Mapping[str, str]]], made: Plan) -> dict[str, Column]:
    """{header: column} of what the file may write; a header that is no column is a problem, a read-only one is passed over."""
    by_name = {name.casefold(): column for column in register.columns for name in (column.key, column.label)}
    found = {}
    for header in table[0][1] if table else ():
        if header.casefold() == KEY or not header:
            continue
        column = by_name.get(header.casefold())
        if column is None:
            known = ", ".join(one.key for one in register.writable())
            made.problems.append(Problem(1, header, f"is no column; known are {KEY}, {known}"))
        elif column in register.writable():
            found[header] = column
    return found


def _records_of(register: Register, table: Sequence[tuple[int, Mapping[str, str]]], viewer: Viewer) -> dict[str, Any]:
    keys = [key for _, line in table if (key := line.get(KEY, "").strip())]
    if register.key in {"pk", "id"}:
        keys = [key for key in keys if key.isdecimal() and len(key) < 19]
    found: dict[str, Any] = {}
    for start in range(0, len(keys), 500):
        for record in register.rows(viewer).filter(**{f"{register.key}__in": keys[start : start + 500]}):
            found[register.key_of(record)] = record
    return found


def _read_fields(
    made: Plan, viewer: Viewer, *, number: int, line: Mapping[str, str], columns: Mapping[str, Column]
) -> dict[str, Any] | None:
    """Parsed values of the filled fields; None when one of them is wrong."""
    parsed: dict[str, Any] = {}
    wrong = False
    for header, column in columns.items():
        text = line.get(header, "")
        if not text.strip():
            continue
        try:
            parsed[column.key] = read(column, text, viewer)
        except UnableToRead as refusal:
            made.problems.append(Problem(number, header, str(refusal)))
            wrong = True
    return None if wrong else parsed


def _plan_update(
    register: Register,
    made: Plan,
    viewer: Viewer,
    *,
    number: int,
    line: Mapping[str, str],
    columns: Mapping[str, Column],
    record: Any,
) -> None:
    parsed = _read_fields(made, viewer, number=number, line=line, columns=columns)
    if parsed is None:
        return
    changes = {}
    for key, value in parsed.items():
        column = register.column(key)
        if column.kind.export(value) == column.kind.export(column.of(record)):
            continue
        if not register.may_edit(column, record, viewer):
            made.problems.append(Problem(number, column.key, "you may not change this"))
            return
        changes[key] = value
    if changes:
        made.updates.append((number, record, changes))
    else:
        made.unchanged += 1


def _plan_create(
    register: Register,
    made: Plan,
    viewer: Viewer,
    *,
    number: int,
    line: Mapping[str, str],
    columns: Mapping[str, Column],
) -> None:
    if register.create is None or not register.may_create(viewer):
        made.problems.append(Problem(number, KEY, f"is empty, and {register.many.lower()} cannot be added here"))
        return
    parsed = _read_fields(made, viewer, number=number, line=line, columns=columns)
    missing = [one for one in register.writable() if one.required and one.key not in (parsed or {})]
    named = {problem.column for problem in made.problems if problem.row == number}
    for column in missing:
        if not named & {column.key, column.label}:
            made.problems.append(Problem(number, column.key, "is required"))
    if parsed is not None and not missing:
        made.creates.append((number, parsed))


def apply(register: Register, made: Plan, *, viewer: Viewer, now: datetime) -> tuple[int, int]:
    """Carry the plan out, all or nothing; (created, changed). A refusal names the row."""
    if not made.is_good:
        raise UnableToChange("the file still has problems; nothing was imported")
    row = 0
    try:
        with transaction.atomic():
            for number, record, changes in made.updates:
                row = number
                change(register, record, changes=changes, viewer=viewer, now=now)
            for number, fields in made.creates:
                row = number
                if register.create is None:
                    raise UnableToChange(f"{register.many} cannot be added here")
                register.create(values=fields, actor=viewer.user, now=now)
    except DomainError as refusal:
        raise UnableToChange(f"row {row}: {refusal}. Nothing was imported") from refusal
    return len(made.creates), len(made.updates)


def file_name(register: Register, ending: str, now: datetime) -> str:
    return f"{register.name.replace('_', '-')}-{now.astimezone(UTC):%Y-%m-%d}.{ending}"
