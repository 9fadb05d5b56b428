"""Gathers a record's content carriers, of whatever convention, into segments sorted by the field they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from caiso.connect.telemetry.meaning.escapes import with_letters
from caiso.connect.telemetry.meaning.messages import (
    Segment,
    dump,
    load,
    numbered,
    read_messages,
    sort_input,
    sort_output,
)
from caiso.connect.telemetry.meaning.names import RENAMES, Meaning, meaning_of
from caiso.connect.telemetry.meaning.tenants import foreign
from caiso.connect.telemetry.records import RawRecord, Signal
from caiso.engine.detect.schema import TEXT_FIELDS

SPAN_MESSAGES: Final = "\x00span.messages"  # no sender can use this key: it is set after the attributes are sorted

TOOL_MESSAGE: Final = "gen_ai.tool.message"  # a tool's result in an event of its own
_CHOICE: Final = "gen_ai.choice"
_ROLE_EVENTS: Final = {
    "gen_ai.system.message": "system", "gen_ai.user.message": "user", "gen_ai.assistant.message": "assistant",
    TOOL_MESSAGE: "tool", _CHOICE: "output", "gen_ai.content.prompt": "prompt",
    "gen_ai.content.completion": "output",
}  # fmt: skip
_INPUTS: Final = ("gen_ai.input.messages", "messages", "gen_ai.prompt", "llm.prompts")
_OUTPUTS: Final = ("gen_ai.output.messages", "gen_ai.completion", "llm.completions")
_ARGUMENTS: Final = (
    "gen_ai.tool.call.arguments",
    "mcp.tool.arguments",
    "tool_call.function.arguments",
    "gen_ai.tool.parameters",
    "tool.parameters",
)
_RESULTS: Final = ("gen_ai.tool.call.result", "mcp.tool.result", TOOL_MESSAGE)
_BODY_KEYS: Final = ("content", "gen_ai.event.content", "gen_ai.prompt", "gen_ai.completion", "message", "body")
_DOCUMENT_TEXT: Final = ("content", "text", "page_content", "chunk", "snippet", "body", "document")
_TOOL_CALL: Final = frozenset({"gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "gen_ai.tool.definitions"})
CHAT: Final = _TOOL_CALL | {"gen_ai.system_instructions", "gen_ai.input.messages", "gen_ai.output.messages"}
_MAX_DOCUMENTS: Final = 256
_METADATA_CHARS: Final = 256
_WRITING_MEMORY: Final = ("create", "update", "upsert", "delete", "write", "store", "add", "save")


def is_message_event(name: str) -> bool:
    """True for the older span and log events that carry one message each."""
    return name in _ROLE_EVENTS


def segments(
    record: RawRecord, name: str, kind: str, event: dict[str, object], content: dict[str, object]
) -> list[Segment]:
    """Return the content of a record in reading order; puts document metadata into the event."""
    if not content and record.body is None and not is_message_event(name):
        return []
    if content.keys() <= CHAT and not isinstance(record.body, str | list) and not is_message_event(name):
        return [segment for segment in chat(content) if segment.text]
    out: list[Segment] = []
    if is_message_event(name):
        out += _message_event(name, record.body, content)
        if name == TOOL_MESSAGE and isinstance(record.body, dict) and isinstance(record.body.get("id"), str):
            event.setdefault("gen_ai.tool.call.id", record.body["id"][:128])
    if kind == "tool" and SPAN_MESSAGES in content:
        _tool_messages(content)
    _number_messages(content)
    out += _conversation(content)
    out += _fallback_values(kind, content, out)
    out += _tool(content)
    out += _documents(event, content)
    out += _memory(event, content)
    out += _given(content)
    if record.signal is not Signal.TRACES and isinstance(record.body, str | list) and not is_message_event(name):
        out.append(Segment("body", dump(record.body), "", "", "body"))
    out += _leftover(content)
    return [segment for segment in out if segment.text]


def chat(content: dict[str, object]) -> list[Segment]:
    """The carriers of nearly all records, without looking for any of the others."""
    found = list(_tool(content)) if not _TOOL_CALL.isdisjoint(content) else []
    return [*found, *_conversation(content)] if content else found


def _message_event(name: str, body: object, attributes: dict[str, object]) -> Iterator[Segment]:
    """One message in a log body or in a span event's attributes."""
    role = _ROLE_EVENTS[name]
    value: Any = body
    if not isinstance(body, dict):
        value = body if body is not None else next((attributes.pop(k) for k in _BODY_KEYS if k in attributes), None)
        extra = {k: attributes.pop(k) for k in ("tool_calls", "id", "role") if k in attributes}
        loaded = load(value)
        if isinstance(loaded, dict) and not extra:
            value = loaded
        elif not isinstance(loaded, list) or role != "prompt":
            value = {"content": value, **extra}
    if role == "output":
        yield from sort_output(read_messages(value, "assistant"), name)
    elif role == "prompt":
        yield from sort_input(read_messages(value, "user"), name)
    else:
        if isinstance(value, dict):
            value = {**value, "role": role}
        yield from sort_input(read_messages([value], role), name)


