"""How a value becomes the text that patterns see, the same for every matching back end."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import orjson

# Rows of one batch are scanned as one buffer with this character between them, so no text may hold it.
SEPARATOR: Final = "\x1e"
_STAND_IN: Final = "\x1f"

# Letters whose case folding differs between regex engines: each becomes its ASCII letter in text and patterns alike.
_FOLD_TRAPS: Final = (("\u212a", "K"), ("\u017f", "s"), ("\u0130", "I"), ("\u0131", "i"))


def canonical(text: str) -> str:
    """The text as patterns see it: no separator, four treacherous letters replaced, character positions kept."""
    if SEPARATOR in text:
        text = text.replace(SEPARATOR, _STAND_IN)
    if not text.isascii():
        for trap, letter in _FOLD_TRAPS:
            if trap in text:
                text = text.replace(trap, letter)
    return text


def valid(text: str) -> str:
    """The canonical text with lone surrogates replaced, so that it encodes as UTF-8."""
    text = canonical(text)
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


@lru_cache(maxsize=65536)
def _fold_character(character: str) -> str:
    folded = character.casefold()
    if len(folded) == 1:
        return folded
    lowered = character.lower()
    return lowered if len(lowered) == 1 else character


def fold(text: str) -> str:
    """Simple case folding: one character stays one character, so German sharp s does not become two."""
    text = valid(text)
    if text.isascii():
        return text.lower()
    return "".join(map(_fold_character, text))


def text_of(value: object) -> str | list[str] | None:
    """A field value as text; a list gives one text per element; None when there is nothing to match."""
    if isinstance(value, str):
        return value
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return [text for text in map(text_of, value) if isinstance(text, str)]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError:  # a whole number beyond 64 bits, or half of a surrogate pair
        return str(value)


def texts_of(value: object) -> list[str]:
    """Every text of a field value, possibly none."""
    text = text_of(value)
    if text is None:
        return []
    return [text] if isinstance(text, str) else text
