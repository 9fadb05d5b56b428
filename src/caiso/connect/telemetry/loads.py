"""What calls and results hold besides running text: values of records, messages of a list, loads in the path of an address,
and the names under which documents may be cited."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from caiso.connect.telemetry.meaning.citing import beyond, ids_in, shape_of
from caiso.connect.telemetry.meaning.facts import names_of
from caiso.connect.telemetry.meaning.messages import dump, load
from caiso.connect.telemetry.pieces import CHARS, PIECES
from caiso.connect.telemetry.places import Numbers, number_of

_ITEMS: Final = 4
_SHORT: Final = 16
_PATH = re.compile(r"://[^\s\"'<>?#/]{3,200}/([^\s\"'<>?#]{20,2000})")
_PATH_LOAD = re.compile(r"://[^\s\"'<>/]{3,120}/[^\s\"'<>?#]{0,120}?[A-Za-z0-9+/=_%,;|~-]{24}")
_LISTED = re.compile(r"[,;|~&=+/_]|%2[0C]|%7C|%3B")
_VALUE = re.compile(r"[0-9][0-9.,%]{1,15}|[^\W\d_]{5,40}|[\w.-]{3,40}")


def takes_along(arguments: str) -> bool:
    """Whether the address of what is only read has room for more than a name."""
    return "://" in arguments and ("?" in arguments or _PATH_LOAD.search(arguments) is not None)


def apart(result: str) -> Iterable[str]:
    """The messages of a list, each by itself: what one asks for may stand in another."""
    listed = load(result) if result.startswith("[{") and len(result) <= CHARS * 2 else None
    return map(dump, listed[:_ITEMS]) if isinstance(listed, list) and len(listed) > 1 else (result,)


def values_of(text: str) -> dict[str, None]:
    """The short values of an object in JSON, each once; numbers of less than two digits tell nothing."""
    loaded = load(text[:CHARS])
    if not isinstance(loaded, dict | list):
        return {}
    found: dict[str, None] = {}
    stack: list[object] = [loaded]
    while stack and len(found) < PIECES:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item[:PIECES])
        elif isinstance(item, str) and len(item) <= _SHORT:
            found.update(dict.fromkeys(_VALUE.findall(item.lower())[:_ITEMS]))
        elif isinstance(item, int | float) and not isinstance(item, bool) and not -10 < item < 10:
            found[str(item)] = None
    return found


def listed_in_path(arguments: str) -> list[str]:
    """What stands one after the other in the paths and queries of addresses, as far as it is like a value of a record."""
    return [
        value.lower()
        for path in _PATH.findall(arguments)[:_ITEMS]
        for value in _LISTED.split(path)[:PIECES]
        if len(value) > 1 and _VALUE.fullmatch(value.lower())
    ]


def path_parts(arguments: str) -> Iterator[str]:
    """The parts of the paths of addresses that are long enough to hold something."""
    for path in _PATH.findall(arguments)[:_ITEMS]:
        yield from (part for part in path.split("/") if len(part) > _SHORT)


def is_among(citation: object, documents: Numbers) -> bool:
    """Whether a citation names one of the documents."""
    return any(number_of(name) in documents for name in names_of(citation))


def names_in(documents: Any) -> Iterator[int]:
    """Numbers of all short values of retrieved documents: an id, a title, an address, whatever an answer may cite."""
    for item in documents:
        for value in item.values() if isinstance(item, dict) else ():
            if isinstance(value, str) and len(value) > 1:
                yield number_of(value)
                if shape := shape_of(value):
                    yield number_of(f"shape {shape}")


def invented(cited: object, documents: Numbers, given: str) -> int:
    """How many citations name neither one of the documents nor anything in the lower-case text that the call was given."""
    missing = [
        one
        for one in (cited[:PIECES] if isinstance(cited, list) else ())
        if (names := names_of(one))
        and not is_among(one, documents)
        and all(name.lower() not in given for name in names)
    ]
    return len(missing)


def marks_beyond(output: str, documents: Numbers, given: str) -> int:
    """How many names in brackets of an answer look like those of the documents of its conversation and are none of them."""
    marks = ids_in(output)
    shapes = {shape for mark in marks if number_of(f"shape {(shape := shape_of(mark))}") in documents}
    if not shapes:
        return 0
    return beyond(marks, shapes, (mark for mark in marks if number_of(mark) in documents or mark in given))
