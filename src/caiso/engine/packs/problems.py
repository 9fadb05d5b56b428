"""What is wrong with a pack, said so that its author can fix it without reading Python."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from caiso.errors import DomainError

SHOWN_CHARACTERS = 80


def quoted(text: str) -> str:
    """Text from a file as it may appear in an error: bounded, with control characters escaped."""
    short = text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
    return printable(json.dumps(short, ensure_ascii=False))


def printable(text: str) -> str:
    """The text with what a terminal or a page would obey (controls, direction marks) written as escapes."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


@dataclass(frozen=True, slots=True, order=True)
class PackProblem:
    """One mistake; `line` counts from 1, 0 means the file as a whole."""

    path: Path
    line: int
    message: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", printable(self.message))

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else str(self.path)
        return f"{where}: {self.message}"


class PackError(DomainError):
    """Content that cannot be used; carries every problem found, not only the first."""

    def __init__(self, problems: Iterable[PackProblem]) -> None:
        self.problems: Sequence[PackProblem] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
