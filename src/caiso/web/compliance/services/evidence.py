"""Evidence that people leave for a control: collected by one person, accepted by another, valid until a day."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction

from caiso.errors import DomainError
from caiso.web.base.models import User
from caiso.web.base.presentation import counted
from caiso.web.base.services import audit, facts
from caiso.web.compliance.models import Evidence

FIELDS = ("control", "unit", "asset", "title", "kind", "url", "statement", "valid_until")


class UnableToCollect(DomainError):
    """The evidence lacks what makes it one."""


class UnableToAccept(DomainError):
    """This evidence cannot be accepted by this login."""


@transaction.atomic
def collect_evidence(*, values: Mapping[str, Any], actor: User, now: datetime) -> Evidence:
    """Leave evidence for a control; it counts when somebody else has accepted it."""
    evidence = Evidence(collected_by=actor, collected_at=now, **{name: values.get(name) or "" for name in _TEXTS})
    evidence.control, evidence.unit, evidence.asset = values["control"], values["unit"], values.get("asset")
    evidence.valid_until = values.get("valid_until")
    _check(evidence, now=now)
    evidence.digest = _digest(evidence)
    evidence.save()
    made = {name: [None, value] for name, value in audit.snapshot(evidence, FIELDS).items()}
    audit.record(actor=actor, verb="evidence.collect", subject=evidence, changes=made, now=now)
    facts.touched("evidence", [evidence.control.slug], now=now)
    return evidence


@transaction.atomic
def change_evidence(record: Evidence, *, changes: Mapping[str, Any], actor: User, now: datetime) -> Evidence:
    """Correct evidence that nobody has accepted yet; what was accepted stays as it was."""
    if record.is_accepted:
        raise UnableToCollect("accepted evidence is not changed: leave new evidence instead")
    before = audit.snapshot(record, FIELDS)
    for name, value in changes.items():
        setattr(record, name, value)
    _check(record, now=now)
    record.digest = _digest(record)
    record.save()
    made = audit.changed_fields(before, audit.snapshot(record, FIELDS))
    if made:
        audit.record(actor=actor, verb="evidence.change", subject=record, changes=made, now=now)
        facts.touched("evidence", [record.control.slug], now=now)
    return record


@transaction.atomic
def accept_evidence(evidence: Evidence, *, actor: User, now: datetime) -> None:
    """Confirm that the evidence proves what it says; never by the one who collected it."""
    if evidence.collected_by_id == actor.pk:
        raise UnableToAccept(f"you collected “{evidence.title}”: somebody else accepts it")
    if evidence.is_accepted:
        raise UnableToAccept(f"“{evidence.title}” is accepted already")
    if evidence.valid_until is not None and evidence.valid_until <= now:
        raise UnableToAccept(f"“{evidence.title}” is out of date since {evidence.valid_until:%Y-%m-%d}")
    evidence.is_accepted, evidence.accepted_by, evidence.accepted_at = True, actor, now
    evidence.save(update_fields=["is_accepted", "accepted_by", "accepted_at"])
    audit.record(actor=actor, verb="evidence.accept", subject=evidence, changes={"is_accepted": [False, True]}, now=now)
    facts.touched("evidence", [evidence.control.slug], now=now)


def accept_many(records: Sequence[Evidence], *, actor: User, now: datetime) -> str:
    """Accept all of the chosen evidence, or none of it."""
    for evidence in records:
        accept_evidence(evidence, actor=actor, now=now)
    return f"Accepted {counted(len(records), 'piece of evidence', 'pieces of evidence')}"


_TEXTS = ("title", "kind", "url", "statement")


def _check(evidence: Evidence, *, now: datetime) -> None:
    if not evidence.title.strip():
        raise UnableToCollect("evidence needs a title")
    if not evidence.url and not evidence.statement.strip():
        raise UnableToCollect("evidence needs a link or a statement")
    if evidence.url and urlsplit(evidence.url).scheme not in ("http", "https"):
        raise UnableToCollect("a link to evidence begins with https://")
    if evidence.valid_until is not None and evidence.valid_until <= now:
        raise UnableToCollect("evidence cannot be out of date before it is collected")
    if evidence.asset is not None and not evidence.asset.unit.path.startswith(evidence.unit.path):
        raise UnableToCollect(f"{evidence.asset} does not belong to {evidence.unit}")


def _digest(evidence: Evidence) -> str:
    """SHA-256 over what the evidence says, so that a later change shows."""
    said = "\0".join((evidence.title, evidence.kind, evidence.url, evidence.statement))
    return hashlib.sha256(said.encode()).hexdigest()
