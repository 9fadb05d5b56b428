"""The chain over the audit trail: one sealer gives each record its place and a keyed hash of all before it.

The head of the chain also goes to an anchor file outside the database; without it a cut tail could not be found.
Whoever holds both the key and the disk can forge everything: copy the anchor or the log lines to another machine.
"""

import hashlib
import hmac
import logging
import os
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import orjson
from django.conf import settings
from django.db import connection, transaction

from caiso.web.base.models import AuditRecord, AuditSeal, AuditVerification
from caiso.web.base.services.audit import audit_key, moment, values_digest
from caiso.web.base.services.leases import acquire_lease, release_lease

BATCH = 2000
LEASE = "audit-sealer"
LEASE_SECONDS = 30
UNSEALED_LIMIT = timedelta(seconds=60)
GENESIS = "0" * 64
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verification:
    """What a walk over the chain found; `record` is the id of the first broken record, where one can be named."""

    ok: bool
    records: int
    erased: int = 0
    finding: str = ""
    record: int | None = None


class _Broken(Exception):
    """The walk ends at the first thing that does not fit."""

    def __init__(self, finding: str, record: int | None = None) -> None:
        super().__init__(finding)
        self.record = record


def anchor_path() -> Path:
    """The file of chain heads, outside the database."""
    return Path(settings.DATA) / "anchor" / "audit.heads"


def seal_pending(*, owner: str, now: datetime) -> int:
    """Seal the unsealed records; the number sealed, 0 when another sealer holds the lease."""
    if acquire_lease(LEASE, owner, seconds=LEASE_SECONDS, now=now) is None:
        return 0
    sealed = 0
    while (count := _seal_batch(now)) > 0:
        sealed += count
        _append_anchor()
        if count < BATCH:
            break
    if not sealed:
        _append_anchor()
    return sealed


def release(owner: str, *, now: datetime) -> None:
    """Let the next sealer begin at once."""
    release_lease(LEASE, owner, now=now)


def _seal_batch(now: datetime) -> int:
    with transaction.atomic():
        head = AuditSeal.objects.select_for_update().order_by("id").first()
        if head is None:
            if AuditRecord.objects.exclude(sequence=None).exists():
                return 0  # the head was deleted: going on would hide it from the verification
            head = AuditSeal(sequence=0, seal=GENESIS, sealed_at=now, anchor_mark=GENESIS, anchor_before=GENESIS)
        rows = list(AuditRecord.objects.filter(sequence=None).order_by("id")[:BATCH])
        if not rows:
            return 0
        for row in rows:
            row.sequence = head.sequence = head.sequence + 1
            row.seal = head.seal = _seal(row, head.seal)
        with connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE base_auditrecord SET sequence = %s, seal = %s WHERE id = %s AND sequence IS NULL",
                [(row.sequence, row.seal, row.pk) for row in rows],
            )
        head.sealed_at = now
        head.anchor_line += 1
        head.anchor_before, head.anchor_mark = head.anchor_mark, _mark(head.anchor_line, head, before=head.anchor_mark)
        head.save()
    log.info("audit sealed", extra={"sequence": head.sequence, "seal": head.seal})
    return len(rows)


def _append_anchor() -> None:
    """Bring the anchor file to the head of the chain; a file that does not fit is left as it is for the verification."""
    head = AuditSeal.objects.order_by("id").first()
    if head is None:
        return
    path = anchor_path()
    last = _last_anchor(path)
    if last == head.anchor_mark:
        return
    if last != head.anchor_before:
        log.error("audit anchor does not fit the chain", extra={"line": head.anchor_line})
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    line = f"{head.anchor_line} {head.sequence} {head.seal} {moment(head.sealed_at)} {head.anchor_mark}\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _last_anchor(path: Path) -> str:
    """The mark on the last whole line; a line cut by a crash is removed first."""
    if not path.exists():
        return GENESIS
    with path.open("r+b") as handle:
        size = handle.seek(0, os.SEEK_END)
        handle.seek(max(0, size - 4096))
        tail = handle.read()
        if tail and not tail.endswith(b"\n"):
            keep = tail.rfind(b"\n") + 1
            handle.truncate(size - len(tail) + keep)
            tail = tail[:keep]
    lines = tail.decode("ascii", "replace").split("\n")
    return lines[-2].rpartition(" ")[2] if len(lines) > 1 else GENESIS


def verify_audit(*, now: datetime) -> Verification:
    """Walk the whole chain and name the first thing that does not fit; writers and the sealer go on meanwhile."""
    walk = _Walk(now)
    try:
        walk.run()
    except _Broken as broken:
        return Verification(ok=False, records=walk.count, erased=walk.erased, finding=str(broken), record=broken.record)
    return Verification(ok=True, records=walk.count, erased=walk.erased)


def run_verification(*, now: datetime) -> Verification:
    """Verify and keep the outcome, which a control reads."""
    found = verify_audit(now=now)
    AuditVerification.objects.create(verified_at=now, ok=found.ok, records=found.records, finding=found.finding[:500])
    return found


@dataclass(frozen=True)
class _Anchor:
    line: int
    sequence: int
    seal: str
    mark: str


