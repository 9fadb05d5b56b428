"""Turns a raw record of any convention into one flat event and the content segments that belong to it.

A pure function of the record, its source and the time it arrived, so that a replay gives the same event.
The event holds no content text: ``merge_content`` joins the two for matching, the content store keeps the segments.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec
import orjson

from caiso.connect.telemetry.meaning import address, command, dialects, gather, impact
from caiso.connect.telemetry.meaning.escapes import COMMAND_FIELDS, JSON_FIELDS, with_breaks, with_commands
from caiso.connect.telemetry.meaning.facts import REVEALED, add_facts, hidden_text
from caiso.connect.telemetry.meaning.messages import Segment, dump
from caiso.connect.telemetry.meaning.names import RENAMES, Meaning, known_meanings, meaning_of
from caiso.connect.telemetry.records import RawRecord, Signal, UnableToAccept
from caiso.engine.detect.schema import EVENT_KINDS, SCHEMA_VERSION, TOOL_IMPACTS

LATE_US: Final = 7 * 24 * 3600 * 1_000_000
FUTURE_US: Final = 5 * 60 * 1_000_000
COMMAND_LINE: Final = "process.command_line"
DERIVED: Final = "derived"  # the origin of a segment that repeats in another form what stands in a neighbour
UNKNOWN_KIND: Final = "other"  # a span that has nothing to do with AI; kept, matched by no rule that names a kind

LONG_TEXT: Final = 1024  # an unknown attribute longer than this is treated as content
LONG_VALUE: Final = 8192
SCOPE_CHARS: Final = 1024
_BETWEEN: Final = "\n"
_NOT_AGAIN: Final = frozenset({"content.untrusted", "content.history", "content.output", "content.system"})
_KINDS: Final = frozenset(EVENT_KINDS)
# Looked up for every attribute: a member of an enumeration costs ten times what a name of this module does.
_PLAIN, _RENAMED, _RESERVED = Meaning.PLAIN, Meaning.RENAMED, Meaning.RESERVED
_ASIDE: Final = (Meaning.CONTENT, Meaning.NUMBERED)
_SIMPLE: Final = frozenset({int, float, bool})
_INT64: Final = 2**63

_OPERATIONS: Final = {
    "chat": "inference", "generate_content": "inference", "text_completion": "inference", "completion": "inference",
    "embeddings": "embedding", "embedding": "embedding", "retrieval": "retrieval", "execute_tool": "tool",
    "create_agent": "agent", "invoke_agent": "agent", "invoke_workflow": "agent", "plan": "agent",
    "rerank": "retrieval", "create_memory": "memory", "update_memory": "memory", "search_memory": "memory",
}  # fmt: skip
_OPENINFERENCE: Final = {
    "LLM": "inference", "TOOL": "tool", "AGENT": "agent", "CHAIN": "agent", "RETRIEVER": "retrieval",
    "RERANKER": "retrieval", "EMBEDDING": "embedding", "GUARDRAIL": "guardrail", "EVALUATOR": "evaluation",
}  # fmt: skip
_TRACELOOP: Final = {"tool": "tool", "agent": "agent", "workflow": "agent", "task": "agent"}
_SIGNS: Final = (
    ("guardrail.verdict", "guardrail"), ("gen_ai.guardrail.verdict", "guardrail"), ("gen_ai.evaluation.name", "evaluation"),
    ("mcp.method.name", "mcp"), ("gen_ai.tool.name", "tool"), ("gen_ai.data_source.id", "retrieval"),
    ("gen_ai.memory.store.id", "memory"), ("gen_ai.request.model", "inference"), ("gen_ai.provider.name", "inference"),
    ("gen_ai.agent.id", "agent"), ("gen_ai.agent.name", "agent"), ("model.id", "ml_inference"),
    ("artifact.uri", "registry"), ("dataset.id", "data_access"), ("config.target", "config"),
    ("http.request.method", "http"), ("api.operation", "api"),
)  # fmt: skip
KIND_SIGNS: Final = tuple(name for name, _ in _SIGNS)
_FIELD_KINDS: Final = {
    "content.output": "inference", "content.user": "inference", "content.documents": "retrieval",
    "content.memory": "memory", "gen_ai.tool.call.arguments": "tool",
}  # fmt: skip


class Normalised(msgspec.Struct, gc=False):
    """An event without its texts, and the texts."""

    event: dict[str, object]
    segments: list[Segment]


def normalise(record: RawRecord, *, source_id: str, ingest_us: int) -> Normalised:
    """Return the event of a record that arrived from a source at a time; raises ``UnableToAccept``."""
    record = dialects.in_common_names(record)
    event: dict[str, object] = {}
    content: dict[str, object] = {}
    if record.resource:
        sort_attributes(record.resource, event, content)
    sort_attributes(record.attributes, event, content)
    name = record.name or str(event.get("event.name") or "")
    if record.signal is not Signal.TRACES and isinstance(record.body, dict) and not gather.is_message_event(name):
        sort_attributes(record.body, event, content)
    for span_event in record.events:
        _merge_span_event(span_event.name, span_event.attributes, event, content)
    kind = kind_of(event, name)
    segments = gather.segments(record, name, kind, event, content)
    kind = kind or kind_by_content(segments)
    _envelope(event, record, name=name, kind=kind, source_id=source_id, ingest_us=ingest_us)
    _derive(event, kind, segments)
    return Normalised(event, segments)


def merged_fields(segment: Segment) -> tuple[str, ...]:
    """Return the event fields in which rules see a segment's text."""
    doubled = bool(segment.trust) and segment.field not in _NOT_AGAIN
    return (segment.field, "content.untrusted") if doubled else (segment.field,)


