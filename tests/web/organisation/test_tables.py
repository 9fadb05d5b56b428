"""Tables in and out: a dry run that changes nothing, every wrong cell by row, and a round trip that changes nothing."""

from collections.abc import Callable
from datetime import date, datetime
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from openpyxl import Workbook

from caiso.engine.coverage.organisation import read_organisation
from caiso.engine.coverage.organisation.tables import TABLES
from caiso.web.base.models import Person, Unit, User
from caiso.web.organisation import queries
from caiso.web.organisation.models import Holding, Role, Skill
from caiso.web.organisation.services.catalogue import take_organisation
from tests.engine.coverage.test_organisation_complete import COMPLETE
from tests.web.conftest import NOW

pytestmark = pytest.mark.django_db


def _send(client: Client, collection: str, content: bytes, take: str = "yes", name: str = "rows.csv") -> object:
    sent = {"collection": collection, "take": take, "file": SimpleUploadedFile(name, content)}
    return client.post(reverse("organisation_table"), sent)


def test_people_are_checked_first_and_then_taken_in(client: Client, caiso: User, officers: Unit) -> None:
    rows = b"id,name,unit,hours_per_week\nzoe,Zo\xc3\xab,acme,30\n"
    dry = _send(client, "people", rows, take="no")
    assert dry.context["summary"] == {"rows": 1, "new": 1, "changed": 0}  # type: ignore[attr-defined]
    assert not Person.objects.filter(slug="zoe").exists()
    assert _send(client, "people", rows).status_code == 302  # type: ignore[attr-defined]
    assert {one.id: one.hours_per_week for one in queries.organisation().people}["zoe"] == 30


def test_roles_come_from_excel_with_their_competences(client: Client, caiso: User, officers: Unit) -> None:
    book = Workbook()
    book.active.append(["id", "title", "capacity_hours", "competence:ai-security"])
    book.active.append(["data-officer", "Data officer", 20.0, 3])
    out = BytesIO()
    book.save(out)
    assert _send(client, "roles", out.getvalue(), name="roles.xlsx").status_code == 302  # type: ignore[attr-defined]
    role = Role.objects.get(slug="data-officer")
    assert (role.capacity_hours, role.competences) == (20, {"ai-security": 3})


@pytest.mark.parametrize(
    ("collection", "rows", "words"),
    [
        ("roles", b"id,title,competence:ai-security\nx,X,9\n", "rows.csv:2"),
        ("holdings", b"person,role\nnobody,ciso\n", "nobody"),
        ("assignments", b"duty,role,kind\nnone,ciso,A\n", "none"),
        ("lines", b"from,to,kind\nceo,ciso,solid\n", "rows.csv"),
        ("people", b"id,nonsense\nx,y\n", "nonsense"),
        ("people", b"\x00\x01", "CSV"),
    ],
)
def test_a_wrong_table_is_refused_whole(client: Client, caiso: User, collection: str, rows: bytes, words: str) -> None:
    before = queries.organisation()
    answer = _send(client, collection, rows)
    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert any(words in one for one in answer.context["problems"])  # type: ignore[attr-defined]
    assert queries.organisation() == before


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
@pytest.mark.parametrize("collection", list(TABLES))
def test_an_export_taken_in_again_changes_nothing(
    client: Client, caiso: User, officers: Unit, collection: str, ending: str
) -> None:
    take_organisation(read_organisation(COMPLETE), root=officers, actor=None, now=NOW)
    before = queries.organisation()
    file = client.get(reverse("organisation_table_file", args=[collection, ending])).content
    assert _send(client, collection, file, name=f"rows.{ending}").status_code == 302  # type: ignore[attr-defined]
    assert queries.organisation() == before


def test_excel_s_own_dates_and_truths_are_read_and_a_wrong_row_is_named_by_its_number(
    client: Client, caiso: User, officers: Unit
) -> None:
    book = Workbook()
    book.active.append(["person", "role", "since_on", "acting", "share"])
    book.active.append(["cto-holder", "legal", date(2026, 1, 1), True, 0.25])
    book.active.append([])
    book.active.append(["cto-holder", "nobody", datetime(2026, 1, 1), False, 1.0])  # noqa: DTZ001 - a sheet knows no zones
    out = BytesIO()
    book.save(out)
    answer = _send(client, "holdings", out.getvalue(), name="who.xlsx")
    assert answer.context["problems"] == ['who.xlsx:4: role: unknown role "nobody"']  # type: ignore[attr-defined]
    book.active.delete_rows(3, 2)
    out = BytesIO()
    book.save(out)
    assert _send(client, "holdings", out.getvalue(), name="who.xlsx").status_code == 302  # type: ignore[attr-defined]
    row = Holding.objects.get(role__slug="legal")
    assert (row.since_on, row.is_acting, row.share) == (date(2026, 1, 1), True, 0.25)


def test_an_unknown_kind_of_file_does_not_exist(client: Client, caiso: User) -> None:
    for ending in ("exe", "yaml"):
        assert client.get(reverse("organisation_table_file", args=["people", ending])).status_code == 404


def test_figures_are_pictures(client: Client, caiso: User) -> None:
    for name in ("chart", "deficiencies", "crossover"):
        drawn = client.get(reverse("organisation_picture", args=[name]))
        assert drawn.content.startswith(b"\x89PNG"), name
        assert drawn.headers["Content-Type"] == "image/png"
    assert client.get(reverse("organisation_picture", args=["none"])).status_code == 404


def test_an_export_keeps_skills_from_those_who_may_not_see_them(
    client: Client, officers: Unit, login: Callable[..., User]
) -> None:
    from caiso.web.organisation.models import Competence

    person = Person.objects.filter(holdings__role__slug="ciso").get()
    Skill.objects.create(
        person=person, competence=Competence.objects.all()[0], level=2, attested_by="somebody-attested"
    )
    client.force_login(login("administrator", officers))
    assert b"somebody-attested" not in client.get(reverse("organisation_export")).content
    client.force_login(login("caiso", officers))
    assert b"somebody-attested" in client.get(reverse("organisation_export")).content
