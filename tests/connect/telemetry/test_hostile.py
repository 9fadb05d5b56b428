from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caiso.connect.telemetry.meaning.names import RENAMES
from caiso.connect.telemetry.normalise import merge_content, normalise
from caiso.connect.telemetry.otlp import check_request, decode_request, inflate
from caiso.connect.telemetry.records import Encoding, RawRecord, Refusal, Signal, UnableToAccept, UnableToDecode
from caiso.connect.telemetry.table import to_events, to_table
from caiso.engine.detect.schema import FIELDS, is_content
from tests.connect.telemetry.samples import NOW_US, json_traces, logs, span, traces

KINDS = [
    (Signal.TRACES, Encoding.PROTOBUF),
    (Signal.LOGS, Encoding.PROTOBUF),
    (Signal.TRACES, Encoding.JSON),
    (Signal.LOGS, Encoding.JSON),
    (Signal.EVENTS, Encoding.NDJSON),
]
NAMES = st.sampled_from(
    sorted(
        {
            *FIELDS, *RENAMES, "input.value", "output.value", "gen_ai.prompt", "gen_ai.completion", "gen_ai.input.messages",
            "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.memory.records", "llm.input_messages.0.message.role",
            "llm.input_messages.0.message.content", "llm.input_messages.0.message.tool_calls.0.tool_call.function.name",
            "llm.output_messages.7.message.contents.0.message_content.text", "gen_ai.prompt.0.content", "llm.tools.0.tool.json_schema",
            "retrieval.documents.0.document.metadata", "embedding.embeddings.0.embedding.text", "openinference.span.kind",
            "messages", "body", "llm.prompts.0.prompt.text", "gen_ai.event.content", "tool_calls", "id", "role", "\x00span.messages",
        }
    )
)  # fmt: skip
ROLES = st.sampled_from(["user", "assistant", "tool", "system", "developer", "", "x" * 50])
SCALARS = st.one_of(
    st.text(max_size=40),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.floats(allow_nan=True, allow_infinity=True),
)
MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "role": ROLES | SCALARS,
        "content": st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "content"]), inner, max_size=3), max_leaves=6),
        "parts": st.lists(st.dictionaries(st.sampled_from(["type", "content", "response", "arguments", "name", "id", "uri"]), SCALARS | st.lists(SCALARS, max_size=2), max_size=4) | SCALARS, max_size=3) | SCALARS,
        "tool_calls": st.lists(st.dictionaries(st.sampled_from(["id", "function", "name", "arguments"]), SCALARS | st.dictionaries(st.sampled_from(["name", "arguments"]), SCALARS, max_size=2), max_size=3) | SCALARS, max_size=2) | SCALARS,
        "message": SCALARS | st.dictionaries(st.sampled_from(["role", "content", "message"]), SCALARS, max_size=2),
        "function_call": SCALARS,
    },
)  # fmt: skip
VALUES = st.one_of(
    SCALARS,
    st.lists(MESSAGE, max_size=4),
    st.lists(MESSAGE, max_size=4).map(lambda value: json.dumps(value)),
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3), max_leaves=8),
    st.sampled_from(["LLM", "TOOL", "RETRIEVER", "chat", "execute_tool", "search_memory", "[", "{", "[[[[", '{"a":']),
)  # fmt: skip
ATTRIBUTES = st.dictionaries(NAMES | st.text(min_size=1, max_size=20), VALUES, max_size=8)
EVENT_NAMES = st.sampled_from(
    [
        "gen_ai.user.message",
        "gen_ai.choice",
        "gen_ai.tool.message",
        "gen_ai.content.prompt",
        "gen_ai.content.completion",
        "exception",
        "aisoc.x",
        "",
        "other",
    ]
)


