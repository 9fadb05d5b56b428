"""Marks in running text by which an answer says where it has something from: [rep-2024-017], [KB/12.4, p. 3].

Brackets mean much else, so such a mark counts only where the sources themselves are called by names of the same shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

_MOST: Final = 64
_LIMIT: Final = 32_768
_NAME: Final = r"[A-Za-z]{1,12}(?:[-_/.:][A-Za-z0-9]{1,12}){1,5}"
_ID = re.compile(rf"(?<![\w\])`!])\[({_NAME})(?:[,;#?| ][^\]\n]{{0,40}})?\](?![(\[:\w])")
_BARE = re.compile(rf"(?<![\w@/.-]){_NAME}(?![\w@-])")
_WHOLE = re.compile(_NAME)
_LETTERS = re.compile(r"[a-z]+")
_DIGITS = re.compile(r"[0-9]+")


def ids_in(text: str) -> list[str]:
    """The names in brackets of a text, in lower case, each once; a name has two parts and a digit."""
    found = (name.lower() for name in islice(_ID.findall(text[:_LIMIT]), _MOST))
    return [name for name in dict.fromkeys(found) if _DIGITS.search(name)]


def named_in(text: str) -> Iterator[str]:
    """The same without brackets: what a source itself speaks of."""
    for name in islice(_BARE.findall(text[:_LIMIT]), _MOST):
        if _DIGITS.search(name):
            yield name.lower()


def shape_of(name: str) -> str:
    """What names of one register have in common: ``a-9-9`` of rep-2024-017; empty where it is no such name."""
    lowered = name.lower()
    if _WHOLE.fullmatch(name) is None or _DIGITS.search(lowered) is None:
        return ""
    return _DIGITS.sub("9", _LETTERS.sub("a", lowered))


def ids_beyond(output: str, given: str) -> int:
    """How many marks of an answer name none of the sources that its call lists in brackets, if not one of them does."""
    marks = ids_in(output)
    if not marks:
        return 0
    given = given[:_LIMIT].lower()
    shapes = {shape_of(name) for name in ids_in(given)}
    return beyond(marks, shapes, (name for name in marks if name in given))


def beyond(marks: Iterable[str], shapes: Iterable[str], known: Iterable[str]) -> int:
    """How many of the marks have one of the shapes, where none of them is known."""
    if any(True for _ in known):
        return 0
    among = set(shapes) - {""}
    return sum(shape_of(mark) in among for mark in marks)
