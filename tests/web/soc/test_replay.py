"""Files of other products' logs, replayed or posted, raise alerts; the same file again adds nothing, and times are kept or moved."""

import contextlib
import gzip
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from caiso.cli.main import LazyGroup
from caiso.connect.telemetry.parts import read_part
from caiso.connect.telemetry.replay import parcels
from caiso.errors import DomainError
from caiso.web.base.models import AuditRecord, Unit
from caiso.web.config.environment import environment
from caiso.web.soc.models import Alert, EventPart, Reject, Source
from caiso.web.soc.services.replay import Pace, Played, replay_files, source_for_replay
from tests.connect.telemetry import logs
from tests.connect.telemetry.test_trial import span
from tests.web.conftest import NOW
from tests.web.soc.test_detector import data, run  # noqa: F401  fixtures

pytestmark = pytest.mark.django_db

# A public rule as it stands in Sigma's collections: its log source and its field names are not ours.
WEB_RULE = """
title: Source code repository asked for over the web
id: 0b5c2a7e-6a0a-4d0c-9d6f-3a5a1c1f0e11
status: test
description: Scanners ask for the folder of a version control system.
logsource:
  category: webserver
detection:
  selection:
    cs-method: GET
    cs-uri-stem|contains: /.git/
    sc-status: [200, 404]
  condition: selection
level: high
"""


@pytest.fixture
def source(root: Unit, data: Path) -> Source:  # noqa: F811
    return source_for_replay("gateway", unit=root, actor="test", now=NOW)


@pytest.fixture
def web_rule(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    folder = tmp_path / "packs" / "detections"
    folder.mkdir(parents=True)
    (folder / "git.yaml").write_text(WEB_RULE)
    monkeypatch.setattr(environment(), "packs", (tmp_path / "packs",))


def lines(path: Path, *documents: Any) -> Path:
    path.write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in documents))
    return path


def play(source: Source, *paths: Path, pace: Pace | None = None, at: datetime = NOW) -> list[Played]:
    return replay_files(paths, source, pace=pace or Pace(), actor="test", clock=lambda: at)


def events() -> list[dict[str, Any]]:
    folder = environment().data / "events"
    return [row for part in EventPart.objects.order_by("number") for row in read_part(folder, part.path).to_pylist()]


def test_injected_instruction_in_a_gateway_log_and_scanner_in_an_access_log_raise_alerts(
    source: Source, web_rule: None, tmp_path: Path
) -> None:
    log = lines(tmp_path / "log", logs.litellm(startTime=NOW.timestamp(), endTime=NOW.timestamp() + 1), logs.nginx())
    assert play(source, log)[0].records == 2
    run(NOW + timedelta(minutes=1)).end()
    alert = Alert.objects.get(rule__slug="injected-instructions")
    assert (alert.subject_user, alert.service, alert.source) == ("amara", "claims-copilot", source)
    raised = Alert.objects.exclude(rule__slug="injected-instructions")
    assert "Source code repository asked for over the web" in {one.rule.title for one in raised}


def test_the_same_file_again_adds_nothing_whatever_its_name_and_times(source: Source, tmp_path: Path) -> None:
    log = lines(tmp_path / "log", *(logs.nginx(request_id=str(n)) for n in range(30)), logs.litellm())
    play(source, log)
    run().end()
    assert Source.objects.get().events == 31
    (again,) = play(source, log)
    assert (again.played_before, again.records) == (True, 0)
    AuditRecord.objects.filter(verb="telemetry.replay").delete()  # as after a crash before the end
    packed = tmp_path / "other.gz"
    packed.write_bytes(gzip.compress(log.read_bytes()))
    play(source, packed, pace=Pace(to_now=True), at=NOW + timedelta(days=3))
    run(NOW + timedelta(days=3)).end()
    assert Source.objects.get().events == 31


def test_equal_lines_are_different_records_in_whichever_request_they_travel(source: Source, tmp_path: Path) -> None:
    play(source, lines(tmp_path / "log", *[logs.nginx()] * 1300))
    run().end()
    assert Source.objects.get().events == 1300
    AuditRecord.objects.filter(verb="telemetry.replay").delete()
    play(source, lines(tmp_path / "longer", logs.envoy(), *[logs.nginx()] * 1301))
    run().end()
    assert Source.objects.get().events == 1302


def test_times_stay_or_move_to_now(root: Unit, source: Source, tmp_path: Path) -> None:
    old = [logs.nginx(time_iso8601=f"2024-05-0{day}T12:00:00Z") for day in (1, 3)]
    log = lines(tmp_path / "log", *old)
    play(source, log)
    other = source_for_replay("moved", unit=root, actor="test", now=NOW)
    (moved,) = play(other, log, pace=Pace(to_now=True))
    run().end()
    times = {name: sorted(one["time"] for one in events() if one["source.id"] == name) for name in ("gateway", "moved")}
    kept = [int(datetime(2024, 5, day, 12, tzinfo=UTC).timestamp() * 1e6) for day in (1, 3)]
    assert times["gateway"] == kept
    now_us = int(NOW.timestamp() * 1e6)
    assert times["moved"] == [now_us - (kept[1] - kept[0]), now_us]
    assert moved.moved_us == now_us - kept[1]
    assert {one["time.marked"] for one in events()} == {""}


def test_protobuf_export_travels_and_keeps_its_old_time(source: Source, tmp_path: Path) -> None:
    file = tmp_path / "export.pb"
    file.write_bytes(span("chat", "x", seconds=1))
    assert play(source, file)[0].records == 1
    run().end()
    (event,) = events()
    assert event["time"] < int(NOW.timestamp() * 1e6) - 7 * 86_400 * 1_000_000


def test_played_at_a_speed_records_wait_for_their_turn(source: Source, tmp_path: Path) -> None:
    log = lines(tmp_path / "log", *(logs.nginx(time_iso8601=f"2024-05-01T12:00:{s:02}Z") for s in (0, 10, 40)))
    now, slept = [NOW], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += timedelta(seconds=seconds)

    replay_files([log], source, pace=Pace(speed=20), actor="test", clock=lambda: now[0], sleep=sleep)
    assert slept == [0.5, 1.5]
    run(now[0]).end()
    began = int(NOW.timestamp() * 1e6)
    assert sorted(one["time"] - began for one in events()) == [0, 500_000, 2_000_000]


def test_refused_lines_are_named_and_kept_in_the_reject_log(source: Source, tmp_path: Path) -> None:
    log = lines(
        tmp_path / "log", logs.nginx(), "{broken}", logs.ocsf(2004), logs.nginx(request_id="b"), {"level": "info"}
    )
    (played,) = play(source, log)
    assert (played.records, [one.line for one in played.rejected]) == (2, [2, 3, 5])
    assert "class_uid 2004" in played.rejected[1].reason
    run().end()
    assert Source.objects.get().events == 2
    assert {row.reason[:14] for row in Reject.objects.all()} == {"class_uid 2004", "field 'level' "}


def test_lines_travel_together_within_bounds(tmp_path: Path) -> None:
    found = list(parcels(lines(tmp_path / "log", *(logs.nginx(request_id=str(n)) for n in range(1200)))))
    assert [one.records for one in found] == [512, 512, 176]
    assert sum(one.body.count(b"\n") + 1 for one in found) == 1200


@pytest.fixture
def command(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    (tmp_path / "caiso.sqlite3").touch()
    monkeypatch.setenv("CAISO_DATA", str(tmp_path))

    def call(*arguments: str) -> Any:
        printed = io.StringIO()
        found = LazyGroup(name="caiso").get_command(None, "replay")
        with contextlib.redirect_stdout(printed):
            found([*arguments, "--json"], standalone_mode=False)
        return json.loads(printed.getvalue())

    return call


def test_command_reads_files_and_folders_and_says_what_it_did(command: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    lines(folder / "b", logs.envoy(), "{broken}")
    lines(folder / "a", logs.nginx())
    told = command(str(folder), "--source", "gateway")
    assert (told["source"], told["records"]) == ("gateway", 2)
    assert [Path(one["file"]).name for one in told["files"]] == ["a", "b"]
    assert [(Path(one["file"]).name, one["line"]) for one in told["rejected"]] == [("b", 2)]
    assert AuditRecord.objects.filter(verb="telemetry.replay").count() == 2
    assert command(str(folder), "--source", "gateway")["records"] == 0


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nowhere.json", "--source", "gateway"], "is not a file"),
        (["{log}", "--source", "a name with blanks"], "there is no source"),
        (["{log}", "--source", "gateway", "--now", "--speed", "2"], "not both"),
    ],
)
def test_command_refuses_with_a_reason(
    command: Callable[..., Any], tmp_path: Path, arguments: list[str], word: str
) -> None:
    log = lines(tmp_path / "log", logs.nginx())
    with pytest.raises(DomainError, match=word):
        command(*(one.format(log=log) for one in arguments))
    assert not AuditRecord.objects.filter(verb="telemetry.replay").exists()
