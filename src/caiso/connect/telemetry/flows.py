"""Where things of a conversation come from and go to: what no single event shows, as facts about the one that sends.

For each conversation it is remembered what tools returned, from outside or from within. When something is sent, run or
stored, that is compared: was the destination first named by content from outside, and does what goes there repeat what was
read within. Texts stay in memory, a few for each conversation and cut off; a snapshot holds numbers made of their pieces
and words. Nothing is decided by a text that these numbers would not decide alike: a detector that was restored says what it
would have said had it never stopped.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import unquote

from caiso.connect.telemetry.consent import SHORT, agreed_to, confirms, names_of, waits_for_word
from caiso.connect.telemetry.handed import Handed
from caiso.connect.telemetry.letters import Linked, is_letter, sender_places
from caiso.connect.telemetry.loads import (
    apart,
    invented,
    is_among,
    listed_in_path,
    marks_beyond,
    names_in,
    path_parts,
    takes_along,
    values_of,
)
from caiso.connect.telemetry.meaning.citing import named_in
from caiso.connect.telemetry.meaning.escapes import without_breaks
from caiso.connect.telemetry.meaning.impact import strings_of
from caiso.connect.telemetry.meaning.messages import load
from caiso.connect.telemetry.pieces import LEAST, PIECES, decoded, numbers_of, records_of, words_of
from caiso.connect.telemetry.places import (
    Numbers,
    adds_recipient,
    destinations_of,
    has_digits,
    known_places,
    lines_of,
    may_name,
    named_places,
    number_of,
    without_places,
)
from caiso.connect.telemetry.row_texts import RowTexts, is_only_nod, is_only_thanks
from caiso.connect.telemetry.sides import OPERATES, is_private, remembers, side_of, types
from caiso.connect.telemetry.table import EventBatch
from caiso.connect.telemetry.talks import Kept, Talk, restored
from caiso.engine.detect.schema import SESSION_ALIAS

# planted: only content from outside named it; source: content came from there; number: it named it; added: the tool did;
# visited: the user named it, and content came from there; held: an account that systems within hold
DESTINATION: Final = "aisoc.flow.destination"
CARRIES: Final = (
    "aisoc.flow.carries"  # records, read: of what was read within; told: of what was said; reference: by a name
)
STORED: Final = (
    "aisoc.flow.stored"  # outside: a memory repeats content from outside; drawn: it says such content in other words
)
ASKED: Final = "aisoc.flow.asked"  # thanks: the user only gave thanks, or nodded where a text waits for it, and yet something is done; agreed: the user said yes to a question that named it

_UNRESOLVED: Final = "gen_ai.output.citations.unresolved"
_CITED: Final = "gen_ai.output.citations"
_DOCUMENTS: Final = "gen_ai.retrieval.documents"
_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
_GIVEN: Final = ("content.system", "content.user", "content.history", "content.untrusted", "content.documents")
_TALKS: Final = 3_000
_KEPT: Final = 4  # texts of each side
_CHARS: Final = 2_000  # of each
_ALL_TEXTS: Final = (1 << 62) - 1  # a bit for each text from outside; after sixty-two they are used again
_TELLING: Final = 16  # and of one that alone tells where a text comes from
_MOST: Final = 512  # numbers of one sort
_MEMORY_SHARE: Final = 0.4
_SENTENCE: Final = 6  # words of a memory that can be told apart
_SENTENCE_SHARE: Final = 0.9
_DRAWN_SHARE: Final = 0.4  # of a memory's words, none of which is the user's

_RECALLING: Final = ("search", "read", "get", "query", "list", "retrieve")
# Arguments that hand something over without its text: the number of a mail, the path of a file, a standing order to forward.
_REFERENCE = re.compile(
    r'(?i)"(?:(?:message|mail|email|thread|file|document|doc|item|record|folder|event|attachment|sheet|drive|object|invoice|report)s?_?(?:ids?|paths?|names?)?'
    r'|ids?|paths?|attachments?|resource|forward_?(?:to|all|address)?|scope|permission|role|access)"\s{0,2}:'
)
_HANDS_OVER = re.compile(
    r"(?i)forward|share|send|attach|upload|export|invite|grant|add_?(?:member|user|guest|collaborator|permission|delegate|recipient|subscriber)"
    r"|sync|mirror|backup|publish|teilen|weiterleit|partage|compart|condivi|set_?(?:webhook|forward)|(?:create|add|update)_?(?:webhook|forward|rule|filter|delegate)"
)
_BODY = re.compile(
    r'(?i)"(?:body|text|message|content|html|data|payload|comment|nachricht|texto|texte)"\s{0,2}:\s{0,2}"[^"]{20}'
)
_ATTACHED = re.compile(r'(?i)"(?:attach\w{0,12}|files?|file_\w{1,12}|paths?|ids?|documents?|message_ids?)"\s{0,2}:')
_ONE = re.compile(r'"(?:file_?)?(?:path|name|file|url|uri)"\s{0,2}:\s{0,2}"')  # what is read is one thing
_DENSE = re.compile(r"[A-Za-z0-9+/=_%-]{28}")
_SHARED_WORDS: Final = 2
_QUERY = re.compile(r"://[^\s\"'<>?#]{1,200}[?#]([^\s\"'<>]{16,2000})")
_VALUES: Final = 3  # of a record that go along together
_SECRETS = re.compile(r"(?i)secret|passw|vault|credential|keychain|keyring|one_?time|otp|token|pin\b")
_ACCOUNT_CHARS: Final = 44  # of an account, with spaces
_TOKEN = re.compile(r"[^\s\"'{}\[\]:,;]{8,80}")


class Flows:
    """Remembers conversations, and says of a batch's events what only the conversation shows."""

    def __init__(self) -> None:
        self.talks: OrderedDict[str, Talk] = OrderedDict()
        self.own: Container[str] = ()  # the house's own domains, as its mail servers tell
        self.handed = Handed()
        self.linked = Linked()

    def with_flows(self, events: EventBatch) -> EventBatch:
        """The batch with the facts as fields; most batches have none."""
        found: dict[str, list[str | None]] = {}
        kinds, keys = events.column("event.kind"), events.column(SESSION_ALIAS)
        table = RowTexts(events)
        self.linked.note(events)
        resolved = self._resolving(events, kinds, keys, table)
        for row, kind in enumerate(kinds):
            key = keys[row]
            if not isinstance(key, str) or not key:
                continue
            if kind == "inference":
                self._hear(key, table, row)
            elif kind in ("tool", "mcp", "retrieval", "memory"):
                for name, value in self._call(key, str(kind), table, row):
                    found.setdefault(name, [None] * len(events))[row] = value
        found.update(resolved)
        if not found:
            return events
        return events.adding(found)

    def _resolving(
        self, events: EventBatch, kinds: Sequence[object], keys: Sequence[object], table: RowTexts
    ) -> dict[str, list[Any]]:
        """How many citations stay unresolved when what earlier retrievals of the conversation gave is counted in."""
        fields = events.fields()
        given = events.column(_DOCUMENTS) if _DOCUMENTS in fields else None
        unresolved = events.column(_UNRESOLVED) if _UNRESOLVED in fields else None
        given_citations = events.column(_CITED) if _CITED in fields else None
        outputs = events.texts.get("content.output")
        if given is None and given_citations is None and outputs is None:
            return {}
        left: list[Any] = list(unresolved) if unresolved is not None else [None] * len(events)
        for row, kind in enumerate(kinds):
            key = keys[row]
            if not isinstance(key, str) or not key:
                continue
            if given is not None and isinstance(given[row], list):
                _note(self._talk(key).documents, names_in(given[row]))
                _note(self._talk(key).documents, map(number_of, named_in(table.of("content.untrusted", row))))
            elif kind == "inference" and left and left[row] and key in self.talks:
                cited, documents = load(events.column(_CITED)[row]), self.talks[key].documents
                if isinstance(cited, list) and all(is_among(one, documents) for one in cited):
                    left[row] = None
            elif kind == "inference" and given_citations is not None and given_citations[row] and key in self.talks:
                cited = load(given_citations[row])
                left[row] = self._beyond(key, table, row, cited if isinstance(cited, list) else [])
            elif kind == "inference" and outputs is not None and not left[row] and "[" in (outputs[row] or ""):
                left[row] = self._beyond(key, table, row, outputs[row])
        before = list(unresolved) if unresolved is not None else [None] * len(events)
        return {_UNRESOLVED: left} if left != before else {}

    def _beyond(self, key: str, table: RowTexts, row: int, cited: object) -> int | None:
        """How many sources of an answer name neither what the conversation retrieved nor anything the call itself was given."""
        talk = self.talks.get(key)
        if talk is None or not 0 < len(talk.documents) < _MOST:  # more are forgotten, and may be what is cited
            return None
        given = "\n".join(table.of(field, row) for field in _GIVEN).lower()
        if isinstance(cited, str):
            return marks_beyond(cited, talk.documents, given) or None
        return invented(cited, talk.documents, given) or None

    # -- what was said ------------------------------------------------------------------------------------------

    def _hear(self, key: str, table: RowTexts, row: int) -> None:
        user = self._own_words(key, table.of("content.user", row))
        talk = self.talks.get(key)
        if talk is None:
            if user and may_name(user):
                self._name(self._talk(key), user)
            return
        self.talks.move_to_end(key)
        if user:
            if (text := user[-_CHARS:]) != talk.user:  # an agent says the same again before each of its steps
                talk.user, talk.said, talk.asked = text, {}, {}
                before = table.of("content.history", row)
                talk.thanked = is_only_thanks(text, before) or (is_only_nod(text, before) and _settle(talk).waits)
                talk.agreed = agreed_to(text, before) if len(text) <= SHORT else {}
            talk.history, talk.before = "", {}
            if may_name(user):
                self._name(talk, user)
        history = table.of("content.history", row)
        if history:
            talk.history, talk.before = history[-_CHARS:], {}
        system = table.of("content.system", row)
        if system and may_name(system):
            _note(talk.known, known_places(system[: _CHARS * 4]))
        if talk.pending:
            result = table.of("content.untrusted", row)
            if result:
                self._returned(talk, " ".join(talk.pending), "", result)
            talk.pending = []
        self._say(talk, table, row)

    def _name(self, talk: Talk, user: str) -> None:
        """What a user names is known; what another agent handed on is not the user's word."""
        if not self.handed.take(talk, user):
            _note(talk.known, known_places(user[: _CHARS * 4]))

    def _say(self, talk: Talk, table: RowTexts, row: int) -> None:
        output = table.of("content.output", row) if talk.places or talk.seen_outside else ""
        if "@" in output or "://" in output:
            self.handed.note(_settle(talk), output)

    def _own_words(self, key: str, text: str) -> str:
        """What the user says; what somebody else wrote comes from outside, whichever turn it stands in."""
        if not text or not (is_letter(text) or self.linked.holds(text)):
            return text
        talk, number = self._talk(key), number_of(text)
        if talk.letter != number:
            talk.letter, talk.thanked = number, False
            _note(talk.known, sender_places(text))
            self._returned(talk, "inbox", "", text)
        return ""

    # -- what was called ----------------------------------------------------------------------------------------

    def _call(self, key: str, kind: str, table: RowTexts, row: int) -> Iterator[tuple[str, str]]:
        talk = self.talks.get(key)
        name = table.tool(row) or kind
        arguments = table.of(_ARGUMENTS, row)
        sent: dict[str, str] = {}
        if talk is not None:
            self.talks.move_to_end(key)
            typed = types(name, arguments)
            if arguments and (typed or table.impact(row) != "read" or takes_along(arguments)):
                sent = dict(_sent(talk, name, arguments, own=table.domain(row), types=typed))
                yield from sent.items()
            if asked := _was_asked(talk, arguments, reads=table.impact(row) == "read"):
                yield ASKED, asked
            stored = _stored(kind, name, table, row)
            if stored and (drawn := _repeats(stored, talk)):
                yield STORED, drawn
        result = table.of("content.untrusted", row)
        if (
            DESTINATION not in sent
            and "@" in result
            and "@" in arguments
            and adds_recipient(arguments, result, self.own)
        ):
            yield DESTINATION, "added"
        if kind == "memory" and not (result and table.operation(row).startswith(_RECALLING)):
            return
        talk = self._talk(key)
        if arguments and "://" in arguments and OPERATES.search(name):
            talk.at = next(destinations_of(arguments), [])
        if result:
            self._returned(talk, f"retrieval {name}" if kind in ("retrieval", "memory") else name, arguments, result)
        elif len(talk.pending) < _KEPT:
            talk.pending.append(name[:80])

    def _returned(self, talk: Talk, name: str, arguments: str, result: str) -> None:
        side = side_of(name)
        if not side and '"http' in arguments and '"url"' in arguments:
            side = "outside"
        if side:
            private = is_private(name)
            for text in apart(result) if private else (result,):
                talk.seen_outside.append((arguments[:300], text[:_CHARS], side == "outside", private))
            while len(talk.seen_outside) > _KEPT:
                said, text, strange, private = talk.seen_outside.pop(0)
                _take_outside(talk, said, text, strange=strange, private=private)
        if side != "outside":
            talk.reads += 1
            talk.seen_within.append(result[:_CHARS])
            if _SECRETS.search(name) and len(result) < _CHARS:
                _note(talk.records, (number_of(token) for token in _TOKEN.findall(result)[:PIECES]))
            if not side and may_name(result):
                _note(talk.known, known_places(result[:_CHARS]))
            if arguments and confirms(name, result):
                _note(talk.known, known_places(arguments))
                _note(talk.records, records_of(arguments))
            if len(talk.seen_within) > _KEPT:
                _take_within(talk, talk.seen_within.pop(0))

    # -- memory -------------------------------------------------------------------------------------------------

    def _talk(self, key: str) -> Talk:
        talk = self.talks.get(key)
        if talk is None:
            while len(self.talks) >= _TALKS:
                self.talks.popitem(last=False)
            talk = self.talks[key] = Talk()
        return talk

    def save(self) -> list[Kept]:
        """What is remembered, without a text of it; the conversation that was idle longest first."""
        kept = []
        for key, talk in self.talks.items():
            _settle(talk)
            kept.append(
                Kept(
                    key, [*talk.known], talk.places, [*talk.within], [*talk.records], [*talk.outside], talk.reads,
                    [*_words_within(talk)], [*talk.strange], talk.pending, [*talk.documents], [*_said(talk)],
                    [*_asked(talk)], [*_before(talk)], talk.at, talk.texts, talk.named_in, talk.private, [*talk.values],
                    [*talk.visited], talk.thanked, talk.letter, talk.recorded, [*talk.agreed], talk.handed, talk.waits,
                )
            )  # fmt: skip
        return kept

    @classmethod
    def of(cls, saved: Iterable[Kept], linked: Iterable[int] = ()) -> Flows:
        """Take up what ``save`` gave."""
        flows = cls()
        flows.linked = Linked(linked)
        for one in saved:
            flows.talks[one.key] = restored(one)
        return flows


