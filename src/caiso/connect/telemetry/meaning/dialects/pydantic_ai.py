"""Pydantic AI before it took over the convention's names for what a tool is given and gives."""

from __future__ import annotations

from caiso.connect.telemetry.meaning.dialects.shared import Added


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
