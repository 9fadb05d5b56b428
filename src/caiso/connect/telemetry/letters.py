"""Turns of a user that the user did not write: a mail that an application hands over as the turn, a prompt that came with a link.

What such a turn names is named by a stranger, whichever role it has in the conversation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from caiso.connect.telemetry.places import FREE_MAIL, MAIL, Numbers, number_of, owner
from caiso.connect.telemetry.table import EventBatch

_HEAD: Final = 300  # characters in which a mail says that it is one
_PROMPT_LEAST: Final = 40
_PROMPTS: Final = 1_000
_URL: Final = "url.full"
_QUERY: Final = "url.query"
_REFERER: Final = "http.request.header.referer"
_ASKING: Final = frozenset(("q", "query", "prompt", "text", "message", "question", "input", "p"))
# "New mail from ...", as an application introduces what came in, the head of a mail, or its fields.
_LETTER = re.compile(
    r"(?i)[\s\[(*#]{0,4}(?:(?:(?:you have (?:a )?|you.ve got (?:a )?)?(?:new|incoming|inbound|received)\s(?:customer |support |external |web |contact )?"
    r"(?:e-?mail|mail|message|letter|ticket|inquiry|enquiry|lead|voicemail|sms|form(?: entry| submission)?|submission)\b"
    r"|neue[rs]? \S{0,12}(?:mail|nachricht|ticket|anfrage|formular)\b|nouve(?:au|l|lle) (?:mail|message|courriel|e-mail|ticket|demande)\b"
    r"|nuev[oa] (?:correo|mensaje|e-?mail|ticket|solicitud|consulta)\b|nuov[ao] (?:e-?mail|messaggio|ticket|richiesta)\b"
    r"|nov[ao] (?:e-?mail|mensagem|ticket|pedido)\b|nieuwe? (?:e-?mail|mail|bericht|ticket|aanvraag)\b|now[aey] (?:e-?mail|wiadomość|zgłoszenie)|ny(?:tt)? (?:e-?post|mail|meddelande)\b)"
    r"[^\n]{0,80}?\s(?:from|by|von|de|da|van|od|fra|från)\s[^\n:]{2,80}(?:[:\n]|@)"
    r"|\s{0,3}from\s{0,2}:[^\n]{2,120}@[^\n]{2,80}\n(?:to|cc|subject|date|received)\s{0,2}:"
    r"|\{\s{0,4}\"(?:from|sender|message_id|subject)\"\s{0,2}:)"
)
_FROM = re.compile(r"(?i)(?:^|[\s\"])(?:from|sender|by|von|de|da|van|od|fra|från)(?:\"?\s{0,2}:|\s)")
_FIRST: Final = frozenset("nyairuf[(*#{ \t\n")  # letters with which that begins


def is_letter(said: str) -> bool:
    """Whether what stands as the user's turn is a mail of somebody else."""
    return said[:1].lower() in _FIRST and _LETTER.match(said[:_HEAD]) is not None


def sender_places(said: str) -> Iterator[int]:
    """The places of whoever wrote a mail: to answer there is what mail is for."""
    head = _FROM.search(said[:_HEAD]) if is_letter(said) else None
    if head is None:
        return
    # Who it is from stands up to where the text begins.
    found = MAIL.search(re.split(r"[:\n]", said[head.end() : _HEAD], maxsplit=1)[0])
    if found is not None:
        domain = found[2].lower()
        yield number_of(f"{found[1]}@{domain}")
        if domain not in FREE_MAIL:
            yield number_of(domain)
            yield number_of(f"*.{owner(domain)}")


class Linked:
    """Remembers which prompts came with a link on somebody else's page."""

    def __init__(self, known: Iterable[int] = ()) -> None:
        self._prompts: Numbers = dict.fromkeys(known)

    def note(self, events: EventBatch) -> None:
        """Take the prompts out of a batch's requests; most batches have no such request."""
        fields = events.fields()
        if _QUERY not in fields or _REFERER not in fields:
            return
        queries, referrers, addresses = events.column(_QUERY), events.column(_REFERER), events.column(_URL)
        for row, query in enumerate(queries):
            referer = referrers[row]
            if (
                referer
                and isinstance(query, str)
                and len(query) > _PROMPT_LEAST
                and _is_elsewhere(referer, addresses[row])
            ):
                for name, text in parse_qsl(query, max_num_fields=50):
                    if name in _ASKING and len(text) >= _PROMPT_LEAST:
                        self._prompts[number_of(text.strip())] = None
        while len(self._prompts) > _PROMPTS:
            del self._prompts[next(iter(self._prompts))]

    def holds(self, said: str) -> bool:
        """Whether a turn is such a prompt."""
        return bool(self._prompts) and number_of(said.strip()) in self._prompts

    def save(self) -> list[int]:
        """What is remembered, the oldest first."""
        return [*self._prompts]


def _is_elsewhere(referer: Any, address: Any) -> bool:
    """Whether a request was led to by a page of another owner."""
    page = str((referer[0] if referer else "") if isinstance(referer, list) else referer)
    try:
        came_from, went_to = urlsplit(page).hostname, urlsplit(str(address or "")).hostname
    except ValueError:
        return False
    return bool(came_from and went_to) and owner(came_from or "") != owner(went_to or "")
