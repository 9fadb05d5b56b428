"""Which conversation a trace belongs to, for the spans that do not say so themselves.

Several kits name conversation and user on the calls of models and on the run as a whole, and neither on the calls of tools: what
a tool brought and what the model then did would stand in two conversations. The trace holds them together. A trace that
serves several conversations links none.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final

from caiso.connect.telemetry.table import EventBatch
from caiso.engine.detect.schema import SESSION_ALIAS

_TRACES: Final = 20_000
_USER: Final = "user.id"
_SEVERAL: Final = ""

Link = tuple[str, str, str]  # trace, conversation, user


class Links:
    """Remembers traces, and gives a batch's bare events the conversation and the user of theirs."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[str, str]] = OrderedDict()

    def with_links(self, events: EventBatch) -> EventBatch:
        """The batch as if each of its events had said to which conversation it belongs."""
        traces, sessions = events.column("trace_id"), events.column(SESSION_ALIAS)
        bare: list[int] = []
        told: dict[str, tuple[object, int]] = {}
        for row, trace in enumerate(traces):
            if not trace:
                continue
            session = sessions[row]
            if session == trace:
                bare.append(row)
            elif session:
                before = told.get(trace)  # type: ignore[call-overload]  # traces are texts
                if before is None or before[0] != session:
                    told[trace] = (_SEVERAL if before else session, row)  # type: ignore[index]
        users = events.column(_USER) if told or bare else []
        self._note(told, events, users)
        return self._linked(events, bare, users) if bare else events

    def _note(self, told: dict[str, tuple[object, int]], events: EventBatch, users: Any) -> None:
        methods = events.column("mcp.session.id") if told else ()
        for trace, (session, row) in told.items():
            if session and session == methods[row]:
                continue  # a session of MCP is a part of a conversation
            known = self._known.get(trace)
            if known is None:
                self._known[trace] = (str(session), str(users[row] or ""))
            elif known[0] != session:
                self._known[trace] = (_SEVERAL, "")
        while len(self._known) > _TRACES:
            self._known.popitem(last=False)

    def _linked(self, events: EventBatch, bare: list[int], users: Any) -> EventBatch:
        traces = events.column("trace_id")
        found = [(row, known) for row in bare if (known := self._known.get(str(traces[row]))) and known[0]]
        if not found:
            return events
        sessions, people = list(events.column(SESSION_ALIAS)), list(users)
        for row, (session, user) in found:
            sessions[row] = session
            people[row] = people[row] or user or None
        return events.adding({SESSION_ALIAS: sessions, _USER: people})

    def save(self) -> list[Link]:
        """What is remembered, as plain data; the oldest first."""
        return [(trace, session, user) for trace, (session, user) in self._known.items()]

    @classmethod
    def of(cls, saved: Iterable[Link]) -> Links:
        """Take up what ``save`` gave."""
        links = cls()
        links._known = OrderedDict((trace, (session, user)) for trace, session, user in saved)
        return links
