"""Reads JSON as senders really write it: a text that was cut inside an emoji leaves half of a surrogate pair behind."""

from __future__ import annotations

import re
from typing import Any

import orjson

# An escaped backslash, a whole pair, or a half: only the last is replaced. JavaScript and Python write halves without a word.
_ESCAPES = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def loads(text: bytes | str) -> Any:
    """What a JSON text holds, with U+FFFD for each half of a surrogate pair; raises ``orjson.JSONDecodeError``."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        body = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        if b"\\u" not in body:
            raise
        mended = _ESCAPES.sub(lambda found: rb"\ufffd" if found[1] else found[0], body)
        if mended == body:
            raise
        return orjson.loads(mended)
