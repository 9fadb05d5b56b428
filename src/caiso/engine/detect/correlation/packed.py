"""The memory of a correlation as columns: what is remembered for keys that need not be looked at event by event.

A row is an entry. Its place in time is one number, ``at``: the key's slot in the high bits, the time since ``origin`` in
the low ones, so that rows sorted by it are sorted by key and then by time, and one comparison answers whether two
entries are of one key and within the span.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, repeat
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from caiso.engine.detect.batch import different
from caiso.engine.detect.correlation.keys import Roster, key_part
from caiso.engine.detect.correlation.state import KeyState

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

SHIFT: Final = 42  # bits of a time
REACH: Final = 3 << 40  # microseconds after the origin, 38 days, in which entries may lie
LONGEST: Final = 1 << 40  # microseconds, 12 days, that entries may be kept: those of different keys are further apart
BEFORE: Final = 1 << 41  # microseconds from the origin to the events that it is chosen for
MOST_SLOTS: Final = 1 << 20  # keys, half of what the high bits can tell apart
NEVER: Final = -(1 << 62)
LAST: Final = (1 << 63) - 1


class Rows(NamedTuple):
    """Entries as columns of equal length."""

    at: Ints
    whats: npt.NDArray[Any]
    refs: Ints  # numbers of occurrences

    def take(self, places: Ints) -> Rows:
        """The entries at some places."""
        return Rows(self.at[places], self.whats[places], self.refs[places])


class Packed:
    """Keys with their entries in columns. A key is *loose* while a ``KeyState`` elsewhere has what is remembered for it."""

    def __init__(self, dtype: type) -> None:
        self.dtype = dtype
        self.origin: int | None = None
        self.slots: dict[str, int] = {}
        self.names: list[str] = []
        self.newest = np.zeros(0, dtype=np.int64)
        self.quiet_from = np.zeros(0, dtype=np.int64)
        self.quiet_until = np.zeros(0, dtype=np.int64)
        self.loose = np.zeros(0, dtype=np.bool_)
        self.rows = self.none()
        self._roster: Roster | None = None  # whose numbers ``_by_number`` has slots for, -1 where one is not known
        self._by_number = np.zeros(0, dtype=np.int64)

    def none(self) -> Rows:
        """No rows at all."""
        empty = np.zeros(0, dtype=np.int64)
        return Rows(empty, np.zeros(0, dtype=self.dtype), empty)

    @property
    def keys(self) -> int:
        """How many keys are here and not loose."""
        if not self.names:
            return 0
        return len(self.names) - int(np.count_nonzero(self.loose[: len(self.names)]))

    # -- slots --------------------------------------------------------------------------------------------------

    def slots_of(self, keys: Sequence[str]) -> Ints:
        """The slots of keys; a key without one gets one."""
        found = self.known(keys)
        for place in np.flatnonzero(found < 0).tolist():
            found[place] = self._add(keys[place])
        return found

    def known(self, keys: Sequence[str]) -> Ints:
        """The slots of keys, -1 for a key without one."""
        return np.fromiter(map(self.slots.get, keys, repeat(-1)), dtype=np.int64, count=len(keys))

    def slots_at(self, numbers: Ints, roster: Roster) -> Ints:
        """The slots of keys by their numbers, of which there is one at least; a key without one gets one."""
        if self._roster is not roster:
            self._roster, self._by_number = roster, np.zeros(0, dtype=np.int64)
        more = len(roster.names) - len(self._by_number)
        if more > 0:
            self._by_number = np.concatenate((self._by_number, np.full(more, -1)))
        found = self._by_number[numbers]
        if found.min() < 0:
            missing = different(numbers[found < 0])
            self._by_number[missing] = self.slots_of([roster.names[number] for number in missing.tolist()])
            found = self._by_number[numbers]
        return found

    def is_far(self, times: Ints) -> Flags:
        """Which times cannot be had in rows."""
        origin = self.origin or 0
        return (times < origin) | (times >= origin + REACH)

    def _add(self, key: str) -> int:
        slot = self.slots[key] = len(self.names)
        self.names.append(key)
        if slot >= len(self.loose):
            more = slot + 64
            self.newest = np.concatenate((self.newest, np.full(more, NEVER)))
            self.quiet_from = np.concatenate((self.quiet_from, np.zeros(more, dtype=np.int64)))
            self.quiet_until = np.concatenate((self.quiet_until, np.full(more, -1)))
            self.loose = np.concatenate((self.loose, np.zeros(more, dtype=np.bool_)))
        return slot

    def latest(self) -> dict[str, int]:
        """The latest time that was seen under each key that is not loose."""
        newest, loose = self.newest[: len(self.names)].tolist(), self.loose[: len(self.names)].tolist()
        return {key: at for key, at, is_loose in zip(self.names, newest, loose, strict=True) if not is_loose}

    def drop(self, keys: Iterable[str]) -> None:
        """Forget keys, and give the others new slots."""
        gone = {slot for key in keys if (slot := self.slots.get(key)) is not None}
        if not gone:
            return
        self._roster = None
        self.rows = self.rows.take(self.current(0))
        kept = np.array([slot for slot in range(len(self.names)) if slot not in gone], dtype=np.int64)
        place = np.full(len(self.names), -1)
        place[kept] = np.arange(len(kept))
        at, whats, refs = self.rows
        slot = place[at >> SHIFT]
        here = slot >= 0
        self.rows = Rows(((slot << SHIFT) + (at & (1 << SHIFT) - 1))[here], whats[here], refs[here])
        self.names = [self.names[slot] for slot in kept.tolist()]
        self.slots = {key: slot for slot, key in enumerate(self.names)}
        for column in ("newest", "quiet_from", "quiet_until", "loose"):
            setattr(self, column, getattr(self, column)[kept])

    # -- rows ---------------------------------------------------------------------------------------------------

    def current(self, keep_us: int) -> Ints:
        """The places of the rows that are still needed: of keys that are not loose, and not too old for them."""
        count = len(self.names)
        if self.origin is None:
            return np.zeros(0, dtype=np.int64)
        since = np.clip(self.newest[:count] - keep_us - self.origin, 0, REACH) if keep_us else 0
        least = np.where(self.loose[:count], LAST, (np.arange(count) << SHIFT) + since)
        return np.flatnonzero(self.rows.at >= least[self.rows.at >> SHIFT])

    def states(self, slots: Ints, rows: Rows, decode: Callable[[npt.NDArray[Any]], list[Any]]) -> list[KeyState]:
        """What is remembered for keys that are in ``rows``, as states; the keys are loose from now on."""
        first, last = np.searchsorted(rows.at, slots << SHIFT), np.searchsorted(rows.at, (slots + 1) << SHIFT)
        counts = last - first
        ends = np.cumsum(counts)
        places = np.arange(int(counts.sum())) + np.repeat(first - (ends - counts), counts)
        at, whats, refs = rows.take(places)
        times = ((at & (1 << SHIFT) - 1) + (self.origin or 0)).tolist()
        values, held = decode(whats), refs.tolist()
        self.loose[slots] = True
        found = []
        begin = 0
        for newest, quiet_from, quiet_until, end in zip(
            self.newest[slots].tolist(),
            self.quiet_from[slots].tolist(),
            self.quiet_until[slots].tolist(),
            ends.tolist(),
            strict=True,
        ):
            state = KeyState(newest, quiet_from, quiet_until, times[begin:end], values[begin:end], held[begin:end])
            state.rising_from = max(newest, quiet_until + 1)
            found.append(state)
            begin = end
        return found

    def is_within(self, state: KeyState) -> bool:
        """Whether a state's times can be had in rows."""
        origin, times = self.origin, state.times
        if origin is None:
            return False
        near = -NEVER > state.newest > NEVER and state.quiet_until < -NEVER and state.quiet_from > NEVER
        return near and state.latest() < origin + REACH and (not times or times[0] >= origin)

    def rows_of(self, states: Mapping[str, KeyState], encode: Callable[[list[Any], int], npt.NDArray[Any]]) -> Rows:
        """Take states back whose times are within reach: their keys are not loose any more. Returns their rows, in order."""
        slots = self.slots_of(list(states))
        order = np.argsort(slots)
        slots = slots[order]
        kept = list(map(list(states.values()).__getitem__, order.tolist()))
        self.newest[slots] = [state.latest() for state in kept]
        self.quiet_from[slots] = [state.quiet_from for state in kept]
        self.quiet_until[slots] = [state.quiet_until for state in kept]
        self.loose[slots] = False
        times = np.array(list(chain.from_iterable([state.times for state in kept])), dtype=np.int64)
        refs = np.array(list(chain.from_iterable([state.held for state in kept])), dtype=np.int64)
        whats = encode(list(chain.from_iterable([state.whats for state in kept])), len(times))
        counts = [len(state.times) for state in kept]
        return Rows(np.repeat(slots << SHIFT, counts) + (times - (self.origin or 0)), whats, refs)

    # -- snapshots ----------------------------------------------------------------------------------------------

    def save(self) -> dict[str, Any]:
        """All that is not loose, as plain data; only current rows may be there."""
        count = len(self.names)
        return {
            "origin": self.origin,
            "names": self.names,
            "heads": [
                column[:count].tobytes() for column in (self.newest, self.quiet_from, self.quiet_until, self.loose)
            ],
            "rows": [column.tobytes() for column in self.rows],
        }

    def load(self, saved: Mapping[str, Any]) -> None:
        """Take up what ``save`` gave."""
        self._roster = None
        self.origin, self.names = saved["origin"], saved["names"]
        self.slots = {key: slot for slot, key in enumerate(self.names)}
        self.newest, self.quiet_from, self.quiet_until = (
            np.frombuffer(column, dtype=np.int64).copy() for column in saved["heads"][:3]
        )
        self.loose = np.frombuffer(saved["heads"][3], dtype=np.bool_).copy()
        kinds = (np.int64, self.dtype, np.int64)
        self.rows = Rows(
            *(np.frombuffer(column, dtype=kind) for column, kind in zip(saved["rows"], kinds, strict=True))
        )


