"""The texts of a batch, and what else is asked about its tool calls, by row."""

from __future__ import annotations

import re
from typing import Final

from caiso.connect.telemetry.places import FREE_MAIL
from caiso.connect.telemetry.table import EventBatch

_LONGEST: Final = 60
_ASKED: Final = 120  # characters at the end of an answer
# Thanks; praise alone, or "ok", may be an answer to a question.
_THANKS = re.compile(
    r"(?i)\W{0,3}(?:(?:(?:great|perfect|super|wonderful|lovely|nice|cool|awesome|excellent|brilliant|many|all good|that.s all|ok|okay|sure|prima|toll|klasse|parfait|génial|genial|vale|perfecto|ótimo|perfeito|perfetto|ottimo|mooi|świetnie)\W{1,3}){0,2}"
    r"(?:thanks?(?: you| a lot| so much| very much)*|thx|cheers|danke(?: schön| dir| ihnen| sehr)*|vielen dank|besten dank|merci(?: beaucoup| bien)*|(?:muchas )?gracias|(?:muito )?obrigad[oa]|grazie(?: mille)?|dank (?:je|u)(?: wel)?|bedankt|dzięki|dziękuję|tack|takk|tak(?: skal du have)?|kiitos|děkuj[iu]|díky|hvala|mulțumesc|köszönöm|teşekkürler|teşekkür ederim|sağ ?ol"
    r"|дякую|спасибі|спасибо|благодаря|ευχαριστώ|תודה(?: רבה)?|شكرا|谢谢|謝謝|多谢|감사합니다|고마워|धन्यवाद|ありがとう(?:ございます)?)"
    r")(?:\W{1,3}(?:great|perfect|bye|much appreciated|so much))?\W{0,4}"
)
# A word with which a talk ends or goes on.
_NOD = re.compile(
    r"(?i)\W{0,3}(?:(?:ok(?:ay|ey)?|k|great|cool|nice|good|perfect|super|sure|fine|alright|all right|got it|understood|noted|awesome|lovely|bye(?:[- ]bye)?|see you(?: later)?|good ?night|later|ty|cheers|will do"
    r"|gut|prima|toll|alles klar|verstanden|passt|tschüss|bis dann|super|d.accord|parfait|entendu|compris|au revoir|vale|perfecto|genial|entendido|bien|adiós|hasta luego|bene|perfetto|va bene|capito|ciao|ótimo|certo|beleza|entendi|tchau"
    r"|goed|mooi|top|doei|dobrze|świetnie|jasne|pa|bra|fint|hej då|tamam|peki|güzel|добре|чудово|гаразд|ок|хорошо|отлично|понятно|ладно|пока|好的?|行|再见|了解(?:です)?|わかりました|알겠습니다|네)[\s,.!…🙂👍😊]{0,4}){1,3}"
)


def is_only_nod(said: str, before: str) -> bool:
    """Whether all that somebody says is a short word that asks for nothing, and not to a question or an offer."""
    return len(said) <= _LONGEST and _NOD.fullmatch(said.strip()) is not None and not _is_asked(before)


def is_only_thanks(said: str, before: str) -> bool:
    """Whether all that somebody says is thanks, and not to a question or an offer that stood before it."""
    return len(said) <= _LONGEST and _THANKS.fullmatch(said.strip()) is not None and not _is_asked(before)


def _is_asked(before: str) -> bool:
    end = before[-_ASKED:].lower()
    return any(
        sign in end for sign in ("?", "\uff1f", "let me know", "if you like", "if you want", "sag mir", "auf wunsch")
    )


class RowTexts:
    """The texts of a batch by field and row."""

    def __init__(self, events: EventBatch) -> None:
        self._texts = events.texts
        self._tools, self._impacts = events.column("gen_ai.tool.name"), events.column("aisoc.tool.impact")
        self._operations = events.column("gen_ai.operation.name")
        self._users = events.column("user.id")

    def of(self, field: str, row: int) -> str:
        column = self._texts.get(field)
        return (column[row] or "") if column is not None else ""

    def tool(self, row: int) -> str:
        return str(self._tools[row] or "")

    def impact(self, row: int) -> object:
        return self._impacts[row]

    def operation(self, row: int) -> str:
        return str(self._operations[row] or "")

    def domain(self, row: int) -> str:
        """The user's own, as far as a mail address tells."""
        domain = str(self._users[row] or "").rpartition("@")[2].lower()
        return domain if "." in domain and domain not in FREE_MAIL else ""
