"""What every command shares: the --data and --json options, JSON alone on standard output, tables for people."""

import json
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Directory of the installation; else CAISO_DATA, else the per-user default.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")]


def emit(payload: object) -> None:
    """Print one JSON document on standard output."""
    typer.echo(json.dumps(payload, default=_plain, ensure_ascii=False, indent=2))


def note(message: str) -> None:
    """Tell the person something on standard error, where it never mixes with the result."""
    typer.echo(harmless(message), err=True)


def log_line(message: str) -> None:
    """The same for a service: one JSON object a line on standard error, like every line that the processes write there."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds")
    entry = {"time": moment, "level": "info", "logger": "caiso.supervisor", "message": message}
    typer.echo(json.dumps(entry, ensure_ascii=False), err=True)


class Progress:
    """One line that says how far a long work is; it rewrites itself on a terminal and stays silent elsewhere."""

    def __init__(self) -> None:
        self.is_shown = is_terminal()
        self._width = 0

    def __call__(self, message: str) -> None:
        """Put the message in the place of the last one."""
        if self.is_shown:
            line = harmless(message)[: shutil.get_terminal_size().columns - 1]
            sys.stderr.write(f"\r{line.ljust(self._width)}")
            sys.stderr.flush()
            self._width = len(line)

    def end(self) -> None:
        """Clear the line."""
        if self._width:
            sys.stderr.write(f"\r{' ' * self._width}\r")
            sys.stderr.flush()
            self._width = 0


def show(
    rows: Sequence[Mapping[str, object]],
    columns: Mapping[str, str],
    *,
    as_json: bool,
    empty: str = "Nothing yet.",
) -> None:
    """Print rows as JSON (every field) or as a table of the named columns (key -> heading)."""
    if as_json:
        emit(list(rows))
        return
    if not rows:
        note(empty)
        return
    body = [[_cell(row.get(key)) for key in columns] for row in rows]
    for line in _aligned([list(columns.values()), *body]):
        typer.echo(line)


def harmless(text: str) -> str:
    """The text with control characters shown as escapes: what an attacker wrote must not drive the terminal."""
    return "".join(c if c in "\n\t" or unicodedata.category(c)[0] != "C" else f"\\x{ord(c):02x}" for c in text)


def is_terminal() -> bool:
    """Whether a person watches standard error."""
    return sys.stderr.isatty()


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset | tuple):
        return sorted(value, key=str)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _cell(value: object, limit: int = 72) -> str:
    if value is None:
        text = ""
    elif isinstance(value, datetime):
        text = value.strftime("%Y-%m-%d %H:%M")
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping):
        text = ", ".join(str(item) for item in value)
    else:
        text = str(value)
    text = harmless(" ".join(text.split()))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines]
