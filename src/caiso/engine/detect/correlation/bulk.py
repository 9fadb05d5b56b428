"""A large batch at once: only keys where the order of arrival may matter to what fires are looked at event by event.

Which entries a key would admit depends, until it fires, on the order of its events' times alone, and is worked out for
all keys together. Then the entries that were remembered and those that are new are looked at as if all of them had been
there from the beginning. No condition holds for some of the entries that does not hold for more of them (a sum's
negative values are left out), so where nothing is true of all together, nothing came true on the way, whatever the order
of arrival. What is true of a key whose events came in order fires at once, too (``rounds``). The keys that are left,
where something came late that may matter or a sum has negative values, are loosened (``packed``) and take the careful
way, as every key does in a small batch; with the next large one they go back.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from caiso.engine.detect.correlation.bounds import Limits
from caiso.engine.detect.correlation.occurrence import Firing, Occurrences
from caiso.engine.detect.correlation.packed import (
    BEFORE,
    LONGEST,
    MOST_SLOTS,
    NEVER,
    REACH,
    SHIFT,
    Flags,
    Ints,
    Packed,
    Rows,
    Values,
)
from caiso.engine.detect.correlation.rounds import Disorder, Ends, Fired, fire, spread
from caiso.engine.detect.correlation.state import CorrelationCounters, KeyState
from caiso.engine.detect.correlation.stream import Chosen, Stream
from caiso.engine.detect.rule import Correlation

_HEAVY: Final = 32  # times as many entries as events are too many to look through
_PATIENCE: Final = 16  # batches until that is asked again
_SPARE: Final = 1024  # values that no entry has any more, and that may stay known
_BIG: Final = 512  # entries of a key that is better left loose
MANY: Final = 4096  # loose keys, before those that rest are taken back
RESTING_US: Final = 60_000_000  # without an event for so long, a key rests
_ROW: Final = attrgetter("row")
_NO_FLAGS: Final[Flags] = np.zeros(0, dtype=np.bool_)
_NOTHING: Final[Ints] = np.zeros(0, dtype=np.int64)


class Taken(NamedTuple):
    """Entries to take in one by one, in order of arrival; lists of equal length."""

    rows: Sequence[int]
    keys: Sequence[str | None]
    times: Sequence[int]
    whats: Sequence[Any]
    held: Sequence[int]


class New(NamedTuple):
    """What a batch brings to a correlation, in order of arrival; arrays of equal length."""

    rows: Ints
    slots: Ints
    times: Ints
    whats: npt.NDArray[Any]
    refs: Ints

    def take(self, places: Ints | Flags) -> New:
        """Some of it."""
        return New(*(column[places] for column in self))


class Kind(Protocol):
    """The correlation whose batches these are: its bounds, and what its kind has to say."""

    logic: Correlation
    limits: Limits
    keep_us: int
    enough: int
    span_us: int
    occurrences: Occurrences
    states: dict[str, KeyState]
    counters: CorrelationCounters
    values: Values

    def columns(self, stream: Stream, chosen: Chosen) -> tuple[npt.NDArray[Any], Flags | None] | None: ...

    def encoded(self, whats: Sequence[Any], count: int) -> npt.NDArray[Any]: ...

    def decoded(self, whats: npt.NDArray[Any]) -> list[Any]: ...

    def ends(self, rows: Rows, fresh: Ints, *, in_order: bool) -> Ends: ...

    def rising(self, taken: Taken) -> list[Firing]: ...


class Bulk:
    """The packed memory of one correlation, and the way in which it takes large batches."""

    def __init__(self, correlator: Kind, dtype: type) -> None:
        self.packed = Packed(dtype)
        self._correlator = correlator
        self._keep_us = correlator.keep_us
        self._big = min(_BIG, correlator.limits.max_entries)
        self._at_once = False  # whether the batch before was large enough
        self._wait = 0
        self._tidy = False  # whether nothing came since the rows were tidied
        self._stale = False  # whether there are rows of loose keys
        self._cut_at = 0  # so many rows are reason to look for what is too old
        self._rest_at = MANY
        self._excused: dict[str, Sequence[int]] = {}  # of keys that are not loose, as their states had it

    @staticmethod
    def holds(correlator: Kind) -> bool:
        """Whether what a correlation remembers can be had in columns."""
        return correlator.keep_us < LONGEST and correlator.limits.max_keys < MOST_SLOTS

    @staticmethod
    def suits(correlator: Kind, base: set[str]) -> bool:
        """Whether large batches of what a correlation hears can be taken at once; ``base``: the rules that are not correlations."""
        logic = correlator.logic
        return not logic.unless and not logic.aliases and not logic.alike and base.issuperset(logic.heard)

    def takes(self, count: int) -> bool:
        """Whether a batch of so many events is worth it."""
        entries, enough = len(self.packed.rows.at), self._correlator.enough
        # To and fro costs more than either way: who has begun with it goes on with half as many.
        self._at_once = count >= (enough // 2 if self._at_once else enough)
        if not self._at_once or entries > 2 * _HEAVY * count:
            return False
        if self._wait:
            self._wait -= 1
            return False
        states = self._correlator.states
        heavy = len(states) > 8 * count
        if not heavy and not entries:
            heavy = sum(len(state.times) for state in states.values()) > _HEAVY * count
        self._wait = _PATIENCE if heavy else 0
        return not heavy

    # -- loosening ----------------------------------------------------------------------------------------------

    def loosen(self, keys: Sequence[str | None]) -> None:
        """Give the correlator the states of these keys."""
        slots = self.packed.slots
        found = [slots[key] for key in set(keys).difference(self._correlator.states) if key in slots]
        self._loosen(np.array(sorted(found), dtype=np.int64), self.packed.rows)

    def _loosen(self, slots: Ints, rows: Rows) -> None:
        """``slots`` ascend."""
        if not len(slots):
            return
        self._stale, self._tidy = True, False
        names = self.packed.names
        states = self.packed.states(slots, rows, self._correlator.decoded)
        for slot, state in zip(slots.tolist(), states, strict=True):
            self._correlator.states[names[slot]] = state
            if self._excused:
                state.excused = self._excused.pop(names[slot], ())

    def rest(self, newest: int) -> None:
        """Take back the states of keys that rest, once there are many: in columns they take a tenth of the memory.

        That changes nothing in what is remembered, so it does not matter when it happens.
        """
        packed, states = self.packed, self._correlator.states
        if len(states) < self._rest_at:
            return
        most, since = self._big // 2, newest - RESTING_US
        resting = {key: state for key, state in states.items() if state.latest() < since and len(state.times) <= most}
        if resting:
            self._place(np.fromiter((state.latest() for state in resting.values()), dtype=np.int64))
            resting = {key: state for key, state in resting.items() if packed.is_within(state)}
            old = self._old()
            for key, state in resting.items():
                del states[key]
                if state.excused:
                    self._excused[key] = state.excused
            packed.rows, _ = merged(old, packed.rows_of(resting, self._correlator.encoded))
            self._tidy = False
            self._forget_values()
        self._rest_at = max(MANY, 2 * len(states))

    # -- one batch ----------------------------------------------------------------------------------------------

    def run(self, stream: Stream, chosen: Chosen) -> list[Firing] | None:
        """Take in a batch; None, and nothing is done, where that cannot be had at once."""
        self._tidy = False
        if not len(chosen.rows):
            return []
        made = self._correlator.columns(stream, chosen)
        if stream.moments is None or made is None:
            return None
        whats, usable = made
        numbers, roster = stream.keys.numbered(self._correlator.logic.group_by)
        key = numbers[chosen.rows]
        new = New(chosen.rows, key, stream.moments[chosen.rows], whats, stream.numbers[chosen.rows])
        if usable is not None or key.min() < 0:
            grouped = key >= 0
            self._correlator.counters.ungrouped += int(np.count_nonzero(~grouped))
            new = new.take(grouped if usable is None else grouped & usable)
            if not len(new.rows):
                return []
        origin = self.packed.origin
        near = origin is not None and stream.oldest >= origin and stream.newest < origin + REACH
        if not near:
            self._place(new.times)
        new = new._replace(slots=self.packed.slots_at(new.slots, roster))
        return self._take(new, frozenset() if near else self._out_of_reach(new))

    def _place(self, times: Ints) -> None:
        """Choose another origin where these times are mostly out of its reach."""
        packed = self.packed
        if packed.origin is not None:
            if 2 * np.count_nonzero(packed.is_far(times)) <= len(times):
                return
            self._loosen(np.flatnonzero(~packed.loose[: len(packed.names)]), packed.rows)
        packed.rows = packed.none()
        packed.origin = int(np.median(times)) - BEFORE

    def _out_of_reach(self, new: New) -> frozenset[str]:
        """The keys, loose from now on, with entries whose times cannot be had in rows."""
        packed = self.packed
        slots = np.unique(new.slots[packed.is_far(new.times)]).tolist()
        states, names = self._correlator.states, packed.names
        self._loosen(np.array([slot for slot in slots if names[slot] not in states], dtype=np.int64), packed.rows)
        return frozenset(names[slot] for slot in slots)

    def _take(self, new: New, far: frozenset[str]) -> list[Firing]:
        """Take in what is new; ``far``: keys that must stay loose."""
        packed, correlator = self.packed, self._correlator
        old, back = self._old(), self._back(far)
        apart = np.flatnonzero(packed.loose[new.slots]) if correlator.states else _NOTHING
        order = _sorted_by(new.slots, len(packed.names))
        if len(apart):
            order = order[~packed.loose[new.slots[order]]]
        admitted = Admitted(packed, new.slots[order], new.times[order], self._keep_us)
        fresh = admitted.rows(new.whats[order], new.refs[order])
        more, at = merged(back, fresh)
        packed.rows, more_at = merged(old, more)
        at = more_at[at]

        batch_rows = new.rows[order]
        hot, rounds = self._looked(at, admitted, batch_rows)
        calm = None if hot is None else ~hot[admitted.slots]
        correlator.counters.late += _count(admitted.late, calm)
        correlator.counters.suppressed += _count(admitted.quiet, calm)
        admitted.settle(calm)
        gone = np.zeros(len(packed.rows.at), dtype=np.bool_) if rounds else _NO_FLAGS
        if hot is not None and calm is not None:
            gone = hot[packed.rows.at >> SHIFT]
            before = gone.copy()
            before[at] = False
            self._loosen(np.flatnonzero(hot), packed.rows.take(np.flatnonzero(before)))
            apart = np.sort(np.concatenate((apart, order[~calm])))
        firings = correlator.rising(self._taken(new.take(apart))) if len(apart) else []
        if rounds:
            firings += self._fire(rounds, at, admitted.of_rows(batch_rows), gone)
            firings.sort(key=_ROW)
        if len(gone):
            packed.rows = packed.rows.take(np.flatnonzero(~gone))
            self._stale = False
        self._forget_values()
        return firings

    def _forget_values(self) -> None:
        """Drop the texts that no entry has any more, once they are most."""
        packed, values = self.packed, self._correlator.values
        if len(values.texts) > 2 * len(packed.rows.at) + _SPARE:
            packed.rows = packed.rows._replace(whats=values.forget(packed.rows.whats))

    def _looked(self, fresh: Ints, admitted: Admitted, batch_rows: Ints) -> tuple[Flags | None, list[Fired]]:
        """Marks by slot the keys that need a closer look, None where there are none; and what fires under others.

        ``fresh``: places of new rows; ``batch_rows``: where the entries stood in the batch.
        """
        rows = self.packed.rows
        ends = self._correlator.ends(rows, fresh, in_order=admitted.in_order)
        grown = self._grown(rows)
        if not len(ends.places) and not len(grown):
            return None, []
        count = len(self.packed.names)
        asked = np.zeros(count, dtype=np.bool_)
        asked[admitted.slots] = True
        hot = np.zeros(count, dtype=np.bool_)
        hot[grown] = True
        hot &= asked
        new = np.zeros(len(rows.at), dtype=np.bool_)
        new[fresh] = True
        here = new[ends.places]
        disorder = None
        if admitted.behind is not None:
            disorder = self._disorder(fresh, admitted, admitted.behind, batch_rows)
            unruly = np.zeros(count, dtype=np.bool_)
            unruly[admitted.slots[admitted.behind]] = True
            here |= unruly[rows.at[ends.places] >> SHIFT]
        unsure = None if ends.unsure is None else ends.unsure[here]
        rounds = fire(self._correlator, rows, Ends(ends.places[here], ends.show, unsure), hot, disorder)
        return (hot if hot.any() else None), rounds

    def _disorder(self, fresh: Ints, admitted: Admitted, behind: Flags, batch_rows: Ints) -> Disorder:
        at = self.packed.rows.at
        rows, marks = np.full(len(at), -1), np.zeros(len(at), dtype=np.bool_)
        rows[fresh] = fresh_rows = admitted.of_rows(batch_rows)
        marks[fresh] = own = admitted.of_rows(behind)
        quiet_rows = np.full(len(self.packed.names), -1)
        if admitted.quiet is not None:
            silent = np.flatnonzero(admitted.quiet & behind)
            quiet_rows[admitted.slots[silent]] = batch_rows[silent]  # of several the last one stays
        return Disorder(rows, marks, at[fresh[own]], fresh_rows[own], quiet_rows)

    def _fire(self, rounds: list[Fired], fresh: Ints, rows: Ints, gone: Flags) -> list[Firing]:
        """Take note of what fired; ``fresh``: places of new entries, ``rows``: where they stand in the batch.

        Marks in ``gone`` the entries that are not needed any more.
        """
        packed, logic = self.packed, self._correlator.logic
        at, _, refs = packed.rows
        origin, low = packed.origin or 0, (1 << SHIFT) - 1
        firings: list[Firing] = []
        for ends, counts, shown, begins, until, quiet_until in rounds:
            slots = at[ends] >> SHIFT
            packed.quiet_from[slots] = (at[begins] & low) + origin
            packed.quiet_until[slots] = (quiet_until & low) + origin
            self._correlator.counters.suppressed += int((until - ends - 1).sum())
            gone[spread(begins, until - begins)] = True
            whats = self._correlator.occurrences.several(refs[shown], counts, ((at[begins] & low) + origin).tolist())
            firings += [
                Firing(row, packed.names[slot], time_us, what, logic.group_by)
                for row, slot, time_us, what in zip(
                    rows[np.searchsorted(fresh, ends)].tolist(),
                    slots.tolist(),
                    ((at[ends] & low) + origin).tolist(),
                    whats,
                    strict=True,
                )
            ]
        return firings

    def _old(self) -> Rows:
        """The rows that are there, cut when there is reason to."""
        packed = self.packed
        if self._stale or len(packed.rows.at) > self._cut_at:
            packed.rows = packed.rows.take(packed.current(self._keep_us))
            self._cut_at = len(packed.rows.at) * 5 // 4 + _SPARE
            self._stale = False
        return packed.rows

    def _back(self, far: frozenset[str]) -> Rows:
        """The rows of the states that can go back, in order; those of the keys ``far`` stay."""
        packed, states = self.packed, self._correlator.states
        most = self._big // 2
        back = {key: state for key, state in states.items() if len(state.times) <= most and packed.is_within(state)}
        for key in far:
            back.pop(key, None)
        if len(back) < len(states):
            slots = packed.slots_of([key for key in states if key not in back])
            packed.loose[slots] = True
        if not back:
            return packed.none()
        for key in back:
            del states[key]
        return packed.rows_of(back, self._correlator.encoded)

    def _grown(self, rows: Rows) -> Ints:
        """The slots with so many entries that they are better left loose."""
        at, big = rows.at, self._big
        if len(at) <= big:
            return at[:0]
        return at[big:][at[big:] - at[:-big] <= self._keep_us] >> SHIFT

    def _taken(self, new: New) -> Taken:
        names = self.packed.names
        return Taken(
            new.rows.tolist(),
            [names[slot] for slot in new.slots.tolist()],
            new.times.tolist(),
            self._correlator.decoded(new.whats) or [0] * len(new.rows),
            new.refs.tolist(),
        )

    # -- bounds and snapshots -----------------------------------------------------------------------------------

    def drop(self, keys: Collection[str]) -> None:
        """Forget keys."""
        self.packed.drop(keys)
        for key in keys:
            self._excused.pop(key, None)

    def tidied(self) -> Rows:
        """The rows, without those that nothing will ask for."""
        packed = self.packed
        if not self._tidy:
            packed.rows = packed.rows.take(packed.current(self._keep_us))
            self._tidy = True
        return packed.rows

    def save(self) -> dict[str, Any]:
        """All that is not loose, as plain data."""
        self.tidied()
        return {**self.packed.save(), "texts": self._correlator.values.texts, "excused": self._excused}

    def load(self, saved: dict[str, Any]) -> None:
        """Take up what ``save`` gave."""
        self.packed.load(saved)
        self._correlator.values.set(saved["texts"])
        self._excused = saved.get("excused", {})


class Admitted:
    """Which new entries their keys admit while none of them fires; ``slots`` ascend, then comes the order of arrival."""

    late: Flags | None = None  # None: none is
    quiet: Flags | None = None

    def __init__(self, packed: Packed, slots: Ints, times: Ints, keep_us: int) -> None:
        self.slots = slots
        self._packed = packed
        origin = packed.origin or 0
        self._at = (slots << SHIFT) + (times - origin)
        self.in_order = True
        self.behind: Flags | None = None  # which entries lie behind newer ones that came before; None: none
        self.kept: Ints | None = None  # which entries became rows, in the order of those; None: all, as they are
        self._first = _NOTHING
        if not len(slots):
            return
        starts = np.empty(len(slots), dtype=np.bool_)
        starts[0] = True
        np.not_equal(slots[1:], slots[:-1], out=starts[1:])
        first = self._first = np.flatnonzero(starts)
        heads = slots[first]
        seen = (heads << SHIFT) + np.maximum(packed.newest[heads] - origin, 0)  # the newest time before
        risen = self._at.copy()
        risen[first] = np.maximum(risen[first], seen)
        self._newest = np.maximum.accumulate(risen)  # … and after each entry
        behind = self._newest - self._at  # what lies behind the newest time, lies behind that before it
        if behind.any():
            self.in_order = False
            self.behind = behind > 0
            if behind.max() > keep_us:
                self.late = behind > keep_us
        quiet = times <= packed.quiet_until[slots]
        if quiet.any():
            self.quiet = quiet & (times >= packed.quiet_from[slots])
            if self.late is not None:
                self.quiet &= ~self.late

    def rows(self, whats: npt.NDArray[Any], refs: Ints) -> Rows:
        """The entries that are admitted, sorted by key and time and then by arrival."""
        rows = Rows(self._at, whats, refs)
        if self.quiet is not None or self.late is not None:
            self.kept = np.flatnonzero(~_either(self.late, self.quiet))
        if not self.in_order:
            at = self._at if self.kept is None else self._at[self.kept]
            order = np.argsort(at, kind="stable")
            self.kept = order if self.kept is None else self.kept[order]
        return rows if self.kept is None else rows.take(self.kept)

    def of_rows(self, column: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Of a column by entry what those have that became rows, in order of these."""
        return column if self.kept is None else column[self.kept]

    def settle(self, calm: Flags | None) -> None:
        """Note how far time has come for keys; where ``calm`` is there, only for those whose entries it marks."""
        if not len(self._first):
            return
        last = np.append(self._first[1:], len(self.slots)) - 1
        if calm is not None:
            last = last[calm[last]]
        found = (self._newest[last] & (1 << SHIFT) - 1) + (self._packed.origin or 0)
        self._packed.newest[self.slots[last]] = found


