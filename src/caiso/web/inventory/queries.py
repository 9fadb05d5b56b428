"""Reads of the inventory, each within what the viewer may see."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.shortcuts import get_object_or_404
from django.utils.timezone import localdate

from caiso.engine.coverage.organisation import model as engine
from caiso.web.base.access import Viewer, visible, within
from caiso.web.base.models import Person, Unit
from caiso.web.inventory.models import Asset, AssetKind, AssetState, Observation, Relation, Scan
from caiso.web.organisation.models import Holding, Role

SHOWN_PROOFS = 300
SHOWN_RELATIONS = 200
SHOWN_PARTS = 400
NAMES_COMPARED = 2000
_WORD = re.compile(r"[^a-z0-9]+")


def assets(viewer: Viewer) -> "QuerySet[Asset]":
    """Assets of the viewer's units, with the title and the holder of the role that answers."""
    rows = Asset.objects.select_related("unit", "system", "owner")
    return visible(_with_answering(rows), viewer)


def asset_or_404(viewer: Viewer, pk: int) -> Asset:
    """The asset, unless it lies outside the viewer's units."""
    return get_object_or_404(assets(viewer), pk=pk)


def systems(viewer: Viewer, permission: str = "view") -> "QuerySet[Asset]":
    """AI systems of the viewer's units."""
    found = Asset.objects.filter(kind=AssetKind.AI_SYSTEM).select_related("unit")
    return visible(found, viewer, permission)


def ai_systems(viewer: Viewer) -> "QuerySet[Asset]":
    """AI systems as their register shows them, with the number of their parts."""
    parts = Asset.objects.filter(system=OuterRef("pk")).order_by().values("system").annotate(n=Count("pk")).values("n")
    return assets(viewer).filter(kind=AssetKind.AI_SYSTEM).annotate(part_count=Subquery(parts))


def unmanaged_count(viewer: Viewer) -> int:
    """How many assets run without anybody having taken them on."""
    return visible(Asset.objects.filter(state=AssetState.UNMANAGED), viewer).order_by().count()


def scans(viewer: Viewer) -> "QuerySet[Scan]":
    """Scans of the viewer's units, newest first."""
    return visible(Scan.objects.select_related("unit", "system", "job"), viewer)


def scan_or_404(viewer: Viewer, pk: int) -> Scan:
    """The scan, unless it lies outside the viewer's units."""
    return get_object_or_404(scans(viewer), pk=pk)


def people(viewer: Viewer) -> "QuerySet[Person]":
    """Whom the viewer may name as an owner."""
    return visible(Person.objects.filter(is_active=True).order_by("name"), viewer)


def units_to_write(viewer: Viewer) -> "QuerySet[Unit]":
    """Units whose inventory the viewer keeps."""
    return visible(Unit.objects.order_by("path"), viewer, "inventory.edit", lookup="path")


def systems_to_write(viewer: Viewer) -> "QuerySet[Asset]":
    """AI systems that the viewer may give parts to."""
    return systems(viewer, "inventory.edit")


def roles(viewer: Viewer) -> tuple[tuple[str, str], ...]:
    """Roles of the organisation that may answer for an asset, as choices."""
    return tuple(Role.objects.order_by("title").values_list("slug", "title"))


def observations(asset: Asset, viewer: Viewer) -> "QuerySet[Observation]":
    """What proves the asset; scans of units outside one's sight stay there."""
    mine = Q(scan=None) | within(viewer.paths(), "scan__unit__path")
    return asset.observations.filter(mine).select_related("scan").order_by("place", "path", "line", "id")


@dataclass(frozen=True)
class Edge:
    """A relation as one of its two assets shows it."""

    relation: Relation
    other: Asset
    words: str
    is_outgoing: bool


def edges(asset: Asset, viewer: Viewer) -> tuple[list[Edge], int]:
    """(relations both ways, how many lead to assets that the viewer may not see)."""
    rows = Relation.objects.filter(Q(source=asset) | Q(target=asset))
    paths = viewer.paths()
    seen = rows.filter(within(paths, "source__unit__path")).filter(within(paths, "target__unit__path"))
    shown = seen.select_related("source__unit", "target__unit").order_by("type", "source__name", "target__name")
    found = []
    for relation in shown[:SHOWN_RELATIONS]:
        outgoing = relation.source_id == asset.pk
        words = str(relation.get_type_display())
        found.append(Edge(relation, relation.target if outgoing else relation.source, words, outgoing))
    return found, rows.count() - seen.count()


def edge_or_404(asset: Asset, viewer: Viewer, pk: int) -> Relation:
    """A relation of the asset whose other end the viewer sees."""
    paths = viewer.paths()
    rows = Relation.objects.filter(Q(source=asset) | Q(target=asset)).select_related("source", "target")
    return get_object_or_404(
        rows.filter(within(paths, "source__unit__path"), within(paths, "target__unit__path")), pk=pk
    )


