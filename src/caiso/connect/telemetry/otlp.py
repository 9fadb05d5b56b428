"""Decodes OTLP/HTTP requests, protobuf or JSON, into raw records, refusing bad records one by one."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from caiso.connect.telemetry.decode import ndjson, otlp_json, wire
from caiso.connect.telemetry.meaning.names import known_meanings
from caiso.connect.telemetry.records import (
    LIMITS,
    Encoding,
    Limits,
    RawRecord,
    Refusal,
    Signal,
    SpanEvent,
    UnableToAccept,
    UnableToDecode,
)

_EXCERPT = 2000
_ZERO_TRACE = bytes(16)
_ZERO_SPAN = bytes(8)
_STATUS_ERROR = 2


class BodyTooLarge(UnableToDecode):
    """A body beyond its bound; HTTP 413."""


def inflate(body: bytes, encoding: str, *, limit: int) -> bytes:
    """Undo gzip or deflate without ever holding more than ``limit`` bytes."""
    if encoding in ("", "identity"):
        return body
    wbits = 31 if encoding == "gzip" else 15
    pieces: list[bytes] = []
    left, data = limit, body
    while data:
        stream = zlib.decompressobj(wbits)
        try:
            piece = stream.decompress(data, left + 1)
        except zlib.error as error:
            raise UnableToDecode(f"the body is not valid {encoding}: {error}") from error
        if len(piece) > left:
            raise BodyTooLarge(f"the body is larger than {limit} bytes when unpacked")
        if not stream.eof:
            raise UnableToDecode(f"the {encoding} body ends too early")
        pieces.append(piece)
        left -= len(piece)
        data = stream.unused_data
    return b"".join(pieces)


def check_request(
    signal: Signal, encoding: Encoding, body: bytes, limits: Limits = LIMITS
) -> tuple[int, list[Refusal]]:
    """Count the records of a request and name those whose structure is wrong, without decoding attributes.

    The edge answers from this; ``decode_request`` refuses the same records later, and may refuse more.
    """
    if encoding is Encoding.NDJSON:
        return ndjson.check(body, limits)
    limits = _for_body(body, limits)
    total = attributes = 0
    refused: list[Refusal] = []
    for index, (_, item, reason) in enumerate(_items(signal, encoding, body, limits)):
        total += 1
        attributes += _count(item)
        if total > limits.records or attributes > limits.total_attributes:
            raise BodyTooLarge(
                f"more than {limits.records} records or {limits.total_attributes} attributes in one request"
            )
        reason = reason or _structure(signal, encoding, item, limits)
        if reason:
            refused.append(Refusal(index, reason))
    return total, refused


def _for_body(body: bytes, limits: Limits) -> Limits:
    """Nothing inside a small body can be large: then no record and no text need be measured one by one."""
    return replace(limits, check_sizes=len(body) > min(limits.record_bytes, limits.text_chars))


def _count(item: Any) -> int:
    """How many attributes a record of either encoding has; what is no record at all has none."""
    found = item.get("attributes") if isinstance(item, dict) else getattr(item, "attributes", None)
    return len(found) if found is not None and not isinstance(found, str | int | float) else 0


def decode_request(
    signal: Signal, encoding: Encoding, body: bytes, limits: Limits = LIMITS
) -> Iterator[RawRecord | Refusal]:
    """Yield every record of a request in order, or the reason why it is refused."""
    if encoding is Encoding.NDJSON:
        yield from ndjson.decode(body, limits)
        return
    limits = _for_body(body, limits)
    read = _READERS[signal, encoding]
    for index, (context, item, reason) in enumerate(_items(signal, encoding, body, limits)):
        try:
            reason = reason or _structure(signal, encoding, item, limits)
            if reason:
                raise UnableToAccept(reason)  # noqa: TRY301  one way out for both kinds of refusal
            yield read(item, context, limits)
        except UnableToAccept as refusal:
            yield Refusal(index, str(refusal), _excerpt(item))


class Context:
    """Resource attributes and scope name shared by neighbouring records, decoded once."""

    __slots__ = ("resource", "scope")

    def __init__(self, resource: dict[str, object], scope: str) -> None:
        self.resource = resource
        self.scope = scope


def _items(signal: Signal, encoding: Encoding, body: bytes, limits: Limits) -> Iterator[tuple[Context, Any, str]]:
    """Yield (context, record, reason) for each record; a reason tells why the record could not even be parsed."""
    if encoding is Encoding.PROTOBUF:
        yield from _protobuf_items(signal, body, limits)
    else:
        yield from _json_items(otlp_json.items(signal, body), limits)


def _json_items(found: Iterator[tuple[Any, Any, Any]], limits: Limits) -> Iterator[tuple[Context, Any, str]]:
    last: tuple[Any, Any] = (None, None)
    context, reason = Context({}, ""), ""
    for resource, scope, item in found:
        if last[0] is not resource or last[1] is not scope:
            last = (resource, scope)
            context, reason = _json_context(resource, scope, limits)
        yield context, item, reason


def _json_context(resource: Any, scope: Any, limits: Limits) -> tuple[Context, str]:
    try:
        return Context(otlp_json.attributes(resource, limits), otlp_json.text(scope)), ""
    except UnableToAccept as refusal:
        return Context({}, ""), f"resource: {refusal}"


def _protobuf_items(signal: Signal, body: bytes, limits: Limits) -> Iterator[tuple[Context, Any, str]]:
    kind: Any = ExportTraceServiceRequest if signal is Signal.TRACES else ExportLogsServiceRequest
    try:
        request = kind.FromString(body)
    except DecodeError:
        yield from _salvaged(signal, body, limits)
        return
    groups = request.resource_spans if signal is Signal.TRACES else request.resource_logs
    for group in groups:
        resource, reason = _resource(group.resource, limits)
        for scoped in group.scope_spans if signal is Signal.TRACES else group.scope_logs:
            context = Context(resource, scoped.scope.name)
            for item in scoped.spans if signal is Signal.TRACES else scoped.log_records:
                yield context, item, reason


def _salvaged(signal: Signal, body: bytes, limits: Limits) -> Iterator[tuple[Context, Any, str]]:
    """Parse record by record, because one bad string would otherwise cost its whole request."""
    for resource_message, scope, item, reason in wire.records(signal, body):
        resource, wrong = _resource(resource_message, limits) if resource_message is not None else ({}, "")
        yield Context(resource, scope), item, reason or wrong


def _resource(resource: Any, limits: Limits) -> tuple[dict[str, object], str]:
    try:
        return attributes_of(resource.attributes, limits), ""
    except UnableToAccept as refusal:
        return {}, f"resource: {refusal}"


def _structure(signal: Signal, encoding: Encoding, item: Any, limits: Limits) -> str:
    """Return why a record's ids, times or counts are wrong, or an empty string."""
    if encoding is Encoding.JSON:
        return otlp_json.structure(signal, item, limits)
    if limits.check_sizes and item.ByteSize() > limits.record_bytes:
        return f"record is larger than {limits.record_bytes} bytes"
    if len(item.attributes) > limits.attributes:
        return f"{len(item.attributes)} attributes, at most {limits.attributes} are taken"
    if signal is Signal.LOGS:
        trace_id, span_id = item.trace_id, item.span_id
        if len(trace_id) not in (0, 16) or len(span_id) not in (0, 8):
            return "trace id must have 16 bytes and span id 8, or both be absent"
        return ""
    return _span_structure(item, limits)


