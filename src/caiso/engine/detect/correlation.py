"""Joins matches over event time: counts, distinct values, sums, and things that happen together or in order."""

from __future__ import annotations

import bisect
import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from caiso.engine.detect.condition import number_of, value_of
from caiso.engine.detect.rule import Correlation, CorrelationKind, Rule
from caiso.engine.detect.schema import is_content
from caiso.engine.detect.text import fold, texts_of

LATENESS_US: Final = 300_000_000
IDLE_US: Final = 7 * 86_400_000_000  # events up to a week old are processed on their own time
MAX_KEYS: Final = 100_000
MAX_ENTRIES: Final = 2048  # per key
MAX_SHOWN_EVENTS: Final = 200
_KEY_CHARS: Final = 200
_SEPARATOR: Final = "\x1f"


class Occurrence(NamedTuple):
    """Something that happened: an event that base rules matched, or another correlation's firing."""

    time_us: int
    number: int  # order of arrival, to break ties
    event_ids: tuple[str, ...]
    entity: Mapping[str, str]
    event: Mapping[str, object]
    first_time_us: int


class Entry(NamedTuple):
    """What is kept of an occurrence under one key; ``what`` is a set of stages as bits, a value, or nothing."""

    time_us: int
    number: int
    what: int | str | float
    event_ids: tuple[str, ...]
    entity: Mapping[str, str]
    first_time_us: int


class Firing(NamedTuple):
    """A correlation that came true."""

    key: str
    entries: tuple[Entry, ...]


@dataclass(slots=True)
class KeyState:
    """What is remembered for one key."""

    newest: int
    quiet_from: int = 1
    quiet_until: int = 0
    entries: list[Entry] = field(default_factory=list)
    excused: list[int] = field(default_factory=list)  # times of what keeps the correlation silent, sorted


@dataclass(slots=True)
class CorrelationCounters:
    """What a correlation could not use or had to forget."""

    late: int = 0
    ungrouped: int = 0
    suppressed: int = 0  # more of what was already reported within the span
    evicted_keys: int = 0
    evicted_entries: int = 0


