"""Gives events of a trace the conversation that others of the trace name: many kits tell it with model calls, not with tools.

An event belongs to the conversation that it names, else to its MCP session, else to its trace; of the last only this changes anything.
A trace that named two conversations stands for neither.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from caiso.connect.telemetry.table import EventBatch
from caiso.engine.detect.schema import SESSION_ALIAS

_TRACES: Final = 5_000


class Traced:
    """Remembers which conversation a trace belongs to."""

    def __init__(self) -> None:
        self.conversations: OrderedDict[str, str] = OrderedDict()

    def with_conversations(self, events: EventBatch) -> EventBatch:
        """The batch in which what only named its trace names the conversation."""
        sessions, traces = events.column(SESSION_ALIAS), events.column("trace_id")
        for conversation, trace in zip(events.column("gen_ai.conversation.id"), traces, strict=True):
            if conversation and trace:
                self._note(str(trace), str(conversation))
        known = self.conversations
        if not known:
            return events
        found: list[object] | None = None
        for row, trace in enumerate(traces):
            if trace and sessions[row] == trace and (session := known.get(trace)):  # type: ignore[call-overload]  # text
                found = found or list(sessions)
                found[row] = session
        return events.adding({SESSION_ALIAS: found}) if found else events

    def _note(self, trace: str, conversation: str) -> None:
        before = self.conversations.get(trace)
        if before is None:
            if len(self.conversations) >= _TRACES:
                self.conversations.popitem(last=False)
            self.conversations[trace] = conversation
        elif before != conversation:
            self.conversations[trace] = ""

    def save(self) -> list[tuple[str, str]]:
        """What is remembered; the trace that came first stands first."""
        return list(self.conversations.items())

    @classmethod
    def of(cls, saved: Iterable[tuple[str, str]]) -> Traced:
        """Take up what ``save`` gave."""
        traced = cls()
        traced.conversations.update(saved)
        return traced
