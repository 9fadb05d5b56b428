"""Places that a text names, as numbers: hosts, mail addresses, telephones and accounts; where a call sends, and what makes a place known."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from functools import lru_cache
from typing import Final
from zlib import crc32

from caiso.connect.telemetry.meaning.escapes import without_breaks
from caiso.connect.telemetry.meaning.impact import DESTINATIONS, strings_of
from caiso.connect.telemetry.meaning.messages import load

Numbers = dict[int, None]  # in the order in which they came: the oldest go first

_CHARS: Final = 2_000  # of a text
_MOST: Final = 64  # places of one
_URL = re.compile(r"(?i)\b(?:https?|wss?|ftps?|sftp|ssh|git)://(?:[^\s/?#\"'<>\\]*@)?([^\s/?#\"'<>\\:@]{4,120})")
MAIL = re.compile(r"([\w.+-]{1,64})@((?:[A-Za-z0-9-]{1,63}\.){1,6}[A-Za-z]{2,18})")
_URL_PLACE: Final = r"\b[a-z]{2,6}://[^\s\"'<>\\]{1,300}"
_MAIL_PLACE: Final = r"[\w.+-]{1,64}@[A-Za-z0-9.-]{1,120}(?::[^\s\"'\\]{1,120})?"
_SPOKEN = {
    (True, False): re.compile(_URL_PLACE, re.IGNORECASE),
    (False, True): re.compile(_MAIL_PLACE, re.IGNORECASE),
    (True, True): re.compile(f"{_URL_PLACE}|{_MAIL_PLACE}", re.IGNORECASE),
}  # by whether a text has the sign of an address, and that of a mailbox: to look for both takes much longer
_SENDER = re.compile(
    r"(?i)(?:from|sender|reply[-_ ]?to|return-path|author|von|absender|de|da)[\"']?\s{0,2}[:=]\s{0,2}[\"']?(?:[^\"'\n<]{0,60}<)?$"
)
_PHONE = re.compile(r"(?<![\w+])\+[0-9]{1,3}[ ()/.-]{0,2}[0-9][0-9 ()/.-]{5,15}[0-9]")
_ACCOUNT = re.compile(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,4})?\b")
_DIGITS = re.compile(r"[0-9]{2}")
_COMMON: Final = (
    "com|net|org|io|app|dev|eu|de|co|info|site|online|cloud|xyz|ai|example"  # a bare host is told by its ending
)
_ENDING = re.compile(rf"\.(?:{_COMMON})")
_BARE = re.compile(rf"(?i)(?<![\w@./-])((?:[a-z0-9-]{{1,63}}\.){{1,4}}(?:{_COMMON}))(?![\w@-]|\.\w)")
FREE_MAIL: Final = frozenset((
    "gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "yahoo.com", "icloud.com", "me.com", "aol.com",
    "proton.me", "protonmail.com", "gmx.de", "gmx.net", "gmx.com", "web.de", "t-online.de", "orange.fr", "free.fr", "laposte.net",
    "libero.it", "mail.ru", "yandex.ru", "qq.com", "163.com", "naver.com", "zoho.com", "fastmail.com", "posteo.de", "mailbox.org",
))  # fmt: skip
_DESTINATIONS: Final = frozenset((
    *DESTINATIONS, "remote", "target", "server", "domain", "webhookurl", "callback", "callback_url", "with", "share_with",
    "shared_with", "user", "member", "grantee", "collaborator", "invitee", "attendees", "guests", "guest", "forward_to",
    "forward", "delegate", "emails", "users", "members", "notify", "target_url", "destination_url", "mailto", "reply_to",
))  # fmt: skip
# Where the result of a sending tool says to whom it went.
_DELIVERED: Final = frozenset((
    "to", "cc", "bcc", "accepted", "recipient", "recipients", "rcpt", "rcpt_to", "rcptto", "envelope_to", "delivered", "delivered_to", "sent_to",
))  # fmt: skip


def may_name(text: str) -> bool:
    """Whether it is worth looking; asked of all that users say, so what begins with one certain character comes first."""
    return "@" in text or "://" in text or "+" in text or _has_ending(text) or has_digits(text)


def _has_ending(text: str) -> bool:
    return _ENDING.search(text) is not None


def has_digits(text: str) -> bool:
    """Whether two digits stand side by side."""
    return any(map(text.__contains__, "0123456789")) and _DIGITS.search(text) is not None


@lru_cache(maxsize=512)
def known_places(text: str) -> tuple[int, ...]:
    """Numbers of the places in a text that makes them known, the domains above their hosts among them."""
    found: Numbers = {}
    for numbers, at, host in _places(text):
        found.update(dict.fromkeys(numbers))
        if host == owner(host) and host not in FREE_MAIL and "://" not in text[at : at + 9]:
            found[_below(host)] = None
    for line in lines_of(text):
        found.update(dict.fromkeys(line))
    if "://" in text:
        found.update(dict.fromkeys(number_of(owner(host)) for host in _URL.findall(text)[:_MOST]))
    return tuple(found)


def _below(host: str) -> int:
    """Stands for whatever lies below a domain: who names it as such means its hosts as well."""
    return number_of(f"*.{owner(host)}")


def named_places(text: str) -> Iterator[tuple[int, bool]]:
    """Numbers of the places in a text, and whether it names each as its sender."""
    for numbers, at, _ in _places(text):
        sender = bool(_SENDER.search(text[max(0, at - 80) : at]))
        for number in numbers:
            yield number, sender
    for line in lines_of(text):
        for number in line:
            yield number, False


def lines_of(text: str) -> Iterator[list[int]]:
    """Each telephone and account that a text names."""
    if "+" in text:
        for found in _PHONE.findall(text)[:_MOST]:
            yield [number_of("+" + "".join(filter(str.isdigit, found)))]
    if has_digits(text):
        for found in _ACCOUNT.findall(text)[:_MOST]:
            yield [number_of(found.replace(" ", ""))]


def _places(text: str, *, bare: bool = True) -> Iterator[tuple[list[int], int, str]]:
    """Each place that a text names, under all its names, where, and its host."""
    for found in [*_URL.finditer(text)][:_MOST] if "://" in text else ():
        host = found[1].rstrip(".").lower()
        yield [number_of(host)], found.start(), host
    for found in [*MAIL.finditer(text)][:_MOST] if "@" in text else ():
        local, domain = found[1].lower(), found[2].lower()
        if local == "git":
            yield [number_of(domain)], found.start(), domain
        else:
            mail = number_of(f"{local}@{domain}")
            yield [mail] if domain in FREE_MAIL else [mail, number_of(domain)], found.start(), domain
    for found in [*_BARE.finditer(text)][:_MOST] if bare and _has_ending(text) else ():
        host = found[1].lower()
        yield [number_of(host)], found.start(), host


def destinations_of(arguments: str, own: str = "") -> Iterator[list[int]]:
    """The places that a call names as where it sends; all that it names where no argument says so.

    The user's ``own`` domain is none of them. Each goes with what stands for all that lies below its domain.
    """
    given = list(strings_of(load(without_breaks(arguments[: 4 * _CHARS]))))
    told = [text for name, text in given if name in _DESTINATIONS]
    for text in told or [text for _, text in given]:
        for numbers, _, host in _places(text[:_CHARS], bare=bool(told)):
            if not own or not (f".{host}".endswith(f".{own}") or f".{own}".endswith(f".{host}")):
                yield [*numbers, _below(host)]


def without_places(arguments: str) -> str:
    """What a call sends without where: who copies an address from a page takes nothing away by that."""
    pattern = _SPOKEN.get(("://" in arguments, "@" in arguments))
    return arguments if pattern is None else pattern.sub("|", arguments)


def owner(host: str) -> str:
    return ".".join(host.lower().rstrip(".").split(".")[-2:])


def number_of(text: str) -> int:
    return crc32(text.lower().encode("utf-8", "replace"))


def adds_recipient(arguments: str, result: str, own: Container[str] = ()) -> bool:
    """Whether a tool says that it delivered to a mail address whose domain the call did not name and that is not the house's own."""
    told = [text for key, text in strings_of(load(without_breaks(result[: 2 * _CHARS]))) if key in _DELIVERED]
    if not told:
        return False
    asked = arguments.lower()
    found = (domain.lower() for text in told[:_MOST] for _, domain in MAIL.findall(text[:_CHARS]))
    return any(f"@{domain}" not in asked and owner(domain) not in own for domain in found)