class _Walk:
    """One pass over records, head and anchor; memory stays bounded by the number of anchor lines.

    Sealed records never change, so no transaction is held (it would lock writers out of SQLite): the anchor is read
    before the head and the records up to that head, and an honest sealer always writes them in the other order.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.count = 0
        self.erased = 0
        self.seal = GENESIS

    def run(self) -> None:
        anchors, head = self._settled()
        self._records(anchors, head)
        self._head(anchors, head)
        self._unsealed()

    def _settled(self) -> tuple[list[_Anchor], AuditSeal | None]:
        """Anchor and head, read again while the sealer is between its two writes; no head before the first of them."""
        for attempt in range(20):
            anchors = _read_anchor()
            heads = list(AuditSeal.objects.order_by("id")[:2])
            if len(heads) > 1:
                raise _Broken("the database holds more than one head of the chain")
            if not heads and not anchors and not AuditRecord.objects.exclude(sequence=None).exists():
                return anchors, None
            if heads and (anchors[-1].mark if anchors else GENESIS) == heads[0].anchor_mark:
                break
            time.sleep(0.01 * min(attempt, 5))
        if not heads:
            raise _Broken("the head of the chain is missing from the database")
        return anchors, heads[0]

    def _records(self, anchors: list[_Anchor], head: AuditSeal | None) -> None:
        by_sequence = {anchor.sequence: anchor for anchor in anchors}
        # What the first sealing of all brings while this reads is left to the next verification.
        rows = AuditRecord.objects.filter(sequence__lte=head.sequence if head else 0).order_by("sequence")
        for row in rows.iterator(chunk_size=2000):
            self._one(row)
            anchor = by_sequence.pop(self.count, None)
            if anchor is not None and anchor.seal != row.seal:
                raise _Broken(
                    f"anchor line {anchor.line} holds another seal than record {row.pk} of sequence {self.count}",
                    row.pk,
                )
        for anchor in by_sequence.values():
            raise _Broken(
                f"the trail ends at sequence {self.count}, but anchor line {anchor.line} knows {anchor.sequence}: "
                "records were cut off"
            )

    def _one(self, row: AuditRecord) -> None:
        expected = self.count + 1
        if row.sequence != expected:
            raise _Broken(
                f"record {row.pk} has sequence {row.sequence} where {expected} was expected: records are missing",
                row.pk,
            )
        if row.is_erased:
            self._erased(row, expected)
        elif not hmac.compare_digest(values_digest(row), row.changes_digest):
            raise _Broken(f"record {row.pk} (sequence {expected}): its values were changed", row.pk)
        if not hmac.compare_digest(_seal(row, self.seal), row.seal):
            raise _Broken(
                f"record {row.pk} (sequence {expected}) does not carry the seal of its content and place", row.pk
            )
        self.seal = row.seal
        self.count = expected

    def _erased(self, row: AuditRecord, sequence: int) -> None:
        self.erased += 1
        if row.changes is not None or row.actor_label or row.subject_label:
            raise _Broken(f"record {row.pk} (sequence {sequence}) is marked as erased and has values", row.pk)
        if not AuditRecord.objects.filter(verb="audit.erase", subject_id=str(row.pk)).exists():
            raise _Broken(f"record {row.pk} (sequence {sequence}) was erased without a record of the erasure", row.pk)

    def _head(self, anchors: list[_Anchor], head: AuditSeal | None) -> None:
        if head is None:
            return
        if (head.sequence, head.seal) != (self.count, self.seal):
            raise _Broken(
                f"the head names sequence {head.sequence}, but the trail ends at {self.count} or with another seal"
            )
        if head.anchor_mark != _mark(head.anchor_line, head, before=head.anchor_before):
            raise _Broken("the head of the chain is not one that the sealer wrote")
        beyond = AuditRecord.objects.filter(sequence__gt=head.sequence, at__lt=self.now - UNSEALED_LIMIT).first()
        if beyond is not None and not AuditSeal.objects.filter(sequence__gt=head.sequence).exists():
            raise _Broken(f"record {beyond.pk} has sequence {beyond.sequence}, which lies after the head", beyond.pk)
        last, mark = (len(anchors), anchors[-1].mark) if anchors else (0, GENESIS)
        if mark == head.anchor_mark:
            return
        behind = last == head.anchor_line - 1 and mark == head.anchor_before
        if not behind or self.now - head.sealed_at > UNSEALED_LIMIT:
            raise _Broken(f"the anchor file ends at line {last}, but the sealer wrote {head.anchor_line} lines")

    def _unsealed(self) -> None:
        late = AuditRecord.objects.filter(sequence=None, at__lt=self.now - UNSEALED_LIMIT).order_by("id").first()
        if late is not None:
            raise _Broken(f"record {late.pk} of {moment(late.at)} was never sealed: does the worker run?", late.pk)


def _read_anchor() -> list[_Anchor]:
    path = anchor_path()
    found: list[_Anchor] = []
    before = GENESIS
    lines = path.read_bytes().decode("ascii", "replace").split("\n")[:-1] if path.exists() else []
    for number, text in enumerate(lines, start=1):
        try:
            line, sequence, seal, at, mark = text.split(" ")
            head = AuditSeal(sequence=int(sequence), seal=seal, sealed_at=datetime.fromisoformat(at))
            fits = int(line) == number and hmac.compare_digest(mark, _mark(number, head, before=before))
        except (ValueError, TypeError):
            fits = False
        if not fits:
            raise _Broken(f"line {number} of the anchor file is not one that the sealer wrote there")
        found.append(_Anchor(number, head.sequence, seal, mark))
        before = mark
    return found


def _seal(row: AuditRecord, before: str) -> str:
    body = orjson.dumps(
        [
            before,
            row.sequence,
            row.pk,
            moment(row.at),
            row.actor_id,
            row.verb,
            row.subject_type,
            row.subject_id,
            row.unit_id,
            row.changes_digest,
        ]
    )
    return hmac.new(audit_key(), body, hashlib.sha256).hexdigest()


def _mark(line: int, head: AuditSeal, *, before: str) -> str:
    body = f"anchor {line} {head.sequence} {head.seal} {moment(head.sealed_at)} {before}"
    return hmac.new(audit_key(), body.encode(), hashlib.sha256).hexdigest()
