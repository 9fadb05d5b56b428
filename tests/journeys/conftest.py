"""Real installations for journeys: one compiled rule set for all of them, and a cleared way in."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import CAISO, Platform, clean_environment, platform
from tests.cli.test_supervisor import wait_for
from tests.databases import copy_installed

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def compiled(request: pytest.FixtureRequest) -> Path:
    """A folder for compiled rules, kept between runs; its files are named by the rules' content."""
    return Path(request.config.cache.mkdir("compiled-rules"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Callable[[str], Path]:
    """place("calm"): an empty data directory that shares the compiled rules."""

    def make(name: str) -> Path:
        data = tmp_path_factory.mktemp(name) / "data"
        data.mkdir(mode=0o700)
        (data / "cache").symlink_to(compiled)
        return data

    return make


@pytest.fixture(scope="module")
def up() -> Iterator[Callable[[Path], Platform]]:
    """up(data): `caiso up` without the demo, stopped at the end of the module."""
    with ExitStack() as running:
        yield lambda data: running.enter_context(platform(data, "--no-demo"))


def caiso(data: Path, *arguments: str) -> Any:
    """What a command prints as JSON; a refusal fails the test with its words."""
    done = subprocess.run(
        [*CAISO, *arguments, "--data", str(data), "--json"],
        capture_output=True,
        text=True,
        env=clean_environment(data),
        check=False,
    )
    assert done.returncode == 0, f"caiso {' '.join(arguments)}: {done.stderr}"
    return json.loads(done.stdout)


@dataclass(frozen=True)
class Seed:
    """A prepared data directory that no process has used, with an ingest token and the first login."""

    data: Path
    token: str
    login: dict[str, str]

    def copy(self, target: Path) -> Path:
        """The same installation in another folder: same keys, same token."""
        copy_installed(self.data, target)
        return Path(shutil.copytree(self.data, target, symlinks=True))


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Seed:
    """What every journey that does not look at the first start begins from."""
    data = tmp_path_factory.mktemp("seed") / "data"
    data.mkdir(mode=0o700)
    (data / "cache").symlink_to(compiled)
    command = [sys.executable, "-m", "caiso.cli.platform.processes", "prepare"]
    environment = clean_environment(data) | {"CAISO_DATA": str(data)}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    token = caiso(data, "token", "create", "load", "--scope", "ingest")["token"]
    return Seed(data, str(token), json.loads(done.stdout.splitlines()[-1])["logins"][0])


def stored(data: Path) -> dict[str, Any]:
    """What the installation holds, by its own reader."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.journeys.stored", str(data)],
        cwd=ROOT,
        env=clean_environment(data) | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def settle(data: Path, spans: set[str]) -> dict[str, Any]:
    """Wait until everything acknowledged is there and nothing more comes."""

    def quiet() -> dict[str, Any] | None:
        found = stored(data)
        if spans - set(found["spans"]):
            return None
        time.sleep(1.0)
        return found if stored(data)["positions"] == found["positions"] else None

    return dict(wait_for(quiet, seconds=180))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole installations start, die and start again here; a slow machine may take its time."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(900))
