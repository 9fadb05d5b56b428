"""A back-up made in the middle of the work is whole, and a damaged one is refused before anything is touched."""

import fcntl
import io
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from caiso.web.base import postgres
from caiso.web.base.archive import UnableToBackUp, UnableToRestore, read_manifest, restore
from caiso.web.base.models import AuditRecord, AuditSeal, Backup, Unit
from caiso.web.base.services import backup, sealing
from caiso.web.base.services.audit import Subject, record
from tests.databases import fresh_database
from tests.web.base.factories import NOW, make_unit


@pytest.fixture(autouse=True)
def own_data(tmp_path: Path, settings: object) -> Iterator[Path]:
    settings.DATA = tmp_path / "data"
    settings.DATA.mkdir()
    yield settings.DATA


VERIFY = """
import json, django; django.setup()
from datetime import datetime, UTC
from caiso.web.base.services.sealing import verify_audit
found = verify_audit(now=datetime.now(UTC))
print(json.dumps({"ok": found.ok, "records": found.records, "finding": found.finding}))
"""


def verify_in(data: Path, url: str) -> dict[str, object]:
    """The verification of a restored installation, by a process of its own."""
    root = Path(__file__).resolve().parents[3]
    environment = os.environ | {
        "CAISO_DATA": str(data),
        "CAISO_DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "caiso.web.config.settings",
        "PYTHONPATH": str(root / "src"),
    }
    done = subprocess.run([sys.executable, "-c", VERIFY], env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.django_db(transaction=True)
def test_backup_while_writers_write_is_whole(own_data: Path, tmp_path: Path) -> None:
    """Each write is a unit, its audit record and a file named after it: no copy may hold one without what came before."""
    stop = threading.Event()
    folder = own_data / "events" / "hour=00"
    folder.mkdir(parents=True)
    made: list[int] = []

    def write() -> None:
        try:
            while not stop.is_set():
                number = len(made)
                part = folder / f"part-{number}.parquet"
                part.write_bytes(os.urandom(2000))
                with transaction.atomic():
                    unit = make_unit(f"unit-{number}")
                    record(actor=None, verb="unit.create", subject=unit, now=timezone.now())
                made.append(number)
                time.sleep(0.004)  # SQLite's lock is not fair: without a pause the sealer would starve
        finally:
            connections.close_all()

    def seal() -> None:
        try:
            while not stop.wait(0.02):
                sealing.seal_pending(owner="one", now=timezone.now())
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work, daemon=True) for work in (write, seal)]
    for worker in workers:
        worker.start()
    try:
        archives = []
        for turn in range(3):
            wait_for(lambda turn=turn: len(made) > 20 * (turn + 1) and AuditSeal.objects.exists())
            archives.append(backup.create_backup(tmp_path / f"out{turn}", actor=None, now=timezone.now()))
    finally:
        stop.set()
        for worker in workers:
            worker.join(20)
    assert Backup.objects.filter(ok=True).count() == 3
    for packed in archives[:2]:
        target = tmp_path / f"restored-{packed.digest[:8]}"
        with fresh_database() as url:
            restore(Path(packed.path), target, load=loading(url))
            with opened(target, url) as copy:
                units = [slug for (slug,) in copy.execute("SELECT slug FROM base_unit ORDER BY id").fetchall()]
                counted = copy.execute("SELECT count(*) FROM base_auditrecord WHERE verb = 'unit.create'")
                records = counted.fetchone()[0]
            assert 20 < len(units) == records < len(made)
            assert all(
                (target / "events" / "hour=00" / f"part-{slug[5:]}.parquet").stat().st_size == 2000 for slug in units
            )
            found = verify_in(target, url)
        assert found["ok"], found
        assert found["records"] > 0


def loading(url: str) -> Callable[[Path], None] | None:
    """What writes an archive's dump into the database at the address."""
    return partial(postgres.load, postgres.Server.of(url)) if url else None


def opened(target: Path, url: str) -> Any:
    """The restored database, closed at the end."""
    if not url:
        return closing(sqlite3.connect(target / "caiso.sqlite3"))
    import psycopg

    return closing(psycopg.connect(url))


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def archive(transactional_db: None, own_data: Path, tmp_path: Path) -> Path:
    for name in (
        "events/a.parquet",
        "content/b",
        "wal/web-1/0001",
        "state/s",
        "files/f",
        "keys/k",
        "cache/c",
        "logs/l",
    ):
        path = own_data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    Unit.objects.create(slug="acme", name="ACME", path="/1/")
    record(actor=None, verb="thing.add", subject=Subject("Thing", "1"), now=NOW)
    sealing.seal_pending(owner="one", now=NOW)
    return Path(backup.create_backup(tmp_path / "out", actor=None, now=NOW).path)


