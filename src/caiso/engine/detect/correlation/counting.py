"""So many matches within the span."""

from __future__ import annotations

from collections.abc import Sequence

from caiso.engine.detect.correlation.correlator import Correlator, KeyState, What
from caiso.engine.detect.correlation.occurrence import Firing
from caiso.engine.detect.correlation.stream import Heard, Stream
from caiso.engine.detect.correlation.windows import enough


class Counting(Correlator):
    """``event_count`` of at least a threshold."""

    valued = False

    def _run(self, stream: Stream, heard: Heard) -> list[Firing]:
        keys = self._keys(stream, heard)
        if self._excusing:
            return self._each(heard, keys, self._whats(stream, heard))
        states, counters = self.states, self.counters
        threshold, span, most = int(self.logic.threshold), self.span_us, self.limits.max_entries
        late = 2 * self.keep_us
        firings: list[Firing | None] = []
        place = -1
        for key, time_us, held in zip(keys, heard.times, heard.held, strict=True):
            place += 1
            if key is None:
                counters.ungrouped += 1
                continue
            state = states.get(key)
            if state is None:
                state = states[key] = KeyState(time_us)
            elif time_us < state.rising_from:
                firings.append(self._careful(state, key, heard, place, 0))
                continue
            state.rising_from = time_us
            times = state.times
            times.append(time_us)
            state.held.append(held)
            count = len(times)
            if times[0] < time_us - late or count > most:
                count -= self._make_room(state, time_us)
            if count >= threshold and times[count - threshold] >= time_us - span:
                firings.append(self._fire(state, key, heard.rows[place], range(count - threshold, count)))
        return [firing for firing in firings if firing is not None]

    def _whats(self, stream: Stream, heard: Heard) -> Sequence[What | None]:
        return [0 if self.counts(rules) else None for rules in heard.rules]

    def _check(self, state: KeyState, position: int) -> list[int] | None:
        return enough(state.times, position, int(self.logic.threshold), self.span_us)
