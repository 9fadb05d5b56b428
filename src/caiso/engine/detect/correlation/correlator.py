"""One correlation with its memory: what every kind shares, and the careful way that is right for any order of arrival.

The kinds differ in how they notice, for the events that arrive in order of time, that nothing can have come true; only
what passes that is looked at exactly (``windows``). Every step depends on event time and order of arrival alone, so a
stream gives the same firings however it is cut into batches, and after a restart.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from caiso.engine.detect.correlation.bounds import IDLE_US, Limits
from caiso.engine.detect.correlation.keys import event_key
from caiso.engine.detect.correlation.occurrence import Entry, Firing, Held, Sightings, opened
from caiso.engine.detect.correlation.stream import Heard, Stream
from caiso.engine.detect.rule import Correlation, Rule

_FIRST_LOOK: Final = 1024  # keys, before idle ones are looked for

What = int | float | str
Plain = dict[str, Any]


@dataclass(slots=True)
class KeyState:
    """What is remembered for one key: entries as parallel lists, sorted by time and then by arrival."""

    newest: int  # may lag behind the last entry; ``latest`` is right
    quiet_from: int = 0
    quiet_until: int = -1  # what falls between the two was reported already
    times: list[int] = field(default_factory=list)
    whats: list[Any] = field(default_factory=list)  # a value, or stages as bits; empty where only the number counts
    held: list[Held] = field(default_factory=list)
    excused: list[int] = field(default_factory=list)  # times of what keeps the correlation silent, sorted
    start: int = -1  # the first place in the newest entry's window; -1: it and ``tally`` must be made anew
    tally: Any = None  # what the kind keeps of the entries from ``start`` on
    rising_from: int = 0  # an event at or after this moment arrives in order and was not reported yet

    def latest(self) -> int:
        """The latest time that was seen under this key."""
        return max(self.newest, self.times[-1]) if self.times else self.newest

    def cut(self, horizon: int) -> None:
        """Forget the entries before a moment."""
        gone = bisect_left(self.times, horizon)
        if gone:
            del self.times[:gone], self.whats[:gone], self.held[:gone]
            self.start = self.start - gone if self.start >= gone else -1


@dataclass(slots=True)
class CorrelationCounters:
    """What a correlation could not use or had to forget."""

    late: int = 0
    ungrouped: int = 0
    suppressed: int = 0  # more of what was already reported within the span
    evicted_keys: int = 0
    evicted_entries: int = 0


class Correlator:
    """One correlation rule with its state."""

    valued = True  # whether entries carry a ``what``

    def __init__(self, rule: Rule, logic: Correlation, limits: Limits) -> None:
        self.rule = rule
        self.logic = logic
        self.limits = limits
        self.keep_us = logic.span_us + limits.lateness_us
        self.states: dict[str, KeyState] = {}
        self.counters = CorrelationCounters()
        self.span_us = logic.span_us
        self.least = 1  # with fewer entries it cannot come true
        self._next_look = _FIRST_LOOK
        self._excusing = frozenset(logic.unless)
        self._wanted = frozenset(logic.rules)
        self._meaning: dict[tuple[str, ...], Any] = {}  # matched rules -> what they are to this correlation
        self.base = np.zeros(0, dtype=np.bool_)  # by number of the base rule: whether it is heard; set by ``listen``

    def listen(self, names: Sequence[str]) -> None:
        """Take the base rules of a rule set, in order of their numbers."""
        self.base = np.array([name in self._wanted or name in self._excusing for name in names], dtype=np.bool_)

    @property
    def listens(self) -> npt.NDArray[np.bool_]:
        """By number of the base rule: whether this correlation hears it."""
        return self.base

    # -- one batch ----------------------------------------------------------------------------------------------

    def feed(self, stream: Stream, sightings: Sightings) -> list[Firing]:
        """Take in everything of a batch that this correlation listens to."""
        heard = stream.heard(self.base, self.logic.heard, sightings)
        firings = self._run(stream, heard) if heard.rows else []
        if len(self.states) > self._next_look or len(self.states) > self.limits.max_keys:
            self._forget(stream.newest)
        return firings

    def _run(self, stream: Stream, heard: Heard) -> list[Firing]:
        keys, whats = self._keys(stream, heard), self._whats(stream, heard)
        return self._each(heard, keys, whats) if self._excusing else self._rising(heard, keys, whats)

    def _rising(self, heard: Heard, keys: Sequence[str | None], whats: Sequence[What | None]) -> list[Firing]:
        """Take entries in; those that arrive in order of time cost a note, the others the careful way."""
        states, counters, most = self.states, self.counters, self.limits.max_entries
        late = 2 * self.keep_us  # cut seldom: what is too old to matter is in nobody's way
        least = self.least
        advance = self._advance
        firings: list[Firing | None] = []
        place = -1
        for key, time_us, what, held in zip(keys, heard.times, whats, heard.held, strict=True):
            place += 1
            if key is None:
                counters.ungrouped += 1
                continue
            if what is None:
                continue
            state = states.get(key)
            if state is None:
                state = states[key] = KeyState(time_us)
            elif time_us < state.rising_from:
                firings.append(self._careful(state, key, heard, place, what))
                continue
            state.rising_from = time_us
            times = state.times
            times.append(time_us)
            state.whats.append(what)
            state.held.append(held)
            count = len(times)
            if times[0] < time_us - late or count > most:
                count -= self._make_room(state, time_us)
            if count < least:
                state.start = -1
            elif advance(state, time_us, what):
                places = self._check(state, len(times) - 1)
                firings.append(None if places is None else self._fire(state, key, heard.rows[place], places))
        return [firing for firing in firings if firing is not None]

    def _advance(self, state: KeyState, time_us: int, what: Any) -> bool:
        """Note the newest entry, which stands last; False when it cannot have made the correlation true."""
        raise NotImplementedError

    def _each(self, heard: Heard, keys: Sequence[str | None], whats: Sequence[What | None]) -> list[Firing]:
        """Take entries in one by one, whatever their order."""
        firings: list[Firing] = []
        for place, (key, time_us) in enumerate(zip(keys, heard.times, strict=True)):
            if key is None:
                self.counters.ungrouped += 1
                continue
            state = self.states.get(key)
            if self._excusing and not self._excusing.isdisjoint(heard.rules[place]):
                state = state or self._state(key, time_us)
                self._excuse(state, time_us)
            what = whats[place]
            if what is None:
                continue
            state = state or self._state(key, time_us)
            firing = self._careful(state, key, heard, place, what)
            if firing is not None:
                firings.append(firing)
        return firings

    def _state(self, key: str, time_us: int) -> KeyState:
        state = self.states[key] = KeyState(newest=time_us)
        return state

    def _careful(self, state: KeyState, key: str, heard: Heard, place: int, what: What) -> Firing | None:
        time_us = heard.times[place]
        if state.excused and self._is_excused(state, time_us):
            self.counters.suppressed += 1
            return None
        newest = state.latest()
        if time_us < newest - self.keep_us:
            self.counters.late += 1
            return None
        state.newest = newest = max(newest, time_us)
        state.rising_from = max(newest, state.quiet_until + 1)
        if state.quiet_from <= time_us <= state.quiet_until:
            self.counters.suppressed += 1
            return None
        state.cut(newest - self.keep_us)
        position = self._insert(state, time_us, what, heard.held[place])
        places = self._check(state, position)
        return None if places is None else self._fire(state, key, heard.rows[place], places)

    def _insert(self, state: KeyState, time_us: int, what: What, held: Held) -> int:
        position = bisect_right(state.times, time_us)
        state.times.insert(position, time_us)
        state.held.insert(position, held)
        if self.valued:
            state.whats.insert(position, what)
        state.start = -1
        if len(state.times) > self.limits.max_entries:
            position = max(position - self._make_room(state, state.newest), 0)
        return position

    def _make_room(self, state: KeyState, newest: int) -> int:
        """Forget what is too old, or else the oldest entry; returns how many that were."""
        before = len(state.times)
        state.cut(newest - self.keep_us)
        if len(state.times) > self.limits.max_entries:
            del state.times[:1], state.whats[:1], state.held[:1]
            state.start = -1
            self.counters.evicted_entries += 1
        return before - len(state.times)

    def _check(self, state: KeyState, position: int) -> list[int] | None:
        """The places of the entries that make the correlation true, now that one stands at ``position``."""
        raise NotImplementedError

    def _fire(self, state: KeyState, key: str, row: int, places: Sequence[int]) -> Firing:
        times, held = state.times, state.held
        entries = tuple(Entry(times[place], opened(held[place], times[place])) for place in places)
        state.newest = state.latest()
        state.quiet_from = times[places[0]]
        state.quiet_until = times[places[-1]] + self.span_us
        state.rising_from = max(state.newest, state.quiet_until + 1)
        first, last = bisect_left(times, state.quiet_from), bisect_right(times, state.quiet_until)
        del times[first:last], state.whats[first:last], held[first:last]
        state.start = -1
        return Firing(row, key, entries, self.logic.group_by)

    # -- keys and values ----------------------------------------------------------------------------------------

    def _keys(self, stream: Stream, heard: Heard) -> Sequence[str | None]:
        names = self.logic.group_by
        if any(name in self.logic.aliases for name in names):
            keys: Sequence[str | None] = [
                event_key(stream.batch.row(row), [self.field_of(name, rules) for name in names])
                for row, rules in zip(heard.rows, heard.rules, strict=True)
            ]
        else:
            keys = heard.of(stream.keys.of(names))
        if heard.moved:
            keys = list(keys)
            for place, firing in heard.moved.items():
                keys[place] = firing.key if firing.group_by == names else None
        return keys

    def counts(self, rules: tuple[str, ...]) -> bool:
        """False where the rules that matched only excuse."""
        return bool(self._means(rules, lambda matched: not self._wanted.isdisjoint(matched)))

    def field_of(self, name: str, rules: tuple[str, ...]) -> str:
        """The event field behind an alias, for the rules that matched."""
        aliased = self.logic.aliases.get(name)
        return next((aliased[rule] for rule in rules if rule in aliased), name) if aliased else name

    def _whats(self, stream: Stream, heard: Heard) -> Sequence[What | None]:
        """What each entry is to this correlation; None for what only excuses, or has no value."""
        raise NotImplementedError

    def _means(self, rules: tuple[str, ...], make: Callable[[tuple[str, ...]], Any]) -> Any:
        """Remembers what a combination of matched rules means; there are few of them."""
        if rules not in self._meaning:
            self._meaning[rules] = make(rules)
        return self._meaning[rules]

    # -- what keeps it silent -----------------------------------------------------------------------------------

    def _excuse(self, state: KeyState, time_us: int) -> None:
        insort(state.excused, time_us)
        horizon = state.latest() - self.keep_us - self.span_us  # before it no entry can come that this would excuse
        del state.excused[: bisect_left(state.excused, horizon)]
        del state.excused[: -self.limits.max_entries]

    def _is_excused(self, state: KeyState, time_us: int) -> bool:
        position = bisect_right(state.excused, time_us)
        return position > 0 and time_us - state.excused[position - 1] <= self.span_us

    # -- bounds -------------------------------------------------------------------------------------------------

    def _forget(self, newest: int) -> None:
        """Drop idle keys, then those that were active longest ago, a tenth more than is needed."""
        horizon = newest - self.keep_us - IDLE_US
        for key in [key for key, state in self.states.items() if state.latest() < horizon]:
            del self.states[key]
        surplus = len(self.states) - self.limits.max_keys
        if surplus > 0:
            count = min(surplus + self.limits.max_keys // 10, len(self.states))
            for key in heapq.nsmallest(count, self.states, key=lambda key: (self.states[key].latest(), key)):
                del self.states[key]
            self.counters.evicted_keys += count
        self._next_look = max(_FIRST_LOOK, 2 * len(self.states))

    # -- snapshots ----------------------------------------------------------------------------------------------

    def save(self) -> Plain:
        """All state as plain data."""
        return {
            "counters": asdict(self.counters),
            "look": self._next_look,
            "keys": [self._saved(key, state) for key, state in self.states.items()],
        }

    def _saved(self, key: str, state: KeyState) -> tuple[object, ...]:
        times, whats, held = state.times, state.whats, state.held
        newest = state.latest()
        gone = bisect_left(times, newest - self.keep_us)  # nothing will ask for them, they only wait to be cut
        if gone:
            times, whats, held = times[gone:], whats[gone:], held[gone:]
        return key, newest, state.quiet_from, state.quiet_until, state.excused, times, whats, held

    def load(self, saved: Plain, taken: Callable[[list[Any]], Held]) -> None:
        """Take up what ``save`` gave; ``taken`` makes of a list what is held."""
        self.counters = CorrelationCounters(**saved["counters"])
        self._next_look = saved["look"]
        self.states = {
            key: KeyState(newest, quiet_from, quiet_until, times, whats, [taken(item) for item in held], excused)
            for key, newest, quiet_from, quiet_until, excused, times, whats, held in saved["keys"]
        }
        for state in self.states.values():
            state.rising_from = max(state.latest(), state.quiet_until + 1)
