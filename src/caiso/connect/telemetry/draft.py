"""A batch while it is being read: requests become events, in the order of the log, and what is refused is kept aside.

Requests of spans in protobuf, which nearly all of a busy stream are, go through the columnar normaliser together;
everything else, and the spans that it leaves out, goes one record at a time.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
import pyarrow as pa

from caiso.connect.telemetry.bulk.arrays import Ints
from caiso.connect.telemetry.bulk.normalise import Bulk, Sent, normalise_spans
from caiso.connect.telemetry.decode.spans import read_spans
from caiso.connect.telemetry.meaning.messages import Segment
from caiso.connect.telemetry.normalise import Normalised, event_id, normalise
from caiso.connect.telemetry.otlp import decode_request
from caiso.connect.telemetry.parts import Reject
from caiso.connect.telemetry.records import (
    Encoding,
    Envelope,
    Limits,
    RawRecord,
    Refusal,
    Signal,
    UnableToAccept,
    UnableToDecode,
)
from caiso.connect.telemetry.redaction import Redactor
from caiso.connect.telemetry.table import SCHEMA, Event, UnableToStoreEvents, to_table, unstorable
from caiso.connect.telemetry.wal import Frame

log = logging.getLogger(__name__)

Item = tuple[Frame, Envelope]
_ARRIVES_US = 1_000_000  # after its own time, for a record that was not sent but lay in a file


def _time_of(item: tuple[int, Normalised]) -> int:
    time: object = item[1].event["time"]
    return time if isinstance(time, int) else 0


@dataclass(slots=True)
class _Piece:
    """Events in their order, each with its segments."""

    table: pa.Table
    segments: list[list[Segment]]


@dataclass(slots=True)
class Draft:
    """``is_new`` says whether an event id has not been accepted before, and remembers it."""

    is_new: Callable[[str], bool]
    limits: Limits
    redactors: Mapping[str, Redactor] = field(default_factory=dict)  # by source
    rejects: list[tuple[Reject, str]] = field(default_factory=list)  # with the record's beginning
    requests: dict[str, Envelope] = field(
        default_factory=dict
    )  # those of refused records, by the id they are kept under
    duplicates: int = 0
    _pieces: list[_Piece] = field(default_factory=list)
    _events: list[Event] = field(default_factory=list)
    _segments: list[list[Segment]] = field(default_factory=list)

    def take(self, items: Sequence[Item]) -> None:
        """Take requests in, in the order of the log."""
        together: list[Item] = []
        for frame, envelope in items:
            plain = envelope.signal is Signal.TRACES and envelope.encoding is Encoding.PROTOBUF
            if plain and envelope.only is None and envelope.shift_us is None:
                together.append((frame, envelope))
                continue
            self._take_spans(together)
            together = []
            self._take_each(frame, envelope)
        self._take_spans(together)
        self._settle()
        if self.redactors:
            self._pieces = [self._redacted(piece) for piece in self._pieces]

    def _redacted(self, piece: _Piece) -> _Piece:
        """Texts without what their source's settings want out, noted on the events; before anything is stored."""
        told: list[str | None] = [None] * piece.table.num_rows
        for row, source in enumerate(piece.table.column("source.id").to_pylist()):
            redactor = self.redactors.get(source)
            if redactor is not None and piece.segments[row]:
                told[row] = redactor.redact_segments(piece.segments[row]) or None
        if not any(told):
            return piece
        place = piece.table.schema.get_field_index("content.redacted")
        column = pa.array(told, pa.string())
        return _Piece(piece.table.set_column(place, piece.table.schema.field(place), column), piece.segments)

    def events(self) -> tuple[pa.Table, list[list[Segment]]]:
        """All accepted events as one table, and each one's segments."""
        if not self._pieces:
            return SCHEMA.empty_table(), []
        table = pa.concat_tables([piece.table for piece in self._pieces])
        return table, [segments for piece in self._pieces for segments in piece.segments]

    # -- spans, many at once ------------------------------------------------------------------------------------

    def _take_spans(self, items: Sequence[Item]) -> None:
        if not items:
            return
        spans = read_spans([envelope.body for _, envelope in items])
        if spans is None:  # one of them is damaged: find out which
            if len(items) == 1:
                self._take_each(*items[0])
                return
            middle = len(items) // 2
            self._take_spans(items[:middle])
            self._take_spans(items[middle:])
            return
        sent = Sent([envelope.source_id for _, envelope in items], [envelope.ingest_us for _, envelope in items])
        try:
            bulk = normalise_spans(spans, sent, self.limits)
        except Exception:  # a mistake of ours in the fast way must not stop all detection: there is the slow one
            log.exception("%s requests could not be normalised together", len(items))
            for item in items:
                self._take_each(*item)
            return
        self._settle()
        slowly = self._leftovers(items, bulk, spans.requests.tolist()) if len(bulk.slow) else []
        self._pieces.append(self._new_only(self._woven(bulk, slowly, spans.requests)))

    def _leftovers(self, items: Sequence[Item], bulk: Bulk, requests: list[int]) -> list[tuple[int, Normalised]]:
        """The spans that the fast way left out, with their places; those that are refused are noted."""
        wanted: dict[int, dict[int, int]] = {}  # request -> number of the record in it -> place
        begins = {request: place for place, request in reversed(list(enumerate(requests)))}
        for place in bulk.slow.tolist():
            wanted.setdefault(requests[place], {})[place - begins[requests[place]]] = place
        found: list[tuple[int, Normalised]] = []
        for request, places in wanted.items():
            frame, envelope = items[request]
            for index, event in self._each(frame, envelope, only=places.keys()):
                found.append((places[index], event))
        return found

    # -- records, one at a time ---------------------------------------------------------------------------------

    def _take_each(self, frame: Frame, envelope: Envelope) -> None:
        repeats: dict[str, int] = {}
        for _, found in sorted(self._each(frame, envelope), key=_time_of):
            event_id = str(found.event["event.id"])
            if envelope.signal is not Signal.TRACES:
                count = repeats[event_id] = repeats.get(event_id, 0) + 1
                if count > 1:
                    event_id = hashlib.blake2b(f"{event_id}/{count}".encode(), digest_size=16).hexdigest()
                    found.event["event.id"] = event_id
            if not self.is_new(event_id):
                self.duplicates += 1
                continue
            self._events.append(found.event)
            self._segments.append(found.segments)

    def _each(
        self, frame: Frame, envelope: Envelope, *, only: Container[int] | None = None
    ) -> Iterator[tuple[int, Normalised]]:
        only = envelope.only if only is None else only
        try:
            for index, item in enumerate(
                decode_request(envelope.signal, envelope.encoding, envelope.body, self.limits)
            ):
                if only is not None and index not in only:
                    continue
                found = self._normalised(item, frame, envelope, index)
                if found is not None:
                    yield index, found
        except UnableToDecode as error:  # the edge took it, so this is damage or another version's request
            self._reject(frame, envelope, Refusal(0, str(error)), 0)

    def _normalised(self, item: RawRecord | Refusal, frame: Frame, envelope: Envelope, index: int) -> Normalised | None:
        if isinstance(item, Refusal):
            self._reject(frame, envelope, item, index)
            return None
        try:
            if envelope.shift_us is not None:
                return _replayed(item, envelope, envelope.shift_us)
            return normalise(item, source_id=envelope.source_id, ingest_us=envelope.ingest_us)
        except UnableToAccept as error:
            self._reject(frame, envelope, Refusal(index, str(error), repr(item)[:2000]), index)
        except Exception as error:  # one record that trips a mistake of ours must not stop all detection
            log.exception("record %s of a request of %s could not be normalised", index, envelope.source_id)
            reason = f"internal error: {type(error).__name__}"
            self._reject(frame, envelope, Refusal(index, reason, repr(item)[:2000]), index)
        return None

    def _reject(self, frame: Frame, envelope: Envelope, refusal: Refusal, place: int) -> None:
        request = f"{frame.writer}/{frame.start.segment}/{frame.start.offset}"
        request_id = hashlib.blake2b(request.encode(), digest_size=16).hexdigest()
        self.requests.setdefault(request_id, envelope)
        reject = Reject(
            id=hashlib.blake2b(f"{request}/{refusal.index}".encode(), digest_size=16).hexdigest(),
            source_id=envelope.source_id,
            signal=envelope.signal.value,
            ingest_us=envelope.ingest_us,
            index=refusal.index,
            reason=refusal.reason[:500],
            place=place,
            request_id=request_id,
        )
        self.rejects.append((reject, refusal.excerpt))

    # -- pieces -------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Make a piece of the events that came one by one."""
        if self._events:
            self._pieces.append(_Piece(*self._storable(self._events, self._segments)[:2]))
            self._events, self._segments = [], []

    def _storable(
        self, events: Sequence[Event], segments: Sequence[list[Segment]]
    ) -> tuple[pa.Table, list[list[Segment]], list[int]]:
        """The events as a table, their segments and their numbers; those that no table can hold are refused."""
        try:
            return to_table(events), list(segments), list(range(len(events)))
        except UnableToStoreEvents:
            wrong = unstorable(events)
        for index, reason in wrong.items():  # one of them would otherwise come again with every restart
            self._reject_event(events[index], reason)
        kept = [index for index in range(len(events)) if index not in wrong]
        return to_table([events[index] for index in kept]), [segments[index] for index in kept], kept

    def _reject_event(self, event: Event, reason: str) -> None:
        log.error("event %s cannot be stored: %s", event["event.id"], reason)
        reject = Reject(
            id=str(event["event.id"]),
            source_id=str(event["source.id"]),
            signal="",
            ingest_us=int(str(event["ingest_time"])),
            index=0,
            reason=f"internal error: {reason}"[:500],
        )
        self.rejects.append((reject, repr(event)[:2000]))

    def _woven(self, bulk: Bulk, slowly: Sequence[tuple[int, Normalised]], requests: Ints) -> _Piece:
        """The events of both ways: request after request, and within one in order of time.

        A request groups its spans by instrumentation: all that a model said would come before all that tools did in
        between, and what is asked to have happened before would seem not to have.
        """
        table, segments, places = bulk.table, bulk.segments, bulk.rows
        if slowly:
            own, more, kept = self._storable(
                [found.event for _, found in slowly], [found.segments for _, found in slowly]
            )
            table, segments = pa.concat_tables([table, own]), [*segments, *more]
            places = np.concatenate([places, np.array([slowly[index][0] for index in kept], dtype=np.int64)])
        times = table.column("time").to_numpy()
        order = np.lexsort((places, times, requests[places]))
        if (order[:-1] < order[1:]).all():
            return _Piece(table, segments)
        return _Piece(table.take(pa.array(order)), [segments[number] for number in order.tolist()])

    def _new_only(self, piece: _Piece) -> _Piece:
        """Leave out the events that were accepted before: a client that missed our answer sent them again."""
        is_new = self.is_new
        kept = [is_new(event_id) for event_id in piece.table.column("event.id").to_pylist()]
        if all(kept):
            return piece
        self.duplicates += kept.count(False)
        segments = [segments for segments, new in zip(piece.segments, kept, strict=True) if new]
        return _Piece(piece.table.filter(pa.array(kept)), segments)


def _replayed(item: RawRecord, envelope: Envelope, shift_us: int) -> Normalised:
    """A record of a file: at its own time or moved, always under the id that its place in time gave it."""
    own_id = event_id(item, envelope.source_id, {})
    if item.start_ns:
        item = msgspec.structs.replace(
            item,
            start_ns=max(1, item.start_ns + shift_us * 1000),
            end_ns=max(0, item.end_ns + shift_us * 1000) if item.end_ns else 0,
        )
    ended_us = max(item.start_ns, item.end_ns) // 1000
    arrived_us = min(envelope.ingest_us, ended_us + _ARRIVES_US) if ended_us else envelope.ingest_us
    found = normalise(item, source_id=envelope.source_id, ingest_us=arrived_us)
    found.event["event.id"] = own_id
    return found
