"""How each server or application describes its tools, and what of a description is new: a fact about the one that lists them.

A person approves a tool by its description; a server may show another one later. Of each tool the sentences are remembered
as 32-bit numbers, never as text. A listing that an MCP server gives is compared whenever it comes; the definitions that
stand beside model calls only when their text as a whole was not seen before. A change that somebody approved, of the tool or
of its server, within the week before is none, and neither is one with which the server says that it is another version, unless
the new words demand or hide something.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any, Final
from zlib import crc32

import msgspec

from caiso.connect.telemetry.meaning.impact import strings_of
from caiso.connect.telemetry.meaning.messages import load
from caiso.connect.telemetry.meaning.tool_orders import gives_orders
from caiso.connect.telemetry.table import EventBatch

REDEFINED: Final = "aisoc.tool.redefined"  # altered: a known tool is described otherwise; demands: and wants more
ORDERS: Final = "aisoc.tool.orders"  # hidden: a tool's words want something from elsewhere and keep it from people

_DEFINITIONS: Final = "gen_ai.tool.definitions"
_KEYS: Final = 2_000
_TOOLS: Final = 128  # of one key
_SENTENCES: Final = 96  # of one tool
_MOST: Final = 200_000  # sentences of all keys together, some ten megabytes
_JUDGED: Final = 5_000  # tools whose words were looked at, and texts of definitions
_WHOLES: Final = 16  # texts of one key, known as a whole
_LONGEST: Final = 200_000
_CHARS: Final = 4_000
_SENTENCE = re.compile(r"[.!?;]+(?:\s|$)|\n")  # in whatever order a listing gives them
_WANTS = re.compile(
    r"(?i)\b(?:must|always|needs?|requires?|required|append|include|attach|pass|send|fetch|read|copy|forward|add|provide|insert|supply|put"
    r"|quote|repeat|collect|open|call|use|give|fill|beforehand|first)\b"
)
_REACHES = re.compile(
    r"(?i)\b(?:last|recent|recently|previous|earlier|latest|full|whole|entire|complete|all|other|user.s|newest|current)\b[^.\n]{0,40}"
    r"\b(?:messages?|chats?|conversations?|e?-?mails?|mailbox|inbox|history|files?|contacts?|prompts?|documents?|notes|context|keys?|calendar|environment)\b"
    r"|\b(?:api[ _-]?keys?|access tokens?|passwords?|secrets?|credentials?|private keys?|system prompt|environment variables?|ssh)\b|~/|\.env\b|https?://|[\w.+-]{1,40}@[\w-]{1,40}\."
)
_HIDES = re.compile(
    r"(?i)\b(?:say|saying|mention|mentioning) nothing\b|\b(?:do not|don.t|never|without|no need to)\s(?:[a-z]{1,12}\s){0,2}(?:mention|tell|inform|show|ask|reveal|notify|telling|asking|showing)"
    r"|\b(?:silently|secretly|quietly)\b|\bkeep (?:it|this|that) (?:to yourself|from)\b|\b(?:user|person|human)s? (?:need|should|must) not\b"
)

_APPROVAL: Final = "aisoc.approval.id"
_APPROVES = re.compile(r"(?i)(?:[a-z]{1,20}[._:/ -])?approved?(?:$|[._:/ -])")
_NAMING: Final = ("gen_ai.tool.name", "mcp.server.name", "server.address", "artifact.uri", "config.target")
_APPROVALS: Final = 200
_APPROVED_US: Final = 7 * 86_400_000_000
_LEAST_NAME: Final = 4

Tools = dict[str, list[int]]
Approval = tuple[int, str]  # microseconds, what it names


class Offer(msgspec.Struct):
    """What one server or application offered, as numbers."""

    key: str
    tools: Tools = {}
    wholes: list[int] = []
    version: str = ""  # of the server, where it says one


class Offers:
    """Remembers descriptions of tools, and says of a batch's events where one changed."""

    def __init__(self) -> None:
        self.offers: OrderedDict[str, Offer] = OrderedDict()
        self.approvals: list[Approval] = []
        self._sentences = 0
        self._judged: OrderedDict[int, bool] = OrderedDict()

    def with_changes(self, events: EventBatch) -> EventBatch:
        """The batch with the fact as a field; nearly all batches have none."""
        if not events.fields().isdisjoint((_APPROVAL, "action")):
            self._note_approvals(events)
        texts = events.texts.get(_DEFINITIONS)
        if texts is None:
            return events
        found: list[str | None] = [None] * len(events)
        orders: list[str | None] = [None] * len(events)
        columns = [events.column(name) for name in ("source.id", "service.name", "server.address", "gen_ai.agent.name")]
        kinds, servers = events.column("event.kind"), events.column("mcp.server.name")
        versions = events.column("mcp.server.version")
        for row, text in enumerate(texts):
            if not text or len(text) > _LONGEST:
                continue
            whole = crc32(text.encode("utf-8", "replace"))
            if self._has_orders(whole, text):
                orders[row] = "hidden"
            listed = kinds[row] != "inference"
            source, service, address, agent = (column[row] or "" for column in columns)
            place = (servers[row] or address) if listed else agent
            key = f"{source}\x1f{service}\x1f{place}\x1f{listed:d}"
            altered, tools = self._compared(key, whole, text, listed=listed)
            if self._is_released(key, versions[row]) and altered == "altered":
                continue
            if altered == "altered" and self._is_approved(str(place), tools, events.column("time")[row]):
                continue
            found[row] = altered
        added = {name: values for name, values in ((REDEFINED, found), (ORDERS, orders)) if any(values)}
        return events.adding(added) if added else events

    def _has_orders(self, whole: int, text: str) -> bool:
        """Whether some tool of these definitions gives orders; each text is looked at once, and each tool in it."""
        found = self._judged.get(whole)
        if found is None:
            judged = [self._gives_orders(*tool) for tool in _apart(text)]  # all of them, to know them again
            found = any(judged)
            self._remember(whole, found)
        return found

    def _gives_orders(self, name: str, told: str, held: str) -> bool:
        number = crc32(f"{name}\x1f{told}\x1f{held}".encode("utf-8", "replace"))
        found = self._judged.get(number)
        if found is None:
            found = gives_orders(told, held, name)
            self._remember(number, found)
        return found

    def _remember(self, number: int, found: bool) -> None:  # noqa: FBT001 - what was found
        while len(self._judged) >= _JUDGED:
            self._judged.popitem(last=False)
        self._judged[number] = found

    def _note_approvals(self, events: EventBatch) -> None:
        ids, kinds, times = events.column(_APPROVAL), events.column("event.kind"), events.column("time")
        actions = events.column("action")
        columns = [events.column(name) for name in _NAMING if name in events.fields()]
        for row, approval in enumerate(ids):
            approved = approval or ((action := actions[row]) and _APPROVES.match(str(action)))
            if approved and kinds[row] in ("registry", "config", "authz") and isinstance(time := times[row], int):
                names = " ".join(str(column[row]).lower() for column in columns if column[row])
                self.approvals.append((time, names[:512]))
        del self.approvals[:-_APPROVALS]

    def _is_released(self, key: str, version: object) -> bool:
        """Whether the server says that it is another version than it was; notes the version."""
        offer = self.offers[key]
        if not version or str(version) == offer.version:
            return False
        known, offer.version = offer.version, str(version)[:64]
        return bool(known)

    def _is_approved(self, place: str, tools: list[str], time: object) -> bool:
        if not isinstance(time, int):
            return False
        said = [names for at, names in self.approvals if 0 <= time - at <= _APPROVED_US]
        if len(place) >= _LEAST_NAME and any(place.lower() in names for names in said):
            return True
        return bool(tools) and all(any(tool.lower() in names.split() for names in said) for tool in tools)

    def _compared(self, key: str, whole: int, text: str, *, listed: bool) -> tuple[str | None, list[str]]:
        offer = self.offers.get(key)
        if offer is None:
            while len(self.offers) >= _KEYS or (self._sentences > _MOST and self.offers):
                self._sentences -= _size(self.offers.popitem(last=False)[1])
            offer = self.offers[key] = Offer(key)
        self.offers.move_to_end(key)
        if whole in offer.wholes:
            return None, []
        offer.wholes.append(whole)
        del offer.wholes[:-_WHOLES]
        before = _size(offer)
        fresh = [(name, sentence) for name, said in _described(text) for sentence in _fresh(offer.tools, name, said)]
        self._sentences += _size(offer) - before
        if not fresh:
            return None, []
        added = "\n".join(sentence for _, sentence in fresh)
        demands = _HIDES.search(added) or (_WANTS.search(added) and _REACHES.search(added))
        return "demands" if demands else "altered" if listed else None, list(dict.fromkeys(name for name, _ in fresh))

    def save(self) -> list[Offer]:
        """What is remembered; what was idle longest first."""
        return list(self.offers.values())

    @classmethod
    def of(cls, saved: Iterable[Offer], approvals: Iterable[Approval] = ()) -> Offers:
        """Take up what ``save`` gave, and the approvals."""
        offers = cls()
        offers.approvals = list(approvals)
        offers.offers.update((one.key, one) for one in saved)
        offers._sentences = sum(map(_size, offers.offers.values()))
        return offers


