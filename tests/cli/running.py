"""A running platform for tests: started by the real command on a free port, stopped and reaped afterwards."""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.databases import installed_in

CAISO = (sys.executable, "-m", "caiso.cli.main")


def clean_environment(data: Path | None = None) -> dict[str, str]:
    """The environment without what the tests set for their own process, with the database of the installation in `data`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CAISO_", "DJANGO_"))}
    return kept | (installed_in(data) if data else {})


@dataclass
class Platform:
    """A started `caiso up`: its process, what it printed when ready, and where it writes logs."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]
    data: Path
    errors: Path

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Status and body of one request."""
        address = urlsplit(self.ready["url"])
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def processes(self) -> dict[str, int]:
        """{name: pid} of the processes that run now."""
        state = json.loads((self.data / "state" / "supervisor.json").read_text())
        return {name: process["pid"] for name, process in state["processes"].items() if process["running"]}


def start(data: Path, *arguments: str, command: Sequence[str | Path] = CAISO, cwd: Path | None = None) -> Platform:
    """Run `caiso up --json` on the data directory and wait until it says that it is ready."""
    errors = data.parent / f"{data.name}.errors"
    with errors.open("w") as sink:
        process = subprocess.Popen(
            [*command, "up", "--data", str(data), "--port", "0", "--json", *arguments],
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
            cwd=cwd,
            env=clean_environment(data),
        )
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line.startswith("}"):
            return Platform(process, json.loads(text), data, errors)
    process.wait()
    raise AssertionError(f"the platform did not start:\n{errors.read_text()}")


@contextmanager
def platform(data: Path, *arguments: str, command: Sequence[str | Path] = CAISO) -> Iterator[Platform]:
    """A running platform, gone at the end."""
    running = start(data, *arguments, command=command)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.terminate()
            try:
                running.process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                running.process.kill()
                running.process.wait()