def segment_places(segments: Iterable[Segment]) -> list[dict[str, int]]:
    """Return for each segment where its text begins in each field that ``merge_content`` makes of them."""
    ends: dict[str, int] = {}
    places: list[dict[str, int]] = []
    for segment in segments:
        place = {field: ends[field] + len(_BETWEEN) if field in ends else 0 for field in merged_fields(segment)}
        ends.update({field: start + len(segment.text) for field, start in place.items()})
        places.append(place)
    return places


def merge_content(event: dict[str, object], segments: Iterable[Segment]) -> dict[str, object]:
    """Return the event as rules see it: every segment's text under its field, untrusted text also under its own."""
    texts = texts_by_field(segments)
    hidden = hidden_text(segments)
    return {**event, **texts, REVEALED: hidden} if hidden else {**event, **texts}


def texts_by_field(segments: Iterable[Segment]) -> dict[str, str]:
    """Return the text of each field that rules see, but what the texts hide, which is sought in many at once."""
    texts: dict[str, list[str]] = {}
    for segment in segments:
        field = segment.field
        for name in merged_fields(segment) if segment.trust else (field,):
            if name in texts:
                texts[name].append(segment.text)
            else:
                texts[name] = [segment.text]
    found = {field: pieces[0] if len(pieces) == 1 else _BETWEEN.join(pieces) for field, pieces in texts.items()}
    for field, text in found.items():
        if field in JSON_FIELDS:
            read = with_breaks(text) if "\\" in text else text
            found[field] = with_commands(read) if field in COMMAND_FIELDS else read
    return found


def sort_attributes(attributes: dict[str, object], event: dict[str, object], content: dict[str, object]) -> None:
    """Put every attribute under today's name into the event, or aside where it is content."""
    for key, value in attributes.items():
        meaning = known_meanings.get(key)
        if meaning is None:
            meaning = meaning_of(key)
        if meaning is _PLAIN:
            if value.__class__ in _SIMPLE or (value.__class__ is str and len(value) <= LONG_TEXT):
                event[key] = value
            else:
                _keep(key, value, event, content)
        elif meaning in _ASIDE:
            if value is not None:
                content[key] = value
        elif meaning is not _RENAMED:
            _keep_known(key, value, meaning, event=event, content=content)
        elif RENAMES[key] not in attributes:
            new = RENAMES[key]
            _keep(new, _typed(value, meaning_of(new)), event, content)


def _keep_known(
    key: str, value: object, meaning: Meaning, *, event: dict[str, object], content: dict[str, object]
) -> None:
    if meaning is not _RESERVED:
        _keep(key, _typed(value, meaning), event, content)
    elif key == "source.id":  # the data source of a training or access record, not the sender
        event["sample.source.id"] = value


