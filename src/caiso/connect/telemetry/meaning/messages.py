"""Reads chat messages of every convention into one shape, and sorts their text into the content fields of an event.

Conventions: OpenTelemetry parts, OpenAI-like ``content`` and ``tool_calls``, OpenInference and OpenLLMetry numbered
attributes, and the older span and log events.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, Literal

import msgspec
import orjson

from caiso.connect.telemetry import lenient

_MAX_MESSAGES = 4096
_ROLES = {
    "human": "user", "ai": "assistant", "model": "assistant", "bot": "assistant", "function": "tool",
    "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool", "system": "system",
}  # fmt: skip


class Segment(msgspec.Struct, gc=False, array_like=True):
    """A piece of content: the event field that it belongs to, who wrote it, and whether it may be trusted."""

    field: str
    text: str
    role: str = ""
    trust: str = ""  # "untrusted", or empty for what the sender's own people and systems wrote
    origin: str = ""  # where in the record it stood


class Part(msgspec.Struct, gc=False):
    """One piece of a message: ``text``, ``tool_call``, ``tool_result`` or ``reasoning``."""

    kind: str
    text: str


class Message(msgspec.Struct, gc=False):
    """A role and what it said."""

    role: str
    parts: list[Part]


class _PlainPart(Part, gc=False):
    """Reads today's commonest part straight from JSON; every other kind of part fails here and is read with care."""

    kind: Literal["text", "reasoning"] = msgspec.field(name="type")
    text: str = msgspec.field(name="content")


class _PlainMessage(Message, gc=False):
    role: Literal["user", "assistant", "system"]
    parts: list[_PlainPart]  # type: ignore[assignment]  # only ever decoded, never appended to
    # Where a message also speaks in an older convention, it is read with care.
    content: msgspec.UnsetType = msgspec.UNSET
    contents: msgspec.UnsetType = msgspec.UNSET
    message: msgspec.UnsetType = msgspec.UNSET
    tool_calls: msgspec.UnsetType = msgspec.UNSET
    function_call: msgspec.UnsetType = msgspec.UNSET


_plain = msgspec.json.Decoder(list[_PlainMessage])


def dump(value: object) -> str:
    """Text as it is; everything else as compact JSON."""
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except (orjson.JSONEncodeError, RecursionError):
        return str(value)


def load(value: object) -> object:
    """A JSON string as what it holds; everything else, and text that is not JSON, as it is."""
    if isinstance(value, str):
        start = value.lstrip()[:1]
        if start in ("[", "{"):
            try:
                loaded: object = lenient.loads(value)
            except orjson.JSONDecodeError:
                return value
            return loaded
    return value


def read_messages(value: object, default_role: str) -> list[Message]:
    """Read a list of messages, one message, or bare text; what has no known shape becomes text of the default role."""
    if isinstance(value, str):
        try:  # ten times as fast as the careful way, and what nearly every sender of today sends
            plain = _plain.decode(value)
        except (msgspec.DecodeError, msgspec.ValidationError, RecursionError):
            value = load(value)
        else:
            if len(plain) <= _MAX_MESSAGES:
                return _spoken(plain)  # type: ignore[arg-type]  # plain messages are messages
            value = load(value)
    if isinstance(value, dict) and isinstance(value.get("messages"), list):
        value = value["messages"]
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        text = dump(value) if value is not None else ""
        return [Message(default_role, [Part("text", text)])] if text else []
    messages = [_message(item, default_role) for item in value[-_MAX_MESSAGES:]]
    return [message for message in messages if message.parts]


def _spoken(messages: list[Message]) -> list[Message]:
    """Without what says nothing; most often every message says one thing."""
    for message in messages:
        parts = message.parts
        if len(parts) != 1 or not parts[0].text:
            break
    else:
        return messages
    for message in messages:
        message.parts = [part for part in message.parts if part.text]
    return [message for message in messages if message.parts]


def _message(found: object, default_role: str) -> Message:
    item: Any = load(found)
    if not isinstance(item, dict):
        return Message(default_role, _parts(item, default_role))
    if isinstance(item.get("message"), dict):  # a choice that wraps its message
        item = item["message"]
    role = _ROLES.get(str(item.get("role") or default_role).lower(), default_role)
    if "parts" in item or "content" in item or "contents" in item:
        parts = _parts(item.get("parts"), role)
        parts += _parts(load(item["content"]) if role != "tool" else item["content"], role) if "content" in item else []
        parts += _parts(item.get("contents"), role)
    else:
        parts = _parts(item, role) if not _SPOKEN.isdisjoint(item) else []
    calls = load(item.get("tool_calls"))
    if isinstance(calls, list):
        parts += [Part("tool_call", _call(call)) for call in calls]
    if isinstance(item.get("function_call"), dict):
        parts.append(Part("tool_call", _call({"function": item["function_call"]})))
    return Message(role, parts)


def _parts(value: Any, role: str) -> list[Part]:
    if value is None or value == "":
        return []
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        return [Part("tool_result" if role == "tool" else "text", dump(value))]
    return [part for item in value if (part := _part(item, role)).text]


