"""`caiso up` on an empty directory serves, survives what is killed, and leaves when asked."""

import json
import os
import pty
import select
import signal
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import CAISO, Platform, clean_environment, platform
from tests.cli.test_supervisor import alive, wait_for
from tests.databases import SERVER


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One platform for the tests of this module, without the demo."""
    with platform(tmp_path_factory.mktemp("up") / "data", "--no-demo") as running:
        yield running


def caiso(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command beside the platform."""
    data = Path(arguments[arguments.index("--data") + 1])
    return subprocess.run(
        [*CAISO, *arguments], capture_output=True, text=True, env=clean_environment(data), check=False
    )


def test_the_pages_answer_where_it_says(up: Platform) -> None:
    assert up.ready["pid"] == up.process.pid
    assert up.get("/healthz")[0] == 200


def test_nobody_but_the_owner_reads_a_file_of_the_store(up: Platform) -> None:
    public = up.data / "static"  # style sheets and scripts that ship; copied with their own modes
    files = [path for path in up.data.rglob("*") if path.is_file() and public not in path.parents]
    assert any(path.name == "audit" for path in files)
    assert SERVER or any(path.name == "caiso.sqlite3" for path in files)
    assert [str(path) for path in files if path.stat().st_mode & 0o077] == []


def test_status_names_every_process(up: Platform) -> None:
    wait_for(lambda: caiso("status", "--data", str(up.data), "--quiet").returncode == 0)
    told = json.loads(caiso("status", "--data", str(up.data), "--json").stdout)
    assert told["running"] is True
    assert told["url"] == up.ready["url"]
    assert all(alive(process["pid"]) for process in told["processes"].values())
    assert "web" in told["processes"]


def test_a_service_writes_one_json_object_a_line(up: Platform) -> None:
    wait_for(lambda: "worker started" in up.errors.read_text())
    written = [json.loads(line) for line in up.errors.read_text().splitlines()]
    assert {"time", "level", "logger", "message"} <= set.intersection(*map(set, written))
    assert not any("\x1b" in str(value) for line in written for value in line.values())


@pytest.mark.skipif(bool(SERVER), reason="looks into the file of the embedded database")
def test_an_idle_installation_comes_to_rest_without_job_or_line(up: Platform) -> None:
    database = sqlite3.connect(f"file:{up.data / 'caiso.sqlite3'}?mode=ro", uri=True)

    def trace() -> tuple[object, str]:
        return database.execute("SELECT max(id) FROM base_job").fetchone(), up.errors.read_text()

    for _ in range(6):  # what start-up and the other tests began ends first
        before = trace()
        time.sleep(11)  # two looks of the scheduler
        if trace() == before:
            return
    pytest.fail(f"after a minute there is still something new:\n{trace()[1][-2000:]}")


def test_a_person_at_a_terminal_reads_a_few_lines(tmp_path: Path) -> None:
    shown = at_a_terminal("up", "--data", str(tmp_path / "data"), "--port", "0", "--no-demo", until="Ctrl-C.")
    lines = [line for line in shown.replace("\r\n", "\n").split("\n") if line.strip()]
    assert "preparing the store: tables" in lines[0].split("\r")[2]
    assert [line.split()[0] for line in lines[1:]] == ["caiso", "Sign", "admin@localhost", "Stop"], shown
    assert {path.name for path in (tmp_path / "data" / "logs").iterdir()} >= {"prepare.log", "web.log", "worker.log"}


def test_a_first_start_that_was_stopped_is_begun_again_with_its_login(tmp_path: Path) -> None:
    data = tmp_path / "data"
    process = subprocess.Popen(
        [*CAISO, "up", "--data", str(data), "--port", "0", "--no-demo"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment(),
    )  # fmt: skip
    wait_for(lambda: (data / "caiso.sqlite3").exists())
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20)[0] == ""
    with platform(data, "--no-demo") as again:
        assert [login["email"] for login in again.ready["logins"]] == ["admin@localhost"]


