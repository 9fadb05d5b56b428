"""Rows from a spreadsheet are read like packs and refused whole with the row and field."""

from pathlib import Path

import pytest

from caiso.engine.coverage.organisation import built_in
from caiso.engine.coverage.organisation.model import Holding, Person, Skill
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
    assert texts
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
