"""Claude Code's own log events: what a person asks of it, and what its tools are given.

Its events about single requests to a model bring no texts and stay as they are.
"""

from __future__ import annotations

from typing import Final

from caiso.connect.telemetry.meaning.dialects.shared import Added, mapped

_SHELL: Final = frozenset({"bash_command", "full_command"})


def read(sent: dict[str, object]) -> Added:
    """What an event says."""
    event = str(sent.get("event.name") or "").removeprefix("claude_code.")
    if event == "user_prompt" and sent.get("prompt"):
        return {"prompt": None, "content.user": sent["prompt"]}
    if event != "tool_result" or not sent.get("tool_name"):
        return {}
    added: Added = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": _name(str(sent["tool_name"]), mapped(sent.get("tool_parameters"))),
        "gen_ai.tool.call.arguments": _arguments(sent),
        "tool_parameters": None,
        "tool_input": None,
        "tool_output": None,
        "gen_ai.tool.call.result": sent.get("tool_output"),
    }
    if str(sent.get("success")).lower() == "false":
        added["error.type"] = "tool_error"
    return added


def _name(name: str, given: dict[str, object]) -> object:
    """The tool of an MCP server goes by its own name."""
    return given.get("mcp_tool_name") or name


def _arguments(sent: dict[str, object]) -> dict[str, object] | None:
    given = {**mapped(sent.get("tool_parameters")), **mapped(sent.get("tool_input"))}
    line = given.get("full_command") or given.get("command") or given.get("bash_command")
    rest = {name: value for name, value in given.items() if name not in _SHELL}
    return ({"command": line, **rest} if line else rest) or None
