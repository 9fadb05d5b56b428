"""Notebooks: their code cells are read as one module whose lines map back to the file."""

from __future__ import annotations

import json


class _Finder:
    """Finds the line of the file that holds each source text, in reading order."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1

    def line_of(self, part: str) -> int:
        for form in (json.dumps(part, ensure_ascii=False), json.dumps(part)):
            found = self._text.find(form, self._at)
            if found >= 0:
                self._line += self._text.count("\n", self._at, found)
                self._at = found
                break
        return self._line


def code_of(data: bytes) -> tuple[bytes, list[int]]:
    """The joined code and, for each of its lines, the line of the file; raises ValueError if it is no notebook."""
    try:
        notebook = json.loads(data)
    except RecursionError as error:
        raise ValueError("not a notebook: nested too deeply") from error
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise ValueError("not a notebook: no list of cells")  # noqa: TRY004 - a wrong file is a value error here
    lines: list[str] = []
    numbers: list[int] = []
    finder = _Finder(data.decode("utf-8", "replace"))
    for cell in cells:
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source", "")
        parts = [part for part in source if isinstance(part, str)] if isinstance(source, list) else [str(source)]
        for part in parts:
            at = finder.line_of(part)
            for line in part.removesuffix("\n").split("\n"):
                # Magics and shell lines are not Python.
                lines.append("" if line.lstrip().startswith(("%", "!", "?")) else line)
                numbers.append(at)
    return "\n".join(lines).encode(), numbers


def commands_of(data: bytes) -> str:
    """The shell lines of a notebook."""
    notebook = json.loads(data)
    found: list[str] = []
    for cell in notebook.get("cells", []):
        source = cell.get("source", "") if isinstance(cell, dict) and cell.get("cell_type") == "code" else ""
        text = "".join(part for part in source if isinstance(part, str)) if isinstance(source, list) else str(source)
        found.extend(line.lstrip(" !%") for line in text.split("\n") if line.lstrip().startswith(("!", "%pip")))
    return "\n".join(found)
