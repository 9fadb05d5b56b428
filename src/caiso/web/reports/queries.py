"""What the posture page says, each figure with its denominator and the list that it opens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from django.db.models import Count, Model, Q, QuerySet
from django.urls import reverse

from caiso.web.base.access import Viewer, visible
from caiso.web.base.models import Task
from caiso.web.base.queries import my_tasks
from caiso.web.compliance.models import ControlAssessment, ControlStateChange, Evidence
from caiso.web.inventory.facts import has_owner
from caiso.web.inventory.models import Asset, AssetKind, AssetState
from caiso.web.organisation.models import CoverageSnapshot, Duty
from caiso.web.soc import queries as soc
from caiso.web.soc.models import Alert
from caiso.web.soc.presentation import time_left

ROWS = 6
MOST_ROWS = 8  # of a section that mixes several kinds
DAYS = 30
WEEK = timedelta(days=7)
M = TypeVar("M", bound=Model)


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
    counts = systems.annotate(answered=has_owner()).aggregate(
        total=Count("pk"),
        owned=Count("pk", filter=Q(answered=True)),
        unmanaged=Count("pk", filter=Q(state=AssetState.UNMANAGED)),
    )
    total, owned, unmanaged = counts["total"], counts["owned"], counts["unmanaged"]
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
    states = {word: Count("pk", filter=Q(coverage__state=word)) for word in ("covered", "unowned", "unstaffed")}
    counts = duties.aggregate(total=Count("pk"), **states)
    gaps = [f"{counts[word]} {word}" for word in ("unowned", "unstaffed") if counts[word]]
    return Tile(
        "AI security duties covered",
        counts["covered"] if counts["total"] else None,
        f"of {counts['total']}",
        reverse("coverage"),
        ", ".join(gaps) or "each has an owner",
        "good" if counts["covered"] == counts["total"] else "warn",
        spark=duty_trend(now=now),
    )


def duty_trend(*, now: datetime, days: int = DAYS) -> tuple[float | None, ...]:
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
    counts = soc.technique_coverage(viewer).aggregate(
        total=Count("pk"),
        seen=Count("pk", filter=Q(covered=True)),
        blind=Count("pk", filter=Q(has_tested_live_rule=True, covered=False)),
    )
    blind = counts["blind"]
    return Tile(
        "Techniques that we would see",
        counts["seen"] if counts["total"] else None,
        f"of {counts['total']}",
        _link("technique_coverage_list", covered="no") if counts["total"] else reverse("technique_coverage_list"),
        f"{blind} written but blind" if blind else "of techniques on each AI system",
        "good" if counts["seen"] == counts["total"] else "warn",
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
        spark=tuple(float(count) for count in soc.alerts_per_day(viewer, now=now, days=DAYS)),
    )


def _incidents(viewer: Viewer) -> Tile:
    counts = soc.open_incidents(viewer).aggregate(
        total=Count("pk"), critical=Count("pk", filter=Q(severity="critical"))
    )
    critical, clocks = counts["critical"], soc.alarming_clocks(viewer).count()
    return Tile(
        "Open incidents",
        counts["total"],
        f"{critical} critical",
        reverse("incidents_list"),
        f"{clocks} reporting clock{'' if clocks == 1 else 's'} running" if clocks else "no reporting clock runs",
        "bad" if clocks or critical else "",
    )


def _first(found: "QuerySet[M]", rows: Sequence[Row]) -> "QuerySet[M] | tuple[M, ...]":
    """The first of what was found, as far as the section still has room for them."""
    room = min(ROWS, MOST_ROWS - len(rows))
    return found[:room] if room else ()


def burning(viewer: Viewer, *, now: datetime) -> Section:
    """Overdue and running clocks, then alerts that nobody has taken, then open incidents."""
    rows: list[Row] = []
    clocks = soc.alarming_clocks(viewer)
    for clock in _first(clocks, rows):
        tone = "bad" if clock.state == "overdue" else "warn"
        url = reverse("clock_record", args=[clock.pk])
        left = time_left(clock.deadline_at, now=now)
        rows.append(Row(f"{clock.title} ({clock.incident.reference})", url, tone=tone, left=left))
    alerts = soc.untaken_loud_alerts(viewer)
    for alert in _first(alerts, rows):
        about = alert.asset.name if alert.asset else alert.service
        rows.append(Row(alert.title, alert.get_absolute_url(), about, level=alert.severity, at=alert.created_at))
    incidents = soc.open_incidents(viewer)
    for incident in _first(incidents, rows):
        note = incident.get_state_display()
        rows.append(
            Row(str(incident), incident.get_absolute_url(), note, level=incident.severity, at=incident.opened_at)
        )
    total = clocks.count() + alerts.count() + soc.open_incident_count(viewer)
    return Section("What is burning", tuple(rows), total, reverse("alerts_list"), "Nothing burns.")


def to_decide(viewer: Viewer) -> Section:
    """What waits for a decision that only a person can take."""
    rows: list[Row] = []
    unaware = soc.awaiting_awareness(viewer)
    for incident in _first(unaware, rows):
        url = f"{incident.get_absolute_url()}?tab=clocks#question-aware"
        rows.append(Row(f"When did we become aware of {incident.reference}?", url, "no clock runs until then", "warn"))
    assets = visible(Asset.objects.filter(state=AssetState.UNMANAGED), viewer)
    systems = assets.filter(kind=AssetKind.AI_SYSTEM)
    for asset in _first(systems.order_by("-last_seen_at"), rows):
        rows.append(
            Row(f"Take on {asset.name}, or have it stopped", asset.get_absolute_url(), "unmanaged AI system", "warn")
        )
    vacant = visible(
        Duty.objects.filter(is_ai_security=True, coverage__state__in=["unowned", "contested", "unstaffed"]), viewer
    )
    for duty in _first(vacant.select_related("coverage").order_by("priority", "title"), rows):
        question = "Who has time for" if duty.coverage.state == "unstaffed" else "Who answers for"
        rows.append(Row(f"{question} “{duty.title}”?", duty.get_absolute_url(), duty.coverage.state, "warn"))
    evidence = visible(Evidence.objects.filter(is_accepted=False), viewer).exclude(collected_by=viewer.user)
    for one in _first(evidence.select_related("control"), rows):
        rows.append(
            Row(f"Accept evidence: {one.title}", reverse("evidence_record", args=[one.pk]), one.control.title, "info")
        )
    total = unaware.count() + systems.count() + vacant.count() + evidence.count()
    return Section(
        "What to decide",
        tuple(rows),
        total,
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
        tuple(rows[:MOST_ROWS]),
        len(rows),
        _link("controls_list", sort="-since"),
        "Nothing changed.",
    )


def month(viewer: Viewer, *, now: datetime) -> dict[str, Any]:
    """Alerts a day, for the chart."""
    per_day = soc.alerts_per_day(viewer, now=now, days=DAYS)
    labels = [_day(now.date() - timedelta(days=DAYS - 1 - back)) for back in range(DAYS)]
    return {"labels": labels, "series": [{"name": "Alerts", "values": per_day}], "minimum": 0}


def _day(value: date) -> str:
    return f"{value:%-d %b}"


def has_anything() -> bool:
    """Whether the organisation has any AI or telemetry yet; else the first screen is the guide."""
    return Asset.objects.exists() or Alert.objects.exists()
