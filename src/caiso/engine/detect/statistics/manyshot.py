"""Many-shot context: one prompt that holds a whole staged dialogue, so that the model goes on in its manner.

Anil et al. 2024 fill the context with dozens of made-up turns in which an assistant complies. Turns are told by their
labels at the start of lines, in several languages and chat formats, or, whatever two speakers are called, by taking turns
until an empty turn of one who obliges each time. A pasted transcript ends with an answer, or a task is said about it; staged
turns end with a question that still wants one. What a service's prompts usually hold is learned and left alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Final

import msgspec

from caiso.engine.detect.signal import Facts
from caiso.engine.detect.statistics.memory import Recent
from caiso.engine.detect.statistics.observer import Columns, Observer, Seen, State, note
from caiso.engine.detect.statistics.settings import Fields, Settings
from caiso.engine.packs import Between

_MOST_CHARS: Final = 400_000
_LABEL_CHARS: Final = 32  # an answer up to here may be a class; a compliant one says more
_FEW_CLASSES: Final = 4  # answers to each class: examples of sorting repeat theirs
_MOST_CLASSES: Final = 24
_OPEN_CHARS: Final = 40  # an answer shorter than this is a cue for the model, no answer
_TASK_CHARS: Final = 400  # of what is said before the first turn
_LEAST_TURNS: Final = 8  # lines of one speaker, else nobody stages anything
_OBLIGING: Final = 0.4  # of the answers, from where on one who answers obliges each time
# What is to be done with turns that are data; who stages them wants the next one.
_TASK: Final = re.compile(
    r"(?i)\b(?:summar|classif|categor|label|cluster|group|sort|count|rate\b|rating|score|analy[sz]|evaluat|review|translat|extract|tag\b|"
    r"how many|which of|what are the|most common|topics?\b|sentiment|transcript|chat log|proofread|correct|anonymi[sz]|fass|zähl|ordne|"
    r"bewert|übersetz|auswert|themen|résum|class(?:e|ez|er)\b|compt(?:e|ez)\b|traduis|évalu|resum|clasific|cuent|traduc|eval[uú]|"
    r"riassum|classific|conta\b|traduci|valuta|samenvat|vat\b|tel\b|vertaal|beoordeel|podsumuj|sklasyfik|policz|przetłumacz|oceń)"
)
_ANY_LABEL: Final = re.compile(
    r"^[ \t>*#_\-\[]{0,6}([^\W\d_][^\n:\uff1a\"'{}()<>/\\]{0,23})[\]*_]{0,3}[ \t]?[:\uff1a]", re.MULTILINE
)
_OPEN_LABEL: Final = re.compile(
    r"(?:^|\n)[ \t>*#_\-\[]{0,6}[^\W\d_][^\n:\uff1a\"'{}()<>/\\]{0,23}[\]*_]{0,3}[ \t]?[:\uff1a]\s{0,4}$"
)
_OBLIGES: Final = re.compile(
    r"(?i)\W{0,3}(?:sure|of course|certainly|absolutely|happy to|gladly|yes|okay|ok\b|no problem|here(?:.s| is| are)|right away|"
    r"gerne?\b|klar|natürlich|selbstverständlich|kein problem|ja\b|bien sûr|volontiers|avec plaisir|d.accord|pas de problème|oui\b|voici|"
    r"claro|por supuesto|desde luego|con gusto|encantad|sí\b|com certeza|com prazer|sim\b|certo|certamente|volentieri|ecco|"
    r"natuurlijk|graag|zeker|geen probleem|jasne|oczywiście|chętnie|tabii|elbette|конечно|разумеется|да\b|当然|好的|没问题|もちろん|はい|喜んで|물론|네\b|بالطبع|بالتأكيد)"
)
# Messages as data, by whoever each is from and with what he says behind it.
_SPEAKER: Final = re.compile(
    r'"(?:from|speaker|author|sender|role|who|name)"\s{0,2}:\s{0,2}"([^"\n]{1,32})"\s{0,3},\s{0,3}"[a-z_]{1,16}"\s{0,2}:\s{0,2}"'
)
_SPEAKS: Final = '":'
_HEAD_CHARS: Final = 2_000
_ASKS: Final = (
    r"user|human|usr|q|question|prompt|input|instruction|customer|person|student|me|nutzer|benutzer|mensch|frage|anfrage|"
    r"usuario|pregunta|humano|utilisateur|humain|utente|domanda|usu[aá]rio|pergunta|gebruiker|vraag|u[zż]ytkownik|pytanie|"
    r"пользователь|вопрос|用户|問|问|ユーザー|質問|사용자|질문|مستخدم|سؤال"
)
_ANSWERS: Final = (
    r"assistant|ai|bot|chatbot|model|a|answer|response|output|reply|completion|system|gpt|assistent|ki|antwort|asistente|"
    r"respuesta|ia|r[eé]ponse|risposta|assistente|resposta|antwoord|asystent|odpowied[zź]|ассистент|ответ|助手|答|"
    r"アシスタント|回答|어시스턴트|답변|مساعد|جواب"
)
_LABEL: Final = re.compile(
    rf"^[ \t>#*_\-\[<|(]{{0,8}}(?:\d{{1,4}}[.)]\s*)?(?:(?P<asks>{_ASKS})|(?P<answers>{_ANSWERS}))"
    rf"(?:[ \t#]{{0,2}}\d{{1,4}})?[\]>*|_)]{{0,6}}[ \t]{{0,3}}[:\uff1a]"
    r"|<\|(?:im_start|start_header_id)\|>\s*(?:(?P<asks2>user)|(?P<answers2>assistant))"
    r"|(?P<asks3>\[INST\])|(?P<answers3>\[/INST\])"
    r'|"role"\s*:\s*"(?:(?P<asks4>user)|(?P<answers4>assistant))"',
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True)
class ManyshotSettings(Settings):
    """``turns`` pairs of question and answer in one prompt, and ``factor`` times what is usual for the key."""

    value: Fields = ("content.user",)
    turns: Annotated[int, Between(4, 1_000)] = 12
    factor: Annotated[float, Between(1, 100)] = 2
    samples: Annotated[int, Between(5, 10_000)] = 30
    chars: Annotated[int, Between(100, 1_000_000)] = 600
    timespan: timedelta = timedelta(minutes=10)

    naming: ClassVar[tuple[str, ...]] = ("value",)


class ManyshotState(State):
    """How many turns the key's prompts usually hold, and how long they are."""

    turns: Recent | None = None
    chars: Recent | None = None