@dataclass(slots=True)
class Correlator:
    """One correlation rule with its state; every step depends on event time and order of arrival only."""

    rule: Rule
    logic: Correlation
    lateness_us: int = LATENESS_US
    max_keys: int = MAX_KEYS
    max_entries: int = MAX_ENTRIES
    keys: OrderedDict[str, KeyState] = field(default_factory=OrderedDict)
    newest: int = 0
    counters: CorrelationCounters = field(default_factory=CorrelationCounters)
    _stage: dict[str, int] = field(init=False)
    _content: tuple[bool, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._stage = {}
        for number, name in enumerate(self.logic.rules):
            self._stage[name] = self._stage.get(name, 0) | 1 << number
        self._content = tuple(map(is_content, self.logic.group_by))

    def feed(self, occurrence: Occurrence, matched: Sequence[str]) -> Firing | None:
        """Take in an occurrence of some of the rules that this correlation listens to."""
        key = self._key(occurrence.event, matched)
        if key is None:
            self.counters.ungrouped += 1
            return None
        if self.logic.unless and not set(matched).isdisjoint(self.logic.unless):
            self._excuse(self._state(key, occurrence.time_us), occurrence.time_us)
        what = self._what(occurrence.event, matched)
        if what is None:
            return None
        state = self._state(key, occurrence.time_us)
        if state.excused and self._is_excused(state, occurrence.time_us):
            self.counters.suppressed += 1
            return None
        if occurrence.time_us < state.newest - self.logic.span_us - self.lateness_us:
            self.counters.late += 1
            return None
        if state.quiet_from <= occurrence.time_us <= state.quiet_until:
            self.counters.suppressed += 1
            state.newest = max(state.newest, occurrence.time_us)
            return None
        entry = Entry(
            occurrence.time_us, occurrence.number, what, occurrence.event_ids, occurrence.entity,
            occurrence.first_time_us,
        )  # fmt: skip
        position = self._insert(state, entry)
        chosen = self._check(state.entries, position)
        if chosen is None:
            return None
        state.quiet_from = chosen[0].time_us
        state.quiet_until = chosen[-1].time_us + self.logic.span_us
        state.entries = [kept for kept in state.entries if not state.quiet_from <= kept.time_us <= state.quiet_until]
        return Firing(key, tuple(chosen))

    def _key(self, event: Mapping[str, object], matched: Sequence[str]) -> str | None:
        parts = []
        for name, content in zip(self.logic.group_by, self._content, strict=True):
            aliased = self.logic.aliases.get(name)
            source = next((aliased[rule] for rule in matched if rule in aliased), name) if aliased else name
            value = value_of(event, source)
            if type(value) is str and not content and not aliased and 0 < len(value) <= _KEY_CHARS:
                parts.append(value)
                continue
            part = key_part(source, value)
            if part is None:
                return None
            parts.append(part)
        return parts[0] if len(parts) == 1 else _SEPARATOR.join(parts)

    def _what(self, event: Mapping[str, object], matched: Sequence[str]) -> int | str | float | None:
        kind, stage = self.logic.kind, self._stage
        bits = 0
        for name in matched:
            bits |= stage.get(name, 0)
        if not bits:
            return None
        if kind is CorrelationKind.EVENT_COUNT:
            return 0
        if kind is CorrelationKind.TEMPORAL or kind is CorrelationKind.TEMPORAL_ORDERED:
            return bits
        value = value_of(event, self._value_field(matched))
        if kind is CorrelationKind.VALUE_SUM:
            return number_of(value)
        return key_part(self.logic.value_field, value)

    def _value_field(self, matched: Sequence[str]) -> str:
        aliased = self.logic.aliases.get(self.logic.value_field)
        if not aliased:
            return self.logic.value_field
        return next((aliased[rule] for rule in matched if rule in aliased), self.logic.value_field)

    def _state(self, key: str, time_us: int) -> KeyState:
        self.newest = max(self.newest, time_us)
        state = self.keys.get(key)
        if state is not None:
            self.keys.move_to_end(key)
            return state
        state = self.keys[key] = KeyState(newest=time_us)
        horizon = self.newest - self.logic.span_us - self.lateness_us - IDLE_US
        oldest = next(iter(self.keys))
        while len(self.keys) > 1 and self.keys[oldest].newest < horizon:
            del self.keys[oldest]
            oldest = next(iter(self.keys))
        if len(self.keys) > self.max_keys:
            self.keys.popitem(last=False)
            self.counters.evicted_keys += 1
        return state

    def _excuse(self, state: KeyState, time_us: int) -> None:
        bisect.insort(state.excused, time_us)
        horizon = state.excused[-1] - self.logic.span_us - self.lateness_us
        del state.excused[: bisect.bisect_left(state.excused, horizon)]
        del state.excused[: -self.max_entries]

    def _is_excused(self, state: KeyState, time_us: int) -> bool:
        position = bisect.bisect_right(state.excused, time_us)
        return position > 0 and time_us - state.excused[position - 1] <= self.logic.span_us

    def _insert(self, state: KeyState, entry: Entry) -> int:
        entries = state.entries
        if entry.time_us >= state.newest:
            state.newest = entry.time_us
            horizon = state.newest - self.logic.span_us - self.lateness_us
            old = 0
            while old < len(entries) and entries[old].time_us < horizon:
                old += 1
            if old:
                del entries[:old]
        if not entries or entry.time_us >= entries[-1].time_us:
            entries.append(entry)
            position = len(entries) - 1
        else:
            position = bisect.bisect_right(entries, entry.time_us, key=_time)
            entries.insert(position, entry)
        if len(entries) > self.max_entries:
            del entries[0]
            self.counters.evicted_entries += 1
            position = max(position - 1, 0)
        return position

    def _check(self, entries: list[Entry], position: int) -> list[Entry] | None:
        """The entries that make the correlation true, if the new one at ``position`` did."""
        kind, span = self.logic.kind, self.logic.span_us
        if kind is not CorrelationKind.VALUE_SUM and kind is not CorrelationKind.TEMPORAL:
            least = self.logic.threshold if kind is not CorrelationKind.TEMPORAL_ORDERED else len(self.logic.rules)
            if len(entries) < least:
                return None
        if kind is CorrelationKind.EVENT_COUNT:
            return _enough(entries, position, int(self.logic.threshold), span)
        if kind is CorrelationKind.TEMPORAL_ORDERED:
            return _in_order(_around(entries, position, span), len(self.logic.rules), span)
        if kind is CorrelationKind.TEMPORAL:
            return _together(_around(entries, position, span), (1 << len(self.logic.rules)) - 1, span)
        if kind is CorrelationKind.VALUE_SUM:
            return _reached(entries, position, self.logic.threshold, span)
        return _distinct(_around(entries, position, span), int(self.logic.threshold), span)


def key_part(name: str, value: object) -> str | None:
    """A value as part of a key; content is reduced to a fingerprint so that no text is kept in state or alerts."""
    texts = texts_of(value)
    if not texts:
        return None
    text = texts[0] if len(texts) == 1 else _SEPARATOR.join(sorted(texts))
    if is_content(name) or len(text) > _KEY_CHARS:
        shape = " ".join(fold(text).split())
        return hashlib.blake2b(shape.encode("utf-8", "replace"), digest_size=12).hexdigest() if shape else None
    return text or None


def _time(entry: Entry) -> int:
    return entry.time_us


def _around(entries: list[Entry], position: int, span: int) -> list[Entry]:
    """The entries that can share a window with the new one."""
    time_us = entries[position].time_us
    if entries[0].time_us >= time_us - span and entries[-1].time_us <= time_us + span:
        return entries
    low = bisect.bisect_left(entries, time_us - span, key=_time)
    return entries[low : bisect.bisect_right(entries, time_us + span, key=_time)]


def _enough(entries: list[Entry], position: int, threshold: int, span: int) -> list[Entry] | None:
    for first in range(max(0, position - threshold + 1), position + 1):
        last = first + threshold - 1
        if last >= len(entries):
            return None
        if entries[last].time_us - entries[first].time_us <= span:
            return entries[first : last + 1]
    return None


def _reached(entries: list[Entry], position: int, threshold: float, span: int) -> list[Entry] | None:
    near = _around(entries, position, span)
    total, first = 0.0, 0
    for last, entry in enumerate(near):
        total += float(entry.what)
        while entry.time_us - near[first].time_us > span:
            total -= float(near[first].what)
            first += 1
        if total >= threshold:
            return near[first : last + 1]
    return None


def _distinct(near: list[Entry], threshold: int, span: int) -> list[Entry] | None:
    """A window with enough different values, shown by one entry for each value."""
    first = 0
    held: dict[object, int] = {}
    for last, entry in enumerate(near):
        held[entry.what] = held.get(entry.what, 0) + 1
        while entry.time_us - near[first].time_us > span:
            held[near[first].what] -= 1
            if not held[near[first].what]:
                del held[near[first].what]
            first += 1
        if len(held) >= threshold:
            latest = {shown.what: shown for shown in near[first : last + 1]}
            return sorted(latest.values(), key=lambda shown: (shown.time_us, shown.number))
    return None


def _together(near: list[Entry], wanted: int, span: int) -> list[Entry] | None:
    """Entries within the span that between them cover every stage; one occurrence may cover several."""
    for last, entry in enumerate(near):
        missing, chosen = wanted, []
        for candidate in reversed(near[: last + 1]):
            if entry.time_us - candidate.time_us > span:
                break
            if int(candidate.what) & missing:
                missing &= ~int(candidate.what)
                chosen.append(candidate)
            if not missing:
                return chosen[::-1]
    return None


def _in_order(near: list[Entry], stages: int, span: int) -> list[Entry] | None:
    """Different occurrences, one for each stage in turn, within the span; the chain that starts latest wins."""
    chains: list[list[Entry] | None] = [None] * stages
    for entry in near:
        bits = int(entry.what)
        for stage in range(stages - 1, -1, -1):  # downwards, so that one occurrence is not used twice
            if not bits >> stage & 1:
                continue
            before = chains[stage - 1] if stage else []
            if before is not None and (not before or entry.time_us - before[0].time_us <= span):
                chains[stage] = [*before, entry]
        if chains[-1] is not None:
            return chains[-1]
    return None


def merged_entity(entries: Iterable[Entry]) -> dict[str, str]:
    """Who is involved; where entries disagree the latest one counts, as it completed the picture."""
    entity: dict[str, str] = {}
    for entry in entries:
        entity.update(entry.entity)
    return entity