def _was_asked(talk: Talk, arguments: str, *, reads: bool) -> str:
    """``thanks`` where the user only gave thanks, ``agreed`` where he said yes to what a call names, else empty."""
    if talk.thanked and (talk.texts or talk.seen_outside) and not reads:
        return "thanks"
    return "agreed" if talk.agreed and arguments and names_of(arguments) & talk.agreed.keys() else ""


def _sent(talk: Talk, name: str, arguments: str, *, own: str, types: bool) -> Iterator[tuple[str, str]]:
    """Where a call sends, as far as the conversation tells, and what of it goes along."""
    if _takes_nothing(talk, arguments):
        yield CARRIES, "nothing"
        return
    _settle(talk)
    if not talk.places:
        yield from _held(talk, arguments)
        return
    destinations = list(destinations_of(arguments, own))
    if types and not destinations:
        destinations = [talk.at]
    kinds = _kinds(talk, destinations)
    if not kinds and not types and any(number in talk.visited for place in destinations for number in place):
        if _much_read(talk, arguments):
            yield DESTINATION, "visited"
            yield CARRIES, "read"
        return
    if not kinds:
        yield from [(DESTINATION, "number")] if _kinds(talk, lines_of(arguments)) else _held(talk, arguments)
        return
    yield DESTINATION, "source" if all(kinds) else "planted"
    carried = _carried(talk, arguments, _all(destinations), types=types)
    if carried and not (carried == "told" and talk.handed):  # all that it knows was told, and by another agent
        yield CARRIES, carried
    elif _HANDS_OVER.search(name) and _REFERENCE.search(arguments):
        yield CARRIES, "reference"