class Prompt(msgspec.Struct):
    """What the prompt is built like."""

    chars: int
    pairs: int
    ends_open: bool
    sorts: bool = False  # the answers are a few short classes: examples of sorting, no dialogue


class Manyshot(Observer[ManyshotSettings, ManyshotState]):
    """Staged dialogues in a prompt."""

    settings_type = ManyshotSettings
    state_type = ManyshotState

    def sample(self, columns: Columns, row: int) -> Prompt | None:
        for name in self.settings.value:
            value = columns[name][row]
            if isinstance(value, str) and value:
                return prompt_of(value)
        return None

    def begin(self, seen: Seen) -> ManyshotState:
        return ManyshotState(newest=seen.time_us, turns=Recent(200), chars=Recent(200))

    def observe(self, state: ManyshotState, seen: Seen) -> Facts | None:
        settings, prompt = self.settings, seen.sample
        turns, chars = state.turns, state.chars
        assert turns is not None  # noqa: S101 - begin sets it
        assert chars is not None  # noqa: S101
        limit: float = settings.turns
        usual = "not known yet"
        if len(turns) >= settings.samples:
            high = turns.quantile(0.95)
            limit = max(limit, settings.factor * high)
            usual = f"up to {high:.0f} turns, {chars.quantile(0.95):,.0f} characters"
        staged = prompt.pairs >= limit and prompt.ends_open and not prompt.sorts and prompt.chars >= settings.chars
        turns.add(min(prompt.pairs, limit) if staged else prompt.pairs)
        chars.add(prompt.chars)
        if not staged:
            return None
        note(state, seen)
        return {
            "staged turns": prompt.pairs,
            "characters": prompt.chars,
            "usual": usual,
            "limit": round(limit),
            "ends": "with a question that wants an answer",
        }


