"""Replays files of telemetry into the log under the name of a source, on the record."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from django.db import transaction

from caiso.connect.telemetry.keys import KeyRing
from caiso.connect.telemetry.records import Envelope, pack_envelope
from caiso.connect.telemetry.replay import Parcel, Rejected, digest_of, parcels
from caiso.connect.telemetry.wal import WalWriter
from caiso.errors import DomainError
from caiso.web.base.models import AuditRecord, Unit, User
from caiso.web.base.services import audit
from caiso.web.config.environment import environment
from caiso.web.soc.models import Source

VERB = "telemetry.replay"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_STEP_US = 250_000  # of the file's time, in which records travel together while it is played at a speed
Tell = Callable[[int, int, str], None]


class UnableToReplay(DomainError):
    """A source that cannot be named so, or a file of which nothing can be read."""


@dataclass(frozen=True)
class Pace:
    """Which times the records get: their own; moved so that the newest is now; or played as they came, so many times as fast."""

    to_now: bool = False
    speed: float = 0.0  # 0: as fast as the log takes them


@dataclass
class Played:
    """What became of one file."""

    file: str
    digest: str = ""
    records: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    played_before: bool = False
    moved_us: int = 0


@transaction.atomic
def source_for_replay(name: str, *, unit: Unit, actor: User | str, now: datetime) -> Source:
    """The source of that id or name; made where there is none."""
    found = Source.objects.select_related("unit").filter(slug=name).first()
    named = [found] if found else list(Source.objects.select_related("unit").filter(name=name)[:2])
    if len(named) > 1:
        raise UnableToReplay(f"several sources are called {name!r}; give the id, as `caiso sources` lists it")
    if named:
        return named[0]
    if not _NAME.fullmatch(name):
        raise UnableToReplay(
            f"there is no source {name!r}, and a new one needs an id of 1 to 40 letters, digits, dashes or underscores"
        )
    source = Source.objects.create(slug=name, name=name, unit=unit)
    audit.record(actor=actor, verb="source.create", subject=source, unit=unit, now=now)
    return source


def replay_files(
    paths: Sequence[Path],
    source: Source,
    *,
    pace: Pace,
    actor: User | str,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
    tell: Tell = lambda done, total, note: None,
) -> list[Played]:
    """Give every record of the files to the log; raises ``UnableToReadFile`` and what the log raises.

    A file that was given to this source before is left out. One that was given in part (a crash, a full disk) is given again: what the
    detector has is known to it by its id.
    """
    shift = _distance_to_now(paths, clock()) if pace.to_now else 0
    data = environment().data
    writer = WalWriter(data / "wal", KeyRing(data / "keys", "wal"), prefix="replay")
    try:
        run = _Run(writer, source, pace, shift, clock, sleep)
        return [_replay(run, path, tell, actor=actor) for path in paths]
    finally:
        writer.close()


def _replay(run: "_Run", path: Path, tell: Tell, *, actor: User | str) -> Played:
    played = Played(str(path), digest_of(path), moved_us=run.shift_us)
    if _was_played(run.source, played.digest):
        played.played_before = True
        return played
    for parcel in parcels(path, span_us=_STEP_US if run.pace.speed else 0):
        if parcel.sent:
            run.give(parcel)
        played.records += parcel.records - len(parcel.rejected)
        played.rejected += parcel.rejected
        tell(played.records, 0, path.name)
    changes: dict[str, list[object]] = {
        "file": [None, path.name],
        "sha256": [None, played.digest],
        "records": [None, played.records],
    }
    with transaction.atomic():
        audit.record(actor=actor, verb=VERB, subject=run.source, changes=changes, unit=run.source.unit, now=run.clock())
    return played


def _was_played(source: Source, digest: str) -> bool:
    mine = AuditRecord.objects.filter(verb=VERB, subject_id=str(source.pk))
    return mine.filter(changes__sha256__1=digest).exists()


def _distance_to_now(paths: Sequence[Path], now: datetime) -> int:
    """By how much the newest record of all files lies before now."""
    newest = max((parcel.last_us for path in paths for parcel in parcels(path)), default=0)
    return _micros(now) - newest if newest else 0


def _micros(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


@dataclass
class _Run:
    """What goes on from file to file while they are given to the log."""

    writer: WalWriter
    source: Source
    pace: Pace
    shift_us: int
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    first_us: int = 0
    began_us: int = 0

    def give(self, parcel: Parcel) -> None:
        """Append a request, when it is its turn."""
        shift = self.shift_us
        if self.pace.speed and parcel.first_us:
            shift = self._wait(parcel)
        self.writer.refuse_if_backlogged()
        arrived = _micros(self.clock())
        envelope = Envelope(self.source.slug, parcel.signal, parcel.encoding, arrived, parcel.body, None, shift)
        self.writer.append([pack_envelope(envelope)])

    def _wait(self, parcel: Parcel) -> int:
        """Sleep until the request's place in time has come; by how much its records move."""
        now = _micros(self.clock())
        if not self.began_us:
            self.began_us, self.first_us = now, parcel.first_us
        due = self.began_us + int(max(0, parcel.first_us - self.first_us) / self.pace.speed)
        if due > now:
            self.sleep((due - now) / 1_000_000)
        return max(due, now) - parcel.last_us
