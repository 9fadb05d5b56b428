"""Reads newline-delimited JSON: flat records, simple spans with ``attributes``, nested fields and whole OTLP/JSON lines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

from caiso.connect.telemetry.decode import otlp_json
from caiso.connect.telemetry.records import (
    Limits,
    RawRecord,
    Refusal,
    Signal,
    UnableToAccept,
    UnableToDecode,
)

_EXCERPT = 2000
_INT64 = 2**63
_FLATTEN_LEVELS = 5

# Values that mean something as a structure; every other nested object becomes dotted fields.
STRUCTURED = frozenset(
    {
        "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.tool.definitions",
        "gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "gen_ai.retrieval.documents", "gen_ai.memory.records",
        "gen_ai.output.citations", "gen_ai.request.logit_bias", "dataset.label_counts", "body", "messages",
        "config.old", "config.new", "aisoc.delegation.chain", "artifact.globals",
    }
)  # fmt: skip
_TIMES = ("time", "timestamp", "@timestamp", "start_time", "startTimeUnixNano", "timeUnixNano")
_ENVELOPE = frozenset(
    (*_TIMES, "end_time", "trace_id", "span_id", "parent_span_id", "name", "body", "resource", "attributes", "attrs")
)


def check(body: bytes, limits: Limits) -> tuple[int, list[Refusal]]:
    """Count the records and name the lines that cannot be taken."""
    total = 0
    refused: list[Refusal] = []
    for item in decode(body, limits):
        total += 1
        if total > limits.records:
            raise UnableToDecode(f"more than {limits.records} records in one request")
        if isinstance(item, Refusal):
            refused.append(item)
    return total, refused


def decode(body: bytes, limits: Limits) -> Iterator[RawRecord | Refusal]:
    """Yield one record per line (more for an OTLP line); a refusal's index is its line number, from 1."""
    for number, line in enumerate(body.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            yield from _line(line, limits)
        except (UnableToAccept, UnableToDecode) as refusal:
            yield Refusal(number, str(refusal), line[:_EXCERPT].decode("utf-8", "replace"))


def _line(line: bytes, limits: Limits) -> Iterator[RawRecord]:
    if len(line) > limits.record_bytes:
        raise UnableToAccept(f"line is larger than {limits.record_bytes} bytes")
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise UnableToAccept(f"line is not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise UnableToAccept(f"line must be a JSON object, not {type(document).__name__}")
    for key, signal in (("resourceSpans", Signal.TRACES), ("resourceLogs", Signal.LOGS)):
        if key in document:
            # All or nothing: a line that is half refused could not be named by its number alone.
            yield from list(_otlp(signal, document, limits))
            return
    yield _record(document, limits)


def _otlp(signal: Signal, document: dict[str, Any], limits: Limits) -> Iterator[RawRecord]:
    read = otlp_json.read if signal is Signal.TRACES else otlp_json.read_log
    for resource, scope, item in otlp_json.document_items(signal, document):
        reason = otlp_json.structure(signal, item, limits)
        if reason:
            raise UnableToAccept(reason)
        yield read(item, otlp_json.attributes(resource, limits), otlp_json.text(scope), limits)


def _record(document: dict[str, Any], limits: Limits) -> RawRecord:
    fields: dict[str, object] = {}
    for part in (document.get("attributes"), document.get("attrs")):
        if isinstance(part, dict):
            _flatten(part, "", fields, limits, 0)
    _flatten({key: value for key, value in document.items() if key not in _ENVELOPE}, "", fields, limits, 0)
    if len(fields) > limits.attributes:
        raise UnableToAccept(f"{len(fields)} fields, at most {limits.attributes} are taken")
    if not fields and document.get("body") is None:
        raise UnableToAccept("the record has no fields")
    resource: dict[str, object] = {}
    if isinstance(document.get("resource"), dict):
        _flatten(document["resource"], "", resource, limits, 0)
    start = next((document[key] for key in _TIMES if document.get(key) is not None), None)
    return RawRecord(
        Signal.EVENTS,
        fields,
        resource,
        name=_short(document.get("name"), "name"),
        trace_id=_short(document.get("trace_id"), "trace_id"),
        span_id=_short(document.get("span_id"), "span_id"),
        parent_span_id=_short(document.get("parent_span_id"), "parent_span_id"),
        start_ns=nanoseconds(start),
        end_ns=nanoseconds(document.get("end_time")),
        body=bounded(document.get("body"), limits, 0),
    )


def _short(value: Any, what: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str | int) or isinstance(value, bool) or len(str(value)[:201]) > 200:
        raise UnableToAccept(f"{what} must be text of at most 200 characters")
    return str(value)


def _flatten(part: dict[str, Any], prefix: str, out: dict[str, object], limits: Limits, level: int) -> None:
    for key, value in part.items():
        name = f"{prefix}{key}"
        if not 0 < len(name) <= limits.key_chars:
            raise UnableToAccept(f"a field name has {len(name)} characters, 1 to {limits.key_chars} are taken")
        if isinstance(value, dict) and level < _FLATTEN_LEVELS and name not in STRUCTURED:
            _flatten(value, f"{name}.", out, limits, level + 1)
        else:
            out[name] = bounded(value, limits, 0)


def bounded(value: object, limits: Limits, depth: int) -> object:
    """Return a JSON value whose size and nesting are within bounds; raises ``UnableToAccept``."""
    if isinstance(value, str):
        if len(value) > limits.text_chars:
            raise UnableToAccept(f"a value has {len(value)} characters, at most {limits.text_chars} are taken")
        return value
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        return str(value)
    if not isinstance(value, dict | list):
        return value  # a JSON number, boolean or null
    if depth >= limits.depth:
        raise UnableToAccept(f"a value is nested deeper than {limits.depth} levels")
    if len(value) > limits.items:
        raise UnableToAccept(f"a value has {len(value)} items, at most {limits.items} are taken")
    if isinstance(value, list):
        return [bounded(item, limits, depth + 1) for item in value]
    return {key[: limits.key_chars]: bounded(item, limits, depth + 1) for key, item in value.items()}


def nanoseconds(value: Any) -> int:
    """Read a time: ISO 8601 text, or a number whose size tells seconds from milli-, micro- and nanoseconds."""
    if value is None:
        return 0
    if isinstance(value, str):
        number = _number(value)
        if number is None:
            return _iso(value)
        value = number
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnableToAccept("time must be ISO 8601 text or a number since 1970")
    for bound, factor in ((1e11, 1_000_000_000), (1e14, 1_000_000), (1e17, 1_000)):
        if 0 <= value < bound:
            return int(value * factor)
    if 0 <= value < 2**63:
        return int(value)
    raise UnableToAccept(f"time {str(value)[:40]} is out of range")


def _number(value: str) -> float | int | None:
    if len(value) > 40:
        return None
    try:
        return int(value) if value.isascii() and value.isdigit() else float(value)
    except ValueError:
        return None


def _iso(value: str) -> int:
    try:
        moment = datetime.fromisoformat(value[:64])
    except ValueError as error:
        raise UnableToAccept(f"time {value[:40]!r} is neither ISO 8601 nor a number") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    except OverflowError as error:
        raise UnableToAccept(f"time {value[:40]!r} is out of range") from error
    microseconds = (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
    if microseconds < 0:
        raise UnableToAccept(f"time {value[:40]!r} is before 1970")
    return microseconds * 1000
