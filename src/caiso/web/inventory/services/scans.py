"""Takes what a scan found into the inventory: merges by identity, marks what disappeared, never undoes a person."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from django.db import transaction

from caiso.engine import discover
from caiso.web.base.models import Unit, User
from caiso.web.base.services import audit, facts
from caiso.web.inventory.identity import clean, inventory_identity, known_assets, place_of
from caiso.web.inventory.models import Asset, AssetKind, AssetState, Observation, ObservationSource, Relation, Scan

GONE = "gone"
CHUNK = 400
UNREAD_KEPT = 200
MOST_ATTRIBUTES = 8000
_STRENGTH = {"active": 0, "test": 1, "inactive": 2}
# What a person or another part of the product keeps in the attributes; a scan does not write these.
_RESERVED = frozenset({"classification", "classification_version"})
_PART_RELATION = {
    AssetKind.HOSTED_MODEL: Relation.Type.USES_MODEL,
    AssetKind.MODEL: Relation.Type.USES_MODEL,
    AssetKind.TOOL: Relation.Type.CALLS_TOOL,
    AssetKind.MCP_SERVER: Relation.Type.CONNECTS_TO,
    AssetKind.ENDPOINT: Relation.Type.CONNECTS_TO,
    AssetKind.VECTOR_STORE: Relation.Type.RETRIEVES_FROM,
    AssetKind.MEMORY: Relation.Type.USES_MEMORY,
    AssetKind.GUARDRAIL: Relation.Type.GUARDED_BY,
    AssetKind.CREDENTIAL_REFERENCE: Relation.Type.AUTHENTICATES_WITH,
    AssetKind.PROMPT: Relation.Type.INSTRUCTED_BY,
}


@dataclass
class _Merge:
    """One scan on its way into the inventory."""

    scan: Scan
    place: str
    unit: Unit
    system: Asset | None
    now: datetime
    is_upload: bool
    # engine identity -> inventory identity -> asset
    identities: dict[tuple[str, str], str] = field(default_factory=dict)
    assets: dict[str, Asset] = field(default_factory=dict)
    added: list[Asset] = field(default_factory=list)
    lost: list[Asset] = field(default_factory=list)

    @property
    def source(self) -> ObservationSource:
        return ObservationSource.IMPORT if self.is_upload else ObservationSource.SCAN


@transaction.atomic
def record_scan(
    result: discover.ScanResult,
    *,
    target: str,
    unit: Unit,
    system: Asset | None = None,
    now: datetime,
    actor: User | str | None,
    scan: Scan | None = None,
    origin: str = Scan.Origin.FOLDER,
    revision: str = "",
    unread: Sequence[discover.ScanProblem] = (),
    is_complete: bool = True,
) -> Scan:
    """Merge a scan's findings and return its row with the counts.

    `target` names the place: a later scan of the same place in the same unit replaces its observations and marks as
    lost what it no longer finds, unless `is_complete` is False (files were left out for their number). Scans of other
    places, traffic and people keep an asset from being lost.
    """
    place = place_of(target)
    scan = scan or Scan(target=place, unit=unit, system=system, origin=origin, started_at=now, is_demo=unit.is_demo)
    scan.revision = clean(revision, 80)
    scan.files = result.files_scanned
    problems = [*result.errors, *unread]
    scan.unread_count = len(problems)
    scan.unread = [[clean(one.path, 300), clean(one.reason, 200)] for one in problems[:UNREAD_KEPT]]
    scan.finished_at, scan.ok, scan.error = now, True, ""
    scan.save()
    merge = _Merge(scan, place, unit, system, now, scan.origin == Scan.Origin.UPLOAD)
    _take_assets(merge, result.assets)
    _take_observations(merge, result.assets)
    if is_complete:
        _lose_the_rest(merge)
    _settle_activity(merge)
    _take_relations(merge, result.assets)
    _close(merge, actor=actor)
    return scan


def _take_assets(merge: _Merge, found: Sequence[discover.Asset]) -> None:
    groups: dict[str, list[discover.Asset]] = defaultdict(list)
    for one in found:
        identity = inventory_identity(one.kind, clean(one.identity, 400), place=merge.place)
        merge.identities[one.kind, one.identity] = identity
        groups[identity].append(one)
    merge.assets = known_assets(groups, unit=merge.unit, system=merge.system)
    merge.added = Asset.objects.bulk_create(
        [_new(merge, identity, group) for identity, group in groups.items() if identity not in merge.assets],
        batch_size=CHUNK,
    )
    known = list({asset.pk: asset for asset in merge.assets.values()}.values())
    attributes: dict[int, dict[str, object]] = defaultdict(dict)
    for identity, asset in merge.assets.items():
        attributes[asset.pk] |= _attributes(groups[identity])
    for asset in known:
        asset.last_seen_at = max(asset.last_seen_at, merge.now)
        asset.attributes = {**asset.attributes, **attributes[asset.pk]}
        asset.is_lost = False
        if _may_assign(merge, asset):
            asset.system = merge.system
    Asset.objects.bulk_update(known, ["last_seen_at", "attributes", "is_lost", "system"], batch_size=CHUNK)
    merge.assets |= {asset.identity: asset for asset in merge.added}


def _new(merge: _Merge, identity: str, group: Sequence[discover.Asset]) -> Asset:
    one = group[0]
    return Asset(
        kind=one.kind,
        name=clean(one.name, 300) or clean(one.identity, 300),
        identity=identity,
        state=AssetState.CANDIDATE,
        unit=merge.unit,
        system=merge.system,
        attributes=_attributes(group),
        first_seen_at=merge.now,
        last_seen_at=merge.now,
        is_demo=merge.unit.is_demo,
    )


def _may_assign(merge: _Merge, asset: Asset) -> bool:
    if merge.system is None or asset.system_id is not None or asset.kind == AssetKind.AI_SYSTEM:
        return False
    return "system" not in asset.edited_fields


def _attributes(group: Sequence[discover.Asset]) -> dict[str, object]:
    """What the scanner read about the asset, bounded; hostile text stays text."""
    kept: dict[str, object] = {}
    size = 0
    for one in group:
        for key, value in one.attributes.items():
            name, held = clean(key, 60), _bounded(value)
            size += len(name) + len(orjson.dumps(held))
            if name in _RESERVED or size > MOST_ATTRIBUTES:
                continue
            kept[name] = held
    return kept


def _bounded(value: object, depth: int = 0) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)[:40]
    if isinstance(value, Mapping) and depth < 3:
        return {clean(key, 60): _bounded(item, depth + 1) for key, item in list(value.items())[:40]}
    if isinstance(value, list | tuple) and depth < 3:
        return [_bounded(item, depth + 1) for item in value[:100]]
    return clean(value, 300)


def _take_observations(merge: _Merge, found: Sequence[discover.Asset]) -> None:
    """Replace what earlier scans of this place said about the found assets; other places keep their own."""
    own = {asset.pk for asset in merge.assets.values()}
    for part in _chunks(sorted(own)):
        _of_place(merge).filter(asset__in=part).delete()
    rows = [
        Observation(
            asset=merge.assets[merge.identities[one.kind, one.identity]],
            source=merge.source,
            scan=merge.scan,
            place=merge.place,
            path=clean(proof.path, 500),
            line=min(max(int(proof.line), 0), 2**31 - 1),
            rule=clean(proof.rule, 80),
            technique=clean(proof.technique, 40),
            confidence=min(max(float(proof.confidence), 0.0), 1.0),
            status=str(one.status.value),
            detail=clean(proof.detail, 300),
            observed_at=merge.now,
        )
        for one in found
        for proof in one.evidence
    ]
    Observation.objects.bulk_create(rows, batch_size=CHUNK)


def _of_place(merge: _Merge) -> Any:
    """Observations of this place by scans in this unit, uploaded or made here."""
    return Observation.objects.filter(
        place=merge.place,
        source__in=[ObservationSource.SCAN, ObservationSource.IMPORT],
        scan__unit=merge.unit,
    )


def _lose_the_rest(merge: _Merge) -> None:
    """What this place proved before and does not now; lost when nothing else proves it either."""
    gone = _of_place(merge).exclude(scan=merge.scan).exclude(status=GONE)
    assets = set(gone.values_list("asset_id", flat=True))
    gone.update(status=GONE)
    for part in _chunks(sorted(assets)):
        proven = Observation.objects.filter(asset__in=part).exclude(status=GONE).values_list("asset_id", flat=True)
        lost = Asset.objects.filter(pk__in=set(part) - set(proven), is_lost=False)
        merge.lost += list(lost.select_related("unit"))
        lost.update(is_lost=True)


def _settle_activity(merge: _Merge) -> None:
    """An asset is as active as the most active of its places says."""
    assets = {asset.pk: asset for asset in merge.assets.values()}
    strongest: dict[int, str] = {}
    for part in _chunks(sorted(assets)):
        rows = Observation.objects.filter(asset__in=part).exclude(status=GONE)
        for pk, status in rows.order_by().values_list("asset_id", "status").distinct():
            if _STRENGTH.get(status, 9) < _STRENGTH.get(strongest.get(pk, ""), 9):
                strongest[pk] = status
    changed = []
    for pk, asset in assets.items():
        if asset.activity != strongest.get(pk, asset.activity):
            asset.activity = strongest[pk]
            changed.append(asset)
    Asset.objects.bulk_update(changed, ["activity"], batch_size=CHUNK)


def _take_relations(merge: _Merge, found: Sequence[discover.Asset]) -> None:
    by_identity = {identity: merge.identities[kind, identity] for kind, identity in merge.identities}
    edges: set[tuple[int, int, str]] = set()
    for one in found:
        source = merge.assets[merge.identities[one.kind, one.identity]]
        for relation in one.relations:
            target = merge.assets.get(by_identity.get(relation.target, ""))
            if target is not None and target.pk != source.pk:
                kind = relation.type if relation.type in Relation.Type.values else Relation.Type.USES
                edges.add((source.pk, target.pk, str(kind)))
        if merge.system is not None and merge.system.pk != source.pk and one.status.value == "active":
            edges.add((merge.system.pk, source.pk, str(_PART_RELATION.get(AssetKind(one.kind), Relation.Type.USES))))
    Relation.objects.bulk_create(
        [
            Relation(
                source_id=source,
                target_id=target,
                type=kind,
                place=merge.place,
                first_seen_at=merge.now,
                last_seen_at=merge.now,
                is_demo=merge.unit.is_demo,
            )
            for source, target, kind in sorted(edges)
        ],
        batch_size=CHUNK,
        update_conflicts=True,
        unique_fields=["source", "target", "type"],
        update_fields=["last_seen_at"],
    )
    # Proven by this place alone and not seen now: the code no longer does it.
    stale = Relation.objects.filter(place=merge.place, is_manual=False, last_seen_at__lt=merge.now)
    stale.filter(source__unit__path__startswith=merge.unit.path, source__in=_touched(merge)).delete()


def _touched(merge: _Merge) -> list[int]:
    pks = {asset.pk for asset in (*merge.assets.values(), *merge.lost)}
    return sorted(pks | ({merge.system.pk} if merge.system else set()))


def _close(merge: _Merge, *, actor: User | str | None) -> None:
    scan = merge.scan
    scan.found = len({asset.pk for asset in merge.assets.values()})
    scan.added, scan.lost = len(merge.added), len(merge.lost)
    scan.save(update_fields=["found", "added", "lost"])
    entries = [audit.Entry("asset.found", asset, {"place": [None, merge.place]}, merge.unit) for asset in merge.added]
    entries += [audit.Entry("asset.lost", asset, {"is_lost": [False, True]}) for asset in merge.lost]
    audit.record_many(entries, actor=actor, now=merge.now)
    counts = {"found": [None, scan.found], "added": [None, scan.added], "lost": [None, scan.lost]}
    audit.record(actor=actor, verb="scan.record", subject=scan, changes=counts, now=merge.now)
    facts.touched("scans", now=merge.now)
    facts.touched("assets", now=merge.now)
    facts.touched("ai_systems", now=merge.now)


def _chunks(keys: Sequence[int]) -> list[Sequence[int]]:
    return [keys[start : start + CHUNK] for start in range(0, len(keys), CHUNK)]