def _number_messages(content: dict[str, object]) -> None:
    """Fold one-attribute-per-field messages into lists."""
    if not any(meaning_of(key) is Meaning.NUMBERED for key in content):
        return
    for prefix, strip, target in (
        ("llm.input_messages", "message.", "gen_ai.input.messages"),
        ("llm.output_messages", "message.", "gen_ai.output.messages"),
        ("gen_ai.prompt", "", "gen_ai.input.messages"),
        ("gen_ai.completion", "", "gen_ai.output.messages"),
        ("llm.prompts", "prompt.", "gen_ai.input.messages"),
        ("llm.completions", "completion.", "gen_ai.output.messages"),
    ):
        messages: list[dict[str, object]] = numbered(content, prefix, strip=strip)
        for message in messages:
            for inner, inner_strip in (("contents", "message_content."), ("tool_calls", "tool_call.")):
                folded = numbered(message, inner, strip=inner_strip)
                if folded:
                    message[inner] = folded
        if messages:
            content.setdefault(target, messages)
    for prefix, strip, target in (
        ("retrieval.documents", "document.", "gen_ai.retrieval.documents"),
        ("reranker.output_documents", "document.", "gen_ai.retrieval.documents"),
        ("reranker.input_documents", "document.", "gen_ai.retrieval.documents"),
        ("embedding.embeddings", "embedding.", "\x00embeddings"),
        ("llm.tools", "tool.", "gen_ai.tool.definitions"),
    ):
        found = numbered(content, prefix, strip=strip)
        if found:
            content.setdefault(target, found)


def _conversation(content: dict[str, object]) -> list[Segment]:
    found: list[Segment] = []
    instructions = content.pop("gen_ai.system_instructions", None)
    if instructions is not None:
        for message in read_messages(instructions, "system"):
            for part in message.parts:
                found.append(Segment("content.system", part.text, "system", "", "gen_ai.system_instructions"))
    spoken = content.pop(SPAN_MESSAGES, None)
    for key in _INPUTS:
        if key in content:
            found += sort_input(read_messages(content.pop(key), "user"), key)
    if isinstance(spoken, list):
        found += _span_messages(spoken)
    for key in _OUTPUTS:
        if key in content:
            found += sort_output(read_messages(content.pop(key), "assistant"), key)
    return found


def _tool_messages(content: dict[str, object]) -> None:
    """A tool's span whose events are what the tool was given, and as a choice what it gave (Strands), tells a call and its result."""
    spoken: Any = content[SPAN_MESSAGES]
    told = dict(spoken) if isinstance(spoken, list) else {}
    if told.keys() != {TOOL_MESSAGE, _CHOICE} or not content.keys().isdisjoint((*_ARGUMENTS, *_RESULTS)):
        return
    del content[SPAN_MESSAGES]
    given, gave = told[TOOL_MESSAGE].get("content"), told[_CHOICE].get("message")
    if given is not None:
        content["gen_ai.tool.call.arguments"] = given
    if gave is not None:
        parts = load(gave)
        content["gen_ai.tool.call.result"] = {"content": parts} if isinstance(parts, list) else gave


def _span_messages(spoken: list[tuple[str, dict[str, object]]]) -> Iterator[Segment]:
    """Messages in a span's own events: read together, because only their order tells this turn from earlier ones."""
    inputs: list[object] = []
    for name, attributes in spoken:
        role = _ROLE_EVENTS[name]
        value = next((attributes[key] for key in _BODY_KEYS if key in attributes), None)
        if role == "output":
            calls = {key: attributes[key] for key in ("tool_calls",) if key in attributes}
            message = value if isinstance(load(value), list | dict) and not calls else {"content": value, **calls}
            yield from sort_output(read_messages(message, "assistant"), name)
        elif role == "prompt":
            loaded = load(value)
            inputs += (
                loaded if isinstance(loaded, list) else [loaded if isinstance(loaded, dict) else {"content": value}]
            )
        else:
            loaded = load(value) if role != "tool" else value
            shaped = (
                loaded
                if isinstance(loaded, dict) and ("content" in loaded or "tool_calls" in loaded)
                else {"content": value}
            )
            inputs.append({**shaped, **{k: attributes[k] for k in ("tool_calls",) if k in attributes}, "role": role})
    yield from sort_input(read_messages(inputs, "user"), "span events")


