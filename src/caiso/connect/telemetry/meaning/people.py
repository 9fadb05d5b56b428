"""How many people's data stand in a text: of two kinds of marks, such as addresses and telephones, the rarer one.

``personal_records`` counts marks that are the same everywhere, ``people_listed`` those of lists within a house as well:
telephones without a country, dates of birth as they are written by hand, numbers of the insured.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_LIMIT: Final = 32_768
_MANY: Final = 8
_LEAST_CHARS: Final = 400  # of a list
_LEAST_DIGITS: Final = 24  # noughts and ones in it
# Kinds of marks, and what stands in every one of a kind; where nothing does, the empty text is in all.
_WORLDWIDE: Final = (
    ("@", re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.[\w.]{2,24}")),
    ("+", re.compile(r"\+[0-9]{1,3}[ ()/.-]{0,2}[0-9][0-9 ()/.-]{5,15}[0-9]")),
    (
        "",
        re.compile(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,4})?\b|\b(?:[0-9]{4}[ -]?){3}[0-9]{4}\b"),
    ),
    ("-", re.compile(r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b|\b(?:19[2-9][0-9]|20[01][0-9])-[01][0-9]-[0-3][0-9]\b")),
)
_OF_A_HOUSE: Final = (
    ("", re.compile(r"\b[0-3]?[0-9][./-][01]?[0-9][./-](?:19[2-9][0-9]|20[01][0-9])\b")),
    (
        "0",
        re.compile(r"\b0[1-9][0-9]{1,4}\)?[ /-][0-9][0-9 ]{4,10}[0-9]\b|\b[2-9][0-9]{2}\)?[ .-][0-9]{3}[.-][0-9]{4}\b"),
    ),
    ("", re.compile(r"\b[A-Z][0-9]{9}\b|\b[0-9]{10,13}\b")),
)


def personal_records(text: str) -> int:
    """How many people's data stand in a text that anybody may be given."""
    if text.count("@") < _MANY and text.count("+") < _MANY:
        return 0
    return _rarer(text, _WORLDWIDE)


def people_listed(text: str) -> int:
    """The same with the marks of lists within a house."""
    if len(text) < _LEAST_CHARS or text.count("0") + text.count("1") < _LEAST_DIGITS:
        return 0
    return _rarer(text, (*_WORLDWIDE, *_OF_A_HOUSE))


def _rarer(text: str, marks: Sequence[tuple[str, re.Pattern[str]]]) -> int:
    """Each mark is looked for only where the character is, often enough, that stands in all of its kind."""
    found = sorted(
        (len(set(mark.findall(text[:_LIMIT]))) if text.count(sign) >= _MANY else 0 for sign, mark in marks),
        reverse=True,
    )
    return found[1] if found[1] >= _MANY else 0
