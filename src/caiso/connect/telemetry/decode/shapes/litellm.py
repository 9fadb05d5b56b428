"""LiteLLM's standard logging payload, which every one of its logging callbacks writes: one record for each call of a model or tool."""

from __future__ import annotations

from typing import Any

from caiso.connect.telemetry.decode.shapes.values import first, moment, part, text, told, whole
from caiso.connect.telemetry.meaning import address
from caiso.connect.telemetry.records import UnableToAccept

_SIGNS = ("response_cost", "model_map_information", "hidden_params", "model_parameters", "custom_llm_provider")
_OPERATIONS = {
    "completion": "chat", "responses": "chat", "anthropic_messages": "chat", "generate_content": "generate_content",
    "embedding": "embeddings", "rerank": "retrieval", "call_mcp_tool": "execute_tool", "search": "retrieval",
    "vector_store_search": "retrieval", "text_completion": "text_completion",
}  # fmt: skip
_INTERVENED = ("guardrail_intervened", "blocked", "failure")  # before what let the content through


def is_one(document: dict[str, Any]) -> bool:
    """Whether it is the payload, or a line that wraps it as a callback gets it."""
    inner = document.get("standard_logging_object")
    found = inner if isinstance(inner, dict) else document
    return "call_type" in found and any(name in found for name in _SIGNS)


def read(document: dict[str, Any]) -> dict[str, Any]:
    """One call; raises ``UnableToAccept``."""
    inner = document.get("standard_logging_object")
    call = inner if isinstance(inner, dict) else document
    metadata, tool = part(call, "metadata"), {}
    kind = text(call, "call_type") or ""
    operation = _operation(kind)
    if operation == "execute_tool":
        tool = _tool(part(metadata, "mcp_tool_call_metadata"), call)
    failed = text(call, "status") == "failure"
    error = part(call, "error_information")
    base = text(call, "api_base")
    return told(
        time=moment(call, "startTime"),
        end_time=first(call, "endTime"),
        trace_id=text(call, "trace_id"),
        span_id=text(call, "id"),
        name=f"litellm {kind}"[:200],
        gen_ai__operation__name=operation,
        service__name=text(metadata, "user_api_key_alias", "user_api_key_team_alias") or "litellm",
        gen_ai__provider__name=text(call, "custom_llm_provider"),
        gen_ai__request__model=text(call, "model_group", "model") if not tool else None,
        gen_ai__response__model=text(call, "model") if not tool else None,
        gen_ai__usage__input_tokens=whole(call, "prompt_tokens"),
        gen_ai__usage__output_tokens=whole(call, "completion_tokens"),
        user__id=text(call, "end_user") or text(metadata, "user_api_key_end_user_id", "user_api_key_user_id"),
        api_key__id=text(metadata, "user_api_key_hash"),
        client__address=text(call, "requester_ip_address") or text(metadata, "requester_ip_address"),
        user_agent__original=text(call, "user_agent") or text(metadata, "user_agent"),
        server__address=address.parts(base).get("server.address") if base else None,
        error__type=(text(error, "error_class", "error_code") or "failure") if failed else None,
        exception__message=text(call, "error_str") if failed else None,
        litellm__call_type=kind or None,
        litellm__cache_hit=first(call, "cache_hit"),
        litellm__response_cost=first(call, "response_cost"),
        **tool,
        **({} if tool else _asked(call)),
        **_guardrail(call),
    )


def _operation(kind: str) -> str:
    """The call's type in OpenTelemetry's words; LiteLLM puts an a before those that ran asynchronously."""
    for bare in (kind, kind.removeprefix("a")):
        if bare in _OPERATIONS:
            return _OPERATIONS[bare]
    return kind


def _asked(call: dict[str, Any]) -> dict[str, Any]:
    """What went into a model and what came out."""
    messages, answer = call.get("messages"), call.get("response")
    if not isinstance(messages, str | list | dict | None):
        raise UnableToAccept(f"messages must be a list, an object or text, not {type(messages).__name__}")
    settings = part(call, "model_parameters")
    answered: dict[str, Any] = answer if isinstance(answer, dict) else {}
    given = answered.get("choices")
    choices = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    reasons = [str(one["finish_reason"]) for one in choices if one.get("finish_reason")]
    output = (
        choices if choices else answer if isinstance(answer, str) else answered.get("output") or answered.get("content")
    )
    return {
        "gen_ai.input.messages": messages or None,
        "gen_ai.output.messages": output or None,
        "gen_ai.response.id": answered.get("id"),
        "gen_ai.response.finish_reasons": reasons or None,
        "gen_ai.request.temperature": settings.get("temperature"),
        "gen_ai.request.top_p": settings.get("top_p"),
        "gen_ai.request.max_tokens": settings.get("max_tokens") or settings.get("max_completion_tokens"),
        "gen_ai.request.seed": settings.get("seed"),
        "gen_ai.request.choice.count": settings.get("n"),
        "gen_ai.request.stream": first(call, "stream"),
        "gen_ai.request.logit_bias": settings.get("logit_bias") or None,
        "logit_bias_used": True if settings.get("logit_bias") else None,
        "logprobs_requested": True if settings.get("logprobs") or settings.get("top_logprobs") else None,
        "gen_ai.request.top_logprobs": settings.get("top_logprobs"),
        "gen_ai.tool.definitions": settings.get("tools") or None,
    }


def _tool(found: dict[str, Any], call: dict[str, Any]) -> dict[str, Any]:
    """A call of an MCP tool through the gateway."""
    return {
        "gen_ai.tool.name": text(found, "name", "namespaced_tool_name") or text(call, "model"),
        "mcp.server.name": text(found, "mcp_server_name"),
        "mcp.method.name": "tools/call",
        "gen_ai.tool.call.arguments": first(found, "arguments"),
        "gen_ai.tool.call.result": first(found, "result") or first(call, "response"),
    }


def _guardrail(call: dict[str, Any]) -> dict[str, Any]:
    """The guardrail that stepped in, else the first that ran; older versions log one, newer ones a list."""
    found = call.get("guardrail_information")
    ran = [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)]
    if not ran:
        return {}
    chosen = next((one for one in ran if one.get("guardrail_status") in _INTERVENED), ran[0])
    return {
        "guardrail.policy": text(chosen, "guardrail_name"),
        "guardrail.verdict": text(chosen, "guardrail_status"),
    }
