"""What agents hand on to each other: places that only content from outside named, and records, in what one says and the next is told.

Each member of a team often has a conversation of its own, and what one of them found stands in the next one's task as if a user had
said it. An answer that repeats a place which content from outside planted is remembered by its pieces; who is told one of these pieces
with that place was handed it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

import msgspec

from caiso.connect.telemetry.pieces import numbers_of, records_of
from caiso.connect.telemetry.places import named_places
from caiso.connect.telemetry.talks import Talk

_PLACES: Final = 2_000
_TELLING: Final = 16  # characters of a piece
_CHARS: Final = 4_000
_RECORDS: Final = 128


class Answer(msgspec.Struct):
    """Pieces of the answer that named a place, and the records in it that had been read within."""

    pieces: list[int] = []
    records: list[int] = []


class Handed:
    """Remembers answers that repeat places from outside."""

    def __init__(self) -> None:
        self._answers: OrderedDict[int, Answer] = OrderedDict()

    def note(self, talk: Talk, output: str) -> None:
        """Remember an answer of a conversation whose texts have become numbers."""
        text = output[-_CHARS:]
        planted = [
            number for number, _ in named_places(text) if talk.places.get(number) is False and number not in talk.known
        ]
        if not planted:
            return
        pieces = [number for number, length in numbers_of(text) if length >= _TELLING]
        records = [number for number in records_of(text) if number in talk.records and number not in talk.places]
        for number in planted:
            known = self._answers.get(number) or Answer()
            self._answers[number] = Answer(
                [*dict.fromkeys([*known.pieces, *pieces])][-_RECORDS:],
                [*dict.fromkeys([*known.records, *records])][-_RECORDS:],
            )
            self._answers.move_to_end(number)
        while len(self._answers) > _PLACES:
            self._answers.popitem(last=False)

    def take(self, talk: Talk, told: str) -> bool:
        """Whether what an agent is told was handed on; the conversation then knows its places as planted, and its records."""
        if not self._answers:
            return False
        text = told[-_CHARS:]
        found = {number: answer for number, _ in named_places(text) if (answer := self._answers.get(number))}
        if not found:
            return False
        pieces = {number for number, length in numbers_of(text) if length >= _TELLING}
        handed = {number: answer for number, answer in found.items() if not pieces.isdisjoint(answer.pieces)}
        own = set(records_of(text)) if handed else set()
        for number, answer in handed.items():
            talk.places[number] = False
            talk.records.update(dict.fromkeys(one for one in answer.records if one in own))
        talk.handed = talk.handed or bool(handed)
        return bool(handed)

    def save(self) -> list[tuple[int, Answer]]:
        """What is remembered, as plain numbers; the oldest first."""
        return [*self._answers.items()]

    @classmethod
    def of(cls, saved: Iterable[tuple[int, Answer]]) -> Handed:
        """Take up what ``save`` gave."""
        handed = cls()
        handed._answers = OrderedDict(saved)
        return handed
