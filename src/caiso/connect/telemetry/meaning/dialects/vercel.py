"""The AI SDK for JavaScript: model calls, tool calls and embeddings under names that begin with ``ai.``."""

from __future__ import annotations

from typing import Any, Final

from caiso.connect.telemetry.meaning.dialects.shared import Added, call, listed, mapped, message, result, text
from caiso.connect.telemetry.meaning.messages import load

_WHO: Final = "ai.telemetry.metadata."
_CONVERSATION: Final = (
    "sessionId",
    "conversationId",
    "chatId",
    "threadId",
    "session_id",
    "conversation_id",
    "thread_id",
)
_USER: Final = ("userId", "user_id", "user")
_CONTENT: Final = (
    "ai.prompt", "ai.prompt.messages", "ai.prompt.tools", "ai.response.text", "ai.response.toolCalls", "ai.response.object",
    "ai.response.reasoning", "ai.toolCall.args", "ai.toolCall.result", "ai.value", "ai.values", "ai.embedding", "ai.embeddings",
)  # fmt: skip


def read(sent: dict[str, object]) -> Added:
    """What a span says; the one around the steps of a run repeats them and is told as a run, without their texts."""
    added: Added = dict.fromkeys(_CONTENT)
    operation = str(sent["ai.operationId"])
    _put(added, sent, "gen_ai.conversation.id", *(_WHO + name for name in _CONVERSATION))
    _put(added, sent, "user.id", *(_WHO + name for name in _USER))
    _put(added, sent, "gen_ai.request.model", "ai.model.id")
    _put(added, sent, "gen_ai.usage.input_tokens", "ai.usage.inputTokens", "ai.usage.promptTokens")
    _put(added, sent, "gen_ai.usage.output_tokens", "ai.usage.outputTokens", "ai.usage.completionTokens")
    if operation == "ai.toolCall":
        added["gen_ai.operation.name"] = "execute_tool"
        added["gen_ai.tool.name"] = sent.get("ai.toolCall.name")
        added["gen_ai.tool.call.id"] = sent.get("ai.toolCall.id")
        added["gen_ai.tool.call.arguments"] = sent.get("ai.toolCall.args")
        added["gen_ai.tool.call.result"] = load(sent.get("ai.toolCall.result"))
    elif ".do" in operation and "mbed" not in operation:
        added["gen_ai.operation.name"] = "chat"
        added["gen_ai.input.messages"] = [
            _message(mapped(one)) for one in listed(sent.get("ai.prompt.messages"))
        ] or None
        added["gen_ai.output.messages"] = _answer(sent)
        added["gen_ai.tool.definitions"] = [load(one) for one in listed(sent.get("ai.prompt.tools"))] or None
    elif "mbed" in operation:
        added["gen_ai.operation.name"] = "embeddings"
        given = sent.get("ai.value", sent.get("ai.values"))
        added["gen_ai.input.messages"] = (
            [message("user", [text(load(one))]) for one in given] if isinstance(given, list) else given
        )
    else:
        added["gen_ai.operation.name"] = "invoke_agent"
        _put(added, sent, "gen_ai.agent.name", "ai.telemetry.functionId")
    return added


def _put(added: Added, sent: dict[str, object], name: str, *others: str) -> None:
    """Under a name of the convention, unless something stands there."""
    if sent.get(name) is None:
        found = next((sent[other] for other in others if sent.get(other) not in (None, "")), None)
        if found is not None:
            added[name] = found


def _answer(sent: dict[str, object]) -> list[dict[str, object]] | None:
    parts = []
    said = sent.get("ai.response.text") or sent.get("ai.response.object")
    if said:
        parts.append(text(said))
    for one in listed(sent.get("ai.response.toolCalls")):
        asked = mapped(one)
        parts.append(call(asked.get("toolName"), asked.get("input", asked.get("args")), asked.get("toolCallId")))
    return [message("assistant", parts)] if parts else None


def _message(given: dict[str, Any]) -> dict[str, object]:
    said = given.get("content")
    parts = [_part(one) for one in said] if isinstance(said, list) else [text(said)]
    return message(str(given.get("role") or "user"), parts)


def _part(one: Any) -> dict[str, object]:
    part = mapped(one)
    kind = part.get("type")
    if kind == "tool-call":
        return call(part.get("toolName"), part.get("input", part.get("args")), part.get("toolCallId"))
    if kind == "tool-result":
        given = part.get("output", part.get("result"))
        inner = given.get("value", given) if isinstance(given, dict) and "type" in given else given
        return result(inner, part.get("toolCallId"))
    if kind == "reasoning":
        return {"type": "reasoning", "content": part.get("text")}
    return text(part.get("text", part))
