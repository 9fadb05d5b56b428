"""Reads the traces by which the catalogue is measured, writes them as OTLP, and plays them through the real engine.

A trace is a list of steps in a short hand; each becomes a span or log record as an instrumented application sends it:

``say`` a user's turn (with ``system``, ``past``, ``seen`` for tool messages, ``reply``, ``calls``, ``defs``) ·
``tool`` and ``mcp`` a call (``args``, ``result``) · ``find`` a retrieval (``docs``) · ``note`` a memory operation ·
``agent`` an agent's step · ``log`` a record of another kind · all take ``at``, ``set``, ``repeat``, ``every``, ``error``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from caiso.connect.telemetry.normalise import merge_content, normalise
from caiso.connect.telemetry.otlp import decode_request
from caiso.connect.telemetry.preparation import Preparation
from caiso.connect.telemetry.records import Encoding, RawRecord, Signal
from caiso.engine.detect.detector import Detector
from caiso.engine.detect.ruleset import Ruleset
from caiso.engine.detect.signal import Signal as Raised

FOLDER: Final = Path(__file__).parent / "catalogue"
BASE_US: Final = 1_790_000_000_000_000  # an arbitrary moment in 2026
PAUSE_S: Final = 5.0
LOUD: Final = frozenset({"medium", "high", "critical"})


@dataclass(frozen=True, slots=True)
class Trace:
    """One attack or its benign twin."""

    entry: int
    name: str
    attack: bool
    steps: tuple[Mapping[str, Any], ...]
    given: Mapping[str, Any] = field(default_factory=dict)  # attributes that every step carries
    style: str = "otel"
    allows: tuple[
        str, ...
    ] = ()  # rules of another entry that are right to speak: a twin may hold an attempt that failed


def read_traces(which: str) -> list[Trace]:
    """Every trace of a set; ``sets.yaml`` says what each set is for."""
    found = []
    for path in sorted((FOLDER / which).glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            for attack, key in ((True, "attacks"), (False, "twins")):
                found += [_trace(document["entry"], attack, item, path) for item in document.get(key) or ()]
    return found


def _trace(entry: int, attack: bool, item: Mapping[str, Any], path: Path) -> Trace:
    unknown = item.keys() - {"name", "steps", "with", "style", "allows"}
    if unknown or not item.get("steps"):
        raise ValueError(f"{path}: {item.get('name')}: {unknown or 'no steps'}")
    return Trace(
        entry,
        item["name"],
        attack,
        tuple(item["steps"]),
        item.get("with") or {},
        item.get("style", "otel"),
        tuple(item.get("allows") or ()),
    )


def events_of(trace: Trace) -> list[dict[str, object]]:
    """The events that the product makes of a trace, in order of arrival."""
    made = []
    for number, (moment, step) in enumerate(_timed(trace)):
        signal, body = _request(trace, number, moment, step)
        for record in decode_request(signal, Encoding.JSON, body):
            if not isinstance(record, RawRecord):
                raise TypeError(f"{trace.name}: {record.reason}")
            found = normalise(record, source_id="catalogue", ingest_us=moment + 1_000_000)
            made.append(merge_content(found.event, found.segments))
    return made


def play(trace: Trace, ruleset: Ruleset) -> list[Raised]:
    """The signals that a fresh engine raises on a trace."""
    return Detector(ruleset).process(Preparation().of_merged(events_of(trace)))


def _timed(trace: Trace) -> Iterator[tuple[int, Mapping[str, Any]]]:
    now = 0.0
    for step in trace.steps:
        start = float(step.get("at", now))
        for copy in range(step.get("repeat", 1)):
            moment = start + copy * float(step.get("every", 1))
            yield BASE_US + int(moment * 1_000_000), _numbered(step, copy) if "repeat" in step else step
            now = moment + PAUSE_S


def _numbered(value: Any, copy: int) -> Any:
    """``{n}`` becomes the number of the copy, ``{word}`` one of eight words."""
    if isinstance(value, str):
        words = ("alder", "birch", "cedar", "dogwood", "elm", "fir", "ginkgo", "hazel")
        return value.replace("{n}", str(copy)).replace("{word}", words[copy % 8])
    if isinstance(value, Mapping):
        return {key: _numbered(part, copy) for key, part in value.items()}
    return [_numbered(part, copy) for part in value] if isinstance(value, list) else value


def _request(trace: Trace, number: int, moment: int, step: Mapping[str, Any]) -> tuple[Signal, bytes]:
    digest = hashlib.sha256(f"{trace.entry}/{trace.attack}/{trace.name}".encode()).hexdigest()
    attributes = {"gen_ai.conversation.id": f"c-{digest[:10]}", "user.id": "u-317", "gen_ai.agent.name": "assistant"}
    if "log" in step:
        attributes = {}
    attributes |= {**trace.given, **_attributes(step, trace.style), **(step.get("set") or {})}
    if step.get("error"):
        attributes["error.type"] = step["error"]
    attributes = {key: value for key, value in attributes.items() if value not in (None, "")}
    resource = {"service.name": attributes.pop("service.name", "desk")}
    trace_id = hashlib.sha256(str(step.get("trace", digest)).encode()).hexdigest()[:32]
    common = {"traceId": trace_id, "spanId": f"{number + 1:016x}", "attributes": _pairs(attributes)}
    if "log" in step:
        record = {**common, "eventName": f"aisoc.{step['log']}", "timeUnixNano": str(moment * 1000)}
        return Signal.LOGS, _wrapped("Logs", "logRecords", resource, record)
    span = {**common, "name": _name(step), "kind": 3, "startTimeUnixNano": str(moment * 1000)}
    span["endTimeUnixNano"] = str(moment * 1000 + 400_000_000)
    return Signal.TRACES, _wrapped("Spans", "spans", resource, span)


def _wrapped(kind: str, leaf: str, resource: Mapping[str, Any], item: Mapping[str, Any]) -> bytes:
    group = {"resource": {"attributes": _pairs(resource)}, f"scope{kind}": [{"scope": {"name": "app"}, leaf: [item]}]}
    return json.dumps({f"resource{kind}": [group]}).encode()


def _pairs(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    return {"kvlistValue": {"values": _pairs(value)}} if isinstance(value, Mapping) else {"stringValue": str(value)}


def _name(step: Mapping[str, Any]) -> str:
    for key, shown in (
        ("tool", "execute_tool"),
        ("mcp", "tools/call"),
        ("find", "retrieval"),
        ("agent", "invoke_agent"),
    ):
        if key in step:
            return f"{shown} {step[key]}"
    return "chat m"


def _attributes(step: Mapping[str, Any], style: str) -> dict[str, Any]:
    if "tool" in step or "mcp" in step:
        return _tool(step, style)
    if "find" in step:
        return _retrieval(step, style)
    if "note" in step:
        operation = step.get("op", "create_memory")
        record = json.dumps([{"content": step["note"]}])
        return {"gen_ai.operation.name": operation, "gen_ai.memory.records": record}
    if "log" in step:
        return {}
    if "agent" in step:
        start = {"gen_ai.operation.name": step.get("op", "invoke_agent"), "gen_ai.agent.name": step["agent"]}
        return {**start, **(_messages(step, "otel") if {"say", "reply", "seen"} & step.keys() else {})}
    if {"say", "reply", "seen", "calls", "past", "system", "defs", "chat"} & step.keys():
        operation = {"openinference": {"openinference.span.kind": "LLM", "llm.model_name": "m-large"}}
        start = operation.get(style, {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m-large"})
        return {**start, **_messages(step, style)}
    return {}


def _tool(step: Mapping[str, Any], style: str) -> dict[str, Any]:
    name, args, result = step.get("tool") or step["mcp"], step.get("args"), step.get("result")
    args = json.dumps(args, ensure_ascii=False) if isinstance(args, dict | list) else args
    result = json.dumps(result, ensure_ascii=False) if isinstance(result, dict | list) else result
    if style == "openinference" and "tool" in step:
        return {"openinference.span.kind": "TOOL", "tool.name": name, "input.value": args, "output.value": result}
    found = {"gen_ai.tool.name": name, "gen_ai.tool.call.arguments": args, "gen_ai.tool.call.result": result}
    if "mcp" in step:
        return {"mcp.method.name": "tools/call", "event.kind": "mcp", **found}
    return {"gen_ai.operation.name": "execute_tool", **found}


def _retrieval(step: Mapping[str, Any], style: str) -> dict[str, Any]:
    documents = step.get("docs") or []
    if style == "openinference":
        found = {"openinference.span.kind": "RETRIEVER", "input.value": step["find"]}
        for number, document in enumerate(documents):
            for key, value in document.items():
                found[f"retrieval.documents.{number}.document.{key}"] = value
        return found
    found = {"gen_ai.operation.name": "retrieval", "gen_ai.retrieval.query.text": step["find"]}
    return found | ({"gen_ai.retrieval.documents": json.dumps(documents, ensure_ascii=False)} if documents else {})


def _messages(step: Mapping[str, Any], style: str) -> dict[str, Any]:
    """The messages of a model call: instructions, earlier turns, tool messages, the user's turn, the answer."""
    inputs = [(role, text) for role, text in step.get("past") or ()]
    if "say" in step:
        inputs.append(("user", step["say"]))
    for text in [step["seen"]] if isinstance(step.get("seen"), str) else step.get("seen") or ():
        inputs.append(("tool", text))
    system, reply, calls = step.get("system"), step.get("reply"), step.get("calls") or ()
    extra = {"gen_ai.tool.definitions": json.dumps(step["defs"], ensure_ascii=False)} if "defs" in step else {}
    if style == "openinference":
        return extra | _openinference(system, inputs, reply)
    if style == "legacy":
        return extra | _legacy(system, inputs, reply)
    found: dict[str, Any] = dict(extra)
    if system:
        found["gen_ai.system_instructions"] = json.dumps([{"type": "text", "content": system}], ensure_ascii=False)
    if inputs:
        found["gen_ai.input.messages"] = json.dumps([_otel(*each) for each in inputs], ensure_ascii=False)
    parts = [{"type": "text", "content": reply}] if reply else []
    parts += [{"type": "tool_call", "id": "t1", "name": c["name"], "arguments": c.get("arguments")} for c in calls]
    if parts:
        answer = [{"role": "assistant", "parts": parts, "finish_reason": "stop"}]
        found["gen_ai.output.messages"] = json.dumps(answer, ensure_ascii=False)
    return found


def _otel(role: str, text: str) -> dict[str, Any]:
    kind, key = ("tool_call_response", "response") if role == "tool" else ("text", "content")
    return {"role": role, "parts": [{"type": kind, key: text}]}


def _openinference(system: str | None, inputs: list[tuple[str, str]], reply: str | None) -> dict[str, Any]:
    found = {}
    for number, (role, text) in enumerate([("system", system)] * bool(system) + inputs):
        found[f"llm.input_messages.{number}.message.role"] = role
        found[f"llm.input_messages.{number}.message.content"] = text
    if reply:
        found |= {"llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.content": reply}
    return found


def _legacy(system: str | None, inputs: list[tuple[str, str]], reply: str | None) -> dict[str, Any]:
    found = {}
    for number, (role, text) in enumerate([("system", system)] * bool(system) + inputs):
        found[f"gen_ai.prompt.{number}.role"], found[f"gen_ai.prompt.{number}.content"] = role, text
    if reply:
        found |= {"gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": reply}
    return found
