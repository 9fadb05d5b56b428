"""Turns many spans into events column by column; gives exactly what ``normalise`` gives for each of them.

A test holds the two to each other. A span that has anything out of the ordinary - a convention of one attribute per
message field, span events, a value of an unexpected type - is named in ``slow`` and left to ``normalise``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from caiso.connect.telemetry.bulk.arrays import Flags, Ints, codes_of, filled, hex_of, maps, spread, valid
from caiso.connect.telemetry.bulk.fields import sort_fields
from caiso.connect.telemetry.bulk.sharing import Shared, is_error, scope_name, shared_of, written
from caiso.connect.telemetry.decode.spans import Spans
from caiso.connect.telemetry.meaning.dialects import ENDING
from caiso.connect.telemetry.meaning.facts import CITATIONS, OF_CONTENT, add_facts
from caiso.connect.telemetry.meaning.gather import chat, is_message_event
from caiso.connect.telemetry.meaning.messages import Segment
from caiso.connect.telemetry.normalise import (
    FUTURE_US,
    KIND_SIGNS,
    LATE_US,
    LONG_TEXT,
    TOOL_FIELDS,
    ToolFacts,
    distrust,
    is_missing,
    kind_by_content,
    kind_of,
    tool_facts,
)
from caiso.connect.telemetry.records import LIMITS, Limits, Signal
from caiso.connect.telemetry.table import (
    BOOL_COLUMNS,
    COLUMN_TYPES,
    FLOAT_COLUMNS,
    INT_COLUMNS,
    INTEGER_MAP,
    SCHEMA,
    TEXT_COLUMNS,
    TEXT_MAP,
)
from caiso.engine.detect.schema import EVENT_KINDS, SCHEMA_VERSION

_ZERO_TRACE: Final = "0" * 32
_ZERO_SPAN: Final = "0" * 16
_DURATION_MOST: Final = 2**53
_DECIDING: Final = (
    "event.kind", "gen_ai.operation.name", "openinference.span.kind", "traceloop.span.kind", *KIND_SIGNS,
)  # fmt: skip
_ARROW: Final = {name: SCHEMA.field(name).type for name in COLUMN_TYPES}


@dataclass(frozen=True, slots=True)
class Bulk:
    """The events of some spans: a table without content references, and each event's segments.

    ``rows`` are the places of the events among the spans, ``slow`` those of the spans that were left out.
    """

    table: pa.Table
    segments: list[list[Segment]]
    rows: Ints
    slow: Ints


@dataclass(frozen=True, slots=True)
class Sent:
    """Who sent each request, and when it arrived in microseconds."""

    sources: Sequence[str]
    arrivals: Sequence[int]


def normalise_spans(spans: Spans, sent: Sent, limits: Limits = LIMITS) -> Bulk:
    """Return the events of all spans that can be read together."""
    return _Work(spans, sent, limits).done()


def _speaking(segments: list[Segment]) -> list[Segment]:
    """Without those that say nothing; there is seldom one."""
    for segment in segments:
        if not segment.text:
            return [one for one in segments if one.text]
    return segments


class _Work:
    """One call, step by step; arrays are by span until ``kept`` says which spans stay."""

    def __init__(self, spans: Spans, sent: Sent, limits: Limits) -> None:
        self.spans = spans
        self.limits = limits
        self.traces, self.ids, self.parents = (
            hex_of(ids) for ids in (spans.trace_ids, spans.span_ids, spans.parent_span_ids)
        )
        self.starts = spans.starts.to_numpy(zero_copy_only=False)
        self.ends = spans.ends.to_numpy(zero_copy_only=False)
        self.arrivals = np.array(sent.arrivals, dtype=np.int64)[spans.requests]
        self.sources = pa.array(sent.sources, pa.string()).take(pa.array(spans.requests))
        self.slow = self._unusual()
        self.shared, self.resource_codes = self._resources()
        self.scopes, self.scope_codes = self._scopes()
        self.failed = self._statuses()
        self.fields = sort_fields(spans, self.slow, limits)
        self.kept = np.flatnonzero(~self.slow)

    def _unusual(self) -> Flags:
        """Spans whose ids, times, name or events need a closer look, most often a refusal."""
        slow = pc.not_equal(pc.binary_length(self.traces), 32).to_numpy(zero_copy_only=False)
        slow |= pc.not_equal(pc.binary_length(self.ids), 16).to_numpy(zero_copy_only=False)
        slow |= pc.equal(self.traces, _ZERO_TRACE).to_numpy(zero_copy_only=False)
        slow |= pc.equal(self.ids, _ZERO_SPAN).to_numpy(zero_copy_only=False)
        slow |= self.starts == 0
        sent = (self.starts // 1000).astype(np.int64)
        slow |= (sent < self.arrivals - LATE_US) | (sent > self.arrivals + FUTURE_US)
        slow |= self.spans.events > 0
        codes, names = codes_of(self.spans.names)
        odd = [
            not name
            or is_message_event(name)
            or name.startswith("aisoc.")
            or name.endswith(ENDING)
            or len(name) > LONG_TEXT
            for name in names
        ]
        if names:
            slow |= np.array(odd, dtype=np.bool_)[codes]
        return slow  # type: ignore[no-any-return]  # flags

    def _resources(self) -> tuple[list[Shared], Ints]:
        codes, values = codes_of(self.spans.resources)
        found = [shared_of(value, self.limits) for value in values]
        if found:
            self.slow |= np.array([shared.slow for shared in found], dtype=np.bool_)[codes]
        return found, codes

    def _scopes(self) -> tuple[list[str], Ints]:
        codes, values = codes_of(self.spans.scopes)
        names = [scope_name(value) for value in values]
        if names:
            self.slow |= np.array([name is None for name in names], dtype=np.bool_)[codes]
        return [name or "" for name in names], codes

    def _statuses(self) -> Flags:
        codes, values = codes_of(self.spans.statuses)
        found = [is_error(value) for value in values]
        if not found:
            return np.zeros(0, dtype=np.bool_)
        self.slow |= np.array([error is None for error in found], dtype=np.bool_)[codes]
        return np.array([bool(error) for error in found], dtype=np.bool_)[codes]

    # -- from here on by row of the table -----------------------------------------------------------------------

    def done(self) -> Bulk:
        self.count = len(self.kept)
        self.place = np.full(len(self.spans), -1, dtype=np.int64)  # of a span among the rows
        self.place[self.kept] = np.arange(self.count)
        self.columns = {name: self._column(name) for name in COLUMN_TYPES if name in self._named()}
        contents = self._contents()
        kinds = self._kinds()
        segments = [_speaking(chat(content)) if content else [] for content in contents]
        kinds = [kind or kind_by_content(found) for kind, found in zip(kinds, segments, strict=True)]
        for row in self._distrusted():
            distrust(segments[row])
        self._envelope(kinds)
        self._tools(kinds, segments)
        self._facts(kinds, segments)
        self.columns["content.missing"] = pa.array(
            [is_missing(found) if kind == "inference" else None for kind, found in zip(kinds, segments, strict=True)],
            pa.bool_(),
        )
        return Bulk(self._table(), segments, self.kept, np.flatnonzero(self.slow))

    def _named(self) -> set[str]:
        """Fixed columns that the spans or their resources fill."""
        return {*self.fields.plain, *(name for shared in self.shared for name in shared.columns)}

    def _column(self, name: str) -> pa.Array:
        """A fixed column: the span's own value, else its resource's."""
        arrow = _ARROW[name]
        found = self.fields.plain.get(name)
        if found is None:
            column = pa.nulls(self.count, arrow)
        else:
            attributes = self.spans.attributes
            if name in TEXT_COLUMNS:
                values = attributes.text
            elif name in BOOL_COLUMNS:
                values = attributes.flag
            elif name in FLOAT_COLUMNS:
                values = self._numbers
            else:
                values = attributes.whole
            column = spread(values, self.place[found.rows], found.places, self.count)
        constants = [shared.columns.get(name) for shared in self.shared]
        return filled(column, constants, self.resource_codes[self.kept], arrow)

    @cached_property
    def _numbers(self) -> pa.Array:
        """The attributes that are numbers, whole or not."""
        attributes = self.spans.attributes
        return pc.coalesce(attributes.real, pc.cast(attributes.whole, pa.float64(), safe=False))

    def _contents(self) -> list[dict[str, object]]:
        """By row what carries content, as the careful way sees it."""
        contents: list[dict[str, object]] = [{} for _ in range(self.count)]
        for name, found in self.fields.content.items():
            values = self.spans.attributes.text.take(pa.array(found.places)).to_pylist()
            for span, place, value in zip(found.rows.tolist(), found.places.tolist(), values, strict=True):
                contents[self.place[span]][name] = self.fields.odd[place] if value is None else value
        return contents

    def _kinds(self) -> list[str]:
        """The kind that attributes tell; most events name their operation, the others are asked one by one."""
        given = self._texts_of("event.kind")
        operations = self._texts_of("gen_ai.operation.name")
        by_operation = {name: kind_of({"gen_ai.operation.name": name}, "") for name in set(operations) if name}
        kinds = [
            kind if kind in EVENT_KINDS else "" if kind else by_operation.get(operation, "") if operation else ""
            for kind, operation in zip(given, operations, strict=True)
        ]
        unclear = [row for row, kind in enumerate(kinds) if not kind]
        if unclear:
            signs = self._signs(unclear)
            for row in unclear:
                kinds[row] = kind_of(signs[row], "")
        return kinds

    def _signs(self, rows: list[int]) -> dict[int, dict[str, object]]:
        """What decides over the kind of some events."""
        signs: dict[int, dict[str, object]] = {row: {} for row in rows}
        for name in _DECIDING:
            if name in self.columns:
                values = self.columns[name].to_pylist()
                for row in rows:
                    if values[row] is not None:
                        signs[row][name] = values[row]
            elif name in self.fields.plain:
                texts = self.fields.texts(name)
                for span in self.fields.plain[name].rows.tolist():
                    row = int(self.place[span])
                    if row in signs:
                        signs[row][name] = texts.get(span, True)
        return signs

    def _texts_of(self, name: str) -> list[str | None]:
        return self.columns[name].to_pylist() if name in self.columns else [None] * self.count

    def _distrusted(self) -> list[int]:
        return [
            int(self.place[span])
            for span, value in self.fields.texts("aisoc.content.trust").items()
            if value == "untrusted"
        ]

    def _envelope(self, kinds: list[str]) -> None:
        kept = pa.array(self.kept)
        arrivals = self.arrivals[self.kept]
        starts, ends = self.starts[self.kept], self.ends[self.kept]
        times = (starts // 1000).astype(np.int64)
        observed = (ends // 1000).astype(np.int64)
        observed = np.where((observed >= times) & (observed <= arrivals + FUTURE_US), observed, times)
        lasting = np.minimum((ends - starts) // 1000, _DURATION_MOST).astype(np.int64)
        columns = self.columns
        sources, traces, ids = self.sources.take(kept), self.traces.take(kept), self.ids.take(kept)
        columns["event.id"] = pa.array(self._event_ids(sources, traces, ids), pa.string())
        columns["event.kind"] = pa.array(kinds, pa.string())
        columns["event.name"] = self.spans.names.take(kept)
        columns["source.id"], columns["trace_id"], columns["span_id"] = sources, traces, ids
        columns["parent_span_id"] = self.parents.take(kept)
        columns["schema.version"] = self._constant(SCHEMA_VERSION)
        columns["time.marked"] = self._constant("")
        columns["time"], columns["observed_time"] = pa.array(times), pa.array(observed)
        columns["ingest_time"] = pa.array(arrivals)
        columns["duration_us"] = pa.array(lasting, mask=ends < starts)
        for name in ("service.name", "deployment.environment.name"):
            columns[name] = pc.fill_null(columns[name], "") if name in columns else self._constant("")
        failed = pa.array(self.failed[self.kept])
        if pc.any(failed).as_py():
            said = columns.get("error.type", pa.nulls(self.count, pa.string()))
            columns["error.type"] = pc.if_else(pc.and_(failed, pc.is_null(said)), "error", said)
        session = pa.nulls(self.count, pa.string())
        for name in ("aisoc.session", "gen_ai.conversation.id", "mcp.session.id", "trace_id"):
            if name in columns:
                told = columns[name]
                session = pc.coalesce(session, pc.if_else(pc.equal(told, ""), pa.scalar(None, pa.string()), told))
        columns["aisoc.session"] = session

    def _constant(self, value: str) -> pa.Array:
        return pa.repeat(pa.scalar(value, pa.string()), self.count)

    def _event_ids(self, sources: pa.Array, traces: pa.Array, ids: pa.Array) -> list[str]:
        """As ``event_id`` makes them."""
        blake2b = hashlib.blake2b
        names = self.spans.names.take(pa.array(self.kept)).to_pylist()
        starts = self.starts[self.kept].tolist()
        signal = Signal.TRACES.value
        return [
            blake2b(
                f"{source}\x1f{signal}\x1f{trace}\x1f{span}\x1f{start}\x1f{name}".encode(), digest_size=16
            ).hexdigest()
            for source, trace, span, start, name in zip(
                sources.to_pylist(), traces.to_pylist(), ids.to_pylist(), starts, names, strict=True
            )
        ]

    def _tools(self, kinds: list[str], segments: list[list[Segment]]) -> None:
        tools = self._texts_of("gen_ai.tool.name")
        rows = [row for row, kind in enumerate(kinds) if kind in ("tool", "mcp") and tools[row] is not None]
        if not rows:
            return
        told: list[list[object]] = [list(self._texts_of(field)) for field in TOOL_FIELDS]
        for row in rows:
            known = ToolFacts(*(values[row] for values in told))
            for values, value in zip(told, tool_facts(str(tools[row]), segments[row], known), strict=True):
                values[row] = value or None
        for field, values in zip(TOOL_FIELDS, told, strict=True):
            self.columns[field] = pa.array(values, pa.string())

    def _facts(self, kinds: list[str], segments: list[list[Segment]]) -> None:
        """What only the texts show; few events have any of it."""
        self.facts: dict[int, dict[str, object]] = {}  # by row, those without a column
        cited = {int(self.place[span]): value for span, value in self.fields.values(CITATIONS).items()}
        by_column: dict[str, list[object]] = {}
        for row, (kind, found) in enumerate(zip(kinds, segments, strict=True)):
            if not found or kind not in OF_CONTENT:
                continue
            facts: dict[str, object] = {CITATIONS: cited[row]} if row in cited else {}
            add_facts(facts, kind, found)
            for name, value in facts.items():
                if name == CITATIONS:
                    continue
                if name in COLUMN_TYPES:
                    by_column.setdefault(name, [None] * self.count)[row] = value
                else:
                    self.facts.setdefault(row, {})[name] = value
        for name, values in by_column.items():
            self.columns[name] = pa.array(values, _ARROW[name])

    # -- the table ----------------------------------------------------------------------------------------------

    def _table(self) -> pa.Table:
        texts, integers, others = self._loose()
        arrays = [
            self.columns.get(name, pa.nulls(self.count, _ARROW[name]))
            for name in (*TEXT_COLUMNS, *INT_COLUMNS, *FLOAT_COLUMNS, *BOOL_COLUMNS)
        ]
        return pa.Table.from_arrays([*arrays, texts, integers, others, self._said_once()], schema=SCHEMA)

    def _said_once(self) -> pa.Array:
        """What resource and scope say, one text for all events that share them."""
        resources, scopes = self.resource_codes[self.kept], self.scope_codes[self.kept]
        pairs, codes = np.unique(resources * max(len(self.scopes), 1) + scopes, return_inverse=True)
        said = [
            written(self.shared[pair // len(self.scopes)].rest, self.scopes[pair % len(self.scopes)])
            for pair in pairs.tolist()
        ]
        return pa.array(said, pa.string()).take(pa.array(codes))

    def _loose(self) -> tuple[pa.Array, pa.Array, pa.Array]:
        """The attributes that have no column of their own, in order of their spans."""
        attributes, fields = self.spans.attributes, self.fields
        loose = [(name, found) for name, found in fields.plain.items() if name not in COLUMN_TYPES]
        if loose:
            places = np.concatenate([found.places for _, found in loose])
            codes = np.repeat(np.arange(len(loose)), [len(found.places) for _, found in loose])
            order = np.argsort(places, kind="stable")
            places, codes = places[order], codes[order]
        else:
            places = codes = np.empty(0, dtype=np.int64)
        rows = self.place[attributes.spans[places]] if places.size else places
        names = pa.array([name for name, _ in loose], pa.string())
        chosen = pa.array(places)
        text, whole = attributes.text.take(chosen), attributes.whole.take(chosen)
        is_text, is_whole = valid(text), valid(whole)
        others = self._others(places, rows, codes, ~(is_text | is_whole))
        failed = np.flatnonzero(self.failed[self.kept])
        text_rows, text_keys, text_values = (
            rows[is_text],
            names.take(pa.array(codes[is_text])),
            text.filter(pa.array(is_text)),
        )
        if failed.size:
            text_rows = np.concatenate([text_rows, failed])
            said = pa.repeat(pa.scalar("status"), failed.size), pa.repeat(pa.scalar("error"), failed.size)
            order = pa.array(np.argsort(text_rows, kind="stable"))
            text_keys = pa.concat_arrays([text_keys, said[0]]).take(order)
            text_values = pa.concat_arrays([text_values, said[1]]).take(order)
            text_rows = np.sort(text_rows, kind="stable")
        return (
            maps(text_rows, text_keys, text_values, self.count, TEXT_MAP),
            maps(
                rows[is_whole], names.take(pa.array(codes[is_whole])), whole.filter(pa.array(is_whole)), self.count,
                INTEGER_MAP,
            ),
            pa.array(others, pa.string()),
        )  # fmt: skip

    def _others(self, places: Ints, rows: Ints, codes: Ints, wanted: Flags) -> list[str | None]:
        """Values that are neither text nor whole number, as JSON by row."""
        attributes, fields = self.spans.attributes, self.fields
        names = [name for name in fields.plain if name not in COLUMN_TYPES]
        found = self.facts
        for place, row, code in zip(
            places[wanted].tolist(), rows[wanted].tolist(), codes[wanted].tolist(), strict=True
        ):
            if place in fields.odd:
                value = fields.odd[place]
            else:
                value = attributes.flag[place].as_py()
                value = attributes.real[place].as_py() if value is None else value
            found.setdefault(row, {})[names[code]] = value
        return [orjson.dumps(found[row]).decode() if row in found else None for row in range(self.count)]