def _keep(key: str, value: object, event: dict[str, object], content: dict[str, object]) -> None:
    if value is None:
        return
    if isinstance(value, str):
        if len(value) > LONG_TEXT:
            content[key] = value
            return
    elif isinstance(value, list | dict) and not _is_numeric(value):
        written = dump(value)
        if len(written) > LONG_VALUE:
            content[key] = written
            return
    event[key] = value


def _is_numeric(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, int | float) for item in value)


def _typed(value: object, meaning: Meaning) -> object:
    """A number that came as text becomes a number; what cannot be one stays as it is."""
    if value.__class__ is int and meaning is Meaning.INTEGER:
        return value
    try:
        if meaning is Meaning.INTEGER and isinstance(value, str | float) and len(str(value)) < 20:
            whole = int(value)
            return whole if -_INT64 <= whole < _INT64 else value  # "9999999999999999999" and 1e19 are short, too
        if meaning is Meaning.NUMBER and isinstance(value, str | int) and not isinstance(value, bool):
            number = float(value)
            return number if number - number == 0 else value
    except (ValueError, OverflowError):
        return value
    if meaning is Meaning.BOOLEAN and value in ("true", "false"):
        return value == "true"
    return value


def _merge_span_event(
    name: str, attributes: dict[str, object], event: dict[str, object], content: dict[str, object]
) -> None:
    if gather.is_message_event(name):
        found = content.setdefault(gather.SPAN_MESSAGES, [])
        if isinstance(found, list):
            found.append((name, attributes))
    elif name == "exception":
        if attributes.get("exception.type"):
            event.setdefault("error.type", attributes["exception.type"])
    elif name.startswith(("gen_ai.", "aisoc.", "guardrail")):
        own: dict[str, object] = {}
        sort_attributes(attributes, own, content)
        for key, value in own.items():
            event.setdefault(key, value)
    elif name:
        names = event.setdefault("span.events", [])
        if isinstance(names, list) and len(names) < 32:
            names.append(name[:128])


def kind_of(event: dict[str, object], name: str) -> str:
    for candidate in (event.get("event.kind"), name.removeprefix("aisoc.") if name.startswith("aisoc.") else None):
        if isinstance(candidate, str) and candidate in _KINDS:
            return candidate
    operation = event.get("gen_ai.operation.name")
    if isinstance(operation, str) and operation:
        kind = _OPERATIONS.get(operation.lower()) or ("memory" if operation.endswith("_memory") else "")
        if kind:
            return kind
    span_kind = event.get("openinference.span.kind")
    if isinstance(span_kind, str) and span_kind.upper() in _OPENINFERENCE:
        return _OPENINFERENCE[span_kind.upper()]
    if name == "gen_ai.evaluation.result":
        return "evaluation"
    if gather.is_message_event(name):
        return "inference"
    traceloop = event.get("traceloop.span.kind")
    if isinstance(traceloop, str) and traceloop in _TRACELOOP:
        return _TRACELOOP[traceloop]
    if event.get("mcp.method.name") == "tools/call":
        return "tool"
    return next((kind for sign, kind in _SIGNS if sign in event), "")


def kind_by_content(segments: Iterable[Segment]) -> str:
    """The kind of an event whose attributes do not tell."""
    return next((_FIELD_KINDS[s.field] for s in segments if s.field in _FIELD_KINDS), UNKNOWN_KIND)


