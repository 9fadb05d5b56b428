"""Typed edges between assets, drawn and removed by people, and the merging of two assets into one."""

from datetime import datetime

from django.db import transaction
from django.db.models import Model, Q

from caiso.errors import DomainError
from caiso.web.base.models import User
from caiso.web.base.services import audit, facts
from caiso.web.inventory.models import Asset, AssetAlias, AssetKind, AssetState, Observation, Relation, Scan


class UnableToRelate(DomainError):
    """The two assets cannot be related that way."""


class UnableToMerge(DomainError):
    """The two assets cannot become one."""


@transaction.atomic
def relate(source: Asset, target: Asset, *, type: str, actor: User | None, now: datetime) -> Relation:
    """Draw an edge; drawing one that a scan found already makes it the person's, and no scan removes it."""
    if source.pk == target.pk:
        raise UnableToRelate("an asset is not related to itself")
    if type not in Relation.Type.values:
        raise UnableToRelate(f"“{type[:40]}” is not one of {', '.join(Relation.Type.values)}")
    if source.is_demo != target.is_demo:
        raise UnableToRelate("an invented asset of the demo and a real one are not related")
    relation, made = Relation.objects.get_or_create(
        source=source,
        target=target,
        type=type,
        defaults={"first_seen_at": now, "last_seen_at": now, "is_manual": True, "is_demo": source.is_demo},
    )
    if not made and relation.is_manual:
        raise UnableToRelate(f"{relation} is on record already")
    if not made:
        relation.is_manual = True
        relation.save(update_fields=["is_manual"])
    _record(relation, "asset.relate", [None, target.pk], actor=actor, now=now)
    return relation


@transaction.atomic
def unrelate(relation: Relation, *, actor: User | None, now: datetime) -> None:
    """Remove an edge; one that code or traffic proves comes back with the next proof."""
    _record(relation, "asset.unrelate", [relation.target_id, None], actor=actor, now=now)
    relation.delete()


@transaction.atomic
def merge(loser: Asset, *, into: Asset, actor: User | None, now: datetime) -> Asset:
    """Make two assets one: observations, relations and parts move, and the loser's identities go on finding the winner."""
    _check_merge(loser, into)
    for relation in Relation.objects.filter(Q(source=loser) | Q(target=loser)).select_related("source", "target"):
        _move_relation(relation, loser, into)
    Observation.objects.filter(asset=loser).update(asset=into)
    Asset.objects.filter(system=loser).update(system=into)
    Scan.objects.filter(system=loser).update(system=into)
    _move_references(loser, into)
    _take_identities(loser, into, now=now)
    _fill_gaps(loser, into)
    changes = {"merged": [None, f"{loser.name} ({loser.identity})"]}
    audit.record(actor=actor, verb="asset.merge", subject=into, changes=changes, now=now)
    gone: dict[str, list[object]] = {"state": [loser.state, "merged"], "into": [None, into.pk]}
    audit.record(actor=actor, verb="asset.merged-away", subject=loser, changes=gone, now=now)
    loser.delete()
    facts.touched("assets", now=now)
    facts.touched("ai_systems", now=now)
    return into


def _check_merge(loser: Asset, into: Asset) -> None:
    if loser.pk == into.pk:
        raise UnableToMerge("an asset cannot be merged into itself")
    if loser.kind != into.kind:
        raise UnableToMerge(
            f"{loser} is a {loser.get_kind_display().lower()} and {into} a {into.get_kind_display().lower()}; "
            "only assets of one kind can be the same thing"
        )
    if loser.is_demo != into.is_demo:
        raise UnableToMerge("an invented asset of the demo and a real one cannot be the same thing")


def _move_relation(relation: Relation, loser: Asset, into: Asset) -> None:
    source = into if relation.source_id == loser.pk else relation.source
    target = into if relation.target_id == loser.pk else relation.target
    twin = Relation.objects.filter(source=source, target=target, type=relation.type).first()
    if source.pk == target.pk:
        relation.delete()
        return
    if twin is None:
        relation.source, relation.target = source, target
        relation.save(update_fields=["source", "target"])
        return
    twin.first_seen_at = min(twin.first_seen_at, relation.first_seen_at)
    twin.last_seen_at = max(twin.last_seen_at, relation.last_seen_at)
    twin.is_manual = twin.is_manual or relation.is_manual
    twin.save(update_fields=["first_seen_at", "last_seen_at", "is_manual"])
    relation.delete()