def _part(item: Any, role: str) -> Part:
    plain = "tool_result" if role == "tool" else "text"
    if not isinstance(item, dict):
        return Part(plain, dump(item) if item is not None else "")
    kind = str(item.get("type") or "")
    if kind in ("tool_call", "server_tool_call", "tool_use", "function_call"):
        return Part("tool_call", _call(item))
    if "tool_call_response" in kind or kind == "tool_result":
        found = next((item[key] for key in _RESULT_KEYS if item.get(key) is not None), "")
        return Part("tool_result", _flat(found))
    found = next((item[key] for key in _TEXT_KEYS if item.get(key) is not None), None)
    if found is None and isinstance(use := item.get("toolUse"), dict):  # as Bedrock and Strands have it
        return Part("tool_call", _call({**use, "id": use.get("toolUseId")}))
    if found is None and isinstance(result := item.get("toolResult"), dict):
        return Part("tool_result", _flat(result.get("content")))
    if found is None:
        return Part(plain, "" if kind in ("compaction", "") and len(item) < 2 else dump(item))
    text = _flat(found)
    return Part("reasoning" if kind in ("reasoning", "thinking") else plain, text)


_SPOKEN: Final = frozenset(("type", "text", "toolUse", "toolResult"))  # keys of a part that stands alone
_RESULT_KEYS = ("response", "result", "server_tool_call_response", "content", "output")
_TEXT_KEYS = ("content", "text", "message_content.text", "thinking", "summary", "uri", "file_id")


def _flat(value: object) -> str:
    """The text inside nested ``content`` lists, such as MCP tool results; anything else as JSON."""
    if isinstance(value, list) and all(isinstance(item, dict) and isinstance(item.get("text"), str) for item in value):
        return "\n".join(item["text"] for item in value)
    return dump(value)


def _call(call: Any) -> str:
    """One shape for a tool call of any convention, as JSON text: name, arguments, id."""
    call = load(call)
    if not isinstance(call, dict):
        return dump(call)
    inner = call.get("function")
    function: dict[str, Any] = inner if isinstance(inner, dict) else {}
    name = call.get("name") or function.get("name") or call.get("function.name") or ""
    arguments = next(
        (
            v
            for v in (
                call.get("arguments"),
                function.get("arguments"),
                call.get("function.arguments"),
                call.get("input"),
                call.get("server_tool_call"),
            )
            if v is not None
        ),
        None,
    )
    out = {"name": name, "arguments": load(arguments)}
    if call.get("id"):
        out["id"] = call["id"]
    return dump(out)


def sort_input(messages: list[Message], origin: str) -> list[Segment]:
    """Split what went into a model: instructions, earlier turns, and what is new in this turn.

    The turn begins after the last assistant message. A trailing assistant message is a prefill and does not
    end a turn, else a sender could hide the user's text as history by appending one.
    """
    turn = len(messages) - 1
    while turn >= 0 and messages[turn].role not in ("user", "tool"):
        turn -= 1
    while turn >= 0 and messages[turn].role != "assistant":
        turn -= 1
    found: list[Segment] = []
    told = _told(messages, turn)
    for index, message in enumerate(messages):
        role = message.role
        old = index <= turn or role == "assistant"
        for part in message.parts:
            untrusted = role == "tool" or part.kind == "tool_result" or index in told
            if role == "system" and not untrusted:
                name = "content.system"
            elif old:
                name = "content.history"
            else:
                name = "content.untrusted" if untrusted else "content.user"
            found.append(Segment(name, part.text, role, "untrusted" if untrusted else "", origin))
    return found


def _told(messages: list[Message], turn: int) -> frozenset[int]:
    """Messages of this turn that are what a retrieval gave, written for the user beside what the user said."""
    new = [index for index in range(turn + 1, len(messages)) if messages[index].role == "user"]
    if len(new) < 2:
        return frozenset()
    told = frozenset(
        index
        for index in new
        if (parts := messages[index].parts) and parts[0].kind == "text" and _CONTEXT.match(parts[0].text)
    )
    return told if len(told) < len(new) else frozenset()


_CONTEXT = re.compile(
    r"(?i)\s{0,8}(?:#{1,4}\s|<|\[|\*\*|===\s?)?(?:(?:the |here (?:is|are) (?:the |some )?)?(?:retrieved |relevant |additional |background |search |supporting |found )?"
    r"(?:context|documents?|passages?|sources?|search results|snippets|excerpts|articles?|knowledge|references|results|kontext|quellen|dokumente|contexte|contexto)"
    r"|(?:use|consider|based on|given) the following (?:context|documents?|passages?|sources?|pieces|information|excerpts|search results))\b[^\n]{0,80}?[:>\]]"
)
_OUTPUT_FIELDS = {"text": "content.output", "tool_call": "content.tool_calls", "reasoning": "content.reasoning"}


def sort_output(messages: Iterable[Message], origin: str) -> list[Segment]:
    """Split what came out of a model into text, reasoning and tool calls."""
    found: list[Segment] = []
    for message in messages:
        for part in message.parts:
            if part.kind == "tool_result":  # a tool that the provider ran
                found.append(Segment("content.untrusted", part.text, "tool", "untrusted", origin))
            else:
                found.append(Segment(_OUTPUT_FIELDS[part.kind], part.text, message.role, "", origin))
    return found


def numbered(attributes: dict[str, object], prefix: str, *, strip: str = "") -> list[dict[str, object]]:
    """Gather ``prefix.N.rest`` attributes into a list of dicts, ordered by N; numbers are bounded by their count.

    ``strip`` removes a repeated word from the rest: ``llm.input_messages.0.message.role`` becomes ``role``.
    """
    found: dict[int, dict[str, object]] = {}
    start = len(prefix) + 1
    for key in [key for key in attributes if key.startswith(prefix) and key[start - 1 : start] == "."]:
        number, _, rest = key[start:].partition(".")
        if not (number.isascii() and number.isdigit() and len(number) < 6 and rest):
            continue
        found.setdefault(int(number), {})[rest.removeprefix(strip)] = attributes.pop(key)
    return [found[number] for number in sorted(found)]
