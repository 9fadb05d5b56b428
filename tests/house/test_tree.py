"""The tree stays small-grained, clean of foreign addresses, and free of rooms without a subject."""

import re
from pathlib import Path

import pytest

from tests.house.sources import PACKAGE, ROOT, python_files, tracked

LONGEST_FILE = 600
SUBJECTLESS = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc", "core"}
TEXT = {".py", ".md", ".txt", ".toml", ".yaml", ".yml", ".html", ".css", ".js", ".json", ".sh", ".cfg", ".ini", ""}
# Package hosts and the places where the project happens to be worked on say nothing to who reads the tree.
FOREIGN = re.compile(
    r"(?i)\b(?:files\.pythonhosted\.org|pypi\.org/simple|registry\.npmjs\.org|registry\.yarnpkg\.com|deb\.debian\.org)\b"
    r"|(?<![\w.])/(?:work|root|opt/wheels|opt/pypi)/[\w.]"
)


def relative(path: Path) -> str:
    """The path as a person would say it."""
    return str(path.relative_to(ROOT))


def test_no_python_file_is_longer_than_a_reader_bears() -> None:
    folders = [PACKAGE, ROOT / "tests", ROOT / "bench", ROOT / "scripts", ROOT / "frontend"]
    long = {
        relative(path): lines
        for folder in folders
        for path in python_files(folder)
        if (lines := path.read_text().count("\n")) > LONGEST_FILE
    }
    assert long == {}


def test_no_module_is_named_after_nothing() -> None:
    named = [relative(path) for path in tracked() if path.is_relative_to(PACKAGE) and SUBJECTLESS & set(stems(path))]
    assert named == []


def stems(path: Path) -> list[str]:
    """Folder names and the file's name without its ending, below the package."""
    return [Path(part).stem for part in path.relative_to(PACKAGE).parts]


def test_no_package_host_or_place_of_work_stands_in_the_tree() -> None:
    found = [
        f"{relative(path)}:{number}: {line.strip()[:100]}"
        for path in tracked()
        if path.suffix in TEXT and path != Path(__file__)
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        if FOREIGN.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("planted", ["see https://pypi.org/simple/x", "/work/elsewhere/file", '"/root/.cache"'])
def test_a_planted_address_is_caught(planted: str) -> None:
    assert FOREIGN.search(planted)


@pytest.mark.parametrize("harmless", ["src/caiso/work/x", "docs/root/x", "team/work/plan", "../root"])
def test_an_ordinary_path_is_left_alone(harmless: str) -> None:
    assert not FOREIGN.search(harmless)


def test_every_module_says_what_it_is() -> None:
    silent = [
        relative(path)
        for path in python_files(PACKAGE)
        if path.read_text().strip() and not path.read_text().lstrip().startswith('"""')
    ]
    assert silent == []


def test_every_folder_of_tests_is_run_by_the_test_command() -> None:
    folders = {
        path.relative_to(ROOT).parts[1]
        for path in tracked()
        if path.match("tests/*/**/test_*.py") or path.match("tests/*/test_*.py")
    }
    command = (ROOT / "scripts" / "test.sh").read_text()
    assert [folder for folder in sorted(folders) if f"tests/{folder}" not in command] == []
