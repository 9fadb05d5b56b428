"""What the inventory adds to the page frame: navigation, search, live topics, links between records."""

from collections.abc import Iterable

from django.db.models import Max, QuerySet
from django.urls import reverse

from caiso.web.base import live, navigation, search
from caiso.web.base.access import Viewer, visible
from caiso.web.base.models import Person
from caiso.web.base.queries import newest_of
from caiso.web.base.record import Link, LinkGroup, relate
from caiso.web.base.textindex import anywhere
from caiso.web.inventory import queries
from caiso.web.inventory.models import Asset, Scan
from caiso.web.inventory.registers import STATE_TONES
from caiso.web.organisation.models import Role

ICON = "list-details"


def join_frame() -> None:
    """Called once by the app at start-up."""
    navigation.add(
        navigation.Item("AI systems", "ai_systems_list", "layout-dashboard", "Inventory", order=10, key="s"),
        navigation.Item("Assets", "assets_list", ICON, "Inventory", order=20, count=queries.unmanaged_count),
        navigation.Item("Scans", "scans_list", "folder", "Inventory", order=30),
    )
    search.register("assets", "Assets", _find_assets)
    live.register(live.Topic("assets", _newest))
    relate("Person", _links_of_person)
    relate("Role", _links_of_role)


def _find_assets(viewer: Viewer, text: str, limit: int) -> Iterable[search.Result]:
    rows = visible(Asset.objects.filter(anywhere(Asset, (), text)), viewer)
    for asset in rows.order_by("state", "name")[:limit]:
        note = f"{asset.get_kind_display()}, {asset.get_state_display().lower()}"
        yield search.Result(asset.name, asset.get_absolute_url(), note, ICON)


def _newest(viewer: Viewer | None) -> object:
    rows = Asset.objects.all() if viewer is None else visible(Asset.objects.all(), viewer)
    scans = Scan.objects.all() if viewer is None else queries.scans(viewer)
    newest = rows.order_by("-pk").values_list("pk", flat=True).first()
    seen = rows.order_by("-last_seen_at").values_list("last_seen_at", flat=True).first()
    done = scans.order_by().aggregate(id=Max("pk"), at=Max("finished_at"), step=Max("job__progress"))
    return newest, seen, *done.values(), newest_of("Asset", viewer)


def _links_of_person(person: Person, viewer: Viewer) -> Iterable[LinkGroup]:
    rows = visible(Asset.objects.filter(owner=person), viewer)
    yield _group("Assets owned", rows, f"{reverse('assets_list')}?owner={person.slug}")


def _links_of_role(role: Role, viewer: Viewer) -> Iterable[LinkGroup]:
    rows = visible(Asset.objects.filter(owner_role=role.slug), viewer)
    yield _group("Assets that the role answers for", rows, f"{reverse('assets_list')}?owner_role={role.slug}")


def _group(title: str, rows: "QuerySet[Asset]", url: str) -> LinkGroup:
    found = list(rows.order_by("name")[:8])
    shown = tuple(
        Link(asset.name, asset.get_absolute_url(), asset.get_state_display(), STATE_TONES[asset.state])
        for asset in found
    )
    return LinkGroup(title, shown, rows.count(), url)
