"""What the posture page says, each figure with its denominator and the list that it opens."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Q
from django.urls import reverse

from caiso.web.base.access import Viewer, visible
from caiso.web.base.models import Task
from caiso.web.base.queries import my_tasks
from caiso.web.compliance.models import ControlAssessment, ControlStateChange, Evidence
from caiso.web.inventory.facts import has_owner
from caiso.web.inventory.models import Asset, AssetKind, AssetState
from caiso.web.organisation.models import CoverageSnapshot, Duty
from caiso.web.soc import queries as soc
from caiso.web.soc.models import Alert, Incident
from caiso.web.soc.presentation import time_left
from caiso.web.soc.services.proposals import proposed_awareness

ROWS = 6
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Tile:
    """One figure. `value` None means not assessed, which is grey and never zero."""

    label: str
    value: object
    of: str
    url: str
    note: str = ""
    tone: str = ""
    change: str = ""
    spark: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class Row:
    """One thing that matters, with where to act on it."""

    title: str
    url: str
    note: str = ""
    tone: str = "neutral"
    level: str = ""
    at: datetime | None = None
    left: str = ""


@dataclass(frozen=True)
class Section:
    """A list of the posture page; `total` may be more than the rows shown."""

    title: str
    rows: tuple[Row, ...]
    total: int
    url: str
    calm: str


def tiles(viewer: Viewer, *, now: datetime) -> list[Tile]:
    """The six figures at the top, without those that the viewer may not open."""
    found = [_systems(viewer), _duties(viewer, now=now), _controls(viewer)]
    if viewer.may("soc.view"):
        found += [_techniques(viewer), _alerts(viewer, now=now), _incidents(viewer)]
    return found


def _link(route: str, **query: object) -> str:
    listed = "&".join(f"{key}={value}" for key, value in query.items())
    return reverse(route) + (f"?{listed}" if listed else "")


def _systems(viewer: Viewer) -> Tile:
    systems = visible(Asset.objects.filter(kind=AssetKind.AI_SYSTEM), viewer).exclude(state=AssetState.RETIRED)
    total = systems.count()
    owned = systems.annotate(answered=has_owner()).filter(answered=True).count()
    unmanaged = systems.filter(state=AssetState.UNMANAGED).count()
    return Tile(
        "AI systems with an owner",
        owned if total else None,
        f"of {total}",
        _link("assets_list", kind="ai_system"),
        f"{unmanaged} unmanaged" if unmanaged else "all taken on" if total else "none in the inventory",
        "warn" if owned < total else "good",
    )


def _duties(viewer: Viewer, *, now: datetime) -> Tile:
    duties = visible(Duty.objects.filter(is_ai_security=True), viewer)
    counts = duties.aggregate(total=Count("pk"), covered=Count("pk", filter=Q(coverage__state="covered")))
    unowned = duties.filter(coverage__state="unowned").count()
    unstaffed = duties.filter(coverage__state="unstaffed").count()
    gaps = [f"{count} {word}" for count, word in ((unowned, "unowned"), (unstaffed, "unstaffed")) if count]
    return Tile(
        "AI security duties covered",
        counts["covered"] if counts["total"] else None,
        f"of {counts['total']}",
        reverse("coverage"),
        ", ".join(gaps) or "each has an owner",
        "good" if counts["covered"] == counts["total"] else "warn",
        spark=duty_trend(now=now),
    )


def duty_trend(*, now: datetime, days: int = 30) -> tuple[float | None, ...]:
    """Share of AI security duties covered on each of the last days; None where nothing was computed."""
    by_day = {row.on: row.totals for row in CoverageSnapshot.objects.filter(on__gt=now.date() - timedelta(days=days))}
    return tuple(_share(by_day.get(now.date() - timedelta(days=days - 1 - back))) for back in range(days))


def _share(totals: Any) -> float | None:
    if not totals or not totals["ai_security"]["total"]:
        return None
    return float(round(100 * totals["ai_security"]["counts"].get("covered", 0) / totals["ai_security"]["total"], 1))


def _controls(viewer: Viewer) -> Tile:
    rows = visible(ControlAssessment.objects.filter(control__is_retired=False), viewer)
    counts = rows.aggregate(
        total=Count("pk"),
        effective=Count("pk", filter=Q(state="effective")),
        failing=Count("pk", filter=Q(state="failing")),
        unknown=Count("pk", filter=Q(state__in=["unknown", "stale"])),
    )
    assessed = counts["total"] - counts["unknown"]
    return Tile(
        "Controls effective",
        counts["effective"] if assessed else None,
        f"of {counts['total']}",
        _link("controls_list"),
        f"{counts['failing']} failing, {counts['unknown']} not known",
        "bad" if counts["failing"] else "good",
    )


def _techniques(viewer: Viewer) -> Tile:
    rows = soc.technique_coverage(viewer)
    counts = rows.order_by().aggregate(total=Count("pk"), covered=Count("pk", filter=Q(covered=True)))
    blind = rows.filter(has_tested_live_rule=True, covered=False).count()
    return Tile(
        "Techniques that we would see",
        counts["covered"] if counts["total"] else None,
        f"of {counts['total']}",
        _link("technique_coverage_list", covered="no") if counts["total"] else reverse("technique_coverage_list"),
        f"{blind} written but blind" if blind else "of techniques on each AI system",
        "good" if counts["covered"] == counts["total"] else "warn",
    )


def _alerts(viewer: Viewer, *, now: datetime) -> Tile:
    counts = soc.open_alerts(viewer).order_by().aggregate(
        total=Count("pk"), new=Count("pk", filter=Q(state=Alert.State.NEW)), loud=Count("pk", filter=Q(severity__in=["high", "critical"]))
    )  # fmt: skip
    return Tile(
        "Open alerts",
        counts["total"],
        f"{counts['loud']} high or critical",
        reverse("alerts_list") + "?state=new&state=acknowledged&state=escalated",
        f"{counts['new']} nobody has taken" if counts["new"] else "all taken",
        "bad" if counts["new"] else "good",
        spark=tuple(float(count) for count in soc.alerts_per_day(viewer, now=now)),
    )


def _incidents(viewer: Viewer) -> Tile:
    open_ = soc.open_incidents(viewer).order_by()
    critical = open_.filter(severity="critical").count()
    clocks = soc.alarming_clocks(viewer).count()
    return Tile(
        "Open incidents",
        open_.count(),
        f"{critical} critical",
        reverse("incidents_list"),
        f"{clocks} reporting clock{'' if clocks == 1 else 's'} running" if clocks else "no reporting clock runs",
        "bad" if clocks or critical else "",
    )


def burning(viewer: Viewer, *, now: datetime) -> Section:
    """Overdue and running clocks, then alerts that nobody has taken, then open incidents."""
    rows: list[Row] = []
    clocks = soc.alarming_clocks(viewer)
    for clock in clocks[:ROWS]:
        tone = "bad" if clock.state == "overdue" else "warn"
        url = reverse("clock_record", args=[clock.pk])
        left = time_left(clock.deadline_at, now=now)
        rows.append(Row(f"{clock.title} ({clock.incident.reference})", url, tone=tone, left=left))
    alerts = soc.open_alerts(viewer).filter(severity__in=["critical", "high"], state=Alert.State.NEW)
    for alert in alerts[:ROWS]:
        about = alert.asset.name if alert.asset else alert.service
        rows.append(Row(alert.title, alert.get_absolute_url(), about, level=alert.severity, at=alert.created_at))
    incidents = soc.open_incidents(viewer)
    for incident in incidents[:ROWS]:
        note = incident.get_state_display()
        rows.append(
            Row(str(incident), incident.get_absolute_url(), note, level=incident.severity, at=incident.opened_at)
        )
    total = clocks.count() + alerts.order_by().count() + incidents.order_by().count()
    return Section("What is burning", tuple(rows[: ROWS + 2]), total, reverse("alerts_list"), "Nothing burns.")


def to_decide(viewer: Viewer) -> Section:
    """What waits for a decision that only a person can take."""
    rows: list[Row] = []
    for incident in soc.open_incidents(viewer).filter(
        state__in=[Incident.State.TRIAGE, Incident.State.INVESTIGATING, Incident.State.NEW]
    )[:ROWS]:
        if proposed_awareness(incident) is not None:
            url = f"{incident.get_absolute_url()}?tab=clocks#question-aware"
            rows.append(
                Row(f"When did we become aware of {incident.reference}?", url, "no clock runs until then", "warn")
            )
    assets = visible(Asset.objects.filter(state=AssetState.UNMANAGED), viewer)
    systems = assets.filter(kind=AssetKind.AI_SYSTEM)
    for asset in systems.order_by("-last_seen_at")[:ROWS]:
        rows.append(
            Row(f"Take on {asset.name}, or have it stopped", asset.get_absolute_url(), "unmanaged AI system", "warn")
        )
    vacant = visible(
        Duty.objects.filter(is_ai_security=True, coverage__state__in=["unowned", "contested", "unstaffed"]), viewer
    )
    for duty in vacant.select_related("coverage").order_by("priority", "title")[:ROWS]:
        question = "Who has time for" if duty.coverage.state == "unstaffed" else "Who answers for"
        rows.append(Row(f"{question} “{duty.title}”?", duty.get_absolute_url(), duty.coverage.state, "warn"))
    evidence = visible(Evidence.objects.filter(is_accepted=False), viewer).exclude(collected_by=viewer.user)
    for one in evidence[:ROWS]:
        rows.append(
            Row(f"Accept evidence: {one.title}", reverse("evidence_record", args=[one.pk]), one.control.title, "info")
        )
    total = systems.count() + vacant.count() + evidence.count()
    return Section(
        "What to decide",
        tuple(rows[: ROWS + 2]),
        max(total, len(rows)),
        reverse("coverage"),
        "No decision waits.",
    )


def due(viewer: Viewer, *, now: datetime) -> Section:
    """The viewer's own open tasks and what of them is late."""
    tasks = my_tasks(viewer.user).filter(state=Task.State.OPEN).order_by("due_at", "pk")
    rows = [
        Row(
            task.title,
            task.subject_url or reverse("tasks_list"),
            "late" if task.due_at and task.due_at < now else "",
            "bad" if task.due_at and task.due_at < now else "neutral",
            at=task.due_at,
        )
        for task in tasks[:ROWS]
    ]
    return Section("What is due", tuple(rows), tasks.count(), reverse("tasks_list"), "You have no open task.")