def check_event(record: RawRecord) -> None:
    """Every event that comes out can be stored, holds no content, and is the same the second time."""
    try:
        found = normalise(record, source_id="shop", ingest_us=NOW_US)
    except UnableToAccept as refusal:
        assert str(refusal)
        return
    assert found == normalise(record, source_id="shop", ingest_us=NOW_US)
    assert not [name for name in found.event if is_content(name)]
    assert all(isinstance(segment.text, str) and segment.text for segment in found.segments)
    assert abs(int(str(found.event["time"])) - NOW_US) <= 7 * 86_400 * 1_000_000
    assert to_events(to_table([found.event])) == [found.event]
    merge_content(found.event, found.segments)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(KINDS), st.binary(max_size=200))
def test_arbitrary_bytes_are_records_or_named_refusals(kind: tuple[Signal, Encoding], body: bytes) -> None:
    try:
        check_request(*kind, body)
        for item in decode_request(*kind, body):
            if isinstance(item, RawRecord):
                check_event(item)
            else:
                assert item.reason
    except UnableToDecode as refusal:
        assert str(refusal)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_damaged_requests_are_records_or_named_refusals(data: st.DataObject) -> None:
    body = bytearray(
        traces([span({"gen_ai.operation.name": "chat", "l": [1, {"a": [2.0]}]}), span({"k": "v"})]).SerializeToString()
    )
    for _ in range(data.draw(st.integers(1, 6))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(body[: data.draw(st.integers(0, len(body)))])
    try:
        total, refused = check_request(Signal.TRACES, Encoding.PROTOBUF, damaged)
    except UnableToDecode:
        return
    found = list(decode_request(Signal.TRACES, Encoding.PROTOBUF, damaged))
    assert len(found) == total
    assert {r.index for r in refused} <= {r.index for r in found if isinstance(r, Refusal)}
    for item in found:
        if isinstance(item, RawRecord):
            check_event(item)


@settings(max_examples=80, deadline=None)
@given(ATTRIBUTES, st.lists(st.tuples(EVENT_NAMES, ATTRIBUTES), max_size=3))
def test_any_attributes_of_a_span_give_an_event(
    attributes: dict[str, Any], events: list[tuple[str, dict[str, Any]]]
) -> None:
    body = traces([span(attributes, events=events)]).SerializeToString()
    for item in decode_request(Signal.TRACES, Encoding.PROTOBUF, body):
        assert isinstance(item, RawRecord) or item.reason
        if isinstance(item, RawRecord):
            check_event(item)


@settings(max_examples=80, deadline=None)
@given(EVENT_NAMES, ATTRIBUTES, VALUES | MESSAGE)
def test_any_log_record_gives_an_event(name: str, attributes: dict[str, Any], body: Any) -> None:
    request = logs([{"name": name, "attributes": attributes, "body": body}]).SerializeToString()
    for item in decode_request(Signal.LOGS, Encoding.PROTOBUF, request):
        if isinstance(item, RawRecord):
            check_event(item)


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(
        NAMES | st.sampled_from(["time", "trace_id", "span_id", "attributes", "resource", "name", "resourceSpans"]),
        VALUES | MESSAGE,
        max_size=8,
    )
)
def test_any_json_line_gives_an_event_or_a_reason(line: dict[str, Any]) -> None:
    body = json.dumps(line).encode()
    found = list(decode_request(Signal.EVENTS, Encoding.NDJSON, body))
    for item in found:
        if isinstance(item, RawRecord):
            check_event(item)
        else:
            assert item.index == 1
            assert item.reason


JSON_SHAPES = st.recursive(
    SCALARS | st.none(),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["resourceSpans", "scopeSpans", "spans", "resource", "attributes", "key", "value", "stringValue", "arrayValue", "values", "traceId", "spanId", "startTimeUnixNano", "events", "status", "scope"]),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(JSON_SHAPES, st.sampled_from([Signal.TRACES, Signal.LOGS]))
