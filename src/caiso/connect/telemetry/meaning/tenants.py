"""Whose documents a search brought: those of another tenant than the one that asked, where both are named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

# An organisation without an id may be that of a paper's author.
_NAMED = re.compile(
    r"(?i)(?:^|[._])(?:(tenant|workspace|mandant|mandator)(?:[._-]?(?:id|key|slug|name|uuid))?|(org|organi[sz]ation)[._-]?(?:id|key|slug|uuid))$"
)
_PLACED = re.compile(r"(?i)(?:^|[/:._-])tenants?[-_/=:]([a-z0-9][a-z0-9-]{1,60})")
_SHARED: Final = frozenset(
    ("shared", "public", "global", "common", "all", "any", "default", "*", "system", "internal", "none", "platform")
)
_SHORT: Final = {"organization": "org", "organisation": "org", "mandator": "mandant"}


def foreign(event: Mapping[str, object], documents: Iterable[Mapping[str, object]]) -> int:
    """How many of the documents belong to another tenant; 0 where nobody says."""
    asking = _of(event)
    if not asking:
        return 0
    return sum(1 for one in documents if _apart(asking, _of(one) or _by_place(one)))


def _of(fields: Mapping[str, object]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in fields.items():
        if value.__class__ in (str, int) and (named := _NAMED.search(name)):
            word = (named[1] or named[2]).lower()
            found.setdefault(_SHORT.get(word, word), str(value).strip().lower())
    return found


def _by_place(document: Mapping[str, object]) -> dict[str, str]:
    """The tenant that a document's address names: s3://kb/tenant-7/faq.md."""
    for name in ("source", "uri", "path", "id", "url"):
        value = document.get(name)
        if value.__class__ is str and (placed := _PLACED.search(str(value))):
            return {"tenant": placed[1].lower()}
    return {}


def _apart(asking: Mapping[str, str], owning: Mapping[str, str]) -> bool:
    """Two names of the same sort, neither for everybody, and neither the beginning or the end of the other."""
    return any(
        theirs and mine and theirs not in _SHARED and mine not in _SHARED and not _alike(mine, theirs)
        for sort, mine in asking.items()
        if (theirs := owning.get(sort))
    )


def _alike(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return long.startswith(short) or long.endswith(short)