def _either(one: Flags | None, other: Flags | None) -> Flags:
    if one is None or other is None:
        return other if one is None else one  # type: ignore[return-value]  # one of them is there
    return one | other


def _count(flags: Flags | None, among: Flags | None) -> int:
    if flags is None:
        return 0
    return int(np.count_nonzero(flags if among is None else flags & among))


def _sorted_by(slots: Ints, count: int) -> Ints:
    """The order by slot, and within one as it was."""
    small = slots.astype(np.uint16) if count < 1 << 16 else slots  # sorted in fewer steps
    return np.argsort(small, kind="stable")


def merged(old: Rows, fresh: Rows) -> tuple[Rows, Ints]:
    """Both together in order, what is fresh after what is old; and the places of what is fresh."""
    if not len(fresh.at):
        return old, fresh.at
    if not len(old.at):
        return fresh, np.arange(len(fresh.at))
    at = np.searchsorted(old.at, fresh.at, side="right") + np.arange(len(fresh.at))
    kept = np.ones(len(old.at) + len(fresh.at), dtype=np.bool_)
    kept[at] = False
    columns = []
    for before, more in zip(old, fresh, strict=True):
        column = np.empty(len(kept), dtype=before.dtype)
        column[at] = more
        column[kept] = before
        columns.append(column)
    return Rows(*columns), at


def window_ends(at: Ints, fresh: Ints, span_us: int, *, in_order: bool) -> Ints:
    """The places at which a window can end that holds a fresh entry."""
    if in_order:
        return fresh
    last = np.full(len(at), NEVER)
    last[fresh] = at[fresh]
    return np.flatnonzero(at - np.maximum.accumulate(last) <= span_us)
