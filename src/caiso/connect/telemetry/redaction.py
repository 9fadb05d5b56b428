"""Replaces keys and personal data in content before it is stored, by marks that keep what a responder needs.

A mark names the kind, the first and last characters of a key (enough to find and revoke it, useless to an attacker), and a
keyed fingerprint: the same value gives the same mark in one installation, so that it can be followed without being
known. What is redacted is redacted for rules, too; rules about leaked secrets know the marks.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from caiso.connect.telemetry.meaning.messages import Segment
from caiso.errors import DomainError

_SHOWN: Final = 4


class UnableToRedact(DomainError):
    """A kind of data that nothing is known about."""


def _luhn(text: str) -> bool:
    digits = [int(char) for char in text if char.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [digit * 2 - 9 * (digit > 4) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def _iban(text: str) -> bool:
    plain = "".join(text.split()).upper()
    moved = plain[4:] + plain[:4]
    return 15 <= len(plain) <= 34 and int("".join(str(int(char, 36)) for char in moved)) % 97 == 1


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of data: what it looks like, and whether a find is one."""

    pattern: str
    holds: Callable[[str], bool] | None = None
    shows: bool = False  # keep its first and last characters


# Bounded repeats only: the texts are an attacker's.
KINDS: Final[Mapping[str, _Kind]] = {
    "key": _Kind(
        r"\b(?:sk-(?:proj-|ant-|live_|test_)?[A-Za-z0-9_-]{16,200}|sk_(?:live|test)_[A-Za-z0-9]{10,100}"
        r"|(?:AKIA|ASIA)[0-9A-Z]{16}\b|gh[pousr]_[A-Za-z0-9]{20,100}|github_pat_[A-Za-z0-9_]{20,120}|glpat-[A-Za-z0-9_-]{20,60}"
        r"|xox[abprs]-[A-Za-z0-9-]{10,120}|AIza[0-9A-Za-z_-]{35}|hf_[A-Za-z0-9]{20,60}|npm_[A-Za-z0-9]{36}"
        r"|eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,1000})",
        shows=True,
    ),
    "private_key": _Kind(
        r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[A-Za-z0-9+/=\s\\]{40,8000}-----END [A-Z ]{0,30}PRIVATE KEY-----"
    ),
    "card": _Kind(r"\b(?:\d[ -]?){12,18}\d\b", _luhn),
    "iban": _Kind(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", _iban),
    "email": _Kind(r"\b[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b"),
    "phone": _Kind(r"(?<![\w.])(?:\+|00)[1-9]\d{0,2}[ ./-]?(?:\(0\))?(?:\d[ ./-]?){6,12}\d\b"),
    "us_ssn": _Kind(r"\b(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}\b"),
    "ip_address": _Kind(r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b"),
}  # fmt: skip


class Redactor:
    """Redacts chosen kinds; ``secret`` keys the fingerprints and is the installation's own."""

    def __init__(self, kinds: Iterable[str], secret: bytes) -> None:
        chosen = list(dict.fromkeys(kinds))
        unknown = [kind for kind in chosen if kind not in KINDS]
        if unknown:
            raise UnableToRedact(f"{unknown[0]!r} cannot be redacted, expected one of {', '.join(KINDS)}")
        # In the order of the table: a private key is not searched for e-mail addresses.
        self.kinds = tuple(kind for kind in KINDS if kind in chosen)
        self._secret = secret
        self._pattern = re.compile("|".join(f"(?P<{kind}>{KINDS[kind].pattern})" for kind in self.kinds), re.ASCII)

    def redact(self, text: str) -> tuple[str, Counter[str]]:
        """The text without what it should not hold, and how many of each kind went."""
        counts: Counter[str] = Counter()

        def mark(match: re.Match[str]) -> str:
            kind, found = str(match.lastgroup), match.group()
            rule = KINDS[kind]
            if rule.holds is not None and not rule.holds(found):
                return found
            counts[kind] += 1
            return self._mark(kind, found)

        return (self._pattern.sub(mark, text) if self.kinds else text), counts

    def _mark(self, kind: str, found: str) -> str:
        digest = hmac.new(self._secret, found.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:8]
        shown = f" {found[:_SHOWN]}…{found[-_SHOWN:]}" if KINDS[kind].shows and len(found) >= 4 * _SHOWN else ""
        return f"[redacted {kind}{shown} #{digest}]"

    def redact_segments(self, segments: list[Segment]) -> str:
        """Redact an event's texts in place; returns what went as ``kind:count`` words, empty when nothing did."""
        total: Counter[str] = Counter()
        for segment in segments:
            segment.text, counts = self.redact(segment.text)
            total += counts
        return ",".join(f"{kind}:{count}" for kind, count in sorted(total.items()))
