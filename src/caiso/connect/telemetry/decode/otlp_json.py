"""Reads OTLP/JSON: the protobuf JSON mapping with hex ids, numbers that may be strings, and hostile shapes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import orjson

from caiso.connect.telemetry import lenient
from caiso.connect.telemetry.records import (
    Limits,
    RawRecord,
    Signal,
    SpanEvent,
    UnableToAccept,
    UnableToDecode,
)

_HEX = re.compile(r"[0-9a-fA-F]*")
_ERROR = (2, "2", "STATUS_CODE_ERROR")
_INT64 = 2**63
_KEYS = {
    Signal.TRACES: ("resourceSpans", "scopeSpans", "spans"),
    Signal.LOGS: ("resourceLogs", "scopeLogs", "logRecords"),
}


def items(signal: Signal, body: bytes) -> Iterator[tuple[Any, Any, Any]]:
    """Yield (resource attributes, scope name, record) of a request; raises ``UnableToDecode`` if it is not JSON."""
    try:
        document = lenient.loads(body)
    except orjson.JSONDecodeError as error:
        raise UnableToDecode(f"the body is not valid JSON: {error}") from error
    yield from document_items(signal, document)


def document_items(signal: Signal, document: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Yield the records of a parsed request."""
    outer, middle, inner = _KEYS[signal]
    for group in _list(_dict(document, "request"), outer):
        group = _dict(group, outer)
        resource = _dict(group.get("resource") or {}, "resource").get("attributes") or []
        for scoped in _list(group, middle):
            scoped = _dict(scoped, middle)
            scope = _dict(scoped.get("scope") or {}, "scope").get("name") or ""
            for item in _list(scoped, inner):
                yield resource, scope, item


