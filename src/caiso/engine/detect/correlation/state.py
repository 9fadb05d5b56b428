"""What is remembered for one key while its events are taken one by one, and what could not be used."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class KeyState:
    """What is remembered for one key: entries as parallel lists, sorted by time and then by arrival."""

    newest: int  # may lag behind the last entry; ``latest`` is right
    quiet_from: int = 0
    quiet_until: int = -1  # what falls between the two was reported already
    times: list[int] = field(default_factory=list)
    whats: list[Any] = field(default_factory=list)  # a value, or stages as bits; empty where only the number counts
    held: list[int] = field(default_factory=list)  # numbers of occurrences
    excused: Sequence[int] = ()  # times of what keeps the correlation silent, sorted; hardly any key has one
    start: int = -1  # the first place in the newest entry's window; -1: it and ``tally`` must be made anew
    tally: Any = None  # what the kind keeps of the entries from ``start`` on
    rising_from: int = 0  # an event at or after this moment arrives in order and was not reported yet

    def latest(self) -> int:
        """The latest time that was seen under this key."""
        return max(self.newest, self.times[-1]) if self.times else self.newest

    def is_more_of_it(self, time_us: int) -> bool:
        """Whether an event comes in order and only adds to what was reported; False where that takes a closer look."""
        return (
            self.quiet_from <= time_us <= self.quiet_until
            and time_us >= self.newest
            and not self.excused
            and (not self.times or time_us >= self.times[-1])
        )

    def cut(self, horizon: int) -> None:
        """Forget the entries before a moment."""
        if self.times and self.times[0] < horizon:
            gone = bisect_left(self.times, horizon)
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
