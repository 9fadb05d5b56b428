"""What people decide about an asset: its state, unit, owner, criticality, stage and the AI system that it belongs to."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import transaction

from caiso.errors import DomainError
from caiso.web.base.models import Person, Unit, User
from caiso.web.base.presentation import counted
from caiso.web.base.services import audit, facts
from caiso.web.inventory.identity import clean
from caiso.web.inventory.models import Asset, AssetKind, AssetState, Observation, ObservationSource
from caiso.web.organisation.models import Role

EDITABLE = frozenset(
    {
        "name",
        "state",
        "unit",
        "system",
        "owner",
        "owner_role",
        "criticality",
        "exposure",
        "lifecycle_stage",
        "environment",
        "purpose",
        "service_names",
        "data_classes",
    }
)
MOST_NAMES = 50


class UnableToChangeAsset(DomainError):
    """The asset cannot be changed that way."""


@transaction.atomic
def update_asset(record: Asset, *, changes: Mapping[str, Any], actor: User | None, now: datetime) -> Asset:
    """Write what a person decided; from then on no scan changes these fields. The parts of a system follow its unit."""
    if unknown := set(changes) - EDITABLE:
        raise UnableToChangeAsset(f"an asset has no changeable {', '.join(sorted(unknown))}")
    values = {name: _accepted(record, name, value) for name, value in changes.items()}
    columns = [f"{name}_id" if name in {"unit", "system", "owner"} else name for name in values]
    old_unit = record.unit
    before = audit.snapshot(record, columns)
    for name, value in values.items():
        setattr(record, name, value)
    made = audit.changed_fields(before, audit.snapshot(record, columns))
    if not made:
        return record
    if record.unit_id != old_unit.pk:
        _check_unit_is_free(record)
    record.edited_fields = sorted({*record.edited_fields, *(name.removesuffix("_id") for name in made)})
    record.save(update_fields=[*columns, "edited_fields"])
    audit.record(actor=actor, verb="asset.change", subject=record, changes=made, now=now)
    if record.kind == AssetKind.AI_SYSTEM and record.unit_id != old_unit.pk:
        _move_parts(record, old_unit, actor=actor, now=now)
    _tell_checks(now=now)
    return record


@transaction.atomic
def create_system(*, values: Mapping[str, Any], actor: User | None, now: datetime) -> Asset:
    """A new AI system, confirmed because a person made it. `values`: name and unit, and any other editable field."""
    name = clean(values.get("name") or "", 300)
    unit = values.get("unit")
    if not name:
        raise UnableToChangeAsset("give the AI system a name")
    if not isinstance(unit, Unit):
        raise UnableToChangeAsset("say which unit the AI system belongs to")
    if unknown := set(values) - EDITABLE:
        raise UnableToChangeAsset(f"an AI system has no {', '.join(sorted(unknown))}")
    if Asset.objects.filter(kind=AssetKind.AI_SYSTEM, unit=unit, name__iexact=name).exists():
        raise UnableToChangeAsset(f"{unit} already has an AI system called “{name}”")
    asset = Asset(
        kind=AssetKind.AI_SYSTEM,
        name=name,
        # A person names systems, so nothing in code or traffic can be the same one by its name alone.
        identity=f"ai_system:{uuid4().hex}",
        state=AssetState.CONFIRMED,
        unit=unit,
        first_seen_at=now,
        last_seen_at=now,
        is_demo=unit.is_demo,
    )
    given = {key: value for key, value in values.items() if key not in {"name", "unit", "state", "system"}}
    for key, value in given.items():
        setattr(asset, key, _accepted(asset, key, value))
    asset.edited_fields = sorted({"name", "unit", "state", *(key for key, value in given.items() if value)})
    asset.save()
    Observation.objects.create(
        asset=asset,
        source=ObservationSource.MANUAL,
        place=str(actor or audit.MACHINE)[:500],
        rule="entered-by-a-person",
        technique="statement",
        observed_at=now,
    )
    shown = {name: [None, getattr(asset, name)] for name in ("name", "unit_id", "owner_id", "owner_role")}
    audit.record(actor=actor, verb="asset.create", subject=asset, changes=shown, now=now)
    _tell_checks(now=now)
    return asset


def confirm_assets(records: Sequence[Asset], *, actor: User | None, now: datetime) -> str:
    """Take candidates and unmanaged assets on."""
    return _set_state(records, AssetState.CONFIRMED, "confirmed", actor=actor, now=now)


def retire_assets(records: Sequence[Asset], *, actor: User | None, now: datetime) -> str:
    """Say that assets are no longer used; what they were stays on record."""
    return _set_state(records, AssetState.RETIRED, "retired", actor=actor, now=now)


@transaction.atomic
def take_on(
    record: Asset,
    *,
    owner: Person | None,
    owner_role: str,
    system: Asset | None,
    actor: User | None,
    now: datetime,
) -> Asset:
    """Make an asset managed: somebody answers for it, and it is confirmed. A part may answer through its system."""
    answers_through_system = record.kind != AssetKind.AI_SYSTEM and (system or record.system)
    if owner is None and not owner_role and not answers_through_system:
        raise UnableToChangeAsset("name a person or a role that answers for it, or the AI system that it belongs to")
    changes: dict[str, Any] = {"state": AssetState.CONFIRMED}
    if owner is not None:
        changes["owner"] = owner
    if owner_role:
        changes["owner_role"] = owner_role
    if system is not None:
        changes["system"] = system
    return update_asset(record, changes=changes, actor=actor, now=now)


@transaction.atomic
def _set_state(records: Sequence[Asset], state: AssetState, word: str, *, actor: User | None, now: datetime) -> str:
    waiting = [asset for asset in records if asset.state != state]
    if not waiting:
        raise UnableToChangeAsset(f"already {word}: nothing to do")
    for asset in waiting:
        update_asset(asset, changes={"state": state}, actor=actor, now=now)
    return f"{counted(len(waiting), 'asset', 'assets')} {word}."


def _accepted(record: Asset, name: str, value: Any) -> Any:
    """The value as the column holds it, or a refusal in words."""
    if name in {"service_names", "data_classes"}:
        return _words(value)
    if name == "name":
        value = clean(value or "", 300)
        if not value:
            raise UnableToChangeAsset("the name cannot be empty")
    elif name == "system":
        _check_system(record, value)
    elif name == "unit" and value is None:
        raise UnableToChangeAsset("an asset belongs to a unit")
    elif name in {"owner_role", "criticality", "exposure", "lifecycle_stage", "environment", "purpose"}:
        value = value or ""
        if name == "owner_role" and value and not Role.objects.filter(slug=value).exists():
            raise UnableToChangeAsset(f"there is no role “{str(value)[:80]}”")
    elif name == "state" and value not in AssetState.values:
        raise UnableToChangeAsset(f"“{str(value)[:40]}” is not one of {', '.join(AssetState.values)}")
    return value


def _words(value: Any) -> list[str]:
    parts = value.replace("\n", ",").split(",") if isinstance(value, str) else list(value or ())
    words = list(dict.fromkeys(word for part in parts if (word := clean(part, 200))))
    if len(words) > MOST_NAMES:
        raise UnableToChangeAsset(f"{len(words)} names are too many; at most {MOST_NAMES}")
    return words


def _check_system(record: Asset, system: Asset | None) -> None:
    if system is None:
        return
    if record.kind == AssetKind.AI_SYSTEM:
        raise UnableToChangeAsset("an AI system is not part of another; relate the two instead")
    if system.kind != AssetKind.AI_SYSTEM:
        raise UnableToChangeAsset(f"{system} is not an AI system")


def _check_unit_is_free(record: Asset) -> None:
    twin = Asset.objects.filter(identity=record.identity, unit=record.unit).exclude(pk=record.pk).first()
    if twin is not None:
        raise UnableToChangeAsset(f"{record.unit} already has {twin}; merge the two instead")


def _move_parts(system: Asset, old_unit: Unit, *, actor: User | None, now: datetime) -> None:
    """Parts live where their system lives; one whose identity the new unit already has stays behind."""
    parts = Asset.objects.filter(system=system, unit=old_unit)
    taken = set(Asset.objects.filter(unit=system.unit).values_list("identity", flat=True))
    moving = [part for part in parts if part.identity not in taken and "unit" not in part.edited_fields]
    Asset.objects.filter(pk__in=[part.pk for part in moving]).update(unit=system.unit)
    change = {"unit_id": [old_unit.pk, system.unit_id]}
    entries = [audit.Entry("asset.change", part, change, system.unit) for part in moving]
    audit.record_many(entries, actor=actor, now=now)


def _tell_checks(*, now: datetime) -> None:
    facts.touched("assets", now=now)
    facts.touched("ai_systems", now=now)


AUDITED_MODELS = frozenset({"inventory.Asset", "inventory.Scan", "inventory.Relation"})
"""Models of this app whose writes by people leave an audit record; what scans and traffic prove is in the observations."""
