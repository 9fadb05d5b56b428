"""Reads newline-delimited JSON: flat records, simple spans with ``attributes``, nested fields, whole OTLP/JSON lines, and logs of
other products. A body that is one JSON list, or holds one as CloudTrail's
files do, is read as if each of its items were a line."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from caiso.connect.telemetry import lenient
from caiso.connect.telemetry.decode import otlp_json, shapes
from caiso.connect.telemetry.decode.times import nanoseconds
from caiso.connect.telemetry.meaning.names import Meaning, meaning_of
from caiso.connect.telemetry.records import (
    Limits,
    RawRecord,
    Refusal,
    Signal,
    UnableToAccept,
    UnableToDecode,
)
from caiso.engine.detect.schema import FIELDS

log = logging.getLogger(__name__)

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
_FAMILIES = ("gen_ai.", "aisoc.", "mcp.", "llm.", "openinference.", "traceloop.", "guardrail")
_ENVELOPE = frozenset(
    (*_TIMES, "end_time", "trace_id", "span_id", "parent_span_id", "name", "body", "resource", "attributes", "attrs")
)

_RECORDS = re.compile(rb'\s{0,64}\{\s{0,64}"Records"\s{0,8}:')


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
    for number, line in enumerate(_lines(body), 1):
        if not line.strip():
            continue
        try:
            yield from _line(line, limits)
        except (UnableToAccept, UnableToDecode) as refusal:
            yield Refusal(number, str(refusal), line[:_EXCERPT].decode("utf-8", "replace"))


def _lines(body: bytes) -> Iterable[bytes]:
    """The lines, or the items of a list that is the whole body: so LiteLLM posts what it gathered, and CloudTrail writes files."""
    if not body.lstrip().startswith(b"[") and not _RECORDS.match(body):
        return body.split(b"\n")
    try:
        whole = lenient.loads(body)
    except orjson.JSONDecodeError:
        return body.split(b"\n")  # each bad line is then named
    items = whole if isinstance(whole, list) else whole["Records"]
    return [orjson.dumps(item) for item in items] if isinstance(items, list) else [body]


def _line(line: bytes, limits: Limits) -> Iterator[RawRecord]:
    if len(line) > limits.record_bytes:
        raise UnableToAccept(f"line is larger than {limits.record_bytes} bytes")
    try:
        document = lenient.loads(line)
    except orjson.JSONDecodeError as error:
        raise UnableToAccept(f"line is not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise UnableToAccept(f"line must be a JSON object, not {type(document).__name__}")
    for key, signal in (("resourceSpans", Signal.TRACES), ("resourceLogs", Signal.LOGS)):
        if key in document:
            # All or nothing: a line that is half refused could not be named by its number alone.
            yield from list(_otlp(signal, document, limits))
            return
    try:
        named = shapes.in_our_names(document)
    except UnableToAccept:
        raise
    except Exception as error:  # a mistake of ours about one line must not keep its neighbours out
        log.exception("a line could not be read by its shape")
        raise UnableToAccept(f"internal error: {type(error).__name__}") from error
    yield from [_record(one, limits) for one in ([document] if named is None else named)]


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
    start_ns = nanoseconds(next((document[key] for key in _TIMES if document.get(key) is not None), None))
    if document.get("body") is None and not any(is_known(name) for name in fields):
        raise UnableToAccept(
            f"field {next(iter(fields))[:80]!r} and the others mean nothing here, expected {shapes.NAMES}"
        )
    return RawRecord(
        Signal.EVENTS,
        fields,
        resource,
        name=_short(document.get("name"), "name"),
        trace_id=_short(document.get("trace_id"), "trace_id"),
        span_id=_short(document.get("span_id"), "span_id"),
        parent_span_id=_short(document.get("parent_span_id"), "parent_span_id"),
        start_ns=start_ns,
        end_ns=nanoseconds(document.get("end_time")),
        body=bounded(document.get("body"), limits, 0),
    )


def is_known(name: str) -> bool:
    """Whether a field's name means something to us; a record in which none does would be kept and never found."""
    return name in FIELDS or name.startswith(_FAMILIES) or meaning_of(name) is not Meaning.PLAIN


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