def _span_structure(item: Any, limits: Limits) -> str:
    trace_id, span_id = item.trace_id, item.span_id
    if len(trace_id) != 16 or trace_id == _ZERO_TRACE:
        return "trace id must have 16 bytes and not be zero"
    if len(span_id) != 8 or span_id == _ZERO_SPAN:
        return "span id must have 8 bytes and not be zero"
    if not item.start_time_unix_nano:
        return "start time is missing"
    if len(item.events) > limits.span_events:
        return f"{len(item.events)} span events, at most {limits.span_events} are taken"
    return ""


def attributes_of(pairs: Any, limits: Limits) -> dict[str, object]:
    """Decode key-value pairs; a string, the common case, costs three field reads and a look-up of its key."""
    out: dict[str, object] = {}
    measure = limits.check_sizes
    for pair in pairs:
        value = pair.value
        text = value.string_value
        key = pair.key
        if key not in known_meanings and not 0 < len(key) <= limits.key_chars:
            raise UnableToAccept(f"attribute key has {len(key)} characters, 1 to {limits.key_chars} are taken")
        if not text:
            # The second commonest kinds before the general case, because naming the kind costs as much as reading it.
            number = value.int_value
            out[key] = number if number else value_of(value, limits, 0)
        elif measure and len(text) > limits.text_chars:
            raise UnableToAccept(f"attribute {key!r} has {len(text)} characters, at most {limits.text_chars} are taken")
        else:
            out[key] = text
    return out


