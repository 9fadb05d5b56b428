"""Google's Agent Development Kit: model requests and answers as Gemini's JSON, tool calls under names of its own."""

from __future__ import annotations

from typing import Any, Final

from caiso.connect.telemetry.meaning.dialects.shared import Added, call, listed, mapped, message, result, text
from caiso.connect.telemetry.meaning.messages import load

_OURS: Final = "gcp.vertex.agent."


def read(sent: dict[str, object]) -> Added:
    """What a span of a model call or of a tool says."""
    added: Added = dict.fromkeys(
        [_OURS + name for name in ("llm_request", "llm_response", "tool_call_args", "tool_response", "data")]
    )
    if sent.get(_OURS + "session_id") and not sent.get("gen_ai.conversation.id"):
        added["gen_ai.conversation.id"] = sent[_OURS + "session_id"]
    if _OURS + "tool_call_args" in sent or sent.get("gen_ai.operation.name") == "execute_tool":
        added["gen_ai.operation.name"] = "execute_tool"
        added["gen_ai.tool.call.arguments"] = sent.get(_OURS + "tool_call_args")
        added["gen_ai.tool.call.result"] = _response(sent.get(_OURS + "tool_response"))
        return added
    request, answer = mapped(sent[_OURS + "llm_request"]), mapped(sent.get(_OURS + "llm_response"))
    if request:
        added["gen_ai.operation.name"] = sent.get("gen_ai.operation.name") or "generate_content"
        config = mapped(request.get("config"))
        added["gen_ai.system_instructions"] = config.get("system_instruction") or None
        declared = [one for tools in listed(config.get("tools")) for one in _declared(tools)]
        added["gen_ai.tool.definitions"] = declared or None
        added["gen_ai.input.messages"] = [_message(one) for one in listed(request.get("contents"))] or None
    content = mapped(answer.get("content"))
    added["gen_ai.output.messages"] = [_message(content, "model")] if content else None
    return added


def _declared(tools: Any) -> list[Any]:
    return (
        listed(tools.get("function_declarations", tools.get("functionDeclarations"))) if isinstance(tools, dict) else []
    )


def _message(content: Any, role: str = "user") -> dict[str, object]:
    given = mapped(content)
    parts = [_part(mapped(one)) for one in listed(given.get("parts"))]
    brings = any(part["type"] == "tool_call_response" for part in parts)
    return message("tool" if brings else str(given.get("role") or role), parts)


def _part(part: dict[str, Any]) -> dict[str, object]:
    asked = mapped(part.get("function_call", part.get("functionCall")))
    if asked:
        return call(asked.get("name"), asked.get("args"), asked.get("id"))
    given = mapped(part.get("function_response", part.get("functionResponse")))
    if given:
        return result(_response(given.get("response")), given.get("id"))
    if isinstance(part.get("text"), str):
        return {"type": "reasoning", "content": part["text"]} if part.get("thought") is True else text(part["text"])
    return text(part)


def _response(given: object) -> object:
    """A tool's answer; a text is wrapped as the only value of an object."""
    loaded = load(given)
    if isinstance(loaded, dict) and len(loaded) == 1 and "result" in loaded:
        return loaded["result"]
    return given
