"""What telemetry shows of AI that is running: apps, models, agents, tools and MCP servers, as observations of assets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from django.db.models import F, Q
from django.db.models.functions import Greatest

from caiso.engine.detect.batch import Batch
from caiso.web.base.models import Unit
from caiso.web.inventory.identity import Sought, known_for
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

    Runs inside the caller's transaction, which holds the database's lock: few statements, however many things are seen
    for the first time. What a person decided (state, owner, name) is never changed.
    """
    fresh = [sighting for sighting in found if not memory.is_fresh(sighting)]
    if not fresh:
        return []
    by_service = systems_by_service({sighting.service for sighting in fresh})
    apps = [sighting for sighting in fresh if sighting.kind == AssetKind.AI_SYSTEM]
    known = [(by_service[app.service.lower()], app) for app in apps if app.service.lower() in by_service]
    _see_again(known, place=place)
    unknown = [_Wish(app, unit, None) for app in apps if app.service.lower() not in by_service]
    systems, added = _merge(unknown, place=place)
    by_service.update({wish.sighting.service.lower(): asset for wish, asset in systems})
    wishes = [
        _Wish(part, system.unit if system else unit, system)
        for part in fresh
        if part.kind != AssetKind.AI_SYSTEM
        for system in [by_service.get(part.service.lower())]
    ]
    related: list[tuple[_Wish, Asset]] = []
    # What lies deepest first: a thing of a unit below is also known to those above it.
    for depth in sorted({len(wish.unit.path) for wish in wishes}, reverse=True):
        parts, new = _merge([wish for wish in wishes if len(wish.unit.path) == depth], place=place)
        added += new
        related += parts
    _relate(related)
    for sighting in fresh:
        memory.remember(sighting)
    return added


@dataclass(frozen=True)
class _Wish:
    """A sighting that needs an asset, in a unit and, for a part, of a system."""

    sighting: Sighting
    unit: Unit
    system: Asset | None


def _merge(wishes: Sequence[_Wish], *, place: str) -> tuple[list[tuple[_Wish, Asset]], list[Asset]]:
    """The asset of each, and those that had to be made."""
    sought = [Sought(wish.sighting.identity, wish.unit, wish.system) for wish in wishes]
    known = known_for(sought)
    made: dict[tuple[str, int], tuple[Asset, Sighting]] = {}
    found: list[tuple[_Wish, Asset]] = []
    for wish, one in zip(wishes, sought, strict=True):
        asset, last = known.get(one), _moment(wish.sighting.last_us)
        if asset is None:
            key = (wish.sighting.identity, wish.unit.pk)
            asset, _ = made.setdefault(key, (_new_asset(wish), wish.sighting))
            asset.first_seen_at = min(asset.first_seen_at, _moment(wish.sighting.first_us))
            asset.last_seen_at = asset.telemetry_last_seen_at = max(asset.last_seen_at, last)
        found.append((wish, asset))
    new = Asset.objects.bulk_create([asset for asset, _ in made.values()], batch_size=200)
    Observation.objects.bulk_create([_proof(*one, place=place) for one in made.values()], batch_size=500)
    _see_again(
        [(known[one], wish.sighting) for wish, one in zip(wishes, sought, strict=True) if one in known], place=place
    )
    return found, new


def _new_asset(wish: _Wish) -> Asset:
    sighting, last = wish.sighting, _moment(wish.sighting.last_us)
    provider = sighting.detail if sighting.kind == AssetKind.HOSTED_MODEL else ""
    return Asset(
        identity=sighting.identity,
        unit=wish.unit,
        kind=sighting.kind,
        name=sighting.name,
        state=AssetState.UNMANAGED,
        system=wish.system,
        service_names=[sighting.service] if sighting.kind == AssetKind.AI_SYSTEM else [],
        environment="",
        first_seen_at=_moment(sighting.first_us),
        last_seen_at=last,
        telemetry_last_seen_at=last,
        attributes={"provider": provider} if provider else {},
        is_demo=wish.unit.is_demo,
    )


def _see_again(known: Iterable[tuple[Asset, Sighting]], *, place: str) -> None:
    """Move the times of assets that are known; the first time that traffic shows one is its proof."""
    latest: dict[int, tuple[Asset, Sighting]] = {}
    for asset, sighting in known:
        before = latest.get(asset.pk)
        if before is None or before[1].last_us < sighting.last_us:
            latest[asset.pk] = (asset, sighting)
    unproved = [one for one in latest.values() if one[0].telemetry_last_seen_at is None]
    Observation.objects.bulk_create([_proof(*one, place=place) for one in unproved], batch_size=500)
    for pk, (_, sighting) in latest.items():
        last = _moment(sighting.last_us)
        Asset.objects.filter(pk=pk).update(
            last_seen_at=Greatest(F("last_seen_at"), last), telemetry_last_seen_at=last, is_lost=False
        )


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


def _proof(asset: Asset, sighting: Sighting, *, place: str) -> Observation:
    """The first time that traffic shows the asset is its proof; later times only move `telemetry_last_seen_at`."""
    return Observation(
        asset=asset,
        source=ObservationSource.TRAFFIC,
        place=place,
        rule="first-seen-in-traffic",
        technique="telemetry",
        detail=f"seen in {sighting.service or 'an unnamed app'}"[:300],
        observed_at=_moment(sighting.last_us),
    )


def _relate(parts: Iterable[tuple[_Wish, Asset]]) -> None:
    """Join each part with the system that was seen to use it."""
    edges: dict[tuple[int, int, str], Relation] = {}
    for wish, part in parts:
        if wish.system is None:
            continue
        first, last = _moment(wish.sighting.first_us), _moment(wish.sighting.last_us)
        edge = edges.setdefault(
            (wish.system.pk, part.pk, wish.sighting.relation),
            Relation(
                source=wish.system, target=part, type=wish.sighting.relation, first_seen_at=first, last_seen_at=last
            ),
        )
        edge.first_seen_at, edge.last_seen_at = min(edge.first_seen_at, first), max(edge.last_seen_at, last)
    Relation.objects.bulk_create(
        edges.values(),
        batch_size=200,
        update_conflicts=True,
        unique_fields=["source", "target", "type"],
        update_fields=["last_seen_at"],
    )


def _moment(time_us: int) -> datetime:
    return datetime.fromtimestamp(time_us / 1_000_000, UTC)