def value_of(value: Any, limits: Limits, depth: int) -> object:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    found: Any = getattr(value, kind)
    if kind == "double_value":
        return finite(found)
    if kind == "string_value" and len(found) > limits.text_chars:
        raise UnableToAccept(f"a nested value has {len(found)} characters, at most {limits.text_chars} are taken")
    if kind == "bytes_value":
        return found.hex()[: limits.text_chars]
    if kind in ("array_value", "kvlist_value"):
        return _nested(found.values, kind, limits, depth + 1)
    result: object = found
    return result


def _nested(values: Any, kind: str, limits: Limits, depth: int) -> object:
    if depth > limits.depth:
        raise UnableToAccept(f"a value is nested deeper than {limits.depth} levels")
    if len(values) > limits.items:
        raise UnableToAccept(f"a value has {len(values)} items, at most {limits.items} are taken")
    if kind == "array_value":
        return [value_of(item, limits, depth) for item in values]
    return {pair.key[: limits.key_chars]: value_of(pair.value, limits, depth) for pair in values}


def finite(number: float) -> object:
    """Floats that JSON cannot write become words, so that every store gives back what was put in."""
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else ("Infinity" if number > 0 else "-Infinity")


def _read_span(item: Any, context: Context, limits: Limits) -> RawRecord:
    return RawRecord(
        Signal.TRACES,
        attributes_of(item.attributes, limits),
        context.resource,
        name=item.name[: limits.text_chars],
        trace_id=item.trace_id.hex(),
        span_id=item.span_id.hex(),
        parent_span_id=item.parent_span_id.hex(),
        start_ns=item.start_time_unix_nano,
        end_ns=item.end_time_unix_nano,
        events=[SpanEvent(event.name, attributes_of(event.attributes, limits)) for event in item.events],
        scope=context.scope,
        status="error" if item.status.code == _STATUS_ERROR else "",
    )


def _read_log(item: Any, context: Context, limits: Limits) -> RawRecord:
    return RawRecord(
        Signal.LOGS,
        attributes_of(item.attributes, limits),
        context.resource,
        name=item.event_name[: limits.text_chars],
        trace_id=item.trace_id.hex(),
        span_id=item.span_id.hex(),
        start_ns=item.time_unix_nano or item.observed_time_unix_nano,
        end_ns=item.observed_time_unix_nano,
        body=value_of(item.body, limits, 0),
        scope=context.scope,
        severity=item.severity_number,
    )


def _read_json(item: Any, context: Context, limits: Limits) -> RawRecord:
    return otlp_json.read(item, context.resource, context.scope, limits)


def _read_json_log(item: Any, context: Context, limits: Limits) -> RawRecord:
    return otlp_json.read_log(item, context.resource, context.scope, limits)


_READERS = {
    (Signal.TRACES, Encoding.PROTOBUF): _read_span,
    (Signal.LOGS, Encoding.PROTOBUF): _read_log,
    (Signal.TRACES, Encoding.JSON): _read_json,
    (Signal.LOGS, Encoding.JSON): _read_json_log,
}


def _excerpt(item: Any) -> str:
    """The beginning of a refused record, for the reject log."""
    if isinstance(item, bytes):
        return item[: _EXCERPT // 2].hex()
    if hasattr(item, "SerializeToString"):
        if item.ByteSize() > 64 * 1024:
            return f"{item.ByteSize()} bytes: {item.SerializeToString()[: _EXCERPT // 2].hex()}"
        return str(item)[:_EXCERPT]
    try:
        return orjson.dumps(item)[:_EXCERPT].decode("utf-8", "replace")
    except (orjson.JSONEncodeError, RecursionError):
        return repr(type(item))