class Values:
    """Texts as numbers: which values of entries are the same."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._numbers: dict[str, int] = {}

    def encode(self, texts: Iterable[str]) -> Ints:
        """The numbers of texts; a text without one gets one."""
        numbers = self._numbers
        found = []
        for text in texts:
            number = numbers.get(text)
            if number is None:
                number = numbers[text] = len(self.texts)
                self.texts.append(text)
            found.append(number)
        return np.array(found, dtype=np.int64)

    def look_up(self, name: str, column: Sequence[object]) -> Ints | None:
        """The numbers of a field's values, -1 where there is none; None where few are known, or they are no texts.

        For fields of which a short text is itself what is compared.
        """
        try:
            found = np.fromiter(map(self._numbers.get, column, repeat(-1)), dtype=np.int64, count=len(column))  # type: ignore[arg-type]  # what is no text is not found
        except TypeError:  # lists are no keys
            return None
        places = np.flatnonzero(found < 0).tolist()
        if 8 * len(places) > len(column):
            return None
        for place in places:
            part = key_part(name, column[place])
            if part is not None:
                found[place] = self.encode((part,))[0]
        return found

    def decode(self, numbers: Ints) -> list[str]:
        """The texts behind numbers."""
        return list(map(self.texts.__getitem__, numbers.tolist()))

    def forget(self, numbers: Ints) -> Ints:
        """Keep only the texts with these numbers; returns their new ones."""
        live, found = np.unique(numbers, return_inverse=True)
        self.set([self.texts[number] for number in live.tolist()])
        return found.astype(np.int64)

    def set(self, texts: list[str]) -> None:
        """Take up texts in order of their numbers."""
        self.texts = texts
        self._numbers = {text: number for number, text in enumerate(texts)}
