"""Addresses of an answer that imitate the one which its source names: the answer cites a source that says another address."""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

_MOST: Final = 16  # addresses
_LIMIT: Final = 32_768
_NAME_LEAST: Final = 6  # letters of a name that is told again
_HOST = re.compile(r"(?i)\bhttps?://(?:[^/@\s]{0,60}@)?([a-z0-9.-]{4,120})")
_MARK = re.compile(r"\[([A-Za-z][\w-]{0,24}?[-_:#]?[0-9]{1,8})\]")
_SECOND_LEVEL: Final = frozenset(("co", "com", "org", "net", "gov", "ac", "edu", "or", "ne", "gob", "gv"))


def cites(output: str) -> bool:
    """Whether an answer names a source by a mark, asked before the sources are put together."""
    return _MARK.search(output) is not None


def imitating(output: str, given: str) -> int:
    """How many addresses of an answer imitate one of a source that it cites, and stand in another source only."""
    cited = {mark.lower() for mark in islice(_MARK.findall(output), _MOST)}
    shown = {host.lower().strip(".") for host in islice(_HOST.findall(output), _MOST)}
    if not cited or not shown:
        return 0
    sources = _sources(given[:_LIMIT].lower())
    named = "\n".join(text for mark, text in sources.items() if mark in cited)
    others = "\n".join(text for mark, text in sources.items() if mark not in cited)
    meant = {owner(host) for host in _HOST.findall(named)}
    return sum(
        f"//{host}" in others and f"//{host}" not in named and any(_imitates(host, one) for one in meant)
        for host in shown
    )


def _sources(given: str) -> dict[str, str]:
    """Each source of a call under its mark: the text from there to the next mark."""
    marks = [*_MARK.finditer(given)]
    ends = [*(mark.start() for mark in marks[1:]), len(given)]
    found: dict[str, str] = {}
    for mark, end in zip(marks, ends, strict=False):  # without a mark there is an end and no source
        found[mark[1]] = f"{found.get(mark[1], '')}\n{given[mark.end() : end]}"
    return found


def _imitates(host: str, meant: str) -> bool:
    name = meant.partition(".")[0]
    return len(name) >= _NAME_LEAST and name in host and owner(host) != meant


def owner(host: str) -> str:
    """The part of a name that somebody registers, nearly."""
    labels = host.lower().strip(".").split(".")
    wide = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3 if wide else -2 :])
