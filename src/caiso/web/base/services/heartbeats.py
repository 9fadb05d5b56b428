"""Signs of life of the processes, for the health page."""

from datetime import datetime

from caiso.web.base.models import Heartbeat


def beat(process: str, *, kind: str, now: datetime) -> None:
    """Say that a process lives."""
    Heartbeat.objects.update_or_create(
        process=process, defaults={"seen_at": now}, create_defaults={"kind": kind, "started_at": now, "seen_at": now}
    )


def forget(process: str) -> None:
    """Say that a process ended in order."""
    Heartbeat.objects.filter(process=process).delete()