def _dict(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UnableToDecode(f"{what} must be a JSON object, not {type(value).__name__}")
    return value


def _list(value: dict[str, Any], key: str) -> list[Any]:
    found = value.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise UnableToDecode(f"{key} must be a JSON array, not {type(found).__name__}")
    return found


def structure(signal: Signal, item: Any, limits: Limits) -> str:
    """Return why a record's shape, ids, times or counts are wrong, or an empty string."""
    if not isinstance(item, dict):
        return f"record must be a JSON object, not {type(item).__name__}"
    if len(_sized(item, "attributes")) > limits.attributes:
        return f"more than {limits.attributes} attributes"
    trace_id, span_id = item.get("traceId") or "", item.get("spanId") or ""
    required = signal is Signal.TRACES
    for what, value, size in (("trace id", trace_id, 32), ("span id", span_id, 16)):
        if (
            not isinstance(value, str)
            or not _HEX.fullmatch(value)
            or len(value) not in (size, *(() if required else (0,)))
        ):
            return f"{what} must have {size} hex digits"
        if required and not value.strip("0"):
            return f"{what} must not be zero"
    if not required:
        return ""
    if not _nanoseconds(item.get("startTimeUnixNano")):
        return "start time is missing or not a number"
    if len(_sized(item, "events")) > limits.span_events:
        return f"more than {limits.span_events} span events"
    return ""


def _sized(item: dict[str, Any], key: str) -> list[Any]:
    value = item.get(key)
    return value if isinstance(value, list) else []


def _nanoseconds(value: Any) -> int:
    if isinstance(value, bool):
        return 0
    try:
        number = int(value) if not isinstance(value, str) or len(value) <= 20 else 0
    except (TypeError, ValueError, OverflowError):
        return 0
    return number if 0 <= number < 2**64 else 0


def text(value: Any) -> str:
    """A string as it is; anything else is no text."""
    return value if isinstance(value, str) else ""


def attributes(pairs: Any, limits: Limits) -> dict[str, object]:
    """Decode a list of ``{"key", "value"}`` objects."""
    if not isinstance(pairs, list):
        raise UnableToAccept("attributes must be an array of key and value objects")
    if len(pairs) > limits.attributes:
        raise UnableToAccept(f"{len(pairs)} attributes, at most {limits.attributes} are taken")
    out: dict[str, object] = {}
    for pair in pairs:
        key = pair.get("key") if isinstance(pair, dict) else None
        if not isinstance(key, str) or not 0 < len(key) <= limits.key_chars:
            raise UnableToAccept(f"an attribute key must be text of 1 to {limits.key_chars} characters")
        out[key] = value(pair.get("value"), limits, 0)
    return out


def value(wrapped: Any, limits: Limits, depth: int) -> object:
    """Decode one AnyValue object."""
    if not isinstance(wrapped, dict) or not wrapped:
        return None
    kind, found = next(iter(wrapped.items()))
    read = _VALUES.get(kind)
    if read is None:
        raise UnableToAccept(f"unknown value type {str(kind)[:40]!r}")
    return read(found, limits, depth)


def _string(found: Any, limits: Limits, depth: int) -> object:
    if not isinstance(found, str):
        raise UnableToAccept(f"stringValue must be text, not {type(found).__name__}")
    if len(found) > limits.text_chars:
        raise UnableToAccept(f"a value has {len(found)} characters, at most {limits.text_chars} are taken")
    return found


def _integer(found: Any, limits: Limits, depth: int) -> object:
    try:
        if isinstance(found, bool) or (isinstance(found, str) and len(found) > 20):
            raise ValueError  # noqa: TRY301  the same answer for every kind of wrong number
        number = int(found)
    except (TypeError, ValueError, OverflowError) as error:
        raise UnableToAccept("intValue must be a whole number") from error
    if not -_INT64 <= number < _INT64:
        raise UnableToAccept("intValue must fit 64 bits")
    return number


def _double(found: Any, limits: Limits, depth: int) -> object:
    if isinstance(found, str):
        if found in ("NaN", "Infinity", "-Infinity"):
            return found
        try:
            found = float(found[:40])
        except ValueError as error:
            raise UnableToAccept("doubleValue must be a number") from error
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise UnableToAccept("doubleValue must be a number")
    try:
        number = float(found)
    except OverflowError as error:
        raise UnableToAccept("doubleValue is too large") from error
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else ("Infinity" if number > 0 else "-Infinity")


def _boolean(found: Any, limits: Limits, depth: int) -> object:
    if not isinstance(found, bool):
        raise UnableToAccept("boolValue must be true or false")
    return found


def _array(found: Any, limits: Limits, depth: int) -> object:
    values = _inner(found, limits, depth)
    return [value(item, limits, depth + 1) for item in values]


def _mapping(found: Any, limits: Limits, depth: int) -> object:
    out: dict[str, object] = {}
    for pair in _inner(found, limits, depth):
        key = pair.get("key") if isinstance(pair, dict) else None
        if not isinstance(key, str):
            raise UnableToAccept("a nested key must be text")
        out[key[: limits.key_chars]] = value(pair.get("value"), limits, depth + 1)
    return out


def _inner(found: Any, limits: Limits, depth: int) -> list[Any]:
    values = found.get("values", []) if isinstance(found, dict) else None
    if not isinstance(values, list):
        raise UnableToAccept("arrayValue and kvlistValue must hold a list of values")
    if depth + 1 > limits.depth:
        raise UnableToAccept(f"a value is nested deeper than {limits.depth} levels")
    if len(values) > limits.items:
        raise UnableToAccept(f"a value has {len(values)} items, at most {limits.items} are taken")
    return values


_VALUES = {
    "stringValue": _string,
    "intValue": _integer,
    "doubleValue": _double,
    "boolValue": _boolean,
    "arrayValue": _array,
    "kvlistValue": _mapping,
    "bytesValue": _string,
}


def read(item: dict[str, Any], resource: dict[str, object], scope: str, limits: Limits) -> RawRecord:
    """Decode one span whose ``structure`` holds."""
    status = item.get("status")
    parent = item.get("parentSpanId")
    return RawRecord(
        Signal.TRACES,
        attributes(item.get("attributes") or [], limits),
        resource,
        name=text(item.get("name"))[: limits.text_chars],
        trace_id=item["traceId"].lower(),
        span_id=item["spanId"].lower(),
        parent_span_id=parent.lower() if isinstance(parent, str) and _HEX.fullmatch(parent) else "",
        start_ns=_nanoseconds(item.get("startTimeUnixNano")),
        end_ns=_nanoseconds(item.get("endTimeUnixNano")),
        events=[
            SpanEvent(text(event.get("name")), attributes(event.get("attributes") or [], limits))
            for event in _sized(item, "events")
            if isinstance(event, dict)
        ],
        scope=scope,
        status="error" if isinstance(status, dict) and status.get("code") in _ERROR else "",
    )


def read_log(item: dict[str, Any], resource: dict[str, object], scope: str, limits: Limits) -> RawRecord:
    """Decode one log record whose ``structure`` holds."""
    observed = _nanoseconds(item.get("observedTimeUnixNano"))
    severity = item.get("severityNumber")
    return RawRecord(
        Signal.LOGS,
        attributes(item.get("attributes") or [], limits),
        resource,
        name=text(item.get("eventName"))[: limits.text_chars],
        trace_id=text(item.get("traceId")).lower(),
        span_id=text(item.get("spanId")).lower(),
        start_ns=_nanoseconds(item.get("timeUnixNano")) or observed,
        end_ns=observed,
        body=value(item.get("body"), limits, 0),
        scope=scope,
        severity=severity if isinstance(severity, int) and 0 <= severity < 25 else 0,
    )
