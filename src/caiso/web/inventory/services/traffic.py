"""What telemetry shows of AI that is running: apps, models, agents, tools and MCP servers, as observations of assets."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from django.db.models import F, Q
from django.db.models.functions import Greatest

from caiso.engine.detect.batch import Batch
from caiso.web.base.models import Unit
from caiso.web.inventory.identity import known_assets
from caiso.web.inventory.models import Asset, AssetKind, AssetState, Observation, ObservationSource, Relation

NAME_LIMIT = 300
_NOT_AI = frozenset({"other", "http", "api", "health"})  # an app that sends only these has shown no AI
_PARTS = (
    # event field, kind, relation of the system to it
    ("gen_ai.request.model", AssetKind.HOSTED_MODEL, Relation.Type.USES_MODEL),
    ("gen_ai.agent.name", AssetKind.AGENT, Relation.Type.USES),
    ("gen_ai.tool.name", AssetKind.TOOL, Relation.Type.CALLS_TOOL),
    ("mcp.server.name", AssetKind.MCP_SERVER, Relation.Type.CONNECTS_TO),
    ("gen_ai.data_source.id", AssetKind.VECTOR_STORE, Relation.Type.RETRIEVES_FROM),
)


@dataclass(frozen=True)
class Sighting:
    """One thing seen in traffic, merged over a batch. `service` is the app that it was seen in."""

    kind: str
    name: str
    identity: str
    service: str
    relation: str
    first_us: int
    last_us: int
    detail: str = ""


@dataclass
class TrafficMemory:
    """What this process already wrote, so that a steady stream costs no database write per event.

    Losing it (a restart) costs one idempotent upsert per asset and nothing else.
    """

    written_us: dict[tuple[str, str], int] = field(default_factory=dict)
    refresh_us: int = 60_000_000
    limit: int = 50_000

    def is_fresh(self, sighting: Sighting) -> bool:
        last = self.written_us.get((sighting.identity, sighting.service))
        return last is not None and sighting.last_us - last < self.refresh_us

    def remember(self, sighting: Sighting) -> None:
        if len(self.written_us) >= self.limit:
            self.written_us.clear()
        self.written_us[sighting.identity, sighting.service] = sighting.last_us


def sightings(batch: Batch) -> dict[str, list[Sighting]]:
    """The distinct things that a batch of events proves, by source id, with the first and last time of each.

    An app is its `service.name`; a hosted model's identity carries the provider, a tool's the app it was called in
    (two apps may each have a tool called `search`).
    """
    # Millions of events name a handful of things: the raw values are told apart first, identities made once for each.
    times, kinds = batch.column("time"), batch.column("event.kind")
    order = sorted(
        (row for row, kind in enumerate(kinds) if kind not in _NOT_AI),
        key=times.__getitem__,  # type: ignore[arg-type]  # the normaliser's word
    )
    found: dict[str, dict[tuple[str, str], Sighting]] = {}
    for name_field, kind, relation in (("service.name", AssetKind.AI_SYSTEM, ""), *_PARTS):
        if name_field not in batch.fields():
            continue
        words = [
            [value if type(value) is str or value is None else str(value) for value in map(column.__getitem__, order)]
            for column in map(batch.column, ("source.id", name_field, "service.name", "gen_ai.provider.name"))
        ]
        keys = list(zip(*words, strict=True))
        moments = [times[row] for row in order]
        last = dict(zip(keys, moments, strict=True))  # in order of time, so the last one stays
        first = dict(zip(reversed(keys), reversed(moments), strict=True))
        for key, last_us in last.items():
            source, name, service, provider = key
            one = _sighting(kind, name, service, relation=relation, provider=provider)
            if one is not None:
                begun, ended = int(str(first[key])), int(str(last_us))
                _see(found.setdefault(str(source or ""), {}), replace(one, first_us=begun, last_us=ended))
    return {source: list(seen.values()) for source, seen in found.items()}


def _sighting(kind: object, name: object, service: object, *, relation: object, provider: object) -> Sighting | None:
    """What a tuple of raw values means; None when the name is only blanks."""
    word, app, maker = _word(name), _word(service), _word(provider)
    if not word:
        return None
    if kind == AssetKind.AI_SYSTEM:
        return Sighting(str(kind), word, f"ai_system:{word.lower()}", word, "", 0, 0)
    identity = _identity(str(kind), word, service=app, provider=maker)
    return Sighting(str(kind), word, identity, app, str(relation), 0, 0, maker)


def record_traffic(found: Iterable[Sighting], *, unit: Unit, place: str, memory: TrafficMemory) -> list[Asset]:
    """Merge sightings into the inventory and return the assets that were new (they are `unmanaged`).

    Runs inside the caller's transaction. What a person decided (state, owner, name) is never changed.
    """
    fresh = [sighting for sighting in found if not memory.is_fresh(sighting)]
    if not fresh:
        return []
    by_service = systems_by_service({sighting.service for sighting in fresh})
    added: list[Asset] = []
    for sighting in sorted(fresh, key=lambda one: one.kind != AssetKind.AI_SYSTEM):
        system = by_service.get(sighting.service.lower())
        if sighting.kind == AssetKind.AI_SYSTEM and system is not None:
            if system.telemetry_last_seen_at is None:
                _prove(system, sighting, place)
            _refresh(system.pk, sighting)
            memory.remember(sighting)
            continue
        asset, is_new = _upsert(sighting, unit=system.unit if system else unit, system=system, place=place)
        if sighting.kind == AssetKind.AI_SYSTEM:
            by_service[sighting.service.lower()] = asset
        elif system is not None:
            _relate(system, asset, sighting)
        if is_new:
            added.append(asset)
        memory.remember(sighting)
    return added


def _word(value: object) -> str:
    return str(value).strip()[:NAME_LIMIT] if value not in (None, "") else ""


def _identity(kind: str, name: str, *, service: str, provider: str) -> str:
    if kind == AssetKind.HOSTED_MODEL:
        return f"{kind}:{provider.lower() or 'unknown'}/{name}"[:500]
    return f"{kind}:{service.lower()}/{name}"[:500]


def _see(seen: dict[tuple[str, str], Sighting], one: Sighting) -> None:
    key = (one.identity, one.service)
    known = seen.get(key)
    if known is None:
        seen[key] = one
    elif one.first_us < known.first_us or one.last_us > known.last_us:
        seen[key] = replace(known, first_us=min(known.first_us, one.first_us), last_us=max(known.last_us, one.last_us))


def systems_by_service(services: set[str]) -> dict[str, Asset]:
    """AI systems that claim one of the service names, or whose identity is that service."""
    wanted = {service.lower() for service in services if service}
    identities = Q(identity__in=[f"ai_system:{service}" for service in wanted])
    found: dict[str, Asset] = {}
    for asset in (
        Asset.objects.filter(kind=AssetKind.AI_SYSTEM).filter(identities | ~Q(service_names=[])).select_related("unit")
    ):
        for claimed in [asset.identity.removeprefix("ai_system:"), *map(str.lower, asset.service_names)]:
            if claimed in wanted:
                found.setdefault(claimed, asset)
    return found


def _upsert(sighting: Sighting, *, unit: Unit, system: Asset | None, place: str) -> tuple[Asset, bool]:
    last = _moment(sighting.last_us)
    known = known_assets([sighting.identity], unit=unit, system=system).get(sighting.identity)
    if known is not None:
        if known.telemetry_last_seen_at is None:
            _prove(known, sighting, place)
        _refresh(known.pk, sighting)
        return known, False
    provider = sighting.detail if sighting.kind == AssetKind.HOSTED_MODEL else ""
    asset, is_new = Asset.objects.get_or_create(
        identity=sighting.identity,
        unit=unit,
        defaults={
            "kind": sighting.kind,
            "name": sighting.name,
            "state": AssetState.UNMANAGED,
            "system": system,
            "service_names": [sighting.service] if sighting.kind == AssetKind.AI_SYSTEM else [],
            "environment": "",
            "first_seen_at": _moment(sighting.first_us),
            "last_seen_at": last,
            "telemetry_last_seen_at": last,
            "attributes": {"provider": provider} if provider else {},
            "is_demo": unit.is_demo,
        },
    )
    if is_new:
        _prove(asset, sighting, place)
    return asset, is_new


def _prove(asset: Asset, sighting: Sighting, place: str) -> None:
    """The first time that traffic shows the asset is its proof; later times only move `telemetry_last_seen_at`."""
    Observation.objects.create(
        asset=asset,
        source=ObservationSource.TRAFFIC,
        place=place,
        rule="first-seen-in-traffic",
        technique="telemetry",
        detail=f"seen in {sighting.service or 'an unnamed app'}"[:300],
        observed_at=_moment(sighting.last_us),
    )


def _refresh(pk: int, sighting: Sighting) -> None:
    last = _moment(sighting.last_us)
    Asset.objects.filter(pk=pk).update(
        last_seen_at=Greatest(F("last_seen_at"), last), telemetry_last_seen_at=last, is_lost=False
    )


def _relate(system: Asset, part: Asset, sighting: Sighting) -> None:
    last = _moment(sighting.last_us)
    Relation.objects.update_or_create(
        source=system,
        target=part,
        type=sighting.relation,
        defaults={"last_seen_at": last},
        create_defaults={"first_seen_at": _moment(sighting.first_us), "last_seen_at": last},
    )


def _moment(time_us: int) -> datetime:
    return datetime.fromtimestamp(time_us / 1_000_000, UTC)