def test_any_json_shape_is_records_or_a_named_refusal(shape: Any, signal: Signal) -> None:
    body = (
        json.dumps({"resourceSpans": [shape], "resourceLogs": [shape]})
        .encode()
        .replace(b"NaN", b"0")
        .replace(b"Infinity", b"0")
    )
    try:
        total, _ = check_request(signal, Encoding.JSON, body)
        assert len(list(decode_request(signal, Encoding.JSON, body))) == total
    except UnableToDecode as refusal:
        assert str(refusal)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate"]))
def test_unpacking_garbage_is_refused(body: bytes, encoding: str) -> None:
    try:
        assert len(inflate(body, encoding, limit=1000)) <= 1000
    except UnableToDecode as refusal:
        assert str(refusal)


def test_deep_json_is_refused_and_does_not_end_the_process() -> None:
    for depth in (200, 5_000, 200_000):
        body = b'{"resourceSpans":' + b"[" * depth + b"]" * depth + b"}"
        with pytest.raises(UnableToDecode):
            check_request(Signal.TRACES, Encoding.JSON, body)
        line = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
        (found,) = decode_request(Signal.EVENTS, Encoding.NDJSON, line)
        assert isinstance(found, Refusal)
    deep_message = json.dumps([{"role": "user", "content": "["}]).replace('"["', "[" * 900 + "]" * 900)
    (record,) = decode_request(
        Signal.TRACES, Encoding.PROTOBUF, traces([span({"gen_ai.input.messages": deep_message})]).SerializeToString()
    )
    assert isinstance(record, RawRecord)
    check_event(record)


def test_deep_protobuf_costs_only_its_own_record() -> None:
    value: Any = "x"
    for _ in range(60):
        value = [value]
    good = span({"gen_ai.operation.name": "chat"})
    found = list(
        decode_request(Signal.TRACES, Encoding.PROTOBUF, traces([good, span({"k": value}), good]).SerializeToString())
    )
    assert [type(item) for item in found] == [RawRecord, Refusal, RawRecord]


def test_more_records_or_attributes_than_allowed_are_refused_whole() -> None:
    from caiso.connect.telemetry.records import Limits

    body = traces([span({"a": 1, "b": 2})] * 20).SerializeToString()
    for limits in (Limits(records=10), Limits(total_attributes=30)):
        with pytest.raises(UnableToDecode, match="more than"):
            check_request(Signal.TRACES, Encoding.PROTOBUF, body, limits)
        with pytest.raises(UnableToDecode, match="more than"):
            check_request(Signal.TRACES, Encoding.JSON, json_traces([span({"a": 1, "b": 2})] * 20), limits)


@pytest.mark.parametrize("item", ["-1", 5, None, True, [], 1.5])
@pytest.mark.parametrize("signal", [Signal.TRACES, Signal.LOGS])
def test_a_record_that_is_no_object_is_named(signal: Signal, item: object) -> None:
    good = json.loads(json_traces([{"attributes": {}}]))["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    outer, middle, inner = (
        ("resourceSpans", "scopeSpans", "spans")
        if signal is Signal.TRACES
        else ("resourceLogs", "scopeLogs", "logRecords")
    )
    body = json.dumps({outer: [{middle: [{inner: [item, good]}]}]}).encode()
    total, refused = check_request(signal, Encoding.JSON, body)
    assert total == 2
    assert [refusal.index for refusal in refused] == [0]


@pytest.mark.parametrize("number", ["9999999999999999999", "-9999999999999999999", 1e19, -1e300, 2**63, 2**64 - 1])
def test_a_count_beyond_64_bits_does_not_stop_the_part(number: object) -> None:
    body = json.dumps(
        {"event.kind": "inference", "gen_ai.usage.input_tokens": number, "unknown.count": number}
    ).encode()
    (record,) = decode_request(Signal.EVENTS, Encoding.NDJSON, body)
    assert isinstance(record, RawRecord)
    event = normalise(record, source_id="s", ingest_us=NOW_US).event
    assert to_events(to_table([event])) == [event]
