"""Tells when somebody whose answers never listed people is given lists of them.

Work with lists of patients, members or debtors is a habit: who has it has it from the first days on. It is remembered of each user
and of each service how many answers there were and whether they ever listed people; the service speaks for users who are new.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

import msgspec

from caiso.connect.telemetry.table import EventBatch

PEOPLE: Final = "aisoc.flow.people"  # anew: lists of people for one who never had any
_LISTED: Final = "content.people_listed"
_USERS: Final = 20_000
_ANSWERS: Final = 12  # from which on, and over so long, somebody's habits are known
_HOUSE_ANSWERS: Final = 24  # and a service's, among several users
_HOUSES: Final = 2_000
_KNOWN_US: Final = 12 * 3_600_000_000
_NEWS_US: Final = 3_600_000_000  # after the first list, what follows belongs to it


class Habit(msgspec.Struct):
    """A user's answers: how many, since when, and when the first one listed people."""

    since: int
    answers: int = 0
    first: int = 0
    known: bool = False  # when it came


class Habits:
    """Remembers users, and says of a batch's answers whether they list people for one who is new to it."""

    def __init__(self) -> None:
        self._users: OrderedDict[str, Habit] = OrderedDict()
        self._houses: OrderedDict[str, Habit] = OrderedDict()

    def with_people(self, events: EventBatch) -> EventBatch:
        """The batch with the fact as a field; hardly any batch has it."""
        kinds, users, times = events.column("event.kind"), events.column("user.id"), events.column("time")
        listed = events.column(_LISTED) if _LISTED in events.fields() else None
        services = events.column("service.name")
        known, houses = self._users, self._houses
        found: dict[int, str] = {}
        for row, user in enumerate(users):
            if not user or kinds[row] != "inference":
                continue
            habit = known.get(user)  # type: ignore[call-overload]  # users are texts
            if habit is None:
                habit = _begin(known, str(user), times[row], most=_USERS)
            service = services[row] or ""
            house = houses.get(service)  # type: ignore[call-overload]  # services are texts
            if house is None:
                house = _begin(houses, str(service), times[row], most=_HOUSES)
            if listed is not None and listed[row]:
                new = _is_news(habit, times[row], _ANSWERS)
                of_house = _is_news(house, times[row], _HOUSE_ANSWERS)
                if new or (of_house and habit.answers < _ANSWERS):
                    found[row] = "anew"
            habit.answers += 1
            house.answers += 1
        if not found:
            return events
        return events.adding({PEOPLE: [found.get(row) for row in range(len(events))]})

    def save(self) -> list[tuple[str, Habit]]:
        """What is remembered, as plain data; who came first comes first."""
        return [*self._users.items()]

    def save_houses(self) -> list[tuple[str, Habit]]:
        """The same of services."""
        return [*self._houses.items()]

    @classmethod
    def of(cls, saved: Iterable[tuple[str, Habit]], houses: Iterable[tuple[str, Habit]] = ()) -> Habits:
        """Take up what ``save`` gave."""
        habits = cls()
        habits._users = OrderedDict(saved)
        habits._houses = OrderedDict(houses)
        return habits


def _begin(habits: OrderedDict[str, Habit], key: str, time: object, *, most: int) -> Habit:
    while len(habits) >= most:
        habits.popitem(last=False)
    habit = habits[key] = Habit(since=time if isinstance(time, int) else 0)
    return habit


def _is_news(habit: Habit, time: object, answers: int) -> bool:
    if not isinstance(time, int):
        return False
    if not habit.first:
        habit.first = max(time, 1)
        habit.known = habit.answers >= answers and time - habit.since >= _KNOWN_US
    return habit.known and 0 <= time - habit.first <= _NEWS_US