def test_restored_directory_holds_what_was_there_and_no_cache_or_log(archive: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    with fresh_database() as url:
        manifest = restore(archive, target, load=loading(url))
    names = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    kept = set() if url else {"caiso.sqlite3"}
    assert names == kept | {
        "events/a.parquet", "content/b", "wal/web-1/0001", "state/s", "files/f", "keys/k",
        "keys/audit", "anchor/audit.heads",
    }  # fmt: skip
    assert names == set(manifest.files) - {"database.dump"}
    assert (target / "keys" / "k").read_text() == "keys/k"
    assert all(path.stat().st_mode & 0o077 == 0 for path in target.rglob("*"))
    assert archive.stat().st_mode & 0o077 == 0


def test_backup_leaves_a_row_an_audit_record_and_no_rubbish(archive: Path) -> None:
    row = Backup.objects.get()
    assert (row.ok, row.path, row.bytes) == (True, str(archive), archive.stat().st_size)
    import hashlib

    assert row.digest == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert AuditRecord.objects.filter(verb="backup.create").count() == 1
    assert [path.name for path in archive.parent.iterdir()] == [archive.name]


def test_directory_with_contents_is_replaced_only_by_force_and_kept_aside(archive: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "caiso.sqlite3").write_text("old")
    with pytest.raises(UnableToRestore, match="--force"):
        restore(archive, target)
    assert (target / "caiso.sqlite3").read_text() == "old"
    with fresh_database() as url:
        restore(archive, target, force=True, now=NOW, load=loading(url))
    assert (target / "replaced-20261122T120000Z" / "caiso.sqlite3").read_text() == "old"
    assert (target / "keys" / "k").read_text() == "keys/k"
    assert url or (target / "caiso.sqlite3").read_bytes().startswith(b"SQLite format 3")


def test_a_database_of_the_other_kind_is_refused_before_anything_is_touched(archive: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    if connection.vendor == "sqlite":
        with pytest.raises(UnableToRestore, match="holds a database of sqlite, but CAISO_DATABASE_URL is set"):
            restore(archive, target, load=lambda dump: None)
    else:
        with pytest.raises(UnableToRestore, match="set CAISO_DATABASE_URL to an empty database"):
            restore(archive, target)
    assert list(target.iterdir()) == []


def test_a_dump_goes_only_into_an_empty_database(archive: Path, tmp_path: Path) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("on SQLite the database is a file of the archive")
    target = tmp_path / "target"
    with fresh_database() as url:
        with opened(target, url) as link:
            link.execute("CREATE TABLE theirs (id int)")
            link.commit()
        with pytest.raises(postgres.UnableToLoad, match="holds 1 tables already"):
            restore(archive, target, load=loading(url))
        with opened(target, url) as link:
            assert link.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (1,)
    with pytest.raises(postgres.UnableToLoad, match="cannot reach the database 'nowhere'"):
        restore(archive, target, load=loading(url.rpartition("/")[0] + "/nowhere"))
    assert list(target.iterdir()) == []


def test_running_installation_is_not_overwritten(archive: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    with (target / "caiso.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UnableToRestore, match="in use"):
            restore(archive, target, force=True)


def test_every_damaged_byte_region_is_found_before_anything_is_touched(archive: Path, tmp_path: Path) -> None:
    whole = archive.read_bytes()
    target = tmp_path / "target"
    target.mkdir()
    (target / "mine").write_text("keep")
    damaged = tmp_path / "damaged.tar"
    with tarfile.open(archive) as tar:
        offsets = [member.offset_data for member in tar if member.size]
    cases = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in offsets]
    cases += [whole[: len(whole) * part // 10] for part in range(10)]
    for case in cases:
        damaged.write_bytes(case)
        with pytest.raises(UnableToRestore):
            restore(damaged, target, force=True)
        assert [path.name for path in target.iterdir()] == ["mine"]
    assert read_manifest(archive).database == connection.vendor


def hostile(tmp_path: Path, name: str, kind: bytes = tarfile.REGTYPE) -> Path:
    path = tmp_path / "hostile.tar"
    with tarfile.open(path, "w") as tar:
        info = tarfile.TarInfo(name)
        info.type, info.size, info.linkname = kind, 4 if kind == tarfile.REGTYPE else 0, "/etc/passwd"
        tar.addfile(info, io.BytesIO(b"evil"))
    return path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../outside", tarfile.REGTYPE),
        ("/etc/outside", tarfile.REGTYPE),
        ("a/../../outside", tarfile.REGTYPE),
        ("keys/link", tarfile.SYMTYPE),
        ("keys/hard", tarfile.LNKTYPE),
        ("keys/device", tarfile.CHRTYPE),
        ("keys/pipe", tarfile.FIFOTYPE),
    ],
)
def test_archive_that_reaches_outside_is_refused(tmp_path: Path, name: str, kind: bytes) -> None:
    target = tmp_path / "in" / "target"
    with pytest.raises(UnableToRestore, match="no back-up of ours"):
        restore(hostile(tmp_path, name, kind), target)
    assert not list(tmp_path.rglob("outside"))
    assert list(target.iterdir()) == []


@pytest.mark.django_db(transaction=True)
def test_failed_backup_says_so_in_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(UnableToBackUp):
        backup.create_backup(blocked / "out", actor=None, now=NOW)
    row = Backup.objects.get()
    assert (row.ok, row.digest) == (False, "")
    assert row.note


def test_missing_pg_dump_is_told_plainly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(postgres.shutil, "which", lambda name: None)
    server = postgres.Server.of("postgresql://caiso:s%40crt@db.example:5433/caiso")
    assert server.flags == ["--host", "db.example", "--port", "5433", "--username", "caiso"]
    assert server.password == "s@crt"
    with pytest.raises(postgres.UnableToDump, match="pg_dump is not installed: install PostgreSQL's client programs"):
        postgres.dump(server, tmp_path / "dump", snapshot="1")
    with pytest.raises(postgres.UnableToLoad, match="pg_restore and psql are needed"):
        postgres.load(server, tmp_path / "dump")