def _held(talk: Talk, arguments: str) -> Iterator[tuple[str, str]]:
    """Whether arguments are accounts, all of which systems within hold or had confirmed."""
    if not talk.records or not has_digits(arguments):
        return
    given = [text for _, text in strings_of(load(without_breaks(arguments))) if len(text) <= _ACCOUNT_CHARS]
    lines = [number for text in given if text[:1].isalpha() for line in lines_of(text) for number in line]
    if lines and talk.records.keys() >= set(lines):
        yield DESTINATION, "held"


def _carried(talk: Talk, arguments: str, places: set[int], *, types: bool) -> str:
    """What of the conversation goes along with a call, empty where nothing of it is recognised."""
    payload = without_places(arguments) + unquote(" ".join(_QUERY.findall(arguments)[:_KEPT]))
    hidden = [*decoded(payload), *(text for part in path_parts(arguments) for text in decoded(part))]
    payload = "\n".join([payload, *hidden])
    records = {*records_of(arguments), *records_of(payload)} - places
    if types:
        records.update(number_of(text) for _, text in strings_of(load(arguments)) if len(text) >= LEAST // 2)
    if _is_news(talk, records & talk.records.keys(), places):
        return "records"
    pieces = {number for number, length in numbers_of(payload) if length >= _TELLING}
    pieces.update(number for text in hidden for number, _ in numbers_of(text))  # who encodes has a reason
    if (
        _is_news(talk, pieces & talk.within.keys(), places)
        or _has_values(talk, arguments)
        or _of_another_mail(talk, pieces, places)
        or _in_other_words(talk, arguments, _naming(talk, places))
    ):
        return "read"
    return "" if pieces.isdisjoint(_said(talk)) and pieces.isdisjoint(_before(talk)) else "told"


def _much_read(talk: Talk, arguments: str) -> bool:
    """Whether more goes along than one thing that a page may be asked about."""
    sent = {number for number, length in numbers_of(without_places(arguments)) if length >= _TELLING}
    return len(sent & talk.within.keys()) > 1 or _has_values(talk, arguments)


def _all(destinations: Iterable[list[int]]) -> set[int]:
    return {number for place in destinations for number in place}


def _has_values(talk: Talk, arguments: str) -> bool:
    """Whether several values of what was read within stand in a call as they stood there, under whatever names."""
    if not talk.values:
        return False
    known = talk.strange.keys() | _asked(talk).keys()
    sent = dict.fromkeys([*values_of(arguments), *(listed_in_path(arguments) if "://" in arguments else ())])
    found = [value for value in sent if number_of(value) in talk.values and number_of(value) not in known]
    return len(found) >= _VALUES and sum(value[0].isdigit() for value in found) >= _VALUES - 1


def _of_another_mail(talk: Talk, pieces: set[int], places: set[int]) -> bool:
    """Whether a piece is of a mail or message that came in, and of none that named where it goes."""
    naming = _naming(talk, places)
    return any(number in talk.private and not talk.private[number] & naming for number in pieces)


def _is_news(talk: Talk, carried: set[int], places: set[int]) -> bool:
    """Whether something goes along that did not stand in the page or file which named where it goes."""
    naming = _naming(talk, places) if carried else 0
    return any(not talk.recorded.get(number, 0) & naming for number in carried)


def _naming(talk: Talk, places: set[int]) -> int:
    """The texts that named the places: who wrote them knows what stands in them."""
    naming = 0
    for place in places & talk.places.keys():
        naming |= talk.named_in.get(place, _ALL_TEXTS)
    return naming


def _kinds(talk: Talk, destinations: Iterable[list[int]]) -> set[bool]:
    """Of places that nobody but content from outside named: whether each was only its sender or source."""
    return {
        talk.places[number]
        for place in destinations
        if talk.known.keys().isdisjoint(place)
        for number in place
        if number in talk.places
    }


def _in_other_words(talk: Talk, payload: str, naming: int) -> bool:
    """Whether most words that a call sends are of what was read within, and neither from outside nor of the request."""
    within = talk.words if talk.reads <= _KEPT else {}
    if naming:
        within = {number: None for number in within if not talk.recorded.get(number, 0) & naming}
    if not within:
        return False
    loaded = load(payload)
    given = payload if isinstance(loaded, str) else "\n".join(text for _, text in strings_of(loaded))
    own = words_of(without_places(given))
    telling = own.keys() - _asked(talk).keys()
    shared = sum(number in within and number not in talk.strange for number in telling)
    return shared > _SHARED_WORDS and 2 * shared >= len(telling)


def _takes_nothing(talk: Talk, arguments: str) -> bool:
    """Whether all that a call sends is text that stands there, with no word of what was read within; else it is not known."""
    if not 0 < talk.reads <= _KEPT:
        return False
    text = without_places(arguments)
    body = _BODY.search(text)
    if body is None or _ATTACHED.search(text) or _DENSE.search(text):
        return False
    if has_digits(text) and any(number in _settle(talk).records for number in records_of(text)):
        return False  # an account or a number needs no words
    own = words_of(text)
    within = _words_within(talk)
    if sum(number in within for number in own) < _SHARED_WORDS:
        return True
    elsewhere = _settle(talk).strange.keys() | _asked(talk).keys()
    return sum(number in within and number not in elsewhere for number in own) < _SHARED_WORDS


def _stored(kind: str, name: str, table: RowTexts, row: int) -> str:
    """The text that an event puts into a memory, empty where it does not."""
    if kind == "memory":
        return "" if table.operation(row).startswith(_RECALLING) else table.of("content.memory", row)
    if remembers(name, table.of(_ARGUMENTS, row), writes=table.impact(row) == "write"):
        return "\n".join(text for _, text in strings_of(load(table.of(_ARGUMENTS, row))))
    return ""


def _repeats(stored: str, talk: Talk) -> str:
    """``outside`` where a memory repeats content from outside, ``drawn`` where it says it in other words, else empty."""
    outside = _settle(talk).outside
    pieces = dict(numbers_of(stored))
    shared = sum(length for number, length in pieces.items() if number in outside)
    if shared >= 2 * LEAST and shared >= _MEMORY_SHARE * sum(pieces.values()):
        return "outside"
    # A sentence that was cut out of another: its words, in any order, and none of them the user's.
    words = words_of(stored)
    asked = _asked(talk)
    own = sum(number in asked for number in words)
    foreign = sum(number in talk.strange and number not in asked for number in words)
    if len(words) >= _SENTENCE and foreign >= _SENTENCE_SHARE * len(words) and not own:
        return "outside"
    return "drawn" if foreign > max(_SHARED_WORDS, 2 * own) and foreign >= _DRAWN_SHARE * len(words) else ""


def _settle(talk: Talk) -> Talk:
    """Make numbers of the texts that tools returned, once; returns the conversation."""
    for arguments, text, strange, private in talk.seen_outside:
        _take_outside(talk, arguments, text, strange=strange, private=private)
    if talk.reads <= _KEPT:
        talk.words = _words_within(talk)
    for text in talk.seen_within:
        _take_within(talk, text)
    talk.seen_outside, talk.seen_within = [], []
    return talk


def _take_outside(talk: Talk, arguments: str, text: str, *, strange: bool, private: bool) -> None:
    bit = 1 << talk.texts % 62
    talk.texts += 1
    talk.waits = talk.waits or waits_for_word(text)
    if _ONE.search(arguments) is not None:
        for number in (*records_of(text), *(number for number, _ in numbers_of(text)), *words_of(text)):
            _mark(talk.recorded, number, bit, most=2 * _MOST)
    for number, _ in numbers_of(text):
        _note(talk.outside, (number,))
        if private:
            _mark(talk.private, number, bit, most=_MOST)
    if strange:
        _note(talk.strange, words_of(text), most=2 * _MOST)
    for number, sender in named_places(text):
        talk.places[number] = sender and talk.places.get(number, True)
        _mark(talk.named_in, number, bit, most=PIECES * _KEPT)
    for number in known_places(arguments):
        talk.places.setdefault(number, True)
        _note(talk.visited, (number,))
    while len(talk.places) > PIECES * _KEPT:
        del talk.places[next(iter(talk.places))]


def _take_within(talk: Talk, text: str) -> None:
    _note(talk.within, (number for number, _ in numbers_of(text)))
    _note(talk.records, records_of(text))
    if text.startswith(("{", "[")):
        _note(talk.values, map(number_of, values_of(text)))


def _note(numbers: Numbers, more: Iterable[int], *, most: int = _MOST) -> None:
    """Add numbers; who gathers too many forgets the oldest."""
    numbers.update(dict.fromkeys(more))
    while len(numbers) > most:
        del numbers[next(iter(numbers))]


def _mark(marked: dict[int, int], number: int, bit: int, *, most: int) -> None:
    marked[number] = marked.get(number, 0) | bit
    while len(marked) > most:
        del marked[next(iter(marked))]


def _words_within(talk: Talk) -> Numbers:
    """The words of what was read within, as long as that is little."""
    if talk.reads > _KEPT:
        return {}
    found = dict(talk.words)
    for text in talk.seen_within:
        found.update(words_of(text))
    return found


def _said(talk: Talk) -> Numbers:
    if talk.user and not talk.said:
        talk.said = dict.fromkeys(number for number, _ in numbers_of(talk.user))
    return talk.said


def _asked(talk: Talk) -> Numbers:
    if talk.user and not talk.asked:
        talk.asked = words_of(talk.user)
    return talk.asked


def _before(talk: Talk) -> Numbers:
    if talk.history and not talk.before:
        talk.before = dict.fromkeys(number for number, _ in numbers_of(talk.history))
    return talk.before
