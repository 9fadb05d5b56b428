"""Lists of people for a user who never had any."""

from __future__ import annotations

from caiso.connect.telemetry.habits import PEOPLE
from caiso.connect.telemetry.meaning.people import people_listed, personal_records
from caiso.connect.telemetry.preparation import Preparation

HOUR = 3_600_000_000
ROW = "Ada Lind, geb. {n:02}.03.1950, KVNR A1234567{n:02}, Tel. 0151 12345{n:02}, DE{n:02} 1000 2000 3000 4000 {n:02}\n"


def answer(hour: float, listed: int | None = None, user: str = "clerk") -> dict[str, object]:
    made: dict[str, object] = {
        "event.kind": "inference", "service.name": "clinic", "user.id": user, "time": int((1000 + hour) * HOUR)
    }  # fmt: skip
    return made | ({"content.people_listed": listed} if listed else {})


def news(*batches: list[dict[str, object]]) -> list[bool]:
    preparation = Preparation()
    found: list[bool] = []
    for batch in batches:
        seen = preparation.of_merged(batch)
        column = seen.column(PEOPLE) if PEOPLE in seen.fields() else [None] * len(batch)
        found += [value == "anew" for value in column]
        preparation = Preparation.restored(preparation.save())
    return found


def test_lists_after_days_without_any_until_the_hour_is_over() -> None:
    before = [answer(hour) for hour in range(14)]
    after = [answer(20 + minutes / 60, 25) for minutes in (0, 10, 59, 70)]
    assert news(before, after[:1], after[1:]) == [False] * 14 + [True, True, True, False]


def test_who_has_lists_from_the_first_hours_on_has_a_habit() -> None:
    assert not any(news([answer(hour, 25, "office") for hour in range(40)]))
    assert not any(news([answer(hour / 10) for hour in range(14)], [answer(2, 25)]))  # known for an hour only


def test_people_of_a_house_are_counted_by_the_rarer_of_two_marks() -> None:
    many = "".join(ROW.format(n=n) for n in range(10, 30))
    assert people_listed(many) == 20
    assert personal_records(many) == 0  # neither an address nor a country's number stands there
    assert people_listed(many[:300]) == 0
    assert people_listed("Order 100100 of 10.01.2024, 10 pieces, 1000 grams, room 101.\n" * 30) == 0
