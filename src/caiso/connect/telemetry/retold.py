"""Tells when the history that a model is given is not the one that took place: an answer of its own was exchanged.

For each conversation it is remembered what was asked last and what was answered. Where a later call of the same conversation brings
that question in its history, none of the answers to it, and text in their place that no call gave out, somebody rewrote the past.
The same holds for an earlier answer that stood in the history before, with what was said before and after it, and where something
else stands between them now.
Applications that never put answers back as they were say nothing here, unless what stands there grants something that no answer did, nor do shortened or summarised histories. As in ``flows``,
texts stay in memory and a snapshot holds numbers, by which all is decided alike.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final
from zlib import crc32

import msgspec

from caiso.connect.telemetry.pieces import AROUND, LEAST, pieces_of
from caiso.connect.telemetry.table import EventBatch
from caiso.engine.detect.schema import SESSION_ALIAS

HISTORY: Final = "aisoc.flow.history"  # rewritten: an answer in it was exchanged

_TALKS: Final = 1_000
_ASKED: Final = 600  # characters of a question, of an answer, and of the histories that are compared
_ANSWER: Final = 200
_TAIL: Final = 2_000
_ANSWERS: Final = 4  # to one question
_GIVEN_OUT: Final = 4  # answers whose text may stand in a history, and characters of each
_GIVEN_CHARS: Final = 1_000
_LEAST_SPACES: Final = 3  # in an answer
_TELLING_WORDS: Final = 4  # of a piece
_SHARED: Final = 0.6  # of an answer's words, behind its question: it is there, if in another form
_WORD = re.compile(r"\w{3,}")
_UNCUT = re.compile(r"[^\n\r;|{}\[\]\"<>!?.,:\\]{16,}")  # lies within one piece
_ALL: Final = 200  # pieces
_TELLING: Final = 20  # characters of a piece that takes the place of an answer
# What applications themselves put where an answer was: an apology, a summary.
_PUT_THERE = re.compile(
    r"(?i)sorry|can.?not|can.t\b|unable|not able|policy|blocked|filtered|removed|summary|summari[sz]|zusammenfass|leider|désolé|résum|lo siento|resum|mi dispiace|riassun|helaas|samenvat"
)
# An answer that takes for done what opens doors: somebody was verified, a limit is gone, nothing is to be confirmed any more.
_GRANTS = re.compile(
    r"(?i)\b(?:identity|verif\w{2,8}|authenticat\w{1,4}|authori[sz]\w{2,6}|clearance|override)\b[^.\n]{0,80}\b(?:level|complete|completed|confirmed|returned|granted|passed|succe\w{2,6})\b"
    r"|\b(?:no|without) (?:further|additional|more|any) (?:confirmation|verification|approval|checks?)\b|\blimits?\b[^.\n]{0,40}\b(?:lifted|removed|waived)\b"
    r"|\b(?:identität|verifizierung|freigabe|legitimation)\b[^.\n]{0,60}\b(?:bestätigt|erteilt|abgeschlossen|erfolgreich)|\bkeine weitere (?:bestätigung|prüfung)"
    r"|\b(?:identité|vérification|autorisation)\b[^.\n]{0,60}(?:confirmée|vérifiée|accordée|réussie|validée)|\baucune (?:autre )?(?:confirmation|vérification)"
    r"|\b(?:identidad|verificación|autorización|identità|verifica|autorizzazione|identidade|verificação|autorização)\b[^.\n]{0,60}\b(?:confirmad|verificad|concedid|confermat|verificat|concess|riuscit|aprovad)"
    r"|\b(?:identiteit|verificatie|toestemming)\b[^.\n]{0,60}\b(?:bevestigd|geverifieerd|verleend|geslaagd)|(?:tożsamość|weryfikacj)[^.\n]{0,60}(?:potwierdzon|zakończon)|(?:本人確認|身份验证|认证)[^。\n]{0,30}(?:完了|通过|成功)"
)
# One of these is in all of them.
_DOORS: Final = (
    "verif", "vérif", "identi", "authent", "authori", "autori", "clearance", "override", "confirm", "limit", "approval", "check", "freigabe", "legitim",
    "bestätigung", "prüfung", "toestemming", "tożsam", "weryfik", "本人確認", "身份验证", "认证",
)  # fmt: skip
_STRUCTURED: Final = ("{", "[", "<", "```")


class Talk(msgspec.Struct):
    """What is remembered of a conversation: texts of this run, numbers of those before."""

    question: int = 0  # a number of the question, by which one that is asked again is known
    asked: str = ""
    answers: list[str] = []
    given_out: list[str] = []
    before: str = ""
    kept: bool = False  # an answer was seen again in a history as it was
    granted: list[
        bool
    ] = []  # of those given out before the restart: whether one said itself that somebody was verified
    asked_numbers: list[int] = []
    answers_words: list[list[int]] = []
    given_out_numbers: list[list[int]] = []
    before_numbers: list[int] = []
    before_words: list[int] = []


class Retold:
    """Remembers questions and answers, and says of a batch's model calls whether their history was rewritten."""

    def __init__(self) -> None:
        self.talks: OrderedDict[str, Talk] = OrderedDict()

    def with_history(self, events: EventBatch) -> EventBatch:
        """The batch with the fact as a field; hardly any batch has it."""
        outputs, histories = events.texts.get("content.output"), events.texts.get("content.history")
        if outputs is None and histories is None:
            return events
        users = events.texts.get("content.user")
        kinds, keys = events.column("event.kind"), events.column(SESSION_ALIAS)
        found: list[str | None] = [None] * len(events)
        for row, kind in enumerate(kinds):
            key = keys[row]
            if kind != "inference" or not isinstance(key, str) or not key:
                continue
            history = (histories[row] or "") if histories is not None else ""
            if (
                history
                and (talk := self.talks.get(key)) is not None
                and (self._hear(talk, history[-_TAIL:]) or _is_exchanged(talk, history))
            ):
                found[row] = "rewritten"
            user, output = _of(users, row), _of(outputs, row)
            if user and output and not output.lstrip().startswith(_STRUCTURED):
                self._note(key, user, output, history)
        return events.adding({HISTORY: found}) if any(found) else events

    def _hear(self, talk: Talk, history: str) -> bool:
        if not (talk.answers or talk.answers_words):
            return False
        # What follows would say the same of an answer that stands there as it was; this says it at once.
        place = history.rfind(talk.asked) if talk.asked else -1
        if place >= 0 and any(answer in history[place + len(talk.asked) :] for answer in talk.answers):
            if talk.kept:
                return False
            if len(talk.asked) < _ASKED and next(pieces_of(talk.asked), None):
                talk.kept = True
                return False
        if place < 0 and lacks(history, talk.asked):
            return False
        behind = text_behind(history, _numbers(talk.asked, talk.asked_numbers))
        if not behind:
            return False
        words = set(_words(behind))
        answers = [*talk.answers_words, *map(_words, talk.answers)]
        if any(sum(word in words for word in answer) >= _SHARED * len(answer) for answer in answers):
            talk.kept = True
            return False
        if not talk.kept and (not _grants(behind) or any(talk.granted) or any(map(_grants, talk.given_out))):
            return False
        return _is_new(talk, behind)

    def _note(self, key: str, user: str, output: str, history: str) -> None:
        talk = self.talks.get(key)
        if talk is None:
            while len(self.talks) >= _TALKS:
                self.talks.popitem(last=False)
            talk = self.talks[key] = Talk()
        self.talks.move_to_end(key)
        asked, answer = user[:_ASKED], output.strip()[:_ANSWER]
        question = crc32(asked.encode("utf-8", "replace"))
        if talk.question != question:
            talk.question, talk.answers, talk.answers_words, talk.asked_numbers = question, [], [], []
        talk.asked = asked
        if answer.count(" ") >= _LEAST_SPACES:
            talk.answers = [*talk.answers, answer]
            _forget(talk.answers_words, talk.answers, most=_ANSWERS)
        talk.given_out = [*talk.given_out, output[:_GIVEN_CHARS]]
        _forget(talk.given_out_numbers, talk.given_out, most=_GIVEN_OUT)
        if talk.granted:
            talk.granted = talk.granted[len(talk.granted) - len(talk.given_out_numbers) :]
        talk.before, talk.before_numbers, talk.before_words = history[-_TAIL:], [], []

    def save(self) -> list[tuple[str, Talk]]:
        """What is remembered, without a text of it; the conversation that was idle longest first."""
        return [
            (
                key,
                Talk(
                    question=talk.question,
                    kept=talk.kept,
                    granted=[*talk.granted, *map(_grants, talk.given_out)],
                    asked_numbers=_numbers(talk.asked, talk.asked_numbers),
                    answers_words=[*talk.answers_words, *map(_words, talk.answers)],
                    given_out_numbers=[*talk.given_out_numbers, *(_numbers(one, []) for one in talk.given_out)],
                    before_numbers=_numbers(talk.before, talk.before_numbers),
                    before_words=_words(talk.before) if talk.before else talk.before_words,
                ),
            )
            for key, talk in self.talks.items()
        ]

    @classmethod
    def of(cls, saved: Iterable[tuple[str, Talk]]) -> Retold:
        """Take up what ``save`` gave."""
        retold = cls()
        retold.talks.update(saved)
        return retold


