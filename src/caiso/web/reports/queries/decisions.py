"""What waits for a decision that only a person can take."""

from django.db.models import Count
from django.urls import reverse

from caiso.web.base.access import Viewer, visible
from caiso.web.compliance.models import Evidence
from caiso.web.inventory.models import Asset, AssetKind, AssetState
from caiso.web.organisation.models import Duty, Scenario
from caiso.web.reports.queries.lists import ROWS, Row, Section, link, number, section
from caiso.web.soc import queries as soc

QUESTIONS = {
    "unowned": "Who answers for “{}”?",
    "contested": "Which one answers for “{}”?",
    "unstaffed": "Who has time for “{}”?",
}


def to_decide(viewer: Viewer) -> Section:
    """Awareness, unmanaged AI, vacant duties, evidence that waits, scenarios to adopt."""
    rows: list[Row] = []
    total = 0
    for found, count in (_awareness(viewer), _systems(viewer), _duties(viewer), _evidence(viewer), _scenarios(viewer)):
        rows += found
        total += count
    return section(
        "decide", "What to decide", _mixed(rows), total=total, url=reverse("coverage"), calm="No decision waits."
    )


def _mixed(rows: list[Row]) -> list[Row]:
    """Every kind shows before any kind shows a third time."""
    by_kind: dict[str, list[Row]] = {}
    for row in rows:
        by_kind.setdefault(row.note, []).append(row)
    head = [row for row in rows if row in by_kind[row.note][:2]]
    return head + [row for row in rows if row not in head]


def _awareness(viewer: Viewer) -> tuple[list[Row], int]:
    if not viewer.may("soc.determine"):
        return [], 0
    unaware = soc.awaiting_awareness(viewer)
    rows = [
        Row(
            f"When did we become aware of {incident.reference}?",
            f"{incident.get_absolute_url()}?tab=clocks#question-aware",
            "no legal clock runs until that is said",
            "bad",
        )
        for incident in unaware[:ROWS]
    ]
    return rows, unaware.count()


def _systems(viewer: Viewer) -> tuple[list[Row], int]:
    loose = visible(Asset.objects.filter(state=AssetState.UNMANAGED), viewer)
    systems = loose.filter(kind=AssetKind.AI_SYSTEM)
    rows = [
        Row(f"Take on {asset.name}, or have it stopped", asset.get_absolute_url(), "AI that nobody registered", "warn")
        for asset in systems.order_by("-last_seen_at")[:ROWS]
    ]
    parts = loose.exclude(kind=AssetKind.AI_SYSTEM).exclude(system__state=AssetState.RETIRED).order_by("system__name")
    for group in parts.values("system", "system__name").annotate(n=Count("pk"))[:ROWS]:
        url = link("assets_list", state="unmanaged", **({"system": group["system"]} if group["system"] else {}))
        of = group["system__name"] or "no AI system"
        rows.append(
            Row(f"Confirm {number(group['n'], 'new part')} of {of}", url, "seen in traffic, not confirmed", "info")
        )
    return rows, systems.count() + parts.order_by().values("system").distinct().count()


def _duties(viewer: Viewer) -> tuple[list[Row], int]:
    vacant = visible(Duty.objects.filter(is_ai_security=True, coverage__state__in=list(QUESTIONS)), viewer)
    rows = [
        Row(
            QUESTIONS[duty.coverage.state].format(duty.title),
            duty.get_absolute_url(),
            f"duty {duty.coverage.state}",
            "warn",
        )
        for duty in vacant.select_related("coverage").order_by("priority", "title")[:ROWS]
    ]
    return rows, vacant.count()


def _evidence(viewer: Viewer) -> tuple[list[Row], int]:
    waiting = visible(Evidence.objects.filter(is_accepted=False), viewer, "compliance.edit").exclude(
        collected_by=viewer.user
    )
    rows = [
        Row(f"Accept “{one.title}”?", one.get_absolute_url(), f"evidence for {one.control}", "info")
        for one in waiting.select_related("control")[:ROWS]
    ]
    return rows, waiting.count()


def _scenarios(viewer: Viewer) -> tuple[list[Row], int]:
    drafts = visible(Scenario.objects.filter(state=Scenario.State.DRAFT), viewer, "organisation.adopt")
    rows = [
        Row(f"Adopt “{one.name}”, or discard it", one.get_absolute_url(), "organisation scenario", "info")
        for one in drafts[:ROWS]
    ]
    return rows, drafts.count()
