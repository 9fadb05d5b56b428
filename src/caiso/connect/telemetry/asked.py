"""Tool calls as the model's answer shows them, where the event of the call does not, or there is none.

Gateways and thin clients report what a model was told and said, and nothing of the tools it called: every rule about tool
calls would be blind to them. So a call that an answer asks for is matched like a call that was made, as long as the
service has reported no tool call itself. Other senders report that a tool was called but not with what: such an event
gets the arguments that the answer gave. What a tool returned may come as a message in an event of its own, too: it is
matched as the result of the call that it names. Nothing of it is stored: a signal refers to the event that came.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from caiso.connect.telemetry.bulk.revealing import rule_texts
from caiso.connect.telemetry.meaning.escapes import with_letters, without_breaks
from caiso.connect.telemetry.meaning.facts import add_facts
from caiso.connect.telemetry.meaning.gather import TOOL_MESSAGE
from caiso.connect.telemetry.meaning.messages import Segment, dump, load
from caiso.connect.telemetry.normalise import TOOL_FIELDS, ToolFacts, tool_facts
from caiso.connect.telemetry.table import Event, EventBatch, to_events, to_table
from caiso.engine.detect.schema import SESSION_ALIAS

ORIGIN: Final = "asked"
_CALLS: Final = "content.tool_calls"
_MOST: Final = 16  # calls of one answer
_SERVICES: Final = 10_000
_ANSWERS: Final = 4  # of one session whose calls may be told to have been made
_WAITING_US: Final = 600_000_000  # a call is told so soon after the answer that asked for it
_WAITING_CHARS: Final = 2_000_000  # of all answers together
_LONGEST: Final = 65_536
_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
_RESULT: Final = "gen_ai.tool.call.result"
_UNTRUSTED: Final = "content.untrusted"
_DOUBT: Final = "aisoc.package.doubt"
_FORGOTTEN_US: Final = 7 * 86_400_000_000  # a service that reported no call for so long may have changed its ways
# What is said of the answer as a whole and would count twice.
_OF_THE_ANSWER: Final = (
    "gen_ai.usage.",
    "gen_ai.response.",
    "gen_ai.output.",
    "gen_ai.request.",
    "content.",
    "duration_us",
)

Key = tuple[str, str]


class Heard(msgspec.Struct):
    """What a snapshot holds: who reports calls, and the answers of the last minutes.

    Those are content, which nothing else in a snapshot is: without them a restart between an answer and its call would
    miss what an undisturbed run finds. A snapshot is encrypted, and the next one has other minutes.
    """

    reporting: list[tuple[str, str, int]] = []
    answers: list[tuple[str, list[tuple[int, str]]]] = []


class Asked:
    """Remembers who reports tool calls, and adds to a batch the calls of those who do not."""

    def __init__(self, reporting: Mapping[Key, int] | None = None) -> None:
        self.reporting: dict[Key, int] = dict(reporting or {})  # source and service: when the last call was reported
        self._answers: OrderedDict[str, list[tuple[int, str]]] = (
            OrderedDict()
        )  # by session: when, and what it asked for
        self._newest = self._chars = 0

    def with_calls(self, events: EventBatch) -> EventBatch:
        """The batch with the arguments of bare calls, and with an event for each call that is only asked for."""
        kinds = events.column("event.kind")
        self._note(events, kinds)
        events = self._joined(events, kinds)
        calls = events.texts.get(_CALLS)
        if calls is None:
            return events
        asking = [row for row, text in enumerate(calls) if text is not None and kinds[row] == "inference"]
        if not asking:
            return events
        keys, times = _keys(events), events.column("time")
        alone = [row for row in asking if not self._reports(keys[row], times[row])]
        return _with(events, alone, calls) if alone else events

    def _joined(self, events: EventBatch, kinds: Sequence[object]) -> EventBatch:
        """The batch whose bare calls have the arguments that an answer of their session gave, and the results that messages tell."""
        calls, given = events.texts.get(_CALLS), events.texts.get(_ARGUMENTS)
        sessions, tools = events.column(SESSION_ALIAS), events.column("gen_ai.tool.name")
        times, ids = events.column("time"), events.column("gen_ai.tool.call.id")
        messages = _messages(events)
        found: dict[int, tuple[str, str]] = {}
        told: dict[int, str] = {}
        for row, kind in enumerate(kinds):
            at = times[row]
            if kind == "inference":
                text = calls[row] if calls is not None else None
                if text is not None and len(text) <= _LONGEST and isinstance(at, int):
                    self._remember(str(sessions[row]), at, text)
                if row in messages and (tool := self._tool(str(sessions[row]), ids[row], at)):
                    told[row] = tool
            elif kind in ("tool", "mcp") and (given is None or given[row] is None):
                name, session = tools[row], str(sessions[row])
                if isinstance(name, str) and session in self._answers and isinstance(at, int):
                    lately = [text for heard, text in self._answers[session] if abs(at - heard) <= _WAITING_US]
                    arguments = _made(lately, name, str(ids[row] or ""))
                    if arguments:
                        found[row] = (name, arguments)
        events = _filled(events, found) if found else events
        return _answered(events, told) if told else events

    def _tool(self, session: str, call: object, time: object) -> str:
        """The name of the tool that a call went to, as a late answer of its session tells."""
        if call and isinstance(time, int):
            for heard, text in reversed(self._answers.get(session, ())):
                if abs(time - heard) <= _WAITING_US:
                    for name, _, own in calls_of(text):
                        if own == call:
                            return name
        return ""

    def _remember(self, session: str, time: int, text: str) -> None:
        self._newest = max(self._newest, time)
        own = self._answers.setdefault(session, [])
        self._answers.move_to_end(session)
        own.append((time, text))
        self._chars += len(text)
        if len(own) > _ANSWERS:
            self._chars -= len(own.pop(0)[1])
        while self._chars > _WAITING_CHARS:
            self._chars -= sum(len(gone) for _, gone in self._answers.popitem(last=False)[1])

    def _note(self, events: EventBatch, kinds: Sequence[object]) -> None:
        rows = [row for row, kind in enumerate(kinds) if kind in ("tool", "mcp")]
        if not rows:
            return
        keys, times, tools = _keys(events), events.column("time"), events.column("gen_ai.tool.name")
        for row in rows:
            time = times[row]
            if tools[row] is not None and isinstance(time, int):
                key = keys[row]
                if time > self.reporting.get(key, 0):
                    self.reporting[key] = time
        while len(self.reporting) > _SERVICES:
            del self.reporting[min(self.reporting, key=self.reporting.__getitem__)]

    def _reports(self, key: Key, time: object) -> bool:
        last = self.reporting.get(key)
        return last is not None and isinstance(time, int) and time - last <= _FORGOTTEN_US

    def save(self) -> Heard:
        """What is remembered, as plain data: of answers those whose calls may still be told."""
        since = self._newest - _WAITING_US
        waiting = [
            (session, [(time, text) for time, text in own if time >= since])
            for session, own in self._answers.items()
            if own[-1][0] >= since
        ]
        return Heard([(source, service, time) for (source, service), time in self.reporting.items()], waiting)

    @classmethod
    def of(cls, saved: Heard) -> Asked:
        """Take up what ``save`` gave."""
        asked = cls({(source, service): time for source, service, time in saved.reporting})
        for session, own in saved.answers:
            for time, text in own:
                asked._remember(session, time, text)
        return asked


def calls_of(text: str) -> Iterator[tuple[str, str, str]]:
    """Name, arguments and id of each call in what a model's answer asks for."""
    for line in without_breaks(text).split("\n")[: _MOST * 4]:
        found: Any = load(line)
        for call in found if isinstance(found, list) else [found]:
            if isinstance(call, dict) and isinstance(call.get("name"), str) and call["name"]:
                arguments = call.get("arguments")
                yield call["name"], "" if arguments is None else dump(arguments), str(call.get("id") or "")


