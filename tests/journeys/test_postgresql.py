"""PostgreSQL mode as a whole: several web processes beside one detector, and one data directory for one database."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.cli.running import CAISO, clean_environment, platform
from tests.cli.test_supervisor import wait_for
from tests.databases import SERVER, installed_in
from tests.journeys.conftest import Seed, caiso, settle
from tests.journeys.stream import Sender
from tests.journeys.test_backup import sign_in

pytestmark = pytest.mark.skipif(not SERVER, reason="needs a PostgreSQL server (scripts/postgresql.sh)")


def test_several_web_processes_serve_one_installation(seed: Seed, tmp_path: Path) -> None:
    data = seed.copy(tmp_path / "data")
    with platform(data, "--no-demo", "--web", "3") as product:
        wanted = {"web", "web-2", "web-3", "worker", "detector"}
        first = wait_for(lambda: set(now := product.processes()) == wanted and now, seconds=90)
        senders = [Sender(number, seed.token, product.ready["url"]) for number in range(1, 4)]
        threads = [sender.start() for sender in senders]
        with httpx.Client(base_url=product.ready["url"], follow_redirects=True, timeout=60) as client:
            sign_in(client, seed.login)
            os.kill(first["web-2"], signal.SIGKILL)
            for _ in range(20):  # whichever process answers knows the session
                client.headers["connection"] = "close"
                assert client.get("/alerts/").status_code == 200
        wait_for(lambda: product.processes().get("web-2", first["web-2"]) != first["web-2"], seconds=60)
        wait_for(lambda: min(len(sender.acknowledged) for sender in senders) > 5, seconds=120)
        for sender in senders:
            sender.stop.set()
        for thread in threads:
            thread.join(20)
        sent = {span for sender in senders for request in sender.acknowledged for span in request.spans}
        found = settle(data, sent)
        assert max(found["events"].values()) == 1
        assert len(list((data / "wal").iterdir())) >= 3  # a log for each process that took telemetry
        assert caiso(data, "alerts")
        assert caiso(data, "verify-audit")["ok"] is True


def test_a_second_data_directory_may_not_use_the_database(seed: Seed, tmp_path: Path) -> None:
    data, other = seed.copy(tmp_path / "data"), tmp_path / "other"
    environment = clean_environment() | installed_in(data)
    done = subprocess.run(
        [*CAISO, "up", "--data", str(other), "--port", "0", "--no-demo"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 1
    assert "written with other keys than those in this data directory" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_command_names_a_server_that_is_away(tmp_path: Path) -> None:
    environment = clean_environment() | {"CAISO_DATABASE_URL": "postgresql://caiso@127.0.0.1:1/caiso"}
    done = subprocess.run(
        [*CAISO, "alerts", "--data", str(tmp_path)], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 1
    assert "the database caiso cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr
