"""Tells when a call writes into an open repository what only a closed one holds: its name, or a piece of a file that was read there.

For each conversation it is remembered which repositories a listing called private, and what was read in them, as numbers.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

import msgspec

from caiso.connect.telemetry.pieces import numbers_of
from caiso.connect.telemetry.places import Numbers, number_of
from caiso.connect.telemetry.row_texts import RowTexts
from caiso.connect.telemetry.table import EventBatch
from caiso.engine.detect.schema import SESSION_ALIAS

CROSSED: Final = "aisoc.flow.crossed"  # closed: of a closed repository, written into another

_TALKS: Final = 1_000
_MOST: Final = 256  # numbers of one sort
_TELLING: Final = 20  # characters of a piece
_CHARS: Final = 8_000
_LISTED = re.compile(
    r'"(?:full_name|nameWithOwner|path_with_namespace)"\s{0,2}:\s{0,2}"([\w.-]{1,100}/[\w./-]{1,100})"[^{}]{0,600}?'
    r'"(?:(?:private|isPrivate|is_private)"\s{0,2}:\s{0,2}true|visibility"\s{0,2}:\s{0,2}"(?i:private))'
)
_REPOSITORY = re.compile(r'"(?:repo|repository|project|project_id)"\s{0,2}:\s{0,2}"([\w./-]{1,200})"')
_OWNER = re.compile(r'"(?:owner|org|organization|namespace)"\s{0,2}:\s{0,2}"([\w.-]{1,100})"')
_NAMES = re.compile(r"[\w.-]{1,100}/[\w-][\w.-]{0,99}")


class Kept(msgspec.Struct):
    """What is remembered of a conversation."""

    names: Numbers = {}
    read: Numbers = {}


class Closed:
    """Remembers conversations, and says of a batch's calls which carry something out of a closed repository."""

    def __init__(self) -> None:
        self.talks: OrderedDict[str, Kept] = OrderedDict()

    def with_crossings(self, events: EventBatch) -> EventBatch:
        """The batch with the fact as a field; hardly any batch has it."""
        kinds, keys = events.column("event.kind"), events.column(SESSION_ALIAS)
        table = RowTexts(events)
        found: list[str | None] = [None] * len(events)
        for row, kind in enumerate(kinds):
            key = keys[row]
            if not isinstance(key, str) or not key:
                continue
            if kind in ("tool", "mcp"):
                found[row] = self._call(key, table, row)
            elif kind == "inference" and self.talks and (talk := self.talks.get(key)) is not None:
                for name in _NAMES.findall(table.of("content.user", row)[:_CHARS]):
                    talk.names.pop(number_of(name), None)  # the user speaks of it
        return events.adding({CROSSED: found}) if any(found) else events

    def _call(self, key: str, table: RowTexts, row: int) -> str | None:
        result = table.of("content.untrusted", row)
        if "rivate" in result:
            for name in _LISTED.findall(result[: 4 * _CHARS]):
                _note(self._talk(key).names, (number_of(name),))
        talk = self.talks.get(key)
        if talk is None:
            return None
        arguments = table.of("gen_ai.tool.call.arguments", row)
        target = _target(arguments)
        if target is None:
            return None
        if number_of(target) in talk.names:
            _note(talk.read, (number for number, length in numbers_of(result) if length >= _TELLING))
            return None
        if table.impact(row) == "read":
            return None
        names = map(number_of, _NAMES.findall(arguments[:_CHARS]))
        pieces = (number for number, length in numbers_of(arguments) if length >= _TELLING)
        return "closed" if not (talk.names.keys().isdisjoint(names) and talk.read.keys().isdisjoint(pieces)) else None

    def _talk(self, key: str) -> Kept:
        talk = self.talks.get(key)
        if talk is None:
            while len(self.talks) >= _TALKS:
                self.talks.popitem(last=False)
            talk = self.talks[key] = Kept()
        return talk

    def save(self) -> list[tuple[str, list[int], list[int]]]:
        """What is remembered, the conversation that was idle longest first."""
        return [(key, [*talk.names], [*talk.read]) for key, talk in self.talks.items()]

    @classmethod
    def of(cls, saved: Iterable[tuple[str, list[int], list[int]]]) -> Closed:
        """Take up what ``save`` gave."""
        closed = cls()
        for key, names, read in saved:
            closed.talks[key] = Kept(dict.fromkeys(names), dict.fromkeys(read))
        return closed


def _target(arguments: str) -> str | None:
    """The repository that a call is about, as its owner and name."""
    if '"repo' not in arguments and '"project' not in arguments:
        return None
    named = _REPOSITORY.search(arguments)
    if named is None or "/" in named[1]:
        return named[1] if named else None
    owner = _OWNER.search(arguments)
    return f"{owner[1]}/{named[1]}" if owner else None


def _note(numbers: Numbers, more: Iterable[int]) -> None:
    numbers.update(dict.fromkeys(more))
    while len(numbers) > _MOST:
        del numbers[next(iter(numbers))]
