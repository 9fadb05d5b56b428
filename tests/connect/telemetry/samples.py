"""Builds OTLP requests for the tests of telemetry."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

NOW_US = 1_795_000_000_000_000  # 2026-11-18


def set_value(target: Any, value: Any) -> None:
    if isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int):
        target.int_value = value
    elif isinstance(value, float):
        target.double_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, list):
        target.array_value.SetInParent()
        for item in value:
            set_value(target.array_value.values.add(), item)
    elif isinstance(value, Mapping):
        target.kvlist_value.SetInParent()
        put_all(target.kvlist_value.values, value)


def put_all(pairs: Any, attributes: Mapping[str, Any]) -> None:
    for key, value in attributes.items():
        pair = pairs.add()
        pair.key = key
        set_value(pair.value, value)


def span(attributes: Mapping[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {"attributes": attributes or {}, **fields}


def traces(
    spans: Sequence[Mapping[str, Any]], resource: Mapping[str, Any] | None = None, *, start_us: int = NOW_US
) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    put_all(group.resource.attributes, resource or {"service.name": "shop"})
    scoped = group.scope_spans.add()
    for number, given in enumerate(spans, 1):
        item = scoped.spans.add()
        item.trace_id = given.get("trace_id", b"\x01" * 16)
        item.span_id = given.get("span_id", number.to_bytes(8, "big"))
        item.name = given.get("name", "span")
        item.start_time_unix_nano = given.get("start_ns", start_us * 1000)
        item.end_time_unix_nano = given.get("end_ns", start_us * 1000 + 5_000_000)
        put_all(item.attributes, given["attributes"])
        for name, attributes in given.get("events", ()):
            event = item.events.add()
            event.name = name
            put_all(event.attributes, attributes)
    return request


def logs(records: Sequence[Mapping[str, Any]], *, time_us: int = NOW_US) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    put_all(group.resource.attributes, {"service.name": "shop"})
    scoped = group.scope_logs.add()
    for given in records:
        item = scoped.log_records.add()
        item.event_name = given.get("name", "")
        item.time_unix_nano = given.get("time_ns", time_us * 1000)
        item.trace_id = given.get("trace_id", b"")
        if given.get("body") is not None:
            set_value(item.body, given["body"])
        put_all(item.attributes, given.get("attributes", {}))
    return request


def otel_messages(*messages: tuple[str, str]) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in messages])


def json_value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [json_value(item) for item in value]}}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": json_attributes(value)}}
    return {"stringValue": value}


def json_attributes(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": json_value(value)} for key, value in attributes.items()]


def json_traces(spans: Sequence[Mapping[str, Any]], *, start_us: int = NOW_US) -> bytes:
    items = [
        {
            "traceId": given.get("trace_id", b"\x01" * 16).hex(),
            "spanId": given.get("span_id", number.to_bytes(8, "big")).hex(),
            "name": given.get("name", "span"),
            "startTimeUnixNano": str(given.get("start_ns", start_us * 1000)),
            "endTimeUnixNano": str(given.get("end_ns", start_us * 1000 + 5_000_000)),
            "attributes": json_attributes(given["attributes"]),
            "events": [{"name": name, "attributes": json_attributes(found)} for name, found in given.get("events", ())],
        }
        for number, given in enumerate(spans, 1)
    ]
    resource = {"attributes": json_attributes({"service.name": "shop"})}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": items}]}]}).encode()