def _grants(text: str) -> bool:
    """Whether a text takes for done what opens doors."""
    lowered = text.lower()
    return any(map(lowered.__contains__, _DOORS)) and _GRANTS.search(lowered) is not None


def _of(column: Sequence[str | None] | None, row: int) -> str:
    return (column[row] or "") if column is not None else ""


def _forget(numbers: list[list[int]], texts: list[str], *, most: int) -> None:
    """Of so many things at most, those of before the restart go first."""
    while len(numbers) + len(texts) > most:
        del (numbers or texts)[0]


def _numbers(text: str, kept: list[int]) -> list[int]:
    return [number for number, _ in pieces_of(text, _ALL)] if text else kept


def _words(text: str) -> list[int]:
    return list({crc32(word.encode("utf-8", "replace")) for word in _WORD.findall(text.lower())})


def lacks(history: str, asked: str) -> bool:
    """Whether a history surely does not hold all pieces of a question: words of one of them are not in it.

    Most calls that do not bring the last question bring none of it; this tells without taking both apart.
    """
    found = _UNCUT.search(asked.lower())
    run = found[0].strip(AROUND) if found else ""
    if len(run) < LEAST:
        return False
    lowered = history.lower()
    for word in run.split():  # noqa: SIM110 - asked of every call; a generator takes as long as the search
        if word not in lowered:
            return True
    return False


