"""Events that only name their trace belong to the conversation that others of the trace name."""

from __future__ import annotations

from typing import Any

import msgspec

from caiso.connect.telemetry.table import EventBatch
from caiso.connect.telemetry.traced import Traced


def sessions(traced: Traced, *events: dict[str, Any]) -> list[object]:
    numbered = [{"event.id": f"e{number}", "time": number, **event} for number, event in enumerate(events)]
    return list(traced.with_conversations(EventBatch.of_events(numbered, {})).column("aisoc.session"))


def event(trace: str, conversation: str = "", session: str = "") -> dict[str, Any]:
    named = {"gen_ai.conversation.id": conversation} if conversation else {}
    return {"trace_id": trace, "aisoc.session": session or conversation or trace, **named}


def test_a_tool_belongs_to_the_conversation_of_its_trace() -> None:
    assert sessions(Traced(), event("t", "c"), event("t"), event("u")) == ["c", "c", "u"]


def test_an_mcp_session_stays_one() -> None:
    assert sessions(Traced(), event("t", "c"), event("t", session="m")) == ["c", "m"]


def test_a_trace_of_two_conversations_stands_for_neither() -> None:
    assert sessions(Traced(), event("t", "c"), event("t", "d"), event("t")) == ["c", "d", "t"]


def test_what_is_remembered_survives() -> None:
    traced = Traced()
    sessions(traced, event("t", "c"))
    saved = msgspec.json.decode(msgspec.json.encode(traced.save()), type=list[tuple[str, str]])
    assert sessions(Traced.of(saved), event("t")) == ["c"]
    assert sessions(Traced(), event("t")) == ["t"]
