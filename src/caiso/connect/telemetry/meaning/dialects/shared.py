"""Messages as the GenAI convention writes them, for kits that write them otherwise."""

from __future__ import annotations

from typing import Any

from caiso.connect.telemetry.meaning.messages import load

Added = dict[str, object]  # None takes a name away


def text(said: object) -> dict[str, object]:
    """A part that says something."""
    return {"type": "text", "content": said}


def call(name: object, arguments: object, identity: object = None) -> dict[str, object]:
    """A part that asks for a tool."""
    return {"type": "tool_call", "id": identity, "name": name, "arguments": load(arguments)}


def result(given: object, identity: object = None) -> dict[str, object]:
    """A part that brings what a tool gave."""
    return {"type": "tool_call_response", "id": identity, "response": given}


def message(role: str, parts: list[dict[str, object]]) -> dict[str, object]:
    """Who says what."""
    return {"role": role, "parts": parts}


def listed(value: object) -> list[Any]:
    """A list, also one that came as JSON; empty for everything else."""
    found = load(value)
    return found if isinstance(found, list) else []


def mapped(value: object) -> dict[str, Any]:
    """An object, also one that came as JSON; empty for everything else."""
    found = load(value)
    return found if isinstance(found, dict) else {}
