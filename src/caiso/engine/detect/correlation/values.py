"""Values within the span: how many different ones, or how much they add up to."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from caiso.engine.detect.batch import different
from caiso.engine.detect.condition import number_of, value_of
from caiso.engine.detect.correlation.bounds import Limits
from caiso.engine.detect.correlation.bulk import window_ends
from caiso.engine.detect.correlation.correlator import Correlator, What
from caiso.engine.detect.correlation.keys import event_key, picked
from caiso.engine.detect.correlation.packed import SHIFT, Flags, Ints, Rows
from caiso.engine.detect.correlation.rounds import Ends, spread
from caiso.engine.detect.correlation.state import KeyState
from caiso.engine.detect.correlation.stream import Chosen, Heard, Stream
from caiso.engine.detect.correlation.windows import around, distinct, reached
from caiso.engine.detect.rule import Correlation, Rule
from caiso.engine.detect.schema import is_content

_SLACK = 1e-6  # a running sum is rounded at every step: what comes this near is added up exactly
_ROUNDING = 2.0**-51  # of the largest number, at every step of a running sum: twice what it can be
_MANY = 50_000  # entries of windows, all together, that different values are counted among
_LARGE = 1e6  # times the threshold: values whose rounding could hide a sum that reaches it are never run along


def value_column(correlator: Correlator, stream: Stream, heard: Heard, *, numeric: bool) -> list[What | None]:
    """The value that each entry has for a correlation over values; None where it has none."""
    fields = correlator.logic.value_fields
    if any(field in correlator.logic.aliases for field in fields):
        found = [
            _value(stream, row, [correlator.field_of(field, rules) for field in fields], numeric=numeric)
            for row, rules in zip(heard.rows, heard.rules, strict=True)
        ]
    elif numeric:
        column = heard.of(stream.batch.column(fields[0]))
        plain = set(map(type, column)) <= {int}
        found = list(column) if plain else [number_of(value) for value in column]  # type: ignore[arg-type]
    else:
        found = list(heard.of(stream.keys.of(fields)))
    if heard.moved or correlator.logic.unless:
        for place, rules in enumerate(heard.rules):
            if place in heard.moved or not correlator.counts(rules):
                found[place] = None
    return found


def _value(stream: Stream, row: int, fields: Sequence[str], *, numeric: bool) -> What | None:
    event = stream.batch.row(row)
    return number_of(value_of(event, fields[0])) if numeric else event_key(event, fields)


def _numbers(values: Sequence[Any]) -> npt.NDArray[Any] | None:
    """Numbers as a column; None where one is too large for that."""
    try:
        return np.array(values, dtype=np.float64)
    except OverflowError:
        return None


def _latest_of_each(whats: Ints, first: Ints, counts: Ints, known: int) -> tuple[Ints, Ints]:
    """Of each window the latest place of every value: how many, and the places; windows do not overlap."""
    places = spread(first, counts)
    pairs = np.repeat(np.arange(len(first)) * known, counts) + whats[places]
    order = np.argsort(pairs, kind="stable")
    ordered = pairs[order]
    last = np.append(ordered[1:] != ordered[:-1], [True])
    shown = np.bincount(ordered[last] // known, minlength=len(first))
    return shown, np.sort(places[order[last]])


class _Values(Correlator):
    numeric = False

    def _whats(self, stream: Stream, heard: Heard) -> Sequence[What | None]:
        return value_column(self, stream, heard, numeric=self.numeric)


class Distinct(_Values):
    """``value_count`` of at least a threshold."""

    def __init__(self, rule: Rule, logic: Correlation, limits: Limits) -> None:
        super().__init__(rule, logic, limits)
        self.least = self._threshold = int(logic.threshold)

    def columns(self, stream: Stream, chosen: Chosen) -> tuple[npt.NDArray[Any], Flags | None] | None:
        fields, rows = self.logic.value_fields, chosen.rows.tolist()
        codes = None
        if len(fields) == 1 and not is_content(fields[0]):
            codes = self.values.look_up(fields[0], picked(stream.batch.column(fields[0]), rows))
        if codes is None:
            numbers, texts = stream.keys.numbered_at(fields, rows)
            codes = np.append(self.values.encode(texts), -1)[numbers]
        return codes, (None if codes.min(initial=0) >= 0 else codes >= 0)

    def encoded(self, whats: Sequence[Any], count: int) -> npt.NDArray[Any]:
        return self.values.encode(whats)

    def decoded(self, whats: npt.NDArray[Any]) -> list[Any]:
        return self.values.decode(whats)

    def ends(self, rows: Rows, fresh: Ints, *, in_order: bool) -> Ends:
        at, span, more = rows.at, self.span_us, self._threshold - 1

        def show(ends: Ints) -> tuple[Ints, Ints]:
            first = np.searchsorted(at, at[ends] - span)
            return _latest_of_each(rows.whats, first, ends + 1 - first, len(self.values.texts))

        if more < 1:
            return Ends(fresh, show)
        ends = window_ends(at, fresh, span, in_order=in_order)
        ends = ends[ends >= more]
        ends = ends[at[ends] - at[ends - more] <= span]
        first = np.searchsorted(at, at[ends] - span)
        counts = ends + 1 - first
        total = int(counts.sum())
        if total > _MANY or not total:
            return Ends(ends, show, np.ones(len(ends), dtype=np.bool_))
        known = len(self.values.texts)
        pairs = different(np.repeat(np.arange(len(ends)) * known, counts) + rows.whats[spread(first, counts)])
        return Ends(ends[np.bincount(pairs // known, minlength=len(ends)) > more], show)

    def _advance(self, state: KeyState, time_us: int, what: What) -> bool:
        times, since = state.times, time_us - self.span_us
        start = state.start
        if start < 0:
            start = bisect_left(times, since)
            counts = state.tally = {}
            for value in state.whats[start:]:
                counts[value] = counts.get(value, 0) + 1
        else:
            counts = state.tally
            counts[what] = counts.get(what, 0) + 1
            while times[start] < since:
                gone = state.whats[start]
                left = counts[gone] - 1
                if left:
                    counts[gone] = left
                else:
                    del counts[gone]
                start += 1
        state.start = start
        return len(counts) >= self._threshold

    def _leave(self, state: KeyState) -> None:
        if state.start == 0:
            counts, gone = state.tally, state.whats[0]
            counts[gone] -= 1
            if not counts[gone]:
                del counts[gone]
        else:
            state.start -= 1

    def _check(self, state: KeyState, position: int) -> list[int] | None:
        if len(state.times) < self._threshold:
            return None
        near = around(state.times, position, self.span_us)
        return distinct(state.times, state.whats, near, self._threshold, self.span_us)


class Total(_Values):
    """``value_sum`` of at least a threshold."""

    numeric = True
    dtype = np.float64

    def __init__(self, rule: Rule, logic: Correlation, limits: Limits) -> None:
        super().__init__(rule, logic, limits)
        scale = max(1.0, abs(logic.threshold))
        self._nearly = logic.threshold - _SLACK * scale
        self._large = _LARGE * scale

    def columns(self, stream: Stream, chosen: Chosen) -> tuple[npt.NDArray[Any], Flags | None] | None:
        column = picked(stream.batch.column(self.logic.value_fields[0]), chosen.rows.tolist())
        if set(map(type, column)) <= {int, float}:
            numbers = _numbers(column)
            return None if numbers is None else (numbers, None)
        found = [number_of(value) for value in column]
        numbers = _numbers([number or 0.0 for number in found])
        usable = np.array([number is not None for number in found], dtype=np.bool_)
        return None if numbers is None else (numbers, usable)

    def ends(self, rows: Rows, fresh: Ints, *, in_order: bool) -> Ends:
        at, whats, limit = rows.at, rows.whats, self.logic.threshold
        ends = window_ends(at, fresh, self.span_us, in_order=in_order)
        first = np.searchsorted(at, at[ends] - self.span_us)
        with np.errstate(invalid="ignore", over="ignore"):
            sums = np.concatenate(([0.0], np.cumsum(np.maximum(whats, 0.0))))
            rounding = sums[-1] * len(sums) * _ROUNDING
            found = sums[ends + 1] - sums[first]
            near = ~(found < self._nearly - rounding)  # what is not a number is looked at, too
            ends, first, found = ends[near], first[near], found[near]
            high = found > limit + rounding

        def show(ends: Ints) -> tuple[Ints, Ints]:
            first = np.searchsorted(at, at[ends] - self.span_us)
            return ends + 1 - first, spread(first, ends + 1 - first)

        if not math.isfinite(rounding):
            return Ends(ends, show, np.ones(len(ends), dtype=np.bool_))
        unsure = None
        if whats.min(initial=0.0) < 0:  # then less can be more
            slots = at >> SHIFT
            unsure = np.isin(slots[ends], slots[whats < 0])
            high |= unsure
        for place in np.flatnonzero(~high).tolist():
            total = math.fsum(whats[first[place] : ends[place] + 1].tolist())
            high[place] = total > limit or (total == limit and self.logic.relation != "gt")
        return Ends(ends[high], show, None if unsure is None else unsure[high])

    def _advance(self, state: KeyState, time_us: int, what: What) -> bool:
        times, values, since = state.times, state.whats, time_us - self.span_us
        start = state.start
        large = abs(what) > self._large  # type: ignore[arg-type]  # numeric
        if start < 0:
            start = bisect_left(times, since)
            total = math.fsum(values[start:])
            large = large or any(abs(value) > self._large for value in values[start:])
        else:
            total = state.tally + what
            while times[start] < since:
                total -= values[start]
                start += 1
        state.start, state.tally = (-1 if large else start), total
        return bool(total >= self._nearly)

    def _leave(self, state: KeyState) -> None:
        if state.start == 0:
            state.tally -= state.whats[0]
        else:
            state.start -= 1

    def _check(self, state: KeyState, position: int) -> list[int] | None:
        near = around(state.times, position, self.span_us)
        strict = self.logic.relation == "gt"
        return reached(state.times, state.whats, near, self.logic.threshold, self.span_us, strict=strict)
