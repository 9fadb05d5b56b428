"""One correlation with its memory: what every kind shares, and the careful way that is right for any order of arrival.

The kinds differ in how they notice, for the events that arrive in order of time, that nothing can have come true; only
what passes that is looked at exactly (``windows``). Every step depends on event time and order of arrival alone, so a
stream gives the same firings however it is cut into batches, and after a restart.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from caiso.engine.detect.correlation.bounds import IDLE_US, Limits
from caiso.engine.detect.correlation.bulk import Bulk, Taken
from caiso.engine.detect.correlation.keys import alike_part, event_key, key_part
from caiso.engine.detect.correlation.occurrence import Firing, Occurrences
from caiso.engine.detect.correlation.packed import Flags, Ints, Rows, Values
from caiso.engine.detect.correlation.rounds import Ends
from caiso.engine.detect.correlation.state import CorrelationCounters, KeyState
from caiso.engine.detect.correlation.stream import Chosen, Heard, Stream, Wanted
from caiso.engine.detect.rule import Correlation, Rule

_FIRST_LOOK: Final = 1024  # keys, before idle ones are looked for

What = int | float | str
Plain = dict[str, Any]


class Correlator:
    """One correlation rule with its state."""

    valued = True  # whether entries carry a ``what``
    dtype: type = np.int64  # of ``whats`` in columns
    enough = 200  # events of one batch that are better taken at once

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
        self.heard = logic.heard
        self.base = Wanted.among((), frozenset())  # set by ``listen``
        self.occurrences = Occurrences()
        self.values = Values()  # that entries in columns have, where those are texts
        self._bulk: Bulk | None = None
        self._at_once = False  # whether large batches are taken at once; otherwise columns are for keys that rest

    def listen(self, names: Sequence[str], occurrences: Occurrences) -> None:
        """Take the base rules of a rule set, in order of their numbers, and what entries refer to."""
        self.occurrences = occurrences
        if Bulk.holds(self):
            self._bulk = Bulk(self, self.dtype)
            self._at_once = Bulk.suits(self, set(names))
        self.base = Wanted.among(names, self._wanted | self._excusing)

    # -- one batch ----------------------------------------------------------------------------------------------

    def feed(self, stream: Stream) -> list[Firing]:
        """Take in everything of a batch that this correlation listens to."""
        if not stream.has_any(self.base, self.heard):
            return []
        chosen = stream.chosen(self.base)
        firings = None
        if self._bulk is not None and self._at_once and self._bulk.takes(len(chosen.rows)):
            firings = self._bulk.run(stream, chosen)
        if firings is None:
            heard = stream.heard(chosen, self.heard)
            firings = self._run(stream, heard) if heard.rows else []
            if self._bulk is not None:
                self._bulk.rest(stream.newest)
        most = len(self.states) + (
            len(self._bulk.packed.names) if self._bulk is not None else 0
        )  # a key may be in both
        if most > self._next_look or most > self.limits.max_keys:
            count = self.key_count
            if count > self._next_look or count > self.limits.max_keys:
                self._forget(stream.newest)
        return firings

    def _run(self, stream: Stream, heard: Heard) -> list[Firing]:
        keys, whats = self._keys(stream, heard), self._whats(stream, heard)
        if self._bulk is not None and self._bulk.packed.slots:
            self._bulk.loosen(keys)
        taken = Taken(heard.rows, keys, heard.times, whats, heard.held)
        return self._each(taken, heard.rules) if self._excusing else self.rising(taken)

    def rising(self, taken: Taken) -> list[Firing]:
        """Take entries in; those that arrive in order of time cost a note, the others the careful way."""
        states, counters, most = self.states, self.counters, self.limits.max_entries
        late = 2 * self.keep_us  # cut seldom: what is too old to matter is in nobody's way
        least = self.least
        advance = self._advance
        firings: list[Firing | None] = []
        place = -1
        for key, time_us, what, held in zip(taken.keys, taken.times, taken.whats, taken.held, strict=True):
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
                if state.is_more_of_it(time_us):
                    state.newest = time_us
                    counters.suppressed += 1
                else:
                    firings.append(self._careful(state, key, taken, place))
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
                firings.append(None if places is None else self._fire(state, key, taken.rows[place], places))
        return [firing for firing in firings if firing is not None]

    def _advance(self, state: KeyState, time_us: int, what: Any) -> bool:
        """Note the newest entry, which stands last; False when it cannot have made the correlation true."""
        raise NotImplementedError

    def _each(self, taken: Taken, matched: Sequence[tuple[str, ...]]) -> list[Firing]:
        """Take entries in one by one, whatever their order; ``matched``: the rules behind each."""
        firings: list[Firing] = []
        for place, (key, time_us, what) in enumerate(zip(taken.keys, taken.times, taken.whats, strict=True)):
            if key is None:
                self.counters.ungrouped += 1
                continue
            state = self.states.get(key)
            if self._excusing and not self._excusing.isdisjoint(matched[place]):
                state = state or self._state(key, time_us)
                self._excuse(state, time_us)
            if what is None:
                continue
            state = state or self._state(key, time_us)
            firing = self._careful(state, key, taken, place)
            if firing is not None:
                firings.append(firing)
        return firings

    def _state(self, key: str, time_us: int) -> KeyState:
        state = self.states[key] = KeyState(newest=time_us)
        return state

    def _careful(self, state: KeyState, key: str, taken: Taken, place: int) -> Firing | None:
        time_us = taken.times[place]
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
        position = self._insert(state, time_us, taken.whats[place], taken.held[place])
        places = self._check(state, position)
        return None if places is None else self._fire(state, key, taken.rows[place], places)

    def _insert(self, state: KeyState, time_us: int, what: What, held: int) -> int:
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
            if state.start >= 0:
                self._leave(state)
            del state.times[0], state.whats[:1], state.held[0]
            self.counters.evicted_entries += 1
        return before - len(state.times)

    def _leave(self, state: KeyState) -> None:
        """The oldest entry is about to go: correct ``start`` and ``tally``, or have them made anew.

        Where a key's window is full this happens with each event, so what depends on the window's size is too slow here.
        """
        state.start = -1

    def _check(self, state: KeyState, position: int) -> list[int] | None:
        """The places of the entries that make the correlation true, now that one stands at ``position``."""
        raise NotImplementedError

    def _fire(self, state: KeyState, key: str, row: int, places: Sequence[int]) -> Firing:
        times, held = state.times, state.held
        seen = [times[place] for place in places]
        what = self.occurrences.joined([held[place] for place in places], seen)
        state.newest = state.latest()
        state.quiet_from = times[places[0]]
        state.quiet_until = times[places[-1]] + self.span_us
        state.rising_from = max(state.newest, state.quiet_until + 1)
        first, last = bisect_left(times, state.quiet_from), bisect_right(times, state.quiet_until)
        del times[first:last], state.whats[first:last], held[first:last]
        state.start = -1
        return Firing(row, key, seen[-1], what, self.logic.group_by)

    # -- keys and values ----------------------------------------------------------------------------------------

    def _keys(self, stream: Stream, heard: Heard) -> Sequence[str | None]:
        names = self.logic.group_by
        if self.logic.alike or any(name in self.logic.aliases for name in names):
            part = alike_part if self.logic.alike else key_part
            keys: Sequence[str | None] = [
                event_key(stream.batch.row(row), [self.field_of(name, rules) for name in names], part)
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

    def columns(self, stream: Stream, chosen: Chosen) -> tuple[npt.NDArray[Any], Flags | None] | None:
        """What each row of a batch is to this correlation, as a column, and which rows have a value, where some may not.

        None where that cannot be had.
        """
        raise NotImplementedError

    def encoded(self, whats: Sequence[Any], count: int) -> npt.NDArray[Any]:
        """What so many entries are, as a column."""
        return np.array(whats, dtype=self.dtype)

    def decoded(self, whats: npt.NDArray[Any]) -> list[Any]:
        """The reverse of ``encoded``."""
        return whats.tolist()  # type: ignore[no-any-return]

    def ends(self, rows: Rows, fresh: Ints, *, in_order: bool) -> Ends:
        """The windows that are complete, were all entries there, for those at the places ``fresh``.

        ``in_order``: no fresh entry is older than another of its key that arrived before.
        """
        raise NotImplementedError

    def _means(self, rules: tuple[str, ...], make: Callable[[tuple[str, ...]], Any]) -> Any:
        """Remembers what a combination of matched rules means; there are few of them."""
        if rules not in self._meaning:
            self._meaning[rules] = make(rules)
        return self._meaning[rules]

    # -- what keeps it silent -----------------------------------------------------------------------------------

    def _excuse(self, state: KeyState, time_us: int) -> None:
        excused = list(state.excused)
        insort(excused, time_us)
        horizon = state.latest() - self.keep_us - self.span_us  # before it no entry can come that this would excuse
        del excused[: bisect_left(excused, horizon)]
        state.excused = excused[-self.limits.max_entries :]

    def _is_excused(self, state: KeyState, time_us: int) -> bool:
        position = bisect_right(state.excused, time_us)
        return position > 0 and time_us - state.excused[position - 1] <= self.span_us

    # -- bounds -------------------------------------------------------------------------------------------------

    @property
    def key_count(self) -> int:
        """How many keys something is remembered for."""
        return len(self.states) + (self._bulk.packed.keys if self._bulk is not None else 0)

    def _forget(self, newest: int) -> None:
        """Drop idle keys, then those that were active longest ago, a quarter more than is needed: it reads all of them."""
        latest = {key: state.latest() for key, state in self.states.items()}
        if self._bulk is not None:
            latest |= self._bulk.packed.latest()
        keys, at = list(latest), np.fromiter(latest.values(), dtype=np.int64, count=len(latest))
        idle = at < newest - self.keep_us - IDLE_US
        gone = {keys[place] for place in np.flatnonzero(idle).tolist()}
        surplus = len(latest) - len(gone) - self.limits.max_keys
        if surplus > 0:
            count = min(surplus + self.limits.max_keys // 4, len(latest) - len(gone))
            until = np.partition(at[~idle], count - 1)[count - 1]
            gone.update(keys[place] for place in np.flatnonzero(at < until).tolist())
            same = sorted(keys[place] for place in np.flatnonzero((at == until) & ~idle).tolist())
            gone.update(same[: count + int(idle.sum()) - len(gone)])
            self.counters.evicted_keys += count
        for key in gone:
            self.states.pop(key, None)
        if self._bulk is not None:
            self._bulk.drop(gone)
        self._next_look = max(_FIRST_LOOK, 2 * (len(latest) - len(gone)))

    def references(self) -> list[Ints]:
        """The numbers of the occurrences that are still needed."""
        loose = chain.from_iterable([state.held for state in self.states.values()])
        found = [np.fromiter(loose, dtype=np.int64)]
        if self._bulk is not None:
            found.append(self._bulk.tidied().refs)
        return found

    # -- snapshots ----------------------------------------------------------------------------------------------

    def save(self) -> Plain:
        """All state as plain data."""
        return {
            "counters": asdict(self.counters),
            "look": self._next_look,
            "keys": [self._saved(key, state) for key, state in self.states.items()],
            "packed": None if self._bulk is None else self._bulk.save(),
        }

    def _saved(self, key: str, state: KeyState) -> tuple[object, ...]:
        times, whats, held = state.times, state.whats, state.held
        newest = state.latest()
        return key, newest, state.quiet_from, state.quiet_until, state.excused, times, whats, held

    def load(self, saved: Plain) -> None:
        """Take up what ``save`` gave."""
        self.counters = CorrelationCounters(**saved["counters"])
        self._next_look = saved["look"]
        self.states = {
            key: KeyState(newest, quiet_from, quiet_until, times, whats, held, excused or ())
            for key, newest, quiet_from, quiet_until, excused, times, whats, held in saved["keys"]
        }
        for state in self.states.values():
            state.rising_from = max(state.latest(), state.quiet_until + 1)
        if self._bulk is not None and saved["packed"] is not None:  # before, some kinds had no columns
            self._bulk.load(saved["packed"])
