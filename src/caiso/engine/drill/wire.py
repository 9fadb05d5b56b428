"""Writes a trace's steps as OTLP/JSON, so that a drill takes the way that real telemetry takes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

from caiso.engine.detect.series import varied
from caiso.engine.drill.packs import Step, Trace

# A fixed moment, so that ids, windows and results are the same in every run.
BASE_NS: Final = 1_790_000_000_000_000_000
_SPAN_NS: Final = 1_000_000
_KIND_INTERNAL: Final = 1
_ERROR: Final = 2


def requests(trace: Trace, steps: Sequence[Step], *, side: str) -> dict[str, bytes]:
    """{"traces": body, "logs": body} of one side of a trace; a signal without records is left out."""
    spans: list[dict[str, Any]] = []
    logs: list[dict[str, Any]] = []
    seed = f"{trace.id}/{side}"
    for number, (step, at_ns, own) in enumerate(_records(steps, seed)):
        attributes = {"gen_ai.conversation.id": f"drill-{trace.id}-{side}", **trace.defaults, **own}
        ids = {"traceId": _hex(f"{seed}/{step.trace}", 32), "spanId": _hex(f"{seed}/{number}", 16)}
        if step.log:
            logs.append(
                {**ids, "timeUnixNano": str(at_ns), "eventName": step.log, "attributes": _attributes(attributes)}
            )
        else:
            spans.append(
                {
                    **ids,
                    "name": step.span or _span_name(attributes),
                    "kind": _KIND_INTERNAL,
                    "startTimeUnixNano": str(at_ns),
                    "endTimeUnixNano": str(at_ns + _SPAN_NS),
                    "attributes": _attributes(attributes),
                    **({"status": {"code": _ERROR}} if step.fails else {}),
                }
            )
    return {
        signal: _request(trace.service, outer, middle, inner, records)
        for signal, outer, middle, inner, records in (
            ("traces", "resourceSpans", "scopeSpans", "spans", spans),
            ("logs", "resourceLogs", "scopeLogs", "logRecords", logs),
        )
        if records
    }


def _records(steps: Sequence[Step], seed: str) -> Iterator[tuple[Step, int, dict[str, object]]]:
    """Each step's copies with their time and attributes."""
    for place, step in enumerate(steps):
        for copy, own in enumerate(varied(step.attributes, step.repeat, step.series, f"{seed}/{place}")):
            yield step, BASE_NS + round((step.at + copy * step.every) * 1_000_000_000), own


def _request(service: str, outer: str, middle: str, inner: str, records: list[dict[str, Any]]) -> bytes:
    resource = {"attributes": _attributes({"service.name": service})}
    return orjson.dumps({outer: [{"resource": resource, middle: [{"scope": {"name": "caiso.drill"}, inner: records}]}]})


def _span_name(attributes: dict[str, object]) -> str:
    operation = str(attributes.get("gen_ai.operation.name", ""))
    what = attributes.get("gen_ai.tool.name") or attributes.get(
        "gen_ai.agent.name" if operation == "invoke_agent" else "gen_ai.request.model"
    )
    return f"{operation} {what or ''}".strip() or "drill"


def _attributes(values: dict[str, object]) -> list[dict[str, object]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items() if value is not None]


def _value(value: object) -> dict[str, object]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    # Senders put messages and arguments on spans as JSON text.
    return {"stringValue": value if isinstance(value, str) else orjson.dumps(value).decode()}


def _hex(seed: str, length: int) -> str:
    return hashlib.sha256(seed.encode()).hexdigest()[:length]
