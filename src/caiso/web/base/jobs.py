"""Background work of the base app."""

from datetime import timedelta
from typing import Any

from django.conf import settings

from caiso.web.base.models import User
from caiso.web.base.services import backup, housekeeping, sealing
from caiso.web.base.services.jobs import JobContext, handles, schedule


@handles("audit.verify")
def verify_audit(context: JobContext) -> dict[str, Any]:
    """Walk the audit chain; the control that watches it reads the outcome."""
    found = sealing.run_verification(now=context.clock())
    return {"ok": found.ok, "records": found.records, "finding": found.finding}


@handles("backup.create")
def create_backup(context: JobContext) -> dict[str, Any]:
    """Back up into the configured folder."""
    asker = context.requested_by_id
    actor = User.objects.filter(pk=asker).first() if asker is not None else None
    steps = iter(range(1, 100))
    packed = backup.create_backup(
        settings.BACKUP_FOLDER,
        actor=actor,
        now=context.clock(),
        tell=lambda note: context.progress(next(steps), len(backup.AFTER) + 2, note),
    )
    return {"path": packed.path, "bytes": packed.bytes, "digest": packed.digest}


@handles("base.clean_up")
def clean_up(context: JobContext) -> dict[str, int]:
    """Remove what is past its time."""
    return housekeeping.clean_up(now=context.clock())


def schedule_jobs() -> None:
    """Called once by the app at start-up."""
    schedule("audit.verify", timedelta(hours=1))
    schedule("base.clean_up", timedelta(hours=6))
