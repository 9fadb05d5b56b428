"""Pydantic AI before it took over the convention's names: messages as a list of events, what a tool is given and gives."""

from __future__ import annotations

from typing import Final

from caiso.connect.telemetry.meaning.dialects.shared import Added, listed, mapped

# What a run repeats of its steps.
RUN: Final = frozenset(("all_messages_events", "pydantic_ai.all_messages"))
_EVENT: Final = "event.name"
_CHOICE: Final = "gen_ai.choice"


def read(sent: dict[str, object]) -> Added:
    """What a span of a tool says."""
    if "gen_ai.tool.name" not in sent:
        return {}
    return {
        "tool_arguments": None,
        "tool_response": None,
        "gen_ai.tool.call.arguments": sent.get("gen_ai.tool.call.arguments") or sent["tool_arguments"],
        "gen_ai.tool.call.result": sent.get("gen_ai.tool.call.result") or sent.get("tool_response"),
    }


def read_events(sent: dict[str, object]) -> Added:
    """What a call of a model says in one attribute; nothing where that holds no messages."""
    told = [mapped(one) for one in listed(sent["events"])]
    if not any(str(one.get(_EVENT, "")).startswith("gen_ai.") for one in told):
        return {}
    given = [{key: value for key, value in one.items() if key != _EVENT} for one in told if one.get(_EVENT) != _CHOICE]
    answers = [one.get("message") for one in told if one.get(_EVENT) == _CHOICE]
    tools = listed(mapped(sent.get("model_request_parameters")).get("function_tools"))
    return {
        "events": None,
        "model_request_parameters": None,
        "gen_ai.input.messages": sent.get("gen_ai.input.messages") or given or None,
        "gen_ai.output.messages": sent.get("gen_ai.output.messages") or answers or None,
        "gen_ai.tool.definitions": sent.get("gen_ai.tool.definitions") or tools or None,
    }


def read_run(_sent: dict[str, object]) -> Added:
    """A run without the texts of its steps: each of them says its own."""
    return {**dict.fromkeys(RUN), "final_result": None}
