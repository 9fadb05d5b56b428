"""A back-up made under load is a whole installation; the platform stops in time while somebody watches a page."""

from __future__ import annotations

import contextlib
import re
import shutil
import threading
import time
from pathlib import Path

import httpx

from tests.cli.running import platform
from tests.cli.test_supervisor import alive, wait_for
from tests.journeys.conftest import Seed, caiso, settle, stored
from tests.journeys.stream import Sender

KEY = ("rule", "conversation_id", "trace_id", "user_id", "severity", "state", "first_event_at", "last_event_at")


def alerts(data: Path) -> set[tuple[str, ...]]:
    """What `caiso alerts` says of each alert, but for its number."""
    return {tuple(str(alert[name]) for name in KEY) for alert in caiso(data, "alerts", "--limit", "100000")}


def attacks(data: Path) -> set[str]:
    """The conversations in which the whole sequence was seen."""
    return {conversation for rule, conversation, *_ in alerts(data) if rule == "lethal-trifecta"}


def test_a_backup_under_load_starts_elsewhere_with_the_same_alerts(seed: Seed, tmp_path: Path, compiled: Path) -> None:
    data, copy = seed.copy(tmp_path / "data"), tmp_path / "restored"
    with platform(data, "--no-demo") as product:
        sender = Sender(1, seed.token, product.ready["url"])
        thread = sender.start()
        wait_for(lambda: len(attacks(data)) > 2, seconds=120)
        before = list(sender.acknowledged)
        archive = caiso(data, "backup", str(tmp_path / "archives"))["path"]
        made = len(sender.acknowledged)
        sender.stop.set()
        thread.join(20)
        assert made > len(before), "nothing was sent during the back-up"
        settle(data, {span for request in sender.acknowledged for span in request.spans})
    caiso(copy, "restore", str(archive))
    assert caiso(copy, "verify-audit")["ok"] is True
    shutil.rmtree(copy / "cache", ignore_errors=True)
    (copy / "cache").symlink_to(compiled)
    with platform(copy, "--no-demo"):
        found = settle(copy, {span for request in before for span in request.spans})
    assert max(found["events"].values()) == 1
    assert set(found["events"]) <= set(stored(data)["events"])
    complete = {request.conversation for request in before[:-3]}
    assert {one for one in attacks(data) if one in complete} <= attacks(copy)
    assert {(rule, talk) for rule, talk, *_ in alerts(copy)} <= {(rule, talk) for rule, talk, *_ in alerts(data)}
    assert {one for one in alerts(data) if one[1] in complete} <= alerts(copy)
    assert caiso(copy, "verify-audit")["ok"] is True


def test_stopping_takes_less_than_ten_seconds_while_a_page_listens(seed: Seed, tmp_path: Path) -> None:
    with platform(seed.copy(tmp_path / "data"), "--no-demo") as product:
        children = wait_for(lambda: len(now := product.processes()) == 3 and now, seconds=60)
        listening, heard = threading.Event(), []

        def listen() -> None:
            with httpx.Client(base_url=product.ready["url"], follow_redirects=True, timeout=60) as client:
                sign_in(client, seed.login)
                with client.stream("GET", "/live/?topics=alerts", headers={"Accept": "text/event-stream"}) as answer:
                    heard.append((answer.status_code, answer.headers["content-type"]))
                    with contextlib.suppress(httpx.RemoteProtocolError):  # the stream ends when the server does
                        for _ in answer.iter_text():
                            listening.set()

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        assert listening.wait(60), heard
        begun = time.monotonic()
        product.process.terminate()
        assert product.process.wait(timeout=15) == 0
        assert time.monotonic() - begun < 10
        assert not any(alive(pid) for pid in children.values())
    assert heard[0][0] == 200
    assert heard[0][1].startswith("text/event-stream")


def sign_in(client: httpx.Client, login: dict[str, str]) -> None:
    """By the form, as a browser does."""
    form = client.get("/accounts/login/").text
    field = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
    assert field is not None
    sent = {"login": login["email"], "password": login["password"], "csrfmiddlewaretoken": field[1]}
    answer = client.post("/accounts/login/", data=sent, headers={"Referer": str(client.base_url)})
    assert answer.url.path != "/accounts/login/", "signing in was refused"
