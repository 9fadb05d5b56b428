"""Bodies of calls of models that speak, as providers' interfaces define them: what was asked, and what was answered.

Read are the chat and completion interfaces of OpenAI, Anthropic, Bedrock (Converse, Nova, Titan, Llama, Mistral, Cohere), and Gemini;
logs of gateways and clouds carry them unchanged. An answer that was streamed is put together from its pieces.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from caiso.connect.telemetry.decode.shapes.values import first
from caiso.connect.telemetry.meaning.messages import load

_SETTINGS: Final = ("inferenceConfig", "textGenerationConfig", "generationConfig", "parameters")
_ASKED: Final = ("messages", "prompt", "inputText", "input", "contents", "message")
_ANSWERED: Final = ("choices", "content", "output", "results", "generation", "generations", "outputs", "candidates", "text", "completion")  # fmt: skip
_MOST_PIECES: Final = 20_000


def is_asked(body: object) -> bool:
    """Whether a request's body is one to a model that speaks: a list of messages, or a text to go on with."""
    if not isinstance(body, Mapping):
        return False
    return isinstance(body.get("messages"), list) or any(
        isinstance(body.get(name), str) for name in ("prompt", "inputText", "message")
    )


def asked(body: object) -> dict[str, Any]:
    """What went into the model, under our names; nothing where the body was not logged."""
    body = load(body)
    if not isinstance(body, Mapping):
        return {}
    settings = dict(body)
    for name in _SETTINGS:
        if isinstance(body.get(name), Mapping):
            settings |= body[name]
    tools = body.get("tools") or (
        body["toolConfig"].get("tools") if isinstance(body.get("toolConfig"), Mapping) else None
    )
    top = first(settings, "top_logprobs", "prompt_logprobs")
    return {
        "gen_ai.input.messages": _said(body) or None,
        "gen_ai.tool.definitions": tools or None,
        "gen_ai.request.temperature": settings.get("temperature"),
        "gen_ai.request.top_p": first(settings, "top_p", "topP"),
        "gen_ai.request.max_tokens": first(
            settings, "max_tokens", "max_completion_tokens", "max_output_tokens", "maxTokens", "maxTokenCount", "max_gen_len"
        ),
        "gen_ai.request.seed": settings.get("seed"),
        "gen_ai.request.stream": True if settings.get("stream") is True else None,
        "gen_ai.request.logit_bias": settings.get("logit_bias") or None,
        "logit_bias_used": True if settings.get("logit_bias") else None,
        "logprobs_requested": True if settings.get("logprobs") or top else None,
        "gen_ai.request.top_logprobs": top if isinstance(top, int) and not isinstance(top, bool) else None,
    }  # fmt: skip


def answered(body: object) -> dict[str, Any]:
    """What came out of the model, why it ended and what it took, under our names."""
    body = load(body)
    if isinstance(body, list):
        body = _joined(body)
    if not isinstance(body, Mapping):
        return {}
    told = body.get("usage")
    usage: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
    details = first(usage, "completion_tokens_details", "output_tokens_details")
    thought = details.get("reasoning_tokens") if isinstance(details, Mapping) else None
    return {
        "gen_ai.output.messages": _spoken(body) or None,
        "gen_ai.response.id": body.get("id") if isinstance(body.get("id"), str) else None,
        "gen_ai.response.model": body.get("model") if isinstance(body.get("model"), str) else None,
        "gen_ai.response.finish_reasons": _reasons(body) or None,
        "gen_ai.usage.input_tokens": first(usage, "prompt_tokens", "input_tokens", "inputTokens"),
        "gen_ai.usage.output_tokens": first(usage, "completion_tokens", "output_tokens", "outputTokens"),
        "gen_ai.usage.reasoning.output_tokens": thought,
    }


def _said(body: Mapping[str, Any]) -> list[Any]:
    """The messages of a request, the instructions first."""
    system = first(body, "system", "instructions", "systemInstruction", "system_instruction", "preamble")
    found = first(body, *_ASKED)
    if isinstance(found, str):
        found = [{"role": "user", "content": found}]
    if not isinstance(found, list):
        return []
    said = [_message(one, "user") for one in found]
    return [{"role": "system", "content": _plain(system)}, *said] if system else said


