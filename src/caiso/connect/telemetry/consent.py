"""What people agree to: a short yes to a question of the assistant's, a check that somebody within confirmed; and texts that wait for a word."""

from __future__ import annotations

import re
from typing import Final

from caiso.connect.telemetry.places import Numbers, number_of

SHORT: Final = 80  # characters of an answer that says yes
_ASKED: Final = 700  # characters at the end of what was said before
_MOST: Final = 64
_CHARS: Final = 4_000
_YES = re.compile(
    r"(?i)\W{0,3}(?:y(?:es|ep|eah|up)\b|sure|ok(?:ay)?\b|go (?:ahead|on)|do (?:it|that|so|both)|please (?:do|go|proceed)|proceed|confirmed|i confirm|approved|"
    r"ja\b|mach das|bitte (?:tun|machen|löschen|ausführen)|bestätig|oui|vas-y|allez-y|d.accord|s[ií]\b|adelante|hazlo|confirmo|vale|sim\b|pode|pode ir|tak\b|potwierdzam|"
    r"ga door|akkoord|va bene|procedi|confermo|evet|onayl|да\b|давай|подтвержд|はい|お願い|是|好|确认|네)"
)
# A name as machines have them: letters with a sign or a digit between.
_NAME = re.compile(
    r"(?<![\w-])[A-Za-z0-9]{1,40}(?:[-_][A-Za-z0-9]{1,40}){1,8}(?![\w-])|(?<![\w.-])[A-Za-z]{2,30}[0-9]{1,12}(?![\w-])"
)
_CONFIRMING = re.compile(
    r"(?i)verif|confirm|approv|call_?back|four_?eyes|second_?(?:look|approver)|freigabe|conferma|r[uü]ckruf|bestaetig|bestätig"
)
_CONFIRMED = re.compile(  # also in a result that stands in a text of its own
    r'(?i)\\?"(?:confirmed|verified|approved|freigegeben|bestätigt|confermato|verificato|confirmé|approuvé|confirmado|aprobado|aprovado)\\?"(?!\s{0,2}:)'
    r'|\\?"(?:confirmed|verified|approved)\\?"\s{0,2}:\s{0,2}true'
)
_NOT = re.compile(
    r'(?i)\\?"(?:denied|rejected|refused|pending|failed|expired)\\?"|\\?"(?:confirmed|verified|approved)\\?"\s{0,2}:\s{0,2}false'
)
# A text that has something done later, with the next thing that somebody says, or that spells out the call of a tool. Each wording
# begins with letters that are the same in all its forms: of a long text only what follows them is read.
_CALLS = re.compile(r"[a-z]{2}_[a-z]{2,20}\s?\(")
_SAYS = (
    r" (?:the |your )?(?:user|person|owner|human|customer|resident|reader|host|he|she|they|somebody|someone)\b[^.\n]{0,24}"
    r"\b(?:says?|writes?|types?|sends?|answers?|replies|responds?|thanks|speaks?)\b"
)
_TURN = r" (?:message|turn|reply|word|input|request|line|prompt|answer)s?\b"
_ROMANCE = r"\b[^.\n]{0,30}\b(?:diga|escriba|responda|escrever|responder|disser|dice|scrive|risponde)"
_WAITS = tuple(
    (begins, re.compile(re.escape(begins) + goes_on))
    for begins, goes_on in (
        ("trigger", r"\b"), ("next", _TURN), ("following", _TURN), ("subsequent", _TURN),
        ("as soon as", _SAYS), ("once", _SAYS), ("when", "(?:ever)?" + _SAYS), ("the moment", _SAYS), ("after", _SAYS),
        ("nächste", r"[nrs]? (?:nachricht|antwort|eingabe|wort)"), ("folgende", r"[nrs]? (?:nachricht|antwort|eingabe|wort)"),
        ("sobald", r"\b[^.\n]{0,40}\b(?:schreibt|sagt|antwortet|tippt)"),
        ("prochain", r"e?s? (?:message|réponse)"), ("suivant", r"e?s? (?:message|réponse)"),
        ("message suivant", ""), ("réponse suivante", ""), ("s que", r"\b[^.\n]{0,40}\b(?:dit|écrit|répond)"),
        ("próxim", r"[oa] (?:mensaje|mensagem|respuesta|resposta)"), ("siguiente", r" (?:mensaje|respuesta)"),
        ("en cuanto", _ROMANCE), ("cuando", _ROMANCE), ("assim que", _ROMANCE), ("quando", _ROMANCE), ("prossimo messaggio", ""),
        ("volgende", r" (?:bericht|antwoord)"), ("zodra", r"\b[^.\n]{0,40}\b(?:zegt|schrijft|typt)"),
        ("następn", r"\w{1,3} (?:wiadomo|odpowied)"), ("gdy", r"\b[^.\n]{0,30}\b(?:napisze|powie)"),
        ("наступн", r"\S{1,3} (?:повідомлен|раз)"), ("следующ", r"\S{2,3} (?:сообщен|раз)"),
        ("скаже", ""), ("напише", ""), ("下一条", ""), ("下次", ""), ("次の", "(?:発言|メッセージ|返事)"), ("다음", " (?:메시지|말)"),
    )
)  # fmt: skip


def waits_for_word(text: str) -> bool:
    """Whether a text that came in has something done with the next word of a person, or spells out the call of a tool."""
    lowered = text.lower()
    if "_" in lowered and "(" in lowered and _CALLS.search(lowered):
        return True
    return any(begins in lowered and wording.search(lowered) for begins, wording in _WAITS)


def agreed_to(said: str, before: str) -> Numbers:
    """The names in the question at the end of what was said before, where the user says yes to it and nothing else."""
    end = before[-_ASKED:].rstrip()
    if not end.endswith(("?", "\uff1f")) or len(said) > SHORT or "?" in said or _YES.match(said) is None:
        return {}
    return dict.fromkeys(names_of(end.rpartition("\n\n")[2]))


def names_of(text: str) -> set[int]:
    """Numbers of the names of things that a text holds."""
    return {number_of(name) for name in _NAME.findall(text[:_CHARS])[:_MOST]}


def confirms(tool: str, result: str) -> bool:
    """Whether a tool that has something checked says that it was confirmed."""
    return (
        _CONFIRMING.search(tool) is not None and _CONFIRMED.search(result) is not None and _NOT.search(result) is None
    )
