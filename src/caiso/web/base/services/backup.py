"""A back-up of the whole installation while it runs.

The order makes the parts fit without stopping anybody. Detector snapshots first, so that none is ahead of the
database; then the database in one consistent picture; then event parts, contents, the log of what is not yet in
parts, and parts and contents once more, because what left the log meanwhile is in a part, then keys that were made
meanwhile; last the audit anchor, cut at the head that the database copy knows. A part that the database copy does not know is taken up by the detector's
recovery.
"""

import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from caiso import __version__
from caiso.web.base import postgres
from caiso.web.base.archive import DUMP, Packed, UnableToBackUp, copy_tree, make_private, pack
from caiso.web.base.models import AuditSeal, Backup, User
from caiso.web.base.services import audit, facts
from caiso.web.base.services.sealing import anchor_path

DATABASE = "caiso.sqlite3"
IMMUTABLE = {"events"}
BEFORE = ("keys", "state")
AFTER = ("events", "content", "files", "wal", "events", "content", "files", "keys")
Tell = Callable[[str], None]


def create_backup(folder: Path, *, actor: User | None, now: datetime, tell: Tell = lambda note: None) -> Packed:
    """Write one archive into the folder and keep a row about it; a failure leaves a row too."""
    target = folder / f"caiso-{now.strftime('%Y%m%dT%H%M%SZ')}.tar"
    try:
        packed = _make(target, now=now, tell=tell)
    except (UnableToBackUp, OSError) as error:
        _keep(str(target), None, str(error), actor=actor, now=now)
        if isinstance(error, OSError):
            raise UnableToBackUp(f"cannot write to {folder}: {error.strerror or error}") from error
        raise
    _keep(packed.path, packed, "", actor=actor, now=now)
    return packed


def _make(target: Path, *, now: datetime, tell: Tell) -> Packed:
    data = Path(settings.DATA)
    make_private(target.parent)
    if target.exists():
        raise UnableToBackUp(f"{target} is there already")
    with tempfile.TemporaryDirectory(prefix=".caiso-backup-", dir=target.parent) as name:
        stage = Path(name)
        for part in BEFORE:
            copy_tree(data / part, stage / part)
        tell("database")
        lines = _copy_database(stage)
        for part in AFTER:
            tell(part)
            copy_tree(data / part, stage / part, immutable=part in IMMUTABLE)
        _copy_anchor(stage, lines)
        tell("archive")
        return pack(stage, target, version=__version__, made_at=now, database=connection.vendor)


def _copy_database(stage: Path) -> int:
    """One consistent picture of the database under `stage`; the number of anchor lines that it knows."""
    return _copy_sqlite(stage / DATABASE) if connection.vendor == "sqlite" else _dump_postgresql(stage / DUMP)


def _copy_sqlite(target: Path) -> int:
    with (
        closing(sqlite3.connect(f"file:{connection.settings_dict['NAME']}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        # All pages in one step: with smaller steps every write in between would start the copy anew.
        source.backup(copy, pages=-1)
        copy.execute("PRAGMA journal_mode=DELETE")
        fault = copy.execute("PRAGMA quick_check").fetchone()[0]
        if fault != "ok":
            raise UnableToBackUp(f"the database is damaged: {fault}")
        row = copy.execute("SELECT anchor_line FROM base_auditseal ORDER BY id LIMIT 1").fetchone()
    target.chmod(0o600)
    return int(row[0]) if row else 0


def _dump_postgresql(target: Path) -> int:
    database = connection.settings_dict
    where = {key.lower(): str(database[key] or "") for key in ("NAME", "HOST", "PORT", "USER", "PASSWORD")}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SELECT pg_export_snapshot()")
        picture = cursor.fetchone()[0]
        head = AuditSeal.objects.order_by("id").first()
        try:
            postgres.dump(postgres.Server(**where), target, snapshot=picture)
        except postgres.UnableToDump as refusal:
            raise UnableToBackUp(str(refusal)) from refusal
    return head.anchor_line if head else 0


def _copy_anchor(stage: Path, lines: int) -> None:
    path = anchor_path()
    if not path.exists():
        return
    kept = path.read_bytes().splitlines(keepends=True)[:lines]
    goal = stage / "anchor" / path.name
    goal.parent.mkdir(mode=0o700)
    goal.write_bytes(b"".join(kept))


def _keep(path: str, packed: Packed | None, note: str, *, actor: User | None, now: datetime) -> None:
    with transaction.atomic():
        row = Backup.objects.create(
            made_at=now,
            path=path[:500],
            bytes=packed.bytes if packed else 0,
            digest=packed.digest if packed else "",
            ok=packed is not None,
            note=note[:300],
        )
        audit.record(
            actor=actor,
            verb="backup.create" if packed else "backup.failed",
            subject=row,
            changes={"digest": [None, row.digest], "note": [None, row.note]},
            now=now,
        )
        facts.touched("backups", [row.pk], now=now)
