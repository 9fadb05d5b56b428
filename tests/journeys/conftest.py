"""Real installations for journeys: one compiled rule set for all of them, and a cleared way in."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import CAISO, Platform, clean_environment, platform


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
        env=clean_environment(),
        check=False,
    )
    assert done.returncode == 0, f"caiso {' '.join(arguments)}: {done.stderr}"
    return json.loads(done.stdout)