def _size(offer: Offer) -> int:
    """How many sentences are remembered of it."""
    return sum(map(len, offer.tools.values()))


def _fresh(tools: Tools, name: str, said: str) -> list[str]:
    """The sentences of a description that the tool did not have, where the tool is known; they are known from now on."""
    sentences = {
        crc32(sentence.lower().encode("utf-8", "replace")): sentence
        for part in _SENTENCE.split(said[:_CHARS])
        if (sentence := " ".join(part.split()))
    }
    known = tools.get(name)
    if known is None:
        if len(tools) < _TOOLS:
            tools[name] = list(sentences)[:_SENTENCES]
        return []
    fresh = [number for number in sentences if number not in known]
    known += fresh
    del known[:-_SENTENCES]
    return [sentences[number] for number in fresh]


def _described(text: str) -> Iterator[tuple[str, str]]:
    """Name and words of each tool in a list of definitions."""
    for inner in _tools_in(text):
        name = inner.get("name")
        if isinstance(name, str) and name:
            yield name[:128], "\n".join(words for key, words in strings_of(inner) if key in ("description", "title"))


def _apart(text: str) -> Iterator[tuple[str, str, str]]:
    """The name of each tool, what it says of itself, and what it says of its fields."""
    for inner in _tools_in(text):
        own = inner.get("description")
        rest = {key: value for key, value in inner.items() if key != "description"}
        yield (
            str(inner.get("name") or "")[:128],
            own if isinstance(own, str) else "",
            "\n".join(words for key, words in strings_of(rest) if key in ("description", "title")),
        )


def _tools_in(text: str) -> Iterator[dict[str, Any]]:
    loaded: Any = load(text)
    if isinstance(loaded, dict):
        loaded = loaded.get("tools", [loaded])
    for item in loaded if isinstance(loaded, list) else ():
        tool = load(item)
        if not isinstance(tool, dict):
            continue
        function = tool.get("function")
        inner: Any = function if isinstance(function, dict) else tool
        inner = load(inner.get("json_schema", inner))
        if isinstance(inner, dict):
            yield inner
