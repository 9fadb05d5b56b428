"""The supervisor restarts the dead, leaves nobody behind, and lets one installation run once."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from caiso.cli.supervisor import UnableToStart, is_locked, listen, lock_data_dir

ROOT = Path(__file__).parents[2]
Start = Callable[..., subprocess.Popen[bytes]]


def wait_for(question: Callable[[], Any], seconds: float = 15.0) -> Any:
    """The first true answer, or a failure after so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := question():
            return answer
        time.sleep(0.03)
    pytest.fail(f"did not happen within {seconds} s")


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def state(data: Path) -> dict[str, Any]:
    """What the supervisor says of itself."""
    with contextlib.suppress(FileNotFoundError):
        return dict(json.loads((data / "state" / "supervisor.json").read_text()))
    return {}


def pids(data: Path) -> dict[str, int]:
    """The running processes by name."""
    return {name: p["pid"] for name, p in state(data).get("processes", {}).items() if p["running"]}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the supervisor of tests/cli/supervised.py over the named programs."""
    started: list[subprocess.Popen[bytes]] = []

    def run(*names: str, data: Path = tmp_path) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.supervised", str(data), *names],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


def test_killed_children_start_again(start: Start, tmp_path: Path) -> None:
    start("stay", "stubborn")
    before = wait_for(lambda: len(pids(tmp_path)) == 2 and pids(tmp_path))
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    after = wait_for(lambda: len(now := pids(tmp_path)) == 2 and not set(now.values()) & set(before.values()) and now)
    assert all(alive(pid) for pid in after.values())
    assert [process["restarts"] for process in state(tmp_path)["processes"].values()] == [1, 1]


def test_a_program_that_keeps_failing_is_started_ever_less_often(start: Start, tmp_path: Path) -> None:
    start("failing")
    time.sleep(3.0)
    restarts = state(tmp_path)["processes"]["failing"]["restarts"]
    assert 2 <= restarts <= 5  # after 0.2, 0.4, 0.8, 1.6 s; without back-off there would be dozens


def test_kill_of_the_supervisor_takes_its_children_and_frees_the_store(start: Start, tmp_path: Path) -> None:
    first = start("stay", "stubborn", "stream")
    children = wait_for(lambda: len(pids(tmp_path)) == 3 and pids(tmp_path))
    time.sleep(1.0)  # so that each has asked the kernel to go with its parent
    first.kill()
    first.wait()
    wait_for(lambda: not any(alive(pid) for pid in children.values()), 3.0)
    start("stay")
    wait_for(lambda: list(pids(tmp_path)) == ["stay"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_ends_everything_within_ten_seconds_despite_open_streams(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    supervisor = start("stubborn", "stream")
    children = wait_for(lambda: len(pids(tmp_path)) == 2 and pids(tmp_path))
    with socket.create_connection(("127.0.0.1", state(tmp_path)["port"]), timeout=15) as client:
        client.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = b""
        while b"still here" not in received:
            received += client.recv(4096)
        begun = time.monotonic()
        supervisor.send_signal(number)
        supervisor.wait(timeout=12)
        took = time.monotonic() - begun
    assert took < 10
    assert not any(alive(pid) for pid in children.values())
    assert supervisor.returncode == 0
    assert state(tmp_path) == {}
    assert not is_locked(tmp_path)


def test_the_second_start_on_a_store_is_told_who_has_it(start: Start, tmp_path: Path) -> None:
    first = start("stay")
    wait_for(lambda: pids(tmp_path))
    assert is_locked(tmp_path)
    with pytest.raises(UnableToStart, match=f"in use by process {first.pid}, serving port"):
        lock_data_dir(tmp_path, patience_s=0.1)


def test_a_taken_port_is_refused_with_the_reason() -> None:
    with listen("127.0.0.1", 0) as first, pytest.raises(UnableToStart, match="in use"):
        listen("127.0.0.1", first.getsockname()[1], patience_s=0.1)
