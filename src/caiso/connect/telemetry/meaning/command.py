"""The command line that a tool call runs, and its program: what rules about processes ask for."""

from __future__ import annotations

import re
from typing import Final

from caiso.connect.telemetry.meaning.messages import load

_NAMES: Final = (
    "command",
    "cmd",
    "commands",
    "command_line",
    "commandline",
    "script",
    "code",
    "shell_command",
    "bash",
    "input",
)
_LISTED: Final = ("args", "argv", "arguments")
_MOST: Final = 64 * 1024
_WRAPPERS: Final = frozenset(("sudo", "doas", "env", "nohup", "time", "exec", "command", "nice", "setsid", "stdbuf"))
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=\S*")
_WORD: Final = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^\s"';|&<>()]+))""")


def command_line(arguments: str) -> str:
    """The command in a tool's arguments, empty where none is told: ``{"command": "ls -l"}``, a list of words, bare text."""
    loaded = load(arguments[:_MOST])
    if isinstance(loaded, str):
        return loaded.strip()
    if isinstance(loaded, list):
        return _joined(loaded)
    if not isinstance(loaded, dict):
        return ""
    lowered = {str(key).lower(): value for key, value in loaded.items()}
    for name in _NAMES:
        value = lowered.get(name)
        if isinstance(value, str) and value.strip():
            rest = next((_joined(lowered[key]) for key in _LISTED if isinstance(lowered.get(key), list)), "")
            return f"{value.strip()} {rest}".strip()
        if isinstance(value, list):
            return _joined(value)
    return ""


def _joined(words: list[object]) -> str:
    return " ".join(word for word in words if isinstance(word, str)).strip()


def program(command: str) -> str:
    """The program that a command starts, with its path; one that is found through PATH stands behind a slash, ``/curl``."""
    at = 0
    for _ in range(8):
        found = _WORD.match(command, at)
        if found is None:
            return ""
        word = next(group for group in found.groups() if group is not None)
        at = found.end()
        if not word or word.startswith("-") or word in _WRAPPERS or _ASSIGNMENT.fullmatch(word):
            continue
        return word[:256] if "/" in word or "\\" in word else f"/{word[:256]}"
    return ""
