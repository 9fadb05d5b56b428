"""The audit trail: who did what to which record, written in the transaction of the deed itself.

Rows are written unsealed; services/sealing.py gives them their place in the chain each second.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings
from django.db import transaction
from django.db.models import Model

from caiso.errors import DomainError
from caiso.web.base.models import AuditRecord, Unit, User
from caiso.web.config.secrets import read_or_make_key

MAX_VALUE = 2000
# Beyond it databases write numbers in other ways than they were given, and the digest would no longer fit.
LARGEST_NUMBER = 10**15
MACHINE = "caiso"

PlainValue = str | int | float | bool | None | list[Any] | dict[str, Any]
Changes = Mapping[str, Sequence[Any]]


class UnableToErase(DomainError):
    """The values of an audit record cannot be erased."""


@dataclass(frozen=True)
class Subject:
    """What an audit record is about when it is no table row (an export, a query, a login attempt)."""

    type: str
    id: str
    label: str = ""


@dataclass(frozen=True)
class Entry:
    """One line to be recorded by `record_many`."""

    verb: str
    subject: Model | Subject
    changes: Changes | None = None
    unit: Unit | None = None


def record(
    *,
    actor: User | str | None,
    verb: str,
    subject: Model | Subject,
    changes: Changes | None = None,
    unit: Unit | None = None,
    now: datetime,
) -> AuditRecord:
    """Write one audit row in the caller's transaction; an actor of None is the machine itself."""
    row = _row(Entry(verb, subject, changes, unit), actor=actor, now=now)
    row.save(force_insert=True)
    return row


def record_many(entries: Iterable[Entry], *, actor: User | str | None, now: datetime) -> int:
    """Write many audit rows with few statements, in the caller's transaction; the number written."""
    rows = [_row(entry, actor=actor, now=now) for entry in entries]
    AuditRecord.objects.bulk_create(rows, batch_size=500)
    return len(rows)


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """{field: [before, after]} of the fields that differ."""
    names = [*before, *(name for name in after if name not in before)]
    return {
        name: [plain(before.get(name)), plain(after.get(name))]
        for name in names
        if plain(before.get(name)) != plain(after.get(name))
    }


def snapshot(row: Model, fields: Iterable[str]) -> dict[str, Any]:
    """The named fields of a row as plain values; foreign keys as the ids they point at."""
    return {name: plain(getattr(row, name)) for name in fields}


def plain(value: Any) -> PlainValue:
    """A value as JSON holds it, bounded in length."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and abs(value) < LARGEST_NUMBER:  # also false for what is no number
        return value + 0  # minus nought becomes nought
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Model):
        return str(value.pk)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    text = str(value).replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return text if len(text) <= MAX_VALUE else text[:MAX_VALUE] + "…"


def erase_values(row: AuditRecord, *, actor: User | None, reason: str, now: datetime) -> None:
    """Remove the personal values of a record; its digest keeps the chain whole, and the erasure is itself recorded."""
    if row.sequence is None:
        raise UnableToErase(f"record {row.pk} is not sealed yet; try again in a second")
    with transaction.atomic():
        record(
            actor=actor,
            verb="audit.erase",
            subject=Subject("AuditRecord", str(row.pk), f"record {row.sequence}"),
            changes={"reason": [None, reason]},
            now=now,
        )
        AuditRecord.objects.filter(pk=row.pk).update(
            changes=None, actor_label="", subject_label="", salt="", is_erased=True
        )
    row.refresh_from_db()


def values_digest(row: AuditRecord) -> str:
    """Keyed and salted hash of the whole record as it was written; a row put in without the key is found by it."""
    body = orjson.dumps(
        [
            row.salt,
            moment(row.at),
            row.actor_id,
            row.actor_label,
            row.verb,
            row.subject_type,
            row.subject_id,
            row.subject_label,
            row.unit_id,
            row.changes,
        ],
        option=orjson.OPT_SORT_KEYS,
    )
    return hmac.new(audit_key(), body, hashlib.sha256).hexdigest()


def moment(at: datetime) -> str:
    """A time as the hashes of the trail write it."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def audit_key() -> bytes:
    """The key of the trail's hashes, made on first use."""
    return _key_of(Path(settings.DATA))


@lru_cache(maxsize=4)
def _key_of(data: Path) -> bytes:
    return read_or_make_key(data, "audit").encode()


def _row(entry: Entry, *, actor: User | str | None, now: datetime) -> AuditRecord:
    subject = _named(entry.subject)
    unit_id = entry.unit.pk if entry.unit else _unit_id(entry.subject)
    changes = (
        {str(name): [plain(item) for item in pair] for name, pair in entry.changes.items()} if entry.changes else None
    )
    row = AuditRecord(
        at=now,
        actor_id=actor.pk if isinstance(actor, User) else None,
        actor_label=_plain_label(_label(actor), 200),
        verb=entry.verb,
        subject_type=subject.type,
        subject_id=subject.id[:80],
        subject_label=_plain_label(subject.label, 300),
        unit_id=unit_id,
        changes=orjson.loads(orjson.dumps(changes, option=orjson.OPT_NON_STR_KEYS)),
        salt=secrets.token_hex(16),
    )
    row.changes_digest = values_digest(row)
    return row


def _plain_label(text: str, longest: int) -> str:
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")[:longest]


def _label(actor: User | str | None) -> str:
    if actor is None:
        return MACHINE
    return actor if isinstance(actor, str) else actor.email


def _named(subject: Model | Subject) -> Subject:
    if isinstance(subject, Subject):
        return subject
    return Subject(subject._meta.object_name or "", str(subject.pk), str(subject))


def _unit_id(subject: Model | Subject) -> int | None:
    if isinstance(subject, Unit):
        return subject.pk
    unit_id = getattr(subject, "unit_id", None)
    return unit_id if isinstance(unit_id, int) else None


AUDITED_MODELS = frozenset(
    {
        "base.AccessGrant",
        "base.ApiToken",
        "base.Backup",
        "base.Person",
        "base.SavedView",
        "base.Setting",
        "base.Task",
        "base.Unit",
        "base.User",
    }
)
"""Models of this app whose every write leaves an audit record; each app declares its own AUDITED_MODELS beside its services."""
