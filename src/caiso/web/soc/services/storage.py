"""Keeping the event files few and within their retention. Only the detector, which owns the files, calls this."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from django.db import transaction

from caiso.connect.telemetry import parts as part_files
from caiso.connect.telemetry.content import ContentStore
from caiso.connect.telemetry.joining import Joined
from caiso.connect.telemetry.parts import PartInfo
from caiso.connect.telemetry.threads import without_threads
from caiso.web.base.services import audit
from caiso.web.soc.models import EventPart

# Readers may still hold the list of parts that they took before the swap.
GRACE = timedelta(minutes=10)
MOST_INDEXED = 200


@transaction.atomic
def swap_joined(joined: Iterable[Joined], *, fence: int, now: datetime) -> tuple[list[str], list[str]]:
    """Name joined parts in place of those they were made of: the replaced paths, to be removed after GRACE, and those of no use.

    A part that went meanwhile, past its retention, must not come back within a joined one.
    """
    replaced: list[str] = []
    useless: list[str] = []
    for old, new in joined:
        rows = EventPart.objects.filter(path__in=old)
        if rows.count() != len(old):
            useless.append(new.path)
            continue
        rows.delete()
        keep_part(new, fence=fence, now=now)
        replaced += old
    return replaced, useless


def keep_part(part: PartInfo, *, fence: int, now: datetime) -> None:
    """The row by which readers find a part."""
    EventPart.objects.create(
        number=part.number,
        last_number=part.last_number,
        path=part.path,
        hour=part.hour,
        rows=part.rows,
        size=part.size,
        first_us=part.first_time_us,
        last_us=part.last_time_us,
        fence=fence,
        created_at=now,
    )


def index_old_parts(root: Path, parts: Iterable[PartInfo], *, most: int = MOST_INDEXED) -> int:
    """Let conversations be found by id in parts that an older version wrote, some at a time; returns how many."""
    waiting = without_threads(root, (part.path for part in parts))[:most]
    for path in waiting:
        part_files.index_threads(root, path)
    return len(waiting)


def drop_expired(
    root: Path, content: ContentStore, *, event_days: int, content_days: int, snapshot: int, now: datetime
) -> list[str]:
    """Forget parts whose newest event is past its retention, and the keys of content that is; returns the parts' paths.

    The newest part always stays: its number says where counting goes on.
    """
    dropped = content.drop_before((now - timedelta(days=content_days)).date())
    oldest = int((now - timedelta(days=event_days)).timestamp() * 1_000_000)
    newest = EventPart.objects.order_by("-last_number").first()
    rows = EventPart.objects.filter(last_us__lt=oldest, last_number__lte=snapshot)
    if newest is not None:
        rows = rows.exclude(pk=newest.pk)
    paths = list(rows.values_list("path", flat=True))
    with transaction.atomic():
        rows.delete()
        if paths or dropped:
            audit.record(
                actor=None,
                verb="retention",
                subject=audit.Subject("Event", "retention", "events and content past their retention"),
                changes={"parts": [len(paths), 0], "content_days": [len(dropped), 0]},
                now=now,
            )
    return paths


def stale_files(root: Path, known: Iterable[str], *, last: int) -> list[str]:
    """Part files up to the last committed number that no row names: replaced before a crash, or past their retention."""
    named = set(known)
    found = []
    for path in root.glob("hour=*/part-*.parquet"):
        name = f"{path.parent.name}/{path.name}"
        number = path.stem.removeprefix("part-")
        if name not in named and number.isdigit() and int(number) <= last:
            found.append(name)
    return found