def _fallback_values(kind: str, content: dict[str, object], found: list[Segment]) -> Iterator[Segment]:
    """OpenInference and OpenLLMetry put a whole input and output beside the messages; used only where those are absent."""
    given = next((content.pop(k) for k in ("input.value", "traceloop.entity.input") if k in content), None)
    result = next((content.pop(k) for k in ("output.value", "traceloop.entity.output") if k in content), None)
    fields = {segment.field for segment in found}
    if kind == "tool":
        if given is not None:
            content.setdefault("gen_ai.tool.call.arguments", given)
        if result is not None:
            content.setdefault("gen_ai.tool.call.result", result)
    elif kind == "retrieval":
        if given is not None:
            content.setdefault("gen_ai.retrieval.query.text", given)
        if result is not None and "gen_ai.retrieval.documents" not in content:
            yield Segment("content.documents", dump(result), "tool", "untrusted", "output.value")
    else:
        if given is not None and not fields & {"content.user", "content.untrusted", "content.history"}:
            yield from sort_input(read_messages(given, "user"), "input.value")
        if result is not None and not fields & {"content.output", "content.tool_calls"}:
            yield from sort_output(read_messages(result, "assistant"), "output.value")


def _tool(content: dict[str, object]) -> Iterator[Segment]:
    arguments = [content.pop(key) for key in _ARGUMENTS if key in content]
    if arguments:
        yield Segment("gen_ai.tool.call.arguments", with_letters(dump(arguments[0])), "assistant", "", "tool")
    for key in _RESULTS:
        if key in content:
            yield Segment("gen_ai.tool.call.result", _result_text(content.pop(key)), "tool", "untrusted", key)
    if "mcp.resource.content" in content:
        yield Segment(
            "content.untrusted", _result_text(content.pop("mcp.resource.content")), "tool", "untrusted", "mcp"
        )
    definitions = content.pop("gen_ai.tool.definitions", content.pop("llm.tools", None))
    if definitions is not None:
        yield Segment(
            "gen_ai.tool.definitions", with_letters(dump(definitions)), "system", "", "gen_ai.tool.definitions"
        )
    embedded = content.pop("\x00embeddings", None)
    for item in embedded if isinstance(embedded, list) else []:
        if item.get("text"):
            yield Segment("content.user", dump(item["text"]), "user", "", "embedding")


def _result_text(value: object) -> str:
    """A tool's answer as text; MCP wraps it in ``content`` lists of typed parts."""
    loaded = load(value)
    if isinstance(loaded, dict) and isinstance(loaded.get("content"), list):
        parts = loaded["content"]
        if parts and all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in parts):
            return "\n".join(part["text"] for part in parts)
    return with_letters(dump(value))


def _documents(event: dict[str, object], content: dict[str, object]) -> Iterator[Segment]:
    found = content.pop("gen_ai.retrieval.documents", None)
    if found is None:
        return
    documents = load(found)
    if not isinstance(documents, list):
        yield Segment("content.documents", dump(found), "tool", "untrusted", "")
        return
    kept: list[dict[str, object]] = []
    for item in documents[:_MAX_DOCUMENTS]:
        if not isinstance(item, dict):
            yield Segment("content.documents", dump(item), "tool", "untrusted", "")
            continue
        document = {**item, **_metadata(item)}
        text = next((document.pop(key) for key in _DOCUMENT_TEXT if document.get(key) is not None), None)
        kept.append({k[:64]: v for k, v in document.items() if _is_short(v)})
        if text is not None:
            yield Segment("content.documents", dump(text), "tool", "untrusted", str(item.get("id") or "")[:128])
    for item in documents[_MAX_DOCUMENTS:]:  # the text of every document is matched, its metadata bounded
        yield Segment("content.documents", dump(item), "tool", "untrusted", "")
    if kept:
        event["gen_ai.retrieval.documents"] = kept
        if others := foreign(event, kept):
            event["content.foreign_documents"] = others


def _metadata(document: dict[str, object]) -> dict[str, object]:
    inner = load(document.get("metadata"))
    if not isinstance(inner, dict):
        return {}
    return {str(k): v for k, v in list(inner.items())[:32] if str(k) not in document and str(k) not in _DOCUMENT_TEXT}


def _is_short(value: object) -> bool:
    return isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= _METADATA_CHARS)


def _memory(event: dict[str, object], content: dict[str, object]) -> Iterator[Segment]:
    found = content.pop("gen_ai.memory.records", None)
    if found is not None:
        operation = str(event.get("gen_ai.operation.name") or "")
        trust = "" if operation.startswith(_WRITING_MEMORY) else "untrusted"
        records = load(found)
        for item in records if isinstance(records, list) else [records]:
            text = item.get("content", item.get("text", item)) if isinstance(item, dict) else item
            yield Segment(
                "content.memory", dump(text), "tool" if trust else "assistant", trust, "gen_ai.memory.records"
            )


def _given(content: dict[str, object]) -> Iterator[Segment]:
    """Content that already carries our own field names, as replayed files do."""
    for key in sorted(content.keys() & TEXT_FIELDS):
        trust = "untrusted" if key in ("content.untrusted", "content.documents") else ""
        yield Segment(key, dump(content.pop(key)), "", trust, "given")


def _leftover(content: dict[str, object]) -> Iterator[Segment]:
    """Whatever carrier is still there keeps its own name: it may be content, so it may not lie in the open store."""
    for key, value in content.items():
        if key.startswith("\x00"):
            continue
        yield Segment(RENAMES.get(key, key), dump(value), "", "", "attribute")
