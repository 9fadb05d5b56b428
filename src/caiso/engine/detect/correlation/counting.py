"""So many matches within the span."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from caiso.engine.detect.correlation.bulk import Taken
from caiso.engine.detect.correlation.correlator import Correlator, What
from caiso.engine.detect.correlation.occurrence import Firing
from caiso.engine.detect.correlation.packed import Flags, Ints, Rows
from caiso.engine.detect.correlation.rounds import Ends
from caiso.engine.detect.correlation.state import KeyState
from caiso.engine.detect.correlation.stream import Chosen, Heard, Stream
from caiso.engine.detect.correlation.windows import enough


class Counting(Correlator):
    """``event_count`` of at least a threshold."""

    valued = False
    dtype = np.int8

    def rising(self, taken: Taken) -> list[Firing]:
        states, counters = self.states, self.counters
        threshold, span, most = int(self.logic.threshold), self.span_us, self.limits.max_entries
        late = 2 * self.keep_us
        firings: list[Firing | None] = []
        place = -1
        for key, time_us, held in zip(taken.keys, taken.times, taken.held, strict=True):
            place += 1
            if key is None:
                counters.ungrouped += 1
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
            state.held.append(held)
            count = len(times)
            if times[0] < time_us - late or count > most:
                count -= self._make_room(state, time_us)
            if count >= threshold and times[count - threshold] >= time_us - span:
                firings.append(self._fire(state, key, taken.rows[place], range(count - threshold, count)))
        return [firing for firing in firings if firing is not None]

    def _whats(self, stream: Stream, heard: Heard) -> Sequence[What | None]:
        if not self._excusing:
            return heard.rows  # any number will do
        return [0 if self.counts(rules) else None for rules in heard.rules]

    def columns(self, stream: Stream, chosen: Chosen) -> tuple[npt.NDArray[Any], Flags | None] | None:
        return np.zeros(len(chosen.rows), dtype=np.int8), None

    def encoded(self, whats: Sequence[Any], count: int) -> npt.NDArray[Any]:
        return np.zeros(count, dtype=np.int8)

    def decoded(self, whats: npt.NDArray[Any]) -> list[Any]:
        return []

    def ends(self, rows: Rows, fresh: Ints, *, in_order: bool) -> Ends:
        more = int(self.logic.threshold) - 1
        if more < 1:
            return Ends(fresh, self._shown)
        return Ends(np.flatnonzero(rows.at[more:] - rows.at[:-more] <= self.span_us) + more, self._shown)

    def _shown(self, ends: Ints) -> tuple[Ints, Ints]:
        more = max(int(self.logic.threshold), 1) - 1
        return np.full(len(ends), more + 1), (ends[:, None] + np.arange(-more, 1)).ravel()

    def _check(self, state: KeyState, position: int) -> list[int] | None:
        return enough(state.times, position, int(self.logic.threshold), self.span_us)
