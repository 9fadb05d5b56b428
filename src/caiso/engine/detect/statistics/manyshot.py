"""Many-shot context: one prompt that holds a whole staged dialogue, so that the model goes on in its manner.

Anil et al. 2024 fill the context with dozens of made-up turns in which an assistant complies. Turns are told by their
labels at the start of lines, in several languages and chat formats. A pasted transcript ends with an answer; staged
turns end with a question that still wants one. What a service's prompts usually hold is learned and left alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
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
    open_ = last_asks or (end > 0 and len(text) - end < _OPEN_CHARS)
    sorts = longest <= _LABEL_CHARS and len(classes) <= min(_MOST_CLASSES, pairs // _FEW_CLASSES)
    return Prompt(len(text), pairs, ends_open=bool(open_), sorts=sorts)


def _asks(found: re.Match[str]) -> Any:
    return bool(found["asks"] or found["asks2"] or found["asks3"] or found["asks4"])
