"""What people agree to: a short yes to a question of the assistant's, and a check that somebody within confirmed."""

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
