"""Files in and out of a register: dry run, errors by row and field, all or nothing, no formulas."""

import asyncio
import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from openpyxl.writer.excel import save_workbook

from caiso.web.base.models import AuditRecord, Person, Unit, User
from caiso.web.base.register import files
from caiso.web.base.register.pages import Portions


@pytest.fixture
def client(login: Callable[..., User], bank: Unit) -> Client:
    client = Client()
    client.force_login(login("ciso", bank))
    return client


def add(slug: str, unit: Unit, **fields: Any) -> Person:
    return Person.objects.create(**{"slug": slug, "name": slug.title(), "unit": unit, **fields})


def upload(client: Client, content: bytes | str, name: str = "people.csv") -> Any:
    data = content.encode() if isinstance(content, str) else content
    return client.post("/people/import/", {"file": SimpleUploadedFile(name, data)})


def apply(client: Client, checked: Any) -> Any:
    return client.post("/people/import/", {"table": checked.context["signed"], "apply": "1"}, follow=True)


def test_dry_run_shows_the_changes_and_writes_nothing(client: Client, bank: Unit) -> None:
    add("ana", bank)
    checked = upload(client, "key,name,email,unit\nana,Ana B,ana@x.example,bank\n,New One,,bank\n")
    assert checked.status_code == 200
    assert [line["title"] for line in checked.context["preview"]] == ["Ana", "New One"]
    assert Person.objects.get(slug="ana").name == "Ana"
    assert Person.objects.count() == 1
    assert "1 added, 1 changed" in apply(client, checked).content.decode()
    assert Person.objects.get(slug="ana").name == "Ana B"
    assert Person.objects.get(name="New One").unit == bank
    assert AuditRecord.objects.filter(subject_type="Person").count() == 2


def test_every_wrong_row_and_field_is_named(client: Client, bank: Unit, shop: Unit) -> None:
    add("ana", bank)
    add("foreign", shop)
    rows = [
        "key,name,unit,is_active,colour",
        "ana,Ana,nowhere,perhaps,",
        "foreign,Mine Now,bank,,",
        ",,bank,,",
        "ana,Again,bank,,",
    ]
    checked = upload(client, "\n".join(rows))
    assert checked.status_code == 422
    found = {(problem.row, problem.column) for problem in checked.context["plan"].problems}
    assert found == {(1, "colour"), (2, "unit"), (2, "is_active"), (3, "key"), (4, "name"), (5, "key")}
    assert Person.objects.get(slug="foreign").name == "Foreign"


def test_an_import_is_all_or_nothing(client: Client, bank: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = upload(client, "key,name,unit,email\n,First,bank,\n,Second,bank,not-an-address\n")
    assert checked.status_code == 200
    answer = apply(client, checked)
    assert "row 3" in answer.content.decode()
    assert Person.objects.count() == 0


def test_a_checked_table_cannot_be_forged_or_taken_over(client: Client, bank: Unit, login: Callable[..., User]) -> None:
    checked = upload(client, "key,name,unit\n,First,bank\n")
    other = Client()
    other.force_login(login("caio", bank))
    assert other.post("/people/import/", {"table": checked.context["signed"], "apply": "1"}).status_code == 422
    assert client.post("/people/import/", {"table": "W1tdXQ:x:y", "apply": "1"}).status_code == 422
    assert Person.objects.count() == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\xff\xfe\x00broken", "neither Excel (.xlsx) nor CSV"),
        (b"PK\x03\x04 not a zip", "not a readable Excel file"),
        (b"a,a\n1,2\n", "names a twice"),
        (b"name\na,b,c\n", "row 2 has 3 fields"),
        (b"name\n" + b"x\n" * 5001, "more than 5000 rows"),
        (b'name\n"open', "the CSV is broken"),
        (b"na\x00me\n", "null characters"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_words(client: Client, content: bytes, said: str) -> None:
    answer = upload(client, content)
    assert answer.status_code == 422
    assert said in answer.content.decode()


def test_a_zip_bomb_is_refused_before_unpacking(client: Client) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (files.LARGEST_UNPACKED + 1))
    assert out.tell() < files.LARGEST_FILE
    assert "too large when unpacked" in upload(client, out.getvalue(), "bomb.xlsx").content.decode()


def test_excel_in_and_out(client: Client, bank: Unit) -> None:
    add("ana", bank, name="=HYPERLINK(1)")
    answer = client.get("/people/export.xlsx")
    sheet = load_workbook(io.BytesIO(answer.content)).active
    assert sheet is not None
    assert sheet["B2"].data_type == "s"
    assert sheet["B2"].value == "'=HYPERLINK(1)"
    book = Workbook()
    page = book.active
    assert page is not None
    page.append(["key", "name", "is_active"])
    page.append(["ana", "Ana", "no"])
    out = io.BytesIO()
    save_workbook(book, out)
    apply(client, upload(client, out.getvalue(), "people.xlsx"))
    assert Person.objects.get(slug="ana").name == "Ana"
    assert Person.objects.get(slug="ana").is_active is False


def test_export_follows_filter_columns_and_scope_and_is_recorded(client: Client, bank: Unit, shop: Unit) -> None:
    add("ana", bank)
    add("ben", bank, is_active=False)
    add("foreign", shop)
    text = client.get("/people/export.csv?is_active=yes&cols=email").getvalue().decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text))) == [["key", "name", "email"], ["ana", "Ana", ""]]
    record = AuditRecord.objects.get(verb="export")
    assert record.changes is not None
    assert record.changes["rows"] == [None, 1]
    assert client.get("/people/export.pdf").status_code == 404


def test_a_long_export_is_made_while_it_is_sent(
    client: Client, bank: Unit, shop: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PORTION", 2)
    monkeypatch.setattr(files, "CHUNK", 1)
    for name in ("ana", "ben", "cid", "dan", "eva", "fay"):
        add(name, bank)
    portions = iter(client.get("/people/export.csv?cols=name").streaming_content)
    text = next(portions) + next(portions)
    Person.objects.filter(slug="eva").delete()
    Person.objects.filter(slug="fay").update(unit=shop)
    text += b"".join(portions)
    assert [line[0] for line in csv.reader(io.StringIO(text.decode("utf-8-sig")))] == [
        "key",
        "ana",
        "ben",
        "cid",
        "dan",
    ]


def test_under_asgi_too_each_portion_waits_until_the_one_before_is_sent() -> None:
    made = []

    def lines() -> Iterator[str]:
        for number in range(5):
            made.append(number)
            yield f"{number}\n"

    async def read() -> list[bytes]:
        sent = []
        async for portion in Portions(lines()):
            sent.append(portion)
            assert len(made) == len(sent)
        return sent

    assert asyncio.run(read()) == [b"0\n", b"1\n", b"2\n", b"3\n", b"4\n"]


def test_an_export_imports_again_without_a_change(client: Client, bank: Unit) -> None:
    add("ana", bank, name="-1+1")
    content = client.get("/people/export.csv?cols=name,email,unit,is_active").getvalue()
    checked = upload(client, content)
    plan = checked.context["plan"]
    assert (plan.problems, plan.unchanged, len(plan.updates)) == ([], 1, 0)


@given(st.one_of(st.text(), st.from_regex(r"\A'*[=+@-]?[a-z]*\Z")))
@settings(max_examples=300)
def test_no_text_survives_as_a_formula_and_all_come_back(text: str) -> None:
    safe = files.safe_text(text)
    assert not safe.startswith(files.FORMULA_STARTS)
    assert files.original_text(safe) == text