def at_a_terminal(*arguments: str, until: str) -> str:
    """What the command shows on a terminal up to these words; then Ctrl-C."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(CAISO[0], [*CAISO, *arguments], clean_environment())  # noqa: S606 - our own command
    shown, deadline = b"", time.monotonic() + 120
    while until.encode() not in shown and time.monotonic() < deadline:
        if select.select([terminal], [], [], 1.0)[0]:
            shown += os.read(terminal, 65536)
    os.write(terminal, b"\x03")
    os.waitpid(pid, 0)
    os.close(terminal)
    return shown.decode()


def test_a_second_start_is_refused_with_the_holder(up: Platform) -> None:
    done = caiso("up", "--data", str(up.data), "--port", "0")
    assert done.returncode == 1
    assert f"in use by process {up.process.pid}, serving {up.ready['url']}" in done.stderr


def test_a_directory_that_cannot_be_made_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = caiso("up", "--data", str(tmp_path / "file" / "data"), "--port", "0")
    assert done.returncode == 1
    assert done.stderr.startswith(f"caiso: {tmp_path}/file/data cannot be used: Not a directory")


def test_a_killed_web_process_refuses_nobody(up: Platform) -> None:
    before = wait_for(lambda: up.processes().get("web"))
    os.kill(before, signal.SIGKILL)
    assert up.get("/healthz")[0] == 200  # waits in the queue of the socket that the supervisor holds
    assert wait_for(lambda: up.processes().get("web")) != before


def test_every_killed_process_comes_back(up: Platform) -> None:
    before = wait_for(up.processes)
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    wait_for(
        lambda: set(now := up.processes()) == set(before) and not set(now.values()) & set(before.values()), seconds=30
    )


def test_the_data_directory_is_closed_to_others(up: Platform) -> None:
    assert up.data.stat().st_mode & 0o077 == 0
    assert [path.name for path in (up.data / "keys").iterdir() if path.stat().st_mode & 0o077] == []


def test_stopping_and_starting_again_is_quick(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with platform(data, "--no-demo") as first:
        children = first.processes()
        begun = time.monotonic()
        first.process.terminate()
        assert first.process.wait(timeout=12) == 0
        assert time.monotonic() - begun < 10
        assert not any(alive(pid) for pid in children.values())
    with platform(data, "--no-demo") as second:
        assert second.get("/healthz")[0] == 200
        assert second.ready["logins"] == []  # the first administrator's password is shown once


def test_killing_the_supervisor_takes_all_and_the_next_start_works(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with platform(data, "--no-demo") as first:
        children = wait_for(first.processes)
        first.process.kill()
        first.process.wait()
        wait_for(lambda: not any(alive(pid) for pid in children.values()), seconds=5)
    with platform(data, "--no-demo") as second:
        assert second.get("/healthz")[0] == 200


def post(url: str, token: str, body: bytes) -> int:
    """Status of sending one line of telemetry."""
    request = urllib.request.Request(  # noqa: S310 - an address of this test
        f"{url}v1/events",
        data=body,
        headers={"authorization": f"Bearer {token}", "content-type": "application/x-ndjson"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        return refusal.code


def test_telemetry_is_taken_beside_the_pages_and_by_an_edge_alone(up: Platform) -> None:
    done = caiso("token", "create", "app", "--scope", "ingest", "--data", str(up.data), "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    line = b'{"event.id": "e-1", "gen_ai.operation.name": "chat", "gen_ai.request.model": "m-1"}\n'
    assert post(up.ready["url"], made["token"], line) == 200
    assert post(up.ready["url"], "caiso_ingest_000000000000_x", line) == 401
    edge = subprocess.Popen(
        [*CAISO, "edge", "--data", str(up.data), "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=clean_environment(up.data),
    )
    try:
        assert edge.stdout is not None
        told = json.loads("".join(iter(edge.stdout.readline, "}\n")) + "}")
        assert told["pid"] == edge.pid
        assert wait_for(lambda: post(told["url"], made["token"], line), seconds=30) == 200
        writers = {path.name for path in (up.data / "wal").iterdir() if path.is_dir()}
        assert len(writers) >= 2  # each process appends to a log of its own
    finally:
        edge.terminate()
        edge.wait(timeout=15)


def test_several_web_processes_need_postgresql(tmp_path: Path) -> None:
    done = subprocess.run(
        [*CAISO, "up", "--data", str(tmp_path / "data"), "--port", "0", "--web", "2"],
        capture_output=True, text=True, env=clean_environment(), check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "--web 2 needs PostgreSQL" in done.stderr
    assert not (tmp_path / "data").exists()
