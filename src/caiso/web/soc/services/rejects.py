"""Refused records: trying them again after a limit was raised or a mistake of ours was mended."""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from caiso.connect.telemetry.content import ContentStore
from caiso.connect.telemetry.keys import KeyRing
from caiso.connect.telemetry.wal import UnableToAppend, WalWriter
from caiso.errors import DomainError
from caiso.web.base.models import Job, User
from caiso.web.base.services import audit
from caiso.web.base.services.jobs import enqueue
from caiso.web.config.environment import environment
from caiso.web.soc.models import Reject, Source

RETRY_JOB = "soc.retry_rejects"
MOST = 10_000


class UnableToTryAgain(DomainError):
    """Nothing of what was refused can be tried again."""


@transaction.atomic
def ask_for_retry(source: Source, *, reason: str, actor: User, now: datetime) -> Job:
    """Have all refused records of a source, or those of one reason, read once more; each is tried once."""
    waiting = _waiting(source, reason)
    count = waiting.count()
    if not count:
        raise UnableToTryAgain("nothing is left to try again: these records were tried, or their requests are not kept")
    audit.record(
        actor=actor,
        verb="rejects.retry",
        subject=source,
        changes={"records": [None, min(count, MOST)], "reason": [None, reason or "any"]},
        unit=source.unit,
        now=now,
    )
    arguments = {"source": source.pk, "reason": reason}
    return enqueue(RETRY_JOB, arguments, unit=source.unit, actor=actor, now=now)


def retry_rejects(
    source: Source, *, reason: str, now: datetime, progress: Callable[[int, int, str], None] | None = None
) -> int:
    """Give the requests of waiting records to the log; returns how many records were given.

    A record is marked in the same step as it is given, after the log has it: a crash in between gives it twice, and
    its event id keeps it from being taken twice.
    """
    rows = list(_waiting(source, reason).order_by("pk")[:MOST])
    requests: dict[tuple[str, str], list[Reject]] = {}
    for row in rows:
        requests.setdefault((row.request_ref, row.request_id), []).append(row)
    data = environment().data
    content = ContentStore(data)
    given = 0
    writer = WalWriter(data / "wal", KeyRing(data / "keys", "wal"), prefix="retry")
    try:
        for number, ((ref, request_id), own) in enumerate(requests.items()):
            if progress is not None:
                progress(number, len(requests), f"{given} records")
            if _give(content, writer, own, ref=ref, request_id=request_id, now=now):
                given += len(own)
    finally:
        writer.close()
    return given


def _give(
    content: ContentStore, writer: WalWriter, rows: list[Reject], *, ref: str, request_id: str, now: datetime
) -> bool:
    from caiso.connect.telemetry.redrive import UnableToRetry, try_again  # noqa: PLC0415 - loads Arrow

    try:
        try_again(
            content,
            writer,
            request_ref=ref,
            request_id=request_id,
            places=[row.record for row in rows],
            now_us=int(now.timestamp() * 1_000_000),
        )
    except UnableToRetry:
        # Its content's retention has ended: without the reference it is not offered again.
        Reject.objects.filter(pk__in=[row.pk for row in rows]).update(request_ref="")
        return False
    except UnableToAppend as error:
        raise UnableToTryAgain(f"the log takes nothing at the moment: {error}") from error
    Reject.objects.filter(pk__in=[row.pk for row in rows]).update(retried_at=now)
    return True


def _waiting(source: Source, reason: str):  # type: ignore[no-untyped-def]
    rows = Reject.objects.filter(source=source, retried_at=None).exclude(request_ref="")
    return rows.filter(reason=reason) if reason else rows
