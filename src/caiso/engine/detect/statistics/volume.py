"""Volume: far more of something within an interval than this key usually has: calls, tokens, records, findings.

Event time is cut into intervals of ``every``; those in which the key was active are its history. The limit is the
largest of what the settings ask for: a number, so many times the 95th percentile, so many robust deviations above the
median. A key without history is judged by the intervals of all other keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from caiso.engine.detect.correlation.keys import key_part
from caiso.engine.detect.correlation.occurrence import Firing
from caiso.engine.detect.correlation.stream import Heard
from caiso.engine.detect.signal import Facts
from caiso.engine.detect.statistics.measures import Floats
from caiso.engine.detect.statistics.memory import Latest, quantile, robust
from caiso.engine.detect.statistics.observer import EVIDENCE, Columns, Observer, Seen, State, note
from caiso.engine.detect.statistics.settings import FieldName, Positive, Settings, microseconds
from caiso.engine.detect.statistics.sheet import Pair, Sheet
from caiso.engine.detect.statistics.values import hash64, numbers_text, span_text
from caiso.engine.packs import Between, Length

_PEERS = 1_000
_LIKE_BEFORE = 1.5
_DIFFERENT = 5_000  # different values that are told apart within an interval


@dataclass(frozen=True, kw_only=True)
class VolumeSettings(Settings):
    """``ceiling`` is the limit while neither the key nor its peers have ``intervals`` of history."""

    measure: Literal["count", "sum", "distinct"] = "count"
    value: FieldName | None = None
    what: Annotated[str, Length(1, 40)] = "events"
    every: timedelta = timedelta(minutes=10)
    intervals: Annotated[int, Between(5, 1_000)] = 12
    memory: Annotated[int, Between(5, 1_000)] = 200
    factor: Annotated[float, Between(1, 1_000)] = 3
    deviations: Annotated[float, Between(3, 100)] = 6
    least: Positive = 20
    ceiling: Positive | None = None
    timespan: timedelta = timedelta(hours=1)

    naming: ClassVar[tuple[str, ...]] = ("value",)
    lasting: ClassVar[tuple[str, ...]] = ("timespan", "quiet", "every")

    def mistakes(self) -> Iterable[tuple[str, str]]:
        if self.measure != "count" and self.value is None:
            yield "measure", f"measure {self.measure} needs the field to look at, expected value"
        if self.memory < self.intervals:
            yield "memory", f"memory {self.memory} is less than intervals {self.intervals}"


class VolumeState(State):
    """One key's open interval and what the ones before held."""

    history: Latest | None = None
    interval: int = 0
    total: float = 0.0
    different: set[int] = set()  # noqa: RUF012
    fired: bool = False
    limit: float | None = None
    usual: str = ""
    whose: str = ""


class Volume(Observer[VolumeSettings, VolumeState]):
    """Count, sum or number of different values within an interval."""

    settings_type = VolumeSettings
    state_type = VolumeState

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._every = microseconds(self.settings.every)
        self._peers = Latest(_PEERS)

    def sample(self, columns: Columns, row: int) -> int | None:
        """Of ``distinct``, which value it is."""
        field = self.settings.value or ""
        value = columns[field][row]
        part = None if value is None else key_part(field, value)
        return None if part is None else hash64(part)

    def begin(self, seen: Seen) -> VolumeState:
        state = VolumeState(newest=seen.time_us, history=Latest(self.settings.memory))
        self._open(state, seen.time_us // self._every)
        return state

    def follow(self, stream: Sheet, heard: Heard, pairs: Sequence[Pair], keys: Sequence[str | None]) -> list[Firing]:
        """An event within the open interval, below the limit, is added and kept as evidence."""
        settings, every = self.settings, self._every
        if settings.measure == "distinct":
            return super().follow(stream, heard, pairs, keys)
        samples: Sequence[float | None] = [1.0] * len(pairs)
        if settings.measure == "sum" and settings.value is not None:
            if stream.is_absent(settings.value):
                return self.pass_over(keys)
            samples = heard.of(stream.amounts(settings.value))
        firings: list[Firing] = []
        states, slack = self.states, self.slack_us
        for row, pair, key, sample in zip(heard.rows, pairs, keys, samples, strict=True):
            if key is not None and sample is not None and sample >= 0:
                state, time_us = states.get(key), pair[0]
                if (
                    state is not None
                    and time_us // every == state.interval
                    and time_us >= state.newest - slack
                    and (state.fired or state.limit is None or state.total + sample <= state.limit)
                ):
                    states.move_to_end(key)
                    if time_us > state.newest:
                        state.newest = time_us
                    state.total += sample
                    evidence = state.evidence
                    evidence.append(pair)
                    if len(evidence) > EVIDENCE:
                        del evidence[0]
                    continue
            self.look(key, row, pair, None if sample is None or sample < 0 else sample, firings)
        return firings

    def observe(self, state: VolumeState, seen: Seen) -> Facts | None:
        interval = seen.time_us // self._every
        if interval < state.interval:
            self.counters.late += 1
            return None
        if interval > state.interval:
            self._close(state)
            self._open(state, interval)
        self._add(state, seen.sample)
        note(state, seen)
        if state.fired or state.limit is None or state.total <= state.limit:
            return None
        state.fired = True
        return {
            self.settings.what: numbers_text(state.total),
            "within": span_text(self._every),
            "usual": state.usual,
            "limit": numbers_text(state.limit),
            "usual for": state.whose,
        }

    def _add(self, state: VolumeState, sample: float) -> None:
        if self.settings.measure != "distinct":
            state.total += sample
        elif len(state.different) < _DIFFERENT:
            state.different.add(int(sample))
            state.total = len(state.different)

    def _close(self, state: VolumeState) -> None:
        """What was out of the ordinary is learned as no more than the limit, so that few cannot make themselves usual."""
        assert state.history is not None  # noqa: S101 - begin sets it
        total = state.total if state.limit is None else min(state.total, state.limit)
        state.history.add(total)
        self._peers.add(total)

    def _open(self, state: VolumeState, interval: int) -> None:
        """Begin an interval; its limit is known before its first event."""
        settings = self.settings
        assert state.history is not None  # noqa: S101 - begin sets it
        state.interval, state.total, state.different, state.fired = interval, 0.0, set(), False
        own = len(state.history) >= settings.intervals
        history, whose = (state.history, "this key") if own else (self._peers, "all keys")
        if len(history) < settings.intervals:
            state.limit, state.usual, state.whose = settings.ceiling, "not known yet", "a fixed limit"
            return
        low, high, centre, spread = history.come_to(_summary)
        state.limit = max(settings.least, settings.factor * high, centre + settings.deviations * spread)
        if not own and state.history.values:  # what little is known of it: once told, the same is no news the next day
            state.limit = max(state.limit, _LIKE_BEFORE * max(state.history.values))
        state.usual = numbers_text(low) if low == high else f"{numbers_text(low)} to {numbers_text(high)}"
        state.whose = f"{whose}, {len(history)} intervals"

    def shared(self) -> Any:
        return self._peers

    def take_shared(self, plain: Any) -> None:
        self._peers = msgspec.convert(plain, Latest)


def _summary(ordered: Floats) -> list[float]:
    return [quantile(ordered, 0.05), quantile(ordered, 0.95), *robust(ordered)]