def _move_references(loser: Asset, into: Asset) -> None:
    """Records of other apps that point at the loser point at the winner: alerts, incidents, feeds, assessments.

    A row whose twin the winner has already (one coverage per technique and system) goes with the loser.
    """
    mine = {Observation, Asset, Scan, Relation, AssetAlias}
    for field in Asset._meta.related_objects:
        model = field.related_model
        if not isinstance(model, type) or model in mine:
            continue
        name = field.field.name
        rows = model._default_manager.filter(**{name: loser})
        groups = _unique_groups(model, name)
        if not groups:
            rows.update(**{name: into})
            continue
        for row in rows:
            if not any(_has_twin(row, group, name, into) for group in groups):
                model._default_manager.filter(pk=row.pk).update(**{name: into})


def _unique_groups(model: type[Model], name: str) -> list[tuple[str, ...]]:
    """The fields of each unique constraint of the model that holds the named field."""
    meta = model._meta
    groups = [tuple(getattr(constraint, "fields", ())) for constraint in meta.constraints]
    groups += [(field.name,) for field in meta.fields if field.unique and not field.primary_key]
    return [group for group in groups if name in group]


def _has_twin(row: Model, group: tuple[str, ...], name: str, into: Asset) -> bool:
    """Whether the constraint would refuse the row under the winner."""
    wanted = {part: into if part == name else getattr(row, part) for part in group}
    return type(row)._default_manager.filter(**wanted).exists()


def _take_identities(loser: Asset, into: Asset, *, now: datetime) -> None:
    known = {into.identity, *into.aliases.values_list("identity", flat=True)}
    carried = [(loser.identity, loser.name), *loser.aliases.values_list("identity", "name")]
    for identity, name in carried:
        if identity not in known:
            AssetAlias.objects.create(asset=into, identity=identity, name=name, created_at=now)
            known.add(identity)


def _fill_gaps(loser: Asset, into: Asset) -> None:
    """Empty fields of the winner take the loser's; what the winner says stands. The better decided state stays."""
    for name in ("owner", "owner_role", "criticality", "exposure", "lifecycle_stage", "environment", "purpose"):
        if not getattr(into, name) and getattr(loser, name):
            setattr(into, name, getattr(loser, name))
    if into.kind != AssetKind.AI_SYSTEM and into.system is None:
        into.system = loser.system
    if into.state in {AssetState.CANDIDATE, AssetState.UNMANAGED} and loser.state == AssetState.CONFIRMED:
        into.state = AssetState.CONFIRMED
    names = [*into.service_names, *loser.service_names]
    if into.kind == AssetKind.AI_SYSTEM:
        names.append(loser.identity.removeprefix("ai_system:") if loser.telemetry_last_seen_at else "")
    into.service_names = list(dict.fromkeys(filter(None, names)))
    into.data_classes = list(dict.fromkeys([*into.data_classes, *loser.data_classes]))
    into.attributes = {**loser.attributes, **into.attributes}
    into.edited_fields = sorted({*into.edited_fields, *loser.edited_fields})
    into.first_seen_at = min(into.first_seen_at, loser.first_seen_at)
    into.last_seen_at = max(into.last_seen_at, loser.last_seen_at)
    seen = [at for at in (into.telemetry_last_seen_at, loser.telemetry_last_seen_at) if at]
    into.telemetry_last_seen_at = max(seen, default=None)
    into.is_lost = into.is_lost and loser.is_lost
    into.save()


def _record(relation: Relation, verb: str, change: list[int | None], *, actor: User | None, now: datetime) -> None:
    changes = {f"{relation.type} {relation.target}"[:200]: change}
    audit.record(actor=actor, verb=verb, subject=relation.source, changes=changes, now=now)
    facts.touched("assets", now=now)
