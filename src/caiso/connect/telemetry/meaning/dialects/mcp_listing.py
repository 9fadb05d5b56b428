"""Listings of an MCP server's tools, where the whole answer stands under one name."""

from __future__ import annotations

from typing import Final

from caiso.connect.telemetry.meaning.dialects.shared import Added, mapped

METHOD: Final = "tools/list"
CARRIERS: Final = (
    "mcp.tools.list.result", "mcp.tools.list.response", "mcp.response.value", "mcp.response.result", "mcp.response.body",
    "mcp.response", "mcp.result", "rpc.response.body",
)  # fmt: skip


def read(sent: dict[str, object]) -> Added:
    """The tools of an answer, wrapped as JSON-RPC does or not."""
    if "gen_ai.tool.definitions" in sent:
        return {}
    for name in CARRIERS:
        answer = mapped(sent.get(name))
        tools = mapped(answer.get("result", answer)).get("tools") if answer else None
        if isinstance(tools, list):
            return {name: None, "gen_ai.tool.definitions": tools}
    return {}