def changed(viewer: Viewer, *, now: datetime) -> Section:
    """Changes of control states, new AI and incidents of the last seven days, newest first."""
    since = now - WEEK
    rows: list[Row] = []
    changes = visible(
        ControlStateChange.objects.filter(at__gte=since).select_related("assessment__control"),
        viewer,
        lookup="assessment__unit__path",
    )
    for change in changes[: ROWS * 2]:
        control = change.assessment.control
        tone = {"effective": "good", "failing": "bad"}.get(change.after, "neutral")
        rows.append(
            Row(control.title, control.get_absolute_url(), f"{change.before} → {change.after}", tone, at=change.at)
        )
    assets = visible(Asset.objects.filter(first_seen_at__gte=since), viewer).order_by("-first_seen_at")
    for asset in assets[:ROWS]:
        rows.append(
            Row(
                asset.name,
                asset.get_absolute_url(),
                f"new {asset.get_kind_display().lower()}",
                "info",
                at=asset.first_seen_at,
            )
        )
    if viewer.may("soc.view"):
        for incident in soc.incidents(viewer).filter(opened_at__gte=since)[:ROWS]:
            rows.append(
                Row(str(incident), incident.get_absolute_url(), "incident opened", "warn", at=incident.opened_at)
            )
    rows.sort(key=lambda row: row.at or since, reverse=True)
    return Section(
        "What changed in 7 days",
        tuple(rows[: ROWS + 2]),
        len(rows),
        _link("controls_list", sort="-since"),
        "Nothing changed.",
    )


def month(viewer: Viewer, *, now: datetime, days: int = 30) -> dict[str, Any]:
    """Alerts a day, for the chart."""
    labels = [_day(now.date() - timedelta(days=days - 1 - back)) for back in range(days)]
    return {
        "labels": labels,
        "series": [{"name": "Alerts", "values": soc.alerts_per_day(viewer, now=now, days=days)}],
        "minimum": 0,
    }


def _day(value: date) -> str:
    return f"{value:%-d %b}"


def has_anything() -> bool:
    """Whether the organisation has any AI or telemetry yet; else the first screen is the guide."""
    return Asset.objects.exists() or Alert.objects.exists()
