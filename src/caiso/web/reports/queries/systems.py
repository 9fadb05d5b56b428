"""The AI systems that need a look, each with who answers, what is open and what of the attacks would be seen."""

from dataclasses import dataclass

from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When

from caiso.web.base.access import Viewer, visible
from caiso.web.inventory.facts import has_owner
from caiso.web.inventory.models import Asset, AssetKind, AssetState
from caiso.web.reports.queries.burning import ORDER
from caiso.web.reports.queries.lists import ROWS, link
from caiso.web.soc import queries as soc


@dataclass(frozen=True)
class SystemRow:
    """One AI system."""

    asset: Asset
    owner: str
    open_alerts: int
    worst: str
    covered: int
    techniques: int
    alerts_url: str


@dataclass(frozen=True)
class Systems:
    """Those that matter most, and how many there are."""

    rows: tuple[SystemRow, ...]
    total: int
    with_soc: bool


def systems(viewer: Viewer) -> Systems:
    """Unmanaged ones first, then those with loud alerts, without an owner, or critical."""
    alive = visible(Asset.objects.filter(kind=AssetKind.AI_SYSTEM), viewer).exclude(state=AssetState.RETIRED)
    with_soc = viewer.may("soc.view")
    keys = _first(viewer, alive, with_soc=with_soc)
    assets = {
        asset.pk: asset
        for asset in alive.filter(pk__in=keys).select_related("owner", "unit").annotate(answered=has_owner())
    }
    alerts, seen = (_alerts(viewer, keys), _techniques(viewer, keys)) if with_soc else ({}, {})
    rows = tuple(_row(assets[key], alerts.get(key, {}), seen.get(key, (0, 0))) for key in keys if key in assets)
    return Systems(rows, alive.count(), with_soc)


def _first(viewer: Viewer, alive: "QuerySet[Asset]", *, with_soc: bool) -> list[int]:
    """A few keys from each reason to look, so that thousands of systems cost no more than ten."""
    weight = Case(
        When(criticality="critical", then=Value(4)), When(criticality="high", then=Value(3)),
        When(criticality="medium", then=Value(2)), When(criticality="low", then=Value(1)),
        default=Value(0), output_field=IntegerField(),
    )  # fmt: skip
    found = list(
        alive.filter(state=AssetState.UNMANAGED).order_by("-last_seen_at").values_list("pk", flat=True)[: ROWS // 2]
    )
    if with_soc:
        # Severities left out rather than asked for: else the database looks up each system with each of them.
        loud = soc.open_alerts(viewer).order_by().filter(asset__in=alive).exclude(severity__in=soc.QUIET)
        found += [row["asset"] for row in loud.values("asset").annotate(n=Count("pk")).order_by("-n")[:ROWS]]
    found += alive.annotate(weight=weight).order_by("-weight", "name").values_list("pk", flat=True)[:ROWS]
    return list(dict.fromkeys(found))[:ROWS]


def _alerts(viewer: Viewer, keys: list[int]) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = {}
    rows = soc.open_alerts(viewer).order_by().filter(asset__in=keys)
    for row in rows.values("asset", "severity").annotate(n=Count("pk")):
        found.setdefault(row["asset"], {})[row["severity"]] = row["n"]
    return found


def _techniques(viewer: Viewer, keys: list[int]) -> dict[int, tuple[int, int]]:
    rows = soc.technique_coverage(viewer).order_by().filter(asset__in=keys)
    counts = rows.values("asset").annotate(all=Count("pk"), seen=Count("pk", filter=Q(covered=True)))
    return {row["asset"]: (row["seen"], row["all"]) for row in counts}


def _row(asset: Asset, alerts: dict[str, int], seen: tuple[int, int]) -> SystemRow:
    owner = str(asset.owner) if asset.owner else asset.owner_role.upper() if asset.owner_role else ""
    return SystemRow(
        asset,
        owner if asset.answered else "",  # type: ignore[attr-defined]  # annotated
        sum(alerts.values()),
        next((level for level in ORDER if alerts.get(level)), ""),
        *seen,
        link("alerts_list", q=asset.name, state=list(soc.OPEN_ALERTS)),
    )