def prompt_of(text: str) -> Prompt:
    """Pairs of a question label and the answer label that follows it."""
    if _SPEAKS in text[:_HEAD_CHARS] and (turns := _turns_in_data(text)):
        return Prompt(len(text), turns, ends_open=True)
    if ":" not in text and "\uff1a" not in text and "[INST]" not in text and "<|" not in text:
        return Prompt(len(text), 0, ends_open=False)
    pairs, asked, last_asks, end, answered = 0, False, False, 0, -1
    classes: set[str] = set()
    longest = 0
    for found in _LABEL.finditer(text, 0, _MOST_CHARS):
        last_asks = _asks(found)
        if answered >= 0:
            said = text[answered : found.start()].strip()
            longest = max(longest, len(said))
            if len(classes) <= _MOST_CLASSES:
                classes.add(said[:_LABEL_CHARS].lower())
            answered = -1
        end = found.end()
        if last_asks:
            asked = True
        elif asked:
            pairs += 1
            asked = False
            answered = end
    if pairs < _LEAST_TURNS and _OPEN_LABEL.search(text[-_OPEN_CHARS:]):
        return Prompt(len(text), max(pairs, _turns_of_two(text)), ends_open=True)
    first = _LABEL.search(text, 0, _MOST_CHARS) if pairs >= _LEAST_TURNS else None
    about = first is not None and _TASK.search(text[max(0, first.start() - _TASK_CHARS) : first.start()]) is not None
    open_ = not about and (last_asks or (end > 0 and len(text) - end < _OPEN_CHARS))
    sorts = longest <= _LABEL_CHARS and len(classes) <= min(_MOST_CLASSES, pairs // _FEW_CLASSES)
    sorts = sorts and not _oblige(classes)
    return Prompt(len(text), pairs, ends_open=bool(open_), sorts=sorts)


def _oblige(classes: set[str]) -> bool:
    """Whether short answers are no classes after all: each begins to do what was asked ("Sure, take")."""
    telling = [said for said in classes if " " in said]
    return 2 * len(telling) > len(classes) and sum(_OBLIGES.match(said) is not None for said in telling) * 2 > len(
        classes
    )


def _turns_of_two(text: str) -> int:
    """How often one of two speakers, whatever they are called, answers the other, if he obliges most of the time."""
    found = [(label[1].strip().lower(), label.end()) for label in _ANY_LABEL.finditer(text, 0, _MOST_CHARS)]
    if len(found) < 2 * _LEAST_TURNS:
        return 0
    return _obliged(text, found, found[-1][0], found[-2][0])


def _turns_in_data(text: str) -> int:
    """The same of a list of messages, whose last one still wants an answer."""
    found = [(speaker[1].lower(), speaker.end()) for speaker in _SPEAKER.finditer(text, 0, _MOST_CHARS)]
    if len(found) < 2 * _LEAST_TURNS or _TASK.search(text[: text.find(found[0][0])][:_TASK_CHARS]):
        return 0
    return _obliged(text, found, found[-2][0], found[-1][0])


def _obliged(text: str, found: list[tuple[str, int]], answers: str, asks: str) -> int:
    names = [name for name, _ in found]
    if answers == asks or min(names.count(answers), names.count(asks)) * 3 < len(names):
        return 0
    turns = [end for (before, _), (name, end) in pairwise(found) if (before, name) == (asks, answers)]
    obliging = sum(_OBLIGES.match(text, end) is not None for end in turns)
    return len(turns) if obliging >= _OBLIGING * len(turns) else 0


def _asks(found: re.Match[str]) -> Any:
    return bool(found["asks"] or found["asks2"] or found["asks3"] or found["asks4"])