def _made(answers: Sequence[str], name: str, call: str) -> str:
    """The arguments with which the latest answer asked for a call, known by its id where it has one."""
    for text in reversed(answers):
        asked = [one for one in calls_of(text) if one[0] == name]
        for _, arguments, own in asked:
            if call and own == call:
                return arguments
        for _, arguments, own in asked:
            if not (call and own):
                return arguments
    return ""


def _filled(events: EventBatch, found: Mapping[int, tuple[str, str]]) -> EventBatch:
    """The batch with arguments for some of its calls, and with what follows from them."""
    columns = {field: list(events.column(field)) for field in (*TOOL_FIELDS, _DOUBT)}
    segments: dict[int, list[Segment]] = {}
    for row, (name, arguments) in found.items():
        own = [Segment(_ARGUMENTS, with_letters(arguments), "assistant", "", ORIGIN)]
        told = ToolFacts(*(columns[field][row] for field in TOOL_FIELDS))
        event: Event = {}
        for field, value in zip(TOOL_FIELDS, tool_facts(name, own, told), strict=True):
            columns[field][row] = value or None
        add_facts(event, "tool", own)
        columns[_DOUBT][row] = event.get(_DOUBT, columns[_DOUBT][row])
        segments[row] = own
    rows = list(segments)
    texts: dict[str, Sequence[Any]] = {field: column for field, column in columns.items() if any(column)}
    for field, more in rule_texts([segments[row] for row in rows]).items():
        whole = list(events.texts.get(field, [None] * len(events)))
        for row, text in zip(rows, more, strict=True):
            if text is not None:
                whole[row] = f"{whole[row]}\n{text}" if whole[row] else text
        texts[field] = whole
    return events.adding(texts)


