"""What fires in a large batch, worked out for all keys together where a key's events came in order of time.

Then the entry that completes a window is the latest of its key, so which windows are complete can be read off the rows
of all keys at once, and of each key the first one fires. What had come before it plays no part in what follows: a
window that is complete later begins after the quiet time. So the entries after the quiet times are looked at again, by
themselves, as often as something fires among them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

import numpy as np

from caiso.engine.detect.correlation.packed import SHIFT, Flags, Ints, Rows

_ROUNDS: Final = 6  # firings of one key in one batch; where there are more, one by one is as quick


class Ends(NamedTuple):
    """The places of the entries that complete a window, ascending, and how to learn what each window shows.

    That is right for keys whose events came in order; for others there is one place at least under each key for which
    anything may be true.
    """

    places: Ints
    show: Callable[[Ints], tuple[Ints, Ints]]  # some of the places: how many entries each shows, and their places
    unsure: Flags | None = None  # which of the places may be wrong after all


class Finds(Protocol):
    """What can say which windows are complete."""

    span_us: int

    def ends(self, rows: Rows, fresh: Ints, *, in_order: bool) -> Ends: ...


class Fired(NamedTuple):
    """What fired: arrays of equal length, but for ``shown``, which has ``counts`` places for each."""

    ends: Ints
    counts: Ints
    shown: Ints
    begins: Ints  # places of the first entries that are gone
    until: Ints  # places after the last
    quiet_until: Ints  # as ``Rows.at`` has it

    def of(self, wanted: Flags) -> Fired:
        """Some of it."""
        shown = self.shown[np.repeat(wanted, self.counts)]
        ends, counts, _, begins, until, quiet_until = self
        return Fired(ends[wanted], counts[wanted], shown, begins[wanted], until[wanted], quiet_until[wanted])


def spread(first: Ints, counts: Ints) -> Ints:
    """``counts`` numbers upwards from each of ``first``, one after the other."""
    edges = np.cumsum(counts)
    found: Ints = np.arange(int(edges[-1]) if len(edges) else 0) + np.repeat(first - (edges - counts), counts)
    return found


def near_to(at: Ints, fresh: Ints, span_us: int) -> Ints:
    """The places of the rows that can share a window with a fresh one, and of all that are later under its key."""
    own = at[fresh]
    slots = own >> SHIFT
    firsts = first_of_each(slots)
    first, last = np.searchsorted(at, own[firsts] - span_us), np.searchsorted(at, (slots[firsts] + 1) << SHIFT)
    return spread(first, last - first)


def first_of_each(numbers: Ints) -> Flags:
    """Marks where each different number of an ascending array stands first."""
    marks = np.empty(len(numbers), dtype=np.bool_)
    marks[:1] = True
    np.not_equal(numbers[1:], numbers[:-1], out=marks[1:])
    return marks


class Disorder(NamedTuple):
    """Which entries of a batch came after newer ones of their key, and where all stood in the batch.

    Such an entry plays no part in a firing unless it lies in the window. There it is as good as any other, if it was
    there when the window's last entry came: had it completed something itself, a window would be complete that ends
    earlier, and the first one of each key is what is looked at.
    """

    rows: Ints  # by place: where it stood in the batch, -1 for what was there before
    behind: Flags  # by place
    late_at: Ints  # of those that came behind, ascending
    late_rows: Ints  # and where they stood
    quiet_rows: Ints  # by slot: where the last one stood that came behind and was not taken in, as it had been reported

    def is_wrong(self, at: Ints, ends: Ints, slots: Ints, span_us: int | None) -> Flags:
        """Which windows, each the first of its key that is left, may not be what fires there.

        Without a ``span_us`` the key has fired before: what came behind later than this was quiet no more.
        """
        rows, until = self.rows[ends], at[ends]
        wrong: Flags = (rows < 0) | self.behind[ends] | (self.quiet_rows[slots] > rows)
        begins = np.searchsorted(self.late_at, slots << SHIFT if span_us is None else until - span_us)
        after = np.searchsorted(self.late_at, until, side="right")
        some = np.flatnonzero(after > begins)
        if len(some):
            edges = np.stack((begins[some], after[some]), axis=1).ravel()
            wrong[some] |= np.maximum.reduceat(np.append(self.late_rows, -1), edges)[::2] > rows[some]
        return wrong


def fire(kind: Finds, rows: Rows, found: Ends, hot: Flags, disorder: Disorder | None) -> list[Fired]:
    """What fires under the keys that are not ``hot``, by rounds; where that is not to be had, ``hot`` marks the key.

    ``found`` has the places of fresh rows only where a key's entries are in order. Keys are marked by slot.
    """
    rounds: list[Fired] = []
    within = rows  # what is looked at: everything, and after the first round what came after the quiet times
    index: Ints | None = None  # where that stands among ``rows``
    while len(found.places):
        slots = within.at[found.places] >> SHIFT
        if found.unsure is not None:
            hot[slots[found.unsure]] = True
        if len(rounds) == _ROUNDS:
            hot[slots] = True
        firsts = first_of_each(slots) & ~hot[slots]
        ends, slots = found.places[firsts], slots[firsts]
        if disorder is not None:
            places, span_us = (ends, kind.span_us) if index is None else (index[ends], None)
            wrong = disorder.is_wrong(rows.at, places, slots, span_us)
            hot[slots[wrong]] = True
            ends, slots = ends[~wrong], slots[~wrong]
        if not len(ends):
            break
        fired = _fired(kind, within, ends, found)
        last = np.searchsorted(within.at, (slots + 1) << SHIFT)
        rounds.append(fired if index is None else _moved(fired, index))
        after = spread(fired.until, last - fired.until)
        if not len(after):
            break
        within, index = within.take(after), (after if index is None else index[after])
        found = kind.ends(within, np.arange(len(after)), in_order=True)
    return [fired.of(~hot[rows.at[fired.ends] >> SHIFT]) for fired in rounds] if rounds and hot.any() else rounds


def _fired(kind: Finds, rows: Rows, ends: Ints, found: Ends) -> Fired:
    counts, shown = found.show(ends)
    at = rows.at
    begin = at[shown[np.cumsum(counts) - counts]]
    quiet_until = at[ends] + kind.span_us
    begins, until = np.searchsorted(at, begin), np.searchsorted(at, quiet_until, side="right")
    return Fired(ends, counts, shown, begins, until, quiet_until)


def _moved(fired: Fired, index: Ints) -> Fired:
    """The same with places as ``index`` has them: what one looks at has no gaps within a key."""
    ends, counts, shown, begins, until, quiet_until = fired
    return Fired(index[ends], counts, index[shown], index[begins], index[until - 1] + 1, quiet_until)