def _envelope(
    event: dict[str, object], record: RawRecord, *, name: str, kind: str, source_id: str, ingest_us: int
) -> None:
    sent_us = (record.start_ns or ingest_us * 1000) // 1000
    time_us, mark = sent_us, ""
    if sent_us < ingest_us - LATE_US:
        time_us, mark = ingest_us - LATE_US, "late"
    elif sent_us > ingest_us + FUTURE_US:
        time_us, mark = ingest_us, "future"
    if mark:
        event["time.sent"] = min(sent_us, 2**63 - 1)
    event["event.id"] = event_id(record, source_id, event)
    event["time"] = time_us
    observed = record.end_ns // 1000
    event["observed_time"] = observed if time_us <= observed <= ingest_us + FUTURE_US else time_us
    event["ingest_time"] = ingest_us
    event["event.kind"] = kind
    event["source.id"] = source_id
    event["schema.version"] = SCHEMA_VERSION
    event["trace_id"] = record.trace_id
    event["span_id"] = record.span_id
    event["parent_span_id"] = record.parent_span_id
    event["event.name"] = name[:LONG_TEXT]
    event["time.marked"] = mark
    event.setdefault("service.name", "")
    event.setdefault("deployment.environment.name", "")
    if record.signal is not Signal.LOGS and record.end_ns >= record.start_ns > 0:
        event["duration_us"] = min((record.end_ns - record.start_ns) // 1000, 2**53)
    if record.status:
        event["status"] = record.status
        event.setdefault("error.type", "error")
    if record.scope:
        event["otel.scope.name"] = record.scope[:SCOPE_CHARS]
    if record.severity:
        event["severity"] = record.severity


def event_id(record: RawRecord, source_id: str, event: dict[str, object]) -> str:
    """A deterministic id, so that a client's retry carries the same one.

    A span's start and name are part of it: a sender whose random numbers repeat must not lose different spans.
    """
    place = (
        f"{source_id}\x1f{record.signal}\x1f{record.trace_id}\x1f{record.span_id}\x1f{record.start_ns}\x1f{record.name}"
    )
    digest = hashlib.blake2b(place.encode("utf-8", "surrogatepass"), digest_size=16)
    if record.signal is not Signal.TRACES:
        given = record.attributes.get("event.id")
        told = [given] if isinstance(given, str) and given else [record.body, record.attributes, record.resource]
        digest.update(_stable(told))
    elif not record.span_id:
        digest.update(_stable([record.attributes]))
    return digest.hexdigest()


def _stable(value: object) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        raise UnableToAccept(f"the record cannot be written as JSON: {error}") from error


def _derive(event: dict[str, object], kind: str, segments: list[Segment]) -> None:
    if kind == "inference":
        event["content.missing"] = is_missing(segments)
    if event.get("aisoc.content.trust") == "untrusted":
        distrust(segments)
    name = event.get("gen_ai.tool.name")
    if kind in ("tool", "mcp") and isinstance(name, str):
        told = ToolFacts(*(event.get(field) for field in TOOL_FIELDS))
        for key, value in zip(TOOL_FIELDS, tool_facts(name, segments, told), strict=True):
            if value:
                event[key] = value
            else:
                event.pop(key, None)
    if kind == "http" and isinstance(event.get("url.full"), str):
        for key, value in address.parts(str(event["url.full"])).items():
            event.setdefault(key, value)
    add_facts(event, kind, segments)
    if not event.get("aisoc.session"):
        event["aisoc.session"] = str(
            event.get("gen_ai.conversation.id") or event.get("mcp.session.id") or event["trace_id"]
        )


def is_missing(segments: Iterable[Segment]) -> bool:
    """Whether a model call came without its texts."""
    return not any(segment.field.startswith("content.") for segment in segments)


def distrust(segments: Iterable[Segment]) -> None:
    """Mark texts whose sender says that they come from outside."""
    for segment in segments:
        segment.trust = "untrusted"


TOOL_FIELDS: Final = ("aisoc.tool.impact", "aisoc.egress.host", "process.executable.path")


class ToolFacts(NamedTuple):
    """What is known of a tool call, in the order of ``TOOL_FIELDS``."""

    impact: object
    host: object
    program: object


def tool_facts(name: str, segments: list[Segment], told: ToolFacts) -> ToolFacts:
    """What a tool call can do, where it sends, and what it runs: as the sender says, else inferred from name and arguments.

    The command line of a call that runs something is added to ``segments``.
    """
    arguments = next((segment.text for segment in segments if segment.field == "gen_ai.tool.call.arguments"), "")
    found = told.impact if told.impact in TOOL_IMPACTS else impact.infer_impact(name, arguments)
    host = told.host or (impact.egress_host(arguments, found) if isinstance(found, str) else "")
    program = told.program
    if found == "exec" and arguments and not any(segment.field == COMMAND_LINE for segment in segments):
        line = command.command_line(arguments)
        if line:
            segments.append(Segment(COMMAND_LINE, line, "assistant", "", DERIVED))
            program = program or command.program(line)
    return ToolFacts(found, host, program)