def _messages(events: EventBatch) -> frozenset[int]:
    """The rows that hold a tool's result as a message of its own."""
    untrusted = events.texts.get(_UNTRUSTED)
    if untrusted is None:
        return frozenset()
    return frozenset(
        row for row, name in enumerate(events.column("event.name")) if name == TOOL_MESSAGE and untrusted[row]
    )


def _answered(events: EventBatch, told: Mapping[int, str]) -> EventBatch:
    """The batch whose results in messages of their own are results of the tools that are told."""
    columns = {name: list(events.column(name)) for name in ("event.kind", "gen_ai.tool.name", TOOL_FIELDS[0])}
    untrusted = events.texts[_UNTRUSTED]
    results = list(events.texts.get(_RESULT, [None] * len(events)))
    for row, tool in told.items():
        impact = tool_facts(tool, [], ToolFacts(None, None, None)).impact or None
        for column, value in zip(columns.values(), ("tool", tool, impact), strict=True):
            column[row] = value
        results[row] = untrusted[row]
    return events.adding({**columns, _RESULT: results})


def _keys(events: EventBatch) -> list[Key]:
    return list(zip(events.column("source.id"), events.column("service.name"), strict=True))  # type: ignore[arg-type]  # both are texts


def _with(events: EventBatch, rows: Sequence[int], calls: Sequence[str | None]) -> EventBatch:
    made: list[Event] = []
    segments: list[list[Segment]] = []
    behind: list[int] = []
    for row, answer in zip(rows, to_events(events.table.take(pa.array(rows))), strict=True):
        for name, arguments, call in islice(calls_of(calls[row] or ""), _MOST):
            event, own = _event(answer, name, arguments, call)
            made.append(event)
            segments.append(own)
            behind.append(row)
    if not made:
        return events
    count = len(events)
    order = np.argsort(np.concatenate([np.arange(count), np.array(behind)]), kind="stable")
    table = pa.concat_tables([events.table, to_table(made)]).take(pa.array(order))
    more = rule_texts(segments)
    places = order.tolist()
    texts: dict[str, list[Any]] = {}
    for name in dict.fromkeys([*events.texts, *more]):
        values: Sequence[object] = more.get(name) or [event.get(name) for event in made]
        whole = [*events.texts.get(name, [None] * count), *values]
        texts[name] = [whole[place] for place in places]
    return EventBatch(table, texts)


def _event(answer: Event, name: str, arguments: str, call: str) -> tuple[Event, list[Segment]]:
    event = {key: value for key, value in answer.items() if not key.startswith(_OF_THE_ANSWER)}
    event |= {"event.kind": "tool", "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
    if call:
        event["gen_ai.tool.call.id"] = call
    own = [Segment("gen_ai.tool.call.arguments", with_letters(arguments), "assistant", "", ORIGIN)] if arguments else []
    facts = tool_facts(name, own, ToolFacts(None, None, None))
    event |= {key: value for key, value in zip(TOOL_FIELDS, facts, strict=True) if value}
    add_facts(event, "tool", own)
    return event, own
