"""Tells when a client says yes to an offer that no model made: a past in which the assistant has already agreed.

A history comes from the client. Who forges one lets the assistant offer what it would refuse, and answers with a short yes, again
and again in talks that begin so. It is remembered how answers that ask something ended, and who took up which offer. An offer that
several people were made is a text of the application's own, and one that somebody took up once may stem from before the memory.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final
from zlib import crc32

import msgspec

from caiso.connect.telemetry.table import EventBatch
from caiso.engine.detect.schema import SESSION_ALIAS

HISTORY: Final = "aisoc.flow.history"  # unsaid: an offer in it was never made
_UNSAID: Final = "unsaid"
_MADE: Final = 20_000
_TAKEN: Final = 5_000
_HOUSES: Final = 1_000
_TAIL: Final = 80  # characters of the last line, by which an offer is known
_PAST: Final = 600
_YES_CHARS: Final = 80
_TALKS: Final = 3  # in which one person took up the same offer
_OTHERS: Final = 3  # people beside this one who talk with the same service
_YES = re.compile(
    r"(?i)\W{0,3}(?:y(?:es|ep|eah|up)?\b|sure|ok(?:ay)?\b|please|go (?:ahead|on)|do (?:it|that|so)|continue|proceed|of course|the (?:full|second|first|last)|"
    r"full\b|ja\b|gern|bitte|mach|weiter|oui|vas-y|allez|s.il|d.accord|s[ií]\b|claro|por favor|adelante|vale|sim\b|pode|tak\b|prosz|jasne|ga door|graag|"
    r"va bene|certo|avanti|evet|да\b|давай|はい|お願い|是|好|네)"
)


class Taken(msgspec.Struct):
    """Who took up an offer, and in which talks."""

    users: list[int] = []
    talks: list[int] = []


class Kept(msgspec.Struct):
    """What is remembered, as plain numbers."""

    made: list[int] = []
    taken: list[tuple[int, Taken]] = []
    houses: list[tuple[str, list[int]]] = []


class Agreed:
    """Remembers offers, and says of a batch's model calls whether one takes up what nobody offered."""

    def __init__(self) -> None:
        self._made: OrderedDict[int, None] = OrderedDict()
        self._taken: OrderedDict[int, Taken] = OrderedDict()
        self._houses: OrderedDict[str, list[int]] = OrderedDict()

    def with_agreed(self, events: EventBatch) -> EventBatch:
        """The batch with the fact as a field; hardly any batch has it."""
        outputs, histories = events.texts.get("content.output"), events.texts.get("content.history")
        if outputs is None:
            return events
        asked = events.texts.get("content.user")
        kinds, keys = events.column("event.kind"), events.column(SESSION_ALIAS)
        houses, users = events.column("service.name"), events.column("user.id")
        found: dict[int, str] = {}
        for row, kind in enumerate(kinds):
            if kind != "inference":
                continue
            user = users[row]
            if user:
                self._meet(str(houses[row] or ""), str(user))
            output = outputs[row]
            history = histories[row] if histories is not None else None
            if history and output and user and _asks(history) and asked is not None and _says_yes(asked[row]):
                told = self._take(history, str(houses[row] or ""), str(user), str(keys[row] or ""))
                found |= {row: _UNSAID} if told else {}
            if output and _asks(output):
                self._note(self._made, _end(output), most=_MADE)
        if not found:
            return events
        before: Sequence[object] = events.column(HISTORY) if HISTORY in events.fields() else [None] * len(events)
        return events.adding({HISTORY: [value or found.get(row) for row, value in enumerate(before)]})

    def _meet(self, house: str, user: str) -> None:
        known = self._houses.get(house)
        if known is None:
            while len(self._houses) >= _HOUSES:
                self._houses.popitem(last=False)
            known = self._houses[house] = []
        if len(known) <= _OTHERS and (number := _number(user)) not in known:
            known.append(number)

    def _take(self, history: str, house: str, user: str, talk: str) -> bool:
        if _end(history) in self._made:
            return False
        past, who = _number(f"{house}\n{history[-_PAST:]}"), _number(user)
        taken = self._taken.get(past)
        if taken is None:
            while len(self._taken) >= _TAKEN:
                self._taken.popitem(last=False)
            taken = self._taken[past] = Taken()
        self._taken.move_to_end(past)
        if who not in taken.users:
            taken.users = [*taken.users, who][:2]
        if (number := _number(talk)) not in taken.talks:
            taken.talks = [*taken.talks, number][-_TALKS:]
        others = [one for one in self._houses.get(house, ()) if one != who]
        return len(taken.users) == 1 and len(taken.talks) >= _TALKS and len(others) >= _OTHERS

    @staticmethod
    def _note(numbers: OrderedDict[int, None], number: int, *, most: int) -> None:
        numbers[number] = None
        numbers.move_to_end(number)
        while len(numbers) > most:
            numbers.popitem(last=False)

    def save(self) -> Kept:
        """What is remembered, without a text of it; what was noted first comes first."""
        return Kept([*self._made], [*self._taken.items()], [*self._houses.items()])

    @classmethod
    def of(cls, kept: Kept) -> Agreed:
        """Take up what ``save`` gave."""
        agreed = cls()
        agreed._made = OrderedDict.fromkeys(kept.made)
        agreed._taken = OrderedDict(kept.taken)
        agreed._houses = OrderedDict(kept.houses)
        return agreed


def _asks(text: str) -> bool:
    end = text[-3:]
    return "?" in end or "\uff1f" in end


def _says_yes(text: str | None) -> bool:
    return text is not None and 0 < len(text) <= _YES_CHARS and _YES.match(text) is not None


def _end(text: str) -> int:
    """A number of the end of a text's last line."""
    return _number(text.rstrip().rpartition("\n")[2][-_TAIL:].strip().lower())


def _number(text: str) -> int:
    return crc32(text.encode("utf-8", "replace"))
