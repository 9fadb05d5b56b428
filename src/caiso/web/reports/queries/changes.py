"""What changed in the last seven days, newest first; things of one kind that came together are one row."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from caiso.web.base.access import Viewer, visible
from caiso.web.compliance.models import ControlStateChange
from caiso.web.inventory.models import Asset, AssetKind
from caiso.web.organisation.models import DutyCoverage
from caiso.web.reports.queries.lists import ROWS, Row, Section, link, section
from caiso.web.soc import queries as soc

WEEK = timedelta(days=7)
TONES = {"effective": "good", "failing": "bad", "covered": "good", "unowned": "bad", "contested": "bad"}


def changed(viewer: Viewer, *, now: datetime) -> Section:
    """Changes of controls and duties, new AI, incidents opened and closed."""
    since = now - WEEK
    found = [*_controls(viewer, since), *_duties(viewer, since), *_assets(viewer, since)]
    if viewer.may("soc.view"):
        found += _incidents(viewer, since)
    found.sort(key=lambda row: row.at or since, reverse=True)
    return section(
        "changed", "What changed in 7 days", found, total=len(found), url=link("controls_list", sort="-since"),
        calm="Nothing changed.",
    )  # fmt: skip


def _controls(viewer: Viewer, since: datetime) -> Iterator[Row]:
    rows = ControlStateChange.objects.filter(at__gte=since).select_related("assessment__control")
    seen: set[int] = set()
    for change in visible(rows, viewer, lookup="assessment__unit__path")[: ROWS * 4]:
        control = change.assessment.control
        if control.pk in seen:  # the newest word on a control is enough
            continue
        seen.add(control.pk)
        note = f"control, {change.before} → {change.after}"
        yield Row(control.title, control.get_absolute_url(), note, TONES.get(change.after, "neutral"), at=change.at)


def _duties(viewer: Viewer, since: datetime) -> Iterator[Row]:
    rows = DutyCoverage.objects.filter(since__gte=since, duty__is_ai_security=True).select_related("duty")
    for one in visible(rows, viewer, lookup="duty__unit__path").order_by("-since")[: ROWS * 2]:
        yield Row(
            one.duty.title,
            one.duty.get_absolute_url(),
            f"duty, now {one.state}",
            TONES.get(one.state, "warn"),
            at=one.since,
        )


def _assets(viewer: Viewer, since: datetime) -> Iterator[Row]:
    rows = Asset.objects.filter(first_seen_at__gte=since).select_related("system")
    groups: dict[tuple[str, int | None], list[Asset]] = {}
    for asset in visible(rows, viewer).order_by("-first_seen_at")[: ROWS * 6]:
        alone = asset.kind == AssetKind.AI_SYSTEM
        groups.setdefault((asset.kind, -asset.pk if alone else asset.system_id), []).append(asset)
    for (_, system), assets in groups.items():
        first, *others = assets
        words = first.get_kind_display() if others == [] else f"{first.get_kind_display()}s"
        words = words if words[:2].isupper() else words.lower()
        of = f" of {first.system}" if first.system_id else ""
        names = ", ".join(asset.name for asset in assets[:3]) + (
            f" and {len(assets) - 3} more" if len(assets) > 3 else ""
        )
        url = (
            first.get_absolute_url()
            if not others
            else link("assets_list", sort="-last_seen", **({"system": system} if system else {}))
        )
        yield Row(names, url, f"new {words}{of}", "info", at=first.first_seen_at)


def _incidents(viewer: Viewer, since: datetime) -> Iterator[Row]:
    rows = soc.incidents(viewer)
    for one in rows.filter(opened_at__gte=since)[:ROWS]:
        yield Row(one.title, one.get_absolute_url(), f"{one.reference} opened", level=one.severity, at=one.opened_at)
    for one in rows.filter(closed_at__gte=since)[:ROWS]:
        yield Row(one.title, one.get_absolute_url(), f"{one.reference} closed", "good", at=one.closed_at)