def text_behind(history: str, asked: list[int]) -> str:
    """The text of a history behind the question, empty where it does not hold all of it."""
    pieces = dict(pieces_of(history, _ALL))
    if not asked or not set(asked) <= pieces.keys():
        return ""
    last = pieces[asked[-1]]
    lowered = history.lower()
    return lowered[lowered.index(last) + len(last) :]


def _is_new(talk: Talk, behind: str) -> bool:
    """Whether there is text behind the question that was not there before and that no model gave out."""
    known = set(_numbers(talk.before, talk.before_numbers))
    for given_out in (*talk.given_out_numbers, *(_numbers(one, []) for one in talk.given_out)):
        known.update(given_out)
    new = [piece for number, piece in pieces_of(behind, _ALL) if number not in known and len(piece) >= _TELLING]
    return bool(new) and not any(_PUT_THERE.search(piece) for piece in new)


def _is_exchanged(talk: Talk, history: str) -> bool:
    """Whether an answer that stood in the last history is gone from between its neighbours, and something else stands there."""
    if not talk.kept or (talk.before and talk.before in history) or not (talk.before or talk.before_numbers):
        return False
    asked = _numbers(talk.asked, talk.asked_numbers)
    before = [*_numbers(talk.before, talk.before_numbers), *asked]  # in this order
    given = {number for one in talk.given_out_numbers for number in one}
    given.update(number for one in talk.given_out for number in _numbers(one, []))
    pieces = list(pieces_of(history[-_TAIL:], _ALL))
    places = {number: place for place, (number, _) in enumerate(pieces)}
    gone = [place for place, number in enumerate(before) if number in given and number not in places]
    if not gone:
        return False
    known = {*before, *given}
    words = set(_words(talk.before) if talk.before else talk.before_words)
    for place in gone:
        left = next((number for number in reversed(before[:place]) if number in places), None)
        right = next((number for number in before[place + 1 :] if number in places), None)
        if left is None or right is None:
            continue
        between = pieces[places[left] + 1 : places[right]]
        if any(_says_something_else(piece, words) for number, piece in between if number not in known):
            return True
    return False


def _says_something_else(piece: str, before: set[int]) -> bool:
    """Whether a piece is no shorter or reworked form of what stood there, and none that an application puts in its place."""
    own = _words(piece)
    if len(piece) < _TELLING or len(own) < _TELLING_WORDS or _PUT_THERE.search(piece):
        return False
    return sum(word in before for word in own) < _SHARED * len(own)
