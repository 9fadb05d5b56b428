"""The command line starts fast, keeps standard output for the result, and every command explains itself."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from caiso.cli.main import COMMANDS, LazyGroup, available
from caiso.cli.output import harmless

HEAVY = ("django", "pyarrow", "duckdb", "numpy", "scipy", "pydantic", "uvicorn", "hyperscan", "sigma")


def caiso(*arguments: str, data: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would."""
    env = os.environ | ({"CAISO_DATA": str(data)} if data else {})
    return subprocess.run(
        [sys.executable, "-m", "caiso.cli.main", *arguments], capture_output=True, text=True, env=env, check=False
    )


def every_command() -> Iterator[tuple[str, Any]]:
    """(words, click command) of each command and verb."""

    def walk(words: str, command: Any) -> Iterator[tuple[str, Any]]:
        yield words, command
        for verb, below in getattr(command, "commands", {}).items():
            yield from walk(f"{words} {verb}", below)

    for name in available():
        yield from walk(name, LazyGroup(name="caiso").get_command(None, name))


ALL = dict(every_command())


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, contextlib\nfrom caiso.cli.main import run\nsys.argv = ['caiso', '--help']\n"
        "with contextlib.suppress(SystemExit): run()\n"
        f"print('heavy:', sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy: []"


def test_help_lists_every_command_that_exists() -> None:
    printed = caiso("--help").stdout
    assert [name for name in available() if f"  {name} " not in printed] == []
    assert len(available()) >= 2


def test_the_version_is_printed() -> None:
    assert caiso("--version").stdout.startswith("caiso 0.")


@pytest.mark.parametrize("words", ALL)
def test_every_command_takes_data_and_json(words: str) -> None:
    command = ALL[words]
    options = {word for parameter in command.params for word in parameter.opts}
    assert {"--data", "--json"} <= options


@pytest.mark.parametrize("words", ALL)
def test_every_command_shows_an_example(words: str) -> None:
    assert f"Example: caiso {words.split()[0]}" in (ALL[words].help or "")


@pytest.mark.parametrize(
    "arguments", [("no-such-command",), ("status", "--no-such-option"), ("up", "--port", "ninety")]
)
def test_wrong_usage_exits_with_two(arguments: tuple[str, ...]) -> None:
    done = caiso(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Error" in done.stderr


def test_status_of_nothing_is_json_and_a_failure(tmp_path: Path) -> None:
    done = caiso("status", "--json", data=tmp_path)
    assert done.returncode == 1
    assert json.loads(done.stdout) == {"running": False, "data": str(tmp_path)}


def test_the_option_wins_over_the_environment(tmp_path: Path) -> None:
    done = caiso("status", "--json", "--data", str(tmp_path / "other"), data=tmp_path)
    assert json.loads(done.stdout)["data"] == str(tmp_path / "other")


def test_what_an_attacker_wrote_cannot_drive_the_terminal() -> None:
    assert harmless("a\x1b[2Jb\x07\u202ec") == "a\\x1b[2Jb\\x07\\x202ec"


def test_every_mount_names_a_section_once() -> None:
    names = [name for mounts in COMMANDS.values() for name in mounts]
    assert len(names) == len(set(names))
