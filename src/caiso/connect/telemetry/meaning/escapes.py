"""Undoes JSON's escapes where they would hide words from rules: a line break before a word, and letters as numbers."""

from __future__ import annotations

import re
from typing import Final

from caiso.connect.telemetry.meaning.messages import dump, load

# Texts that are JSON, or hold JSON, as often as not.
JSON_FIELDS: Final = frozenset(
    ("gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "gen_ai.tool.definitions", "content.tool_calls",
     "content.untrusted", "content.documents")
)  # fmt: skip
COMMAND_FIELDS: Final = frozenset(("gen_ai.tool.call.arguments", "content.tool_calls"))

_BREAK = re.compile(r"(?<!\\)((?:\\\\)*)\\([nrt])")
_STRING: Final = r'"(?:[^"\\]|\\.){0,4000}"'
_LISTED = re.compile(
    r'("(?:args?|argv|cmd|commands?|command_?line|exec|arguments|params?|argument_?list)"\s{0,2}:\s{0,2}\[)'
    rf"(\s{{0,8}}{_STRING}(?:\s{{0,8}},\s{{0,8}}{_STRING}){{1,100}}\s{{0,8}}\])"
)
_BETWEEN = re.compile(r'"\s{0,8},\s{0,8}"')
_BREAKS: Final = {"n": " \n", "r": " \r", "t": " \t"}


def with_breaks(text: str) -> str:
    """``\\nrm`` as a line break and ``rm``, of the same length, so that places in the text stay what they are."""
    return _BREAK.sub(lambda match: match[1] + _BREAKS[match[2]], text)


def with_commands(text: str) -> str:
    """``"args": ["iam", "put-role-policy"]`` as one string with spaces between, of the same length."""
    return _LISTED.sub(_joined, text) if "[" in text else text


def _joined(match: re.Match[str]) -> str:
    return match[1] + _BETWEEN.sub(lambda between: " " * len(between[0]), match[2])


def without_breaks(text: str) -> str:
    """JSON as it was before ``with_breaks``: within its strings no line break stands as such."""
    for letter, shown in _BREAKS.items():
        text = text.replace(shown, f"\\{letter}")
    return text


def with_letters(text: str) -> str:
    """JSON whose letters are written as ``\\u4f60``, written anew with the letters themselves."""
    if "\\u" not in text:
        return text
    found = load(text)
    return dump(found) if not isinstance(found, str) else text
