"""Adding and changing duties and roles by hand, and what teams need and processes serve; checked as a file would be."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import orjson
from django.db import transaction
from django.db.models import Q
from django.utils.text import slugify

from caiso.engine.coverage.organisation import Organisation, parse_fragment
from caiso.engine.coverage.organisation.records import Process, TeamNeed
from caiso.engine.packs import PackError
from caiso.errors import DomainError
from caiso.web.base.models import Unit, User
from caiso.web.base.services import audit, facts
from caiso.web.organisation import queries
from caiso.web.organisation.models import AuthorityRecord, CarriedRecord, Duty, Role, ScorecardEvidence, Tool
from caiso.web.organisation.services.answering import settle
from caiso.web.organisation.services.carried import storable
from caiso.web.organisation.services.reporting import renew_view
from caiso.web.organisation.stored import NOTHING, root_slugs

# The engine's name of each field that the table calls otherwise.
ENGINE_NAMES = {"is_ai_security": "ai_security", "is_template": "template", "is_confirmed": "confirmed"}
Kept = TypeVar("Kept", Duty, Role)
DUTY_FIELDS = (
    *("title", "description", "family", "is_ai_security", "stages", "requires", "effort_hours", "priority"),
    *("cadence_days", "controls", "techniques"),
)
ROLE_FIELDS = ("title", "description", "authority", "capacity_hours", "annual_cost")


class UnableToKeep(DomainError):
    """The record is not one that an organisation could have."""


@transaction.atomic
def create_duty(*, values: Mapping[str, Any], unit: Unit, actor: User, now: datetime) -> Duty:
    """A duty that nobody answers for yet."""
    row = Duty(slug=_free(Duty, values.get("title", "duty")), unit=unit, **_known(values, DUTY_FIELDS))
    return _write(row, "duties", changes=_known(values, DUTY_FIELDS), verb="duty.create", actor=actor, now=now)


@transaction.atomic
def update_duty(row: Duty, /, *, changes: Mapping[str, Any], actor: User, now: datetime) -> Duty:
    """Change what a duty is, asks and takes."""
    return _change(row, "duties", _known(changes, DUTY_FIELDS), verb="duty.change", actor=actor, now=now)


@transaction.atomic
def create_role(*, values: Mapping[str, Any], unit: Unit, actor: User, now: datetime) -> Role:
    """A role that nobody holds yet."""
    row = Role(slug=_free(Role, values.get("title", "role")), unit=unit, **_known(values, ROLE_FIELDS))
    return _write(row, "roles", changes=_known(values, ROLE_FIELDS), verb="role.create", actor=actor, now=now)


@transaction.atomic
def update_role(row: Role, /, *, changes: Mapping[str, Any], actor: User, now: datetime) -> Role:
    """Change what a role is, may decide, can give and costs; its competences are confirmed on their own."""
    return _change(row, "roles", _known(changes, ROLE_FIELDS), verb="role.change", actor=actor, now=now)


@transaction.atomic
def put_need(
    *, unit: Unit | None, competence: str, level: int | None, people: int | None, actor: User, now: datetime
) -> None:
    """Say which level a team, or everybody, needs in a competence; without a level the need is taken back."""
    slug = None if unit is None or unit.slug in root_slugs() else unit.slug
    stored = queries.stored_organisation().needs
    kept = [one for one in stored if (one.unit, one.competence) != (slug, competence)]
    if level is not None:
        kept.append(_read("needs", {"unit": slug, "competence": competence, "level": level, "people": people}))
    _keep("needs", kept)
    said: dict[str, list[Any]] = {"need": [None, {"competence": competence, "level": level, "people": people}]}
    subject = audit.Subject("Need", f"{slug or 'everybody'}:{competence}", f"{unit or 'everybody'}: {competence}")
    audit.record(actor=actor, verb="need.put", subject=subject, changes=said, unit=unit, now=now)
    settle(now)


@transaction.atomic
def add_process(*, values: Mapping[str, Any], actor: User, now: datetime) -> Process:
    """A policy or an assessment that serves a requirement."""
    stored = queries.stored_organisation().processes
    taken = {one.id for one in stored}
    body = {**values, "id": _unused(str(values.get("title", "process")), lambda name: name in taken)}
    made: Process = _read("processes", body)
    _keep("processes", [*stored, made])
    subject = audit.Subject("Process", made.id, made.title)
    changes: dict[str, list[Any]] = {name: [None, value] for name, value in storable(made).items()}
    audit.record(actor=actor, verb="process.add", subject=subject, changes=changes, now=now)
    settle(now)
    return made


@transaction.atomic
def drop_process(name: str, *, actor: User, now: datetime) -> None:
    """The process no longer exists."""
    stored = queries.stored_organisation().processes
    gone = next((one for one in stored if one.id == name), None)
    if gone is None:
        raise UnableToKeep(f"there is no process {name!r}")
    _keep("processes", [one for one in stored if one.id != name])
    subject = audit.Subject("Process", gone.id, gone.title)
    audit.record(actor=actor, verb="process.drop", subject=subject, changes={"title": [gone.title, None]}, now=now)
    renew_view()


def forget_records(prefix: str, *, units: frozenset[str]) -> None:
    """Remove tools, records of authority, processes and needs whose ids begin so or that belong to the units.

    The caller, which removes the units themselves, writes the trail.
    """
    Tool.objects.filter(Q(slug__startswith=prefix) | Q(unit__slug__in=units)).delete()
    AuthorityRecord.objects.filter(slug__startswith=prefix).delete()
    ScorecardEvidence.objects.filter(slug__startswith=prefix).delete()
    stored = queries.stored_organisation()
    _keep("processes", [one for one in stored.processes if not one.id.startswith(prefix)])
    _keep("needs", [one for one in stored.needs if one.unit not in units])


def _known(values: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    if unknown := set(values) - set(fields):
        raise UnableToKeep(f"there is no field {sorted(unknown)[0]!r}")
    return dict(values)


def _write(row: Kept, collection: str, *, changes: Mapping[str, Any], verb: str, actor: User, now: datetime) -> Kept:
    _check(row, collection)
    row.save()
    told: dict[str, list[Any]] = {name: [None, value] for name, value in changes.items()}
    audit.record(actor=actor, verb=verb, subject=row, changes=told, now=now)
    _settled(now)
    return row


def _change(row: Kept, collection: str, changes: Mapping[str, Any], *, verb: str, actor: User, now: datetime) -> Kept:
    before = audit.snapshot(row, changes)
    for name, value in changes.items():
        setattr(row, name, value)
    if differing := audit.changed_fields(before, audit.snapshot(row, changes)):
        _check(row, collection)
        row.save(update_fields=list(changes))
        audit.record(actor=actor, verb=verb, subject=row, changes=differing, now=now)
        _settled(now)
    return row


def _settled(now: datetime) -> None:
    settle(now)
    facts.touched("duties", now=now)


def _check(row: Any, collection: str) -> None:
    """The row as a file would say it, held against what a file may say."""
    fields = DUTY_FIELDS if collection == "duties" else ROLE_FIELDS
    body = {ENGINE_NAMES.get(name, name): getattr(row, name) for name in fields}
    # A file says nothing where a row is empty.
    _read(collection, {"id": row.slug, **{name: value for name, value in body.items() if value not in (None, "")}})


def _read(collection: str, body: Mapping[str, Any]) -> Any:
    source = orjson.dumps({"id": "record", collection: [dict(body)]})
    try:
        (record,) = getattr(parse_fragment(source, path=Path("record")), collection)
    except PackError as refusal:
        raise UnableToKeep("; ".join(problem.message for problem in refusal.problems)) from refusal
    return record


def _keep(collection: str, records: "list[TeamNeed] | list[Process]") -> None:
    CarriedRecord.objects.filter(collection=collection).delete()
    usual = getattr(Organisation("none"), collection) == tuple(records)
    CarriedRecord.objects.bulk_create(
        CarriedRecord(collection=collection, place=place, body=storable(record) if record else NOTHING)
        for place, record in enumerate([] if usual else records)
    )


def _free(table: "type[Duty] | type[Role]", title: object) -> str:
    return _unused(str(title), lambda name: table._default_manager.filter(slug=name).exists())


def _unused(title: str, taken: Callable[[str], bool]) -> str:
    base = slugify(title)[:60] or "record"
    number, name = 1, base
    while taken(name):
        number += 1
        name = f"{base}-{number}"
    return name