def parts(system: Asset, viewer: Viewer) -> tuple[list[tuple[str, list[Asset]]], int]:
    """(parts of an AI system by kind, how many there are): its own, and those of others that it uses."""
    used = Relation.objects.filter(source=system).values("target")
    rows = visible(Asset.objects.filter(Q(system=system) | Q(pk__in=used)), viewer)
    rows = rows.exclude(pk=system.pk).exclude(kind=AssetKind.AI_SYSTEM).order_by("kind", "name", "pk")
    groups: dict[str, list[Asset]] = {}
    for asset in rows[:SHOWN_PARTS]:
        groups.setdefault(str(asset.get_kind_display()), []).append(asset)
    return sorted(groups.items()), rows.order_by().count()


def part_edges(system: Asset, shown: Iterable[Asset]) -> dict[int, list[tuple[str, str]]]:
    """{part: [(words, name of another part)]} for relations between the shown parts."""
    names = {asset.pk: asset.name for asset in shown}
    found: dict[int, list[tuple[str, str]]] = {}
    rows = Relation.objects.filter(source__in=list(names), target__in=list(names))
    for relation in rows.order_by("type", "pk")[: SHOWN_PARTS * 4]:
        words = str(relation.get_type_display())
        found.setdefault(relation.source_id, []).append((words, names[relation.target_id]))
    return found


def twins(asset: Asset, viewer: Viewer, *, most: int = 6) -> list[Asset]:
    """Assets of the same kind that may be the same thing: equal names but for case and punctuation. A person decides."""
    wanted = _WORD.sub("", asset.name.lower())
    if not wanted:
        return []
    same = visible(Asset.objects.filter(kind=asset.kind, is_demo=asset.is_demo), viewer, "inventory.edit")
    near = same.exclude(pk=asset.pk).filter(name__istartswith=asset.name[:1]).order_by("pk")
    names = near.values_list("pk", "name")[:NAMES_COMPARED]
    found = [pk for pk, name in names if _WORD.sub("", name.lower()) == wanted][:most]
    return list(Asset.objects.filter(pk__in=found).select_related("unit", "system").order_by("pk")) if found else []


def mergeable(asset: Asset, viewer: Viewer, text: str, *, most: int = 50) -> list[Asset]:
    """Assets of the same kind that the viewer may merge this one into, by a part of the name."""
    same = visible(Asset.objects.filter(kind=asset.kind, is_demo=asset.is_demo), viewer, "inventory.edit")
    rows = same.exclude(pk=asset.pk).select_related("unit", "system")
    return list(called(rows, text).order_by("name", "pk")[:most])


def relatable(asset: Asset, viewer: Viewer) -> QuerySet[Asset]:
    """Every asset that the viewer may draw an edge to from this one."""
    return assets(viewer).exclude(pk=asset.pk).filter(is_demo=asset.is_demo).order_by("name", "pk")


def called(rows: QuerySet[Asset], text: str) -> QuerySet[Asset]:
    """Those whose name or identity holds the text; all of them without one."""
    return rows.filter(Q(name__icontains=text[:200]) | Q(identity__icontains=text[:200])) if text else rows


def answering(asset: Any) -> str:
    """Who answers for an asset of `assets`: the role and its holder, or that the role is vacant; empty without a role."""
    if not asset.owner_role:
        return ""
    title = asset.role_title or asset.owner_role
    return f"{title}: {asset.role_holder}" if asset.role_holder else f"{title}: vacant"


def engine_systems() -> tuple[engine.AiSystem, ...]:
    """The AI systems as the organisation's calculations know them."""
    stages = {"": "operation"}
    known = set(Role.objects.values_list("slug", flat=True))
    rows = Asset.objects.filter(kind=AssetKind.AI_SYSTEM).exclude(state=AssetState.RETIRED)
    return tuple(
        engine.AiSystem(
            id=f"system-{asset.pk}",
            title=asset.name[:200],
            unit=asset.unit.slug,
            stage=stages.get(asset.lifecycle_stage, asset.lifecycle_stage),  # type: ignore[arg-type]  # one of the model's choices
            # Who answers for its security follows from who is accountable for the risks of AI systems.
            ai_owner=asset.owner_role if asset.owner_role in known else None,
        )
        for asset in rows.select_related("unit").order_by("pk")
    )


def _with_answering(rows: "QuerySet[Asset]") -> "QuerySet[Asset]":
    today = localdate()
    held = Holding.objects.filter(role__slug=OuterRef("owner_role"), person__is_active=True)
    held = held.filter(Q(since_on=None) | Q(since_on__lte=today)).filter(Q(until_on=None) | Q(until_on__gte=today))
    holder = held.order_by("is_acting", "since_on", "pk").values("person__name")[:1]
    title = Role.objects.filter(slug=OuterRef("owner_role")).values("title")[:1]
    return rows.annotate(role_title=Subquery(title), role_holder=Subquery(holder))
