"""What the house rules read: the tree as git knows it, and Python files as syntax trees."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "caiso"


@cache
def tracked() -> tuple[Path, ...]:
    """Every file of the project, tracked or about to be, relative to its root."""
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return tuple(sorted(path for name in listing.split("\0") if name and (path := ROOT / name).is_file()))


def python_files(folder: Path) -> Iterator[Path]:
    """The Python files under the folder, migrations left out: they are written by a tool."""
    for path in tracked():
        if path.suffix == ".py" and path.is_relative_to(folder) and "migrations" not in path.parts:
            yield path


def tree(path: Path) -> ast.Module:
    """The syntax tree of the file."""
    return ast.parse(path.read_text(), filename=str(path))
