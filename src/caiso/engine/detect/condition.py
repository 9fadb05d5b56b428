"""What a rule asks of one event: a tree of and, or, not over leaves that each look at one field."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from caiso.engine.detect.pattern import Pattern
from caiso.engine.detect.schema import SESSION_ALIAS, session_of
from caiso.engine.detect.text import fold, texts_of, valid

Event = Mapping[str, object]

_NUMERAL: Final = re.compile(r"[+-]?[0-9]{1,18}(?:\.[0-9]{1,18})?", re.ASCII)
_ADDRESS_CHARS: Final = 64
_ADDRESSES: Final = 16_384  # remembered as they were read


@dataclass(frozen=True, slots=True)
class And:
    """Every part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold, which includes that its field is absent."""

    part: Condition


@dataclass(frozen=True, slots=True)
class TextMatch:
    """A pattern occurs in a field's text; the scanner answers it, never the event itself."""

    field: str
    pattern: Pattern


@dataclass(frozen=True, slots=True)
class Equals:
    """A field's text is this text; ``value`` is folded unless ``cased``."""

    field: str
    value: str
    cased: bool = False

    def holds(self, event: Event) -> bool:
        ready = valid if self.cased else fold
        return any(ready(text) == self.value for text in texts_of(value_of(event, self.field)))


@dataclass(frozen=True, slots=True)
class Compare:
    """A field is a number that stands in this relation to ``number``: lt, lte, gt, gte, eq, ne."""

    field: str
    relation: str
    number: float

    def holds(self, event: Event) -> bool:
        return any(_RELATIONS[self.relation](number, self.number) for number in _numbers(value_of(event, self.field)))


@dataclass(frozen=True, slots=True)
class Exists:
    """A field is there with a value."""

    field: str

    def holds(self, event: Event) -> bool:
        return value_of(event, self.field) is not None


@dataclass(frozen=True, slots=True)
class InNetwork:
    """A field is an internet address inside a network."""

    field: str
    network: str

    def holds(self, event: Event) -> bool:
        return any(_address_in(text, self.network) for text in texts_of(value_of(event, self.field)))


@dataclass(frozen=True, slots=True)
class SameAs:
    """A field's text equals, starts with, ends with or contains another field's text."""

    field: str
    other: str
    starts: bool = False
    ends: bool = False

    def holds(self, event: Event) -> bool:
        others = texts_of(value_of(event, self.other))
        if not others:
            return False
        texts = texts_of(value_of(event, self.field))
        shortest = min(map(len, others))  # folding keeps the length, and no text holds a longer one
        folded = [fold(text) for text in texts if len(text) >= shortest]
        return bool(folded) and any(self._related(text, other) for other in map(fold, others) for text in folded)

    def _related(self, text: str, other: str) -> bool:
        if self.starts and self.ends:
            return other in text
        if self.starts:
            return text.startswith(other)
        return text.endswith(other) if self.ends else text == other


@dataclass(frozen=True, slots=True)
class TimePart:
    """A time field's minute, hour, day, ISO week, month or year, in UTC, as ``Compare`` sees it."""

    field: str
    part: str
    number: float
    relation: str = "eq"

    def holds(self, event: Event) -> bool:
        value = value_of(event, self.field)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 253_402_300_800_000_000:
            return False
        moment = datetime.fromtimestamp(value // 1_000_000, UTC)
        found = moment.isocalendar().week if self.part == "week" else getattr(moment, self.part)
        return _RELATIONS[self.relation](found, self.number)


Leaf = TextMatch | Equals | Compare | Exists | InNetwork | SameAs | TimePart
Condition = And | Or | Not | Leaf

_RELATIONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
}


def value_of(event: Event, field: str) -> object:
    """A field's value, an empty list being none; the session alias is derived when the event does not carry it."""
    if field == SESSION_ALIAS:
        return session_of(event) or None
    value = event.get(field)
    return None if isinstance(value, list | tuple) and not value else value


def number_of(value: object) -> float | None:
    """A number, or a text that is a plain numeral, as a number."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str) and _NUMERAL.fullmatch(value):
        return float(value)
    return None


def _numbers(value: object) -> Iterable[float]:
    for item in value if isinstance(value, list | tuple) else (value,):
        number = number_of(item)
        if number is not None:
            yield number


def _address_in(text: str, network: str) -> bool:
    # The same addresses come again, each to be held against many networks; what is too long for one is not worth remembering.
    address = _known_address(text) if len(text) <= _ADDRESS_CHARS else _address(text)
    return address is not None and address in _network(network)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.strip())
    except ValueError:
        return None


_known_address = lru_cache(maxsize=_ADDRESSES)(_address)
_network = lru_cache(maxsize=1024)(ipaddress.ip_network)


def leaves(condition: Condition) -> Iterable[Leaf]:
    """Every leaf of a tree, left to right."""
    if isinstance(condition, And | Or):
        for part in condition.parts:
            yield from leaves(part)
    elif isinstance(condition, Not):
        yield from leaves(condition.part)
    else:
        yield condition


# A gate is a set of leaves of which at least one must hold before the rule can hold.
Gate = frozenset[Leaf]
_MAX_GATES: Final = 6


def gates(condition: Condition, *, positive: bool = True) -> tuple[Gate, ...]:
    """Necessary conditions in conjunctive form, only of leaves an index can answer; empty means: look at every event."""
    if isinstance(condition, Not):
        return gates(condition.part, positive=not positive)
    if isinstance(condition, And | Or):
        inner = [gates(part, positive=positive) for part in condition.parts]
        if isinstance(condition, And) == positive:
            return tuple(dict.fromkeys(gate for group in inner for gate in group))[: _MAX_GATES * 4]
        if not all(inner):
            return ()
        return (frozenset().union(*(best_gate(group) for group in inner)),)
    if not positive:
        return ()
    if isinstance(condition, TextMatch | Equals | Exists):
        return (frozenset((condition,)),)
    return (frozenset((Exists(condition.field),)),)


def best_gate(group: tuple[Gate, ...]) -> Gate:
    """The gate that the fewest events are thought to pass."""
    return min(group, key=lambda gate: max(map(_commonness, gate)) * 1000 + len(gate))


def chosen_gates(condition: Condition) -> tuple[Gate, ...]:
    """The gates worth asking for: those of text if there are any, else those of metadata."""
    found = gates(condition)
    textual = tuple(gate for gate in found if all(isinstance(leaf, TextMatch) for leaf in gate))
    if textual:
        return tuple(sorted(textual, key=lambda gate: max(map(_commonness, gate))))[:_MAX_GATES]
    return tuple(sorted(found, key=lambda gate: (max(map(_commonness, gate)), len(gate))))[:_MAX_GATES]


def _commonness(leaf: Leaf) -> float:
    if isinstance(leaf, TextMatch):
        return 0 if leaf.pattern.always else 1 / (1 + leaf.pattern.weight)
    if isinstance(leaf, Equals):
        return 3 if leaf.field in ("event.kind", "aisoc.tool.impact", "gen_ai.operation.name") else 2
    return 2.5
