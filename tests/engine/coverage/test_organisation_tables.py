"""Rows from a spreadsheet are read like packs and refused whole with the row and field."""

from pathlib import Path

import pytest

from caiso.engine.coverage.organisation import built_in
from caiso.engine.coverage.organisation.model import Assignment, Holding, Person, Role, Skill, Unit
from caiso.engine.coverage.organisation.tables import TABLES, read_table, write_table
from caiso.engine.packs import PackError
from tests.engine.coverage.organisations import TODAY, plain

SHEET = Path("sheet.csv")


@pytest.mark.parametrize("collection", sorted(TABLES))
def test_what_is_written_reads_back_to_the_same(collection: str) -> None:
    base = built_in("three-officers")
    columns, rows = write_table(base, collection)
    texts = [
        {column: "" if cell is None else str(cell) for column, cell in zip(columns, row, strict=True)} for row in rows
    ]
    assert bool(texts) == bool(getattr(base, collection))
    assert read_table(base, collection, texts, path=SHEET) == base


def test_a_row_adds_a_person_and_replaces_one_without_losing_skills() -> None:
    skill = Skill("law", 3, "manager", TODAY)
    base = plain(people=(Person("ada", "Ada", skills=(skill,)),))
    rows = [{"id": "ada", "name": "Ada L."}, {"id": "ben", "name": "Ben", "hours_per_week": "20.0"}]
    people = read_table(base, "people", rows, path=SHEET).people
    assert people == (Person("ada", "Ada L.", skills=(skill,)), Person("ben", "Ben", hours_per_week=20))


def test_holdings_add_up() -> None:
    found = read_table(plain(), "holdings", [{"person": "ada", "role": "clerk", "since_on": "2026-01-01"}], path=SHEET)
    assert len(found.holdings) == 2
    assert isinstance(found.holdings[1], Holding)


@pytest.mark.parametrize(
    ("collection", "row", "message"),
    [
        ("assignments", {"duty": "guard", "role": "chef", "kind": "A"}, 'sheet.csv:3: role: unknown role "chef"'),
        ("assignments", {"duty": "guard", "role": "chief", "kind": "X"}, 'sheet.csv:3: kind "X" is wrong'),
        ("roles", {"id": "r", "title": "R", "competence:law": "7"}, "sheet.csv:3: competences.law 7 is too large"),
        (
            "roles",
            {"id": "r", "title": "R", "competence:luck": "1"},
            'sheet.csv:3: competences: unknown competence "luck"',
        ),
        ("lines", {"from": "clerk", "to": "clerk"}, "sheet.csv:3: to: solid lines form a circle"),
        ("people", {"id": "x", "name": "X", "colour": "red"}, 'sheet.csv:3: unknown column "colour"'),
        ("people", {"id": "x"}, 'sheet.csv:3: key "name" is missing'),
    ],
)
def test_a_wrong_row_is_named(collection: str, row: dict[str, str], message: str) -> None:
    good = {
        "assignments": {"duty": "guard", "role": "clerk", "kind": "C"},
        "roles": {"id": "scout", "title": "Scout"},
        "lines": {"from": "chief", "to": "deputy", "kind": "dotted"},
        "people": {"id": "eve", "name": "Eve"},
    }[collection]
    with pytest.raises(PackError) as caught:
        read_table(plain(), collection, [good, row], path=SHEET)
    assert message in str(caught.value)


def test_columns_that_a_table_lacks_keep_their_values() -> None:
    base = plain(
        units=(Unit("bank", "Bank"),),
        people=(Person("ada", "Ada", unit="bank", hours_per_week=20.0),),
        roles=(Role("chief", "Chief", competences={"law": 2, "code": 3}, annual_cost=5.0),),
        assignments=(Assignment("guard", "chief", "A"),),
    )
    assert read_table(base, "people", [{"id": "ada", "name": "Ada L."}], path=SHEET).people == (
        Person("ada", "Ada L.", unit="bank", hours_per_week=20.0),
    )
    rows = [{"id": "chief", "title": "Chief", "competence:law": "4"}]
    assert read_table(base, "roles", rows, path=SHEET).roles == (
        Role("chief", "Chief", competences={"code": 3, "law": 4}, annual_cost=5.0),
    )
    emptied = [{"id": "ada", "name": "Ada", "unit": "", "hours_per_week": ""}]
    assert read_table(base, "people", emptied, path=SHEET).people == (Person("ada", "Ada"),)


def test_cells_are_read_as_people_and_spreadsheets_write_them() -> None:
    rows = [{"person": "ada", "role": "clerk", "acting": "Yes", "since_on": "2026-01-01", "share": "0.5"}]
    found = read_table(plain(), "holdings", rows, path=SHEET).holdings[-1]
    assert (found.acting, found.share) == (True, 0.5)
    duty = {
        "id": "watch",
        "title": "2.0",
        "description": "null",
        "family": "security",
        "ai_security": "no",
        "stages": "design, operation",
        "priority": "2.0",
        "requires:law": "3.0",
    }
    found = read_table(plain(), "duties", [duty], path=SHEET).duties[-1]
    assert (found.title, found.description, found.ai_security) == ("2.0", "null", False)
    assert (found.stages, found.priority, found.requires) == (("design", "operation"), 2, {"law": 3})


def test_rows_are_named_by_the_number_that_the_sheet_gives_them() -> None:
    rows = [(2, {"id": "eve", "name": "Eve"}), (5, {"id": "x"}), (9, {"id": "eve", "name": "Eve"})]
    with pytest.raises(PackError) as caught:
        read_table(plain(), "people", rows, path=SHEET)
    assert str(caught.value) == 'sheet.csv:5: key "name" is missing'
    with pytest.raises(PackError) as caught:
        read_table(plain(), "people", [rows[0], rows[2]], path=SHEET)
    assert str(caught.value) == 'sheet.csv:9: person "eve" stands twice in people'


def test_the_same_dated_row_twice_is_refused_and_one_that_is_there_is_taken_as_the_same() -> None:
    row = {"duty": "guard", "role": "clerk", "kind": "R"}
    with pytest.raises(PackError, match=r"sheet\.csv:3: says the same as row 2"):
        read_table(plain(), "assignments", [row, row], path=SHEET)
    there = {"duty": "guard", "role": "chief", "kind": "A"}
    assert read_table(plain(), "assignments", [there], path=SHEET) == plain()


def test_a_table_makes_a_template_real_when_somebody_holds_it() -> None:
    rows = [{"person": "ciso-holder", "role": "caiso"}]
    found = read_table(built_in("three-officers"), "holdings", rows, path=SHEET)
    assert not next(role for role in found.roles if role.id == "caiso").template