def _spoken(body: Mapping[str, Any]) -> list[Any]:
    """The messages of an answer."""
    found = first(body, *_ANSWERED)
    if isinstance(found, Mapping):  # Converse
        found = [found.get("message", found)]
    if isinstance(found, str):
        return [{"role": "assistant", "content": found}]
    if not isinstance(found, list):
        return []
    if "content" in body and found is body["content"]:  # Anthropic: one message, its blocks
        return [_message({"role": "assistant", "content": found}, "assistant")]
    return [_message(one, "assistant") for one in found]


def _message(one: Any, role: str) -> Any:
    """One message, choice, candidate or result in a form that the reader of messages knows."""
    if not isinstance(one, Mapping):
        return {"role": role, "content": one}
    if isinstance(one.get("message"), Mapping):
        one = one["message"]
    content = first(one, "content", "parts", "text", "outputText", "generation")
    if isinstance(content, Mapping):  # a candidate of Gemini
        content = first(content, "parts", "text")
    blocks = [_block(part) for part in content] if isinstance(content, list) else content
    kept = {name: one[name] for name in ("tool_calls", "function_call", "tool_call_id") if one.get(name)}
    return {"role": one.get("role") or role, "content": blocks, **kept}


def _block(part: Any) -> Any:
    """A block of Converse, which names its kind by its only key, as other interfaces write it."""
    if not isinstance(part, Mapping) or "type" in part:
        return part
    if isinstance(use := part.get("toolUse") or part.get("functionCall"), Mapping):
        return {
            "type": "tool_use",
            "id": use.get("toolUseId"),
            "name": use.get("name"),
            "input": first(use, "input", "args"),
        }
    if isinstance(result := part.get("toolResult") or part.get("functionResponse"), Mapping):
        return {"type": "tool_result", "content": first(result, "content", "response")}
    if isinstance(thought := part.get("reasoningContent"), Mapping):
        text = thought.get("reasoningText")
        return {"type": "thinking", "thinking": text.get("text") if isinstance(text, Mapping) else ""}
    return part


def _plain(system: Any) -> Any:
    """Instructions as text where they are blocks of text."""
    if isinstance(system, Mapping):
        system = system.get("parts", system)
    if isinstance(system, list) and all(
        isinstance(one, Mapping) and isinstance(one.get("text"), str) for one in system
    ):
        return "\n".join(one["text"] for one in system)
    return system


def _reasons(body: Mapping[str, Any]) -> list[str]:
    own = first(body, "stopReason", "stop_reason", "completionReason")
    if own:
        return [str(own)[:40]]
    listed = first(body, "choices", "candidates", "results", "outputs", "generations")
    found = listed if isinstance(listed, list) else []
    reasons = [
        first(one, "finish_reason", "finishReason", "stop_reason", "completionReason")
        for one in found
        if isinstance(one, Mapping)
    ]
    return [str(one)[:40] for one in reasons if one]


def _joined(pieces: list[Any]) -> dict[str, Any]:
    """One answer from the pieces of a stream; a list that is none gives nothing."""
    texts: list[str] = []
    ends: dict[str, Any] = {}
    for piece in pieces[:_MOST_PIECES]:
        if isinstance(piece, Mapping):
            texts.extend(_texts(piece))
            ends |= _end(piece)
    return {"text": "".join(texts), **ends}


def _texts(piece: Mapping[str, Any]) -> Iterable[str]:
    inner = piece.get("contentBlockDelta") if isinstance(piece.get("contentBlockDelta"), Mapping) else piece
    delta = inner.get("delta") if isinstance(inner, Mapping) else None
    text = (
        first(delta, "text") if isinstance(delta, Mapping) else first(piece, "outputText", "generation", "completion")
    )
    if isinstance(text, str):
        yield text
    choices = piece.get("choices")
    for one in choices if isinstance(choices, list) else ():
        said = one.get("delta") if isinstance(one, Mapping) else None
        if isinstance(said, Mapping) and isinstance(said.get("content"), str):
            yield said["content"]


def _end(piece: Mapping[str, Any]) -> dict[str, Any]:
    """Why a stream ended, and what it took, where a piece says so."""
    found: dict[str, Any] = {}
    for holder in (piece, piece.get("delta"), piece.get("messageStop"), piece.get("message"), piece.get("metadata")):
        if isinstance(holder, Mapping):
            reason = first(holder, "stopReason", "stop_reason", "completionReason")
            found |= {"stopReason": reason} if reason else {}
            found |= {"usage": holder["usage"]} if isinstance(holder.get("usage"), Mapping) else {}
    return found
