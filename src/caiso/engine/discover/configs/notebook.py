"""Notebooks: their code cells are read as one module whose lines map back to the file."""

from __future__ import annotations

import json


def code_of(data: bytes) -> tuple[bytes, list[tuple[int, int]]]:
    """The joined code and, for each cell, its first line there and its number; raises ValueError if it is none."""
    try:
        notebook = json.loads(data)
    except RecursionError as error:
        raise ValueError("not a notebook: nested too deeply") from error
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise ValueError("not a notebook: no list of cells")  # noqa: TRY004 - a wrong file is a value error here
    lines: list[str] = []
    starts: list[tuple[int, int]] = []
    for number, cell in enumerate(cells, 1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source", "")
        text = "".join(part for part in source if isinstance(part, str)) if isinstance(source, list) else str(source)
        starts.append((len(lines) + 1, number))
        # Magics and shell lines are not Python.
        lines.extend("" if line.lstrip().startswith(("%", "!", "?")) else line for line in text.split("\n"))
    return "\n".join(lines).encode(), starts


def commands_of(data: bytes) -> str:
    """The shell lines of a notebook."""
    notebook = json.loads(data)
    found: list[str] = []
    for cell in notebook.get("cells", []):
        source = cell.get("source", "") if isinstance(cell, dict) and cell.get("cell_type") == "code" else ""
        text = "".join(part for part in source if isinstance(part, str)) if isinstance(source, list) else str(source)
        found.extend(line.lstrip(" !") for line in text.split("\n") if line.lstrip().startswith("!"))
    return "\n".join(found)
