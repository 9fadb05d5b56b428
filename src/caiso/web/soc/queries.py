"""Reads of security operations; everything is limited to what the viewer may see."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from django.db.models import Count, Exists, Model, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import Http404

from caiso.connect.telemetry.trial.jobs import label_of_rows
from caiso.engine.detect.risk import RiskSettings
from caiso.engine.detect.techniques import atlas_techniques
from caiso.web.base.access import GRANTS, AccessGrant, Viewer, visible
from caiso.web.base.models import Job, Person, Setting, User
from caiso.web.inventory.models import Asset
from caiso.web.soc.models import (
    Alert,
    DetectionRule,
    DrillRun,
    EventPart,
    HuntRun,
    Incident,
    IncidentClock,
    IncidentFact,
    Reject,
    RetroHunt,
    RiskEntity,
    RuleReview,
    SavedHunt,
    Signal,
    Source,
    Suppression,
    TechniqueCoverage,
    UserRule,
    UtcDay,
)

if TYPE_CHECKING:
    from caiso.connect.telemetry.parts import PartInfo

Row = TypeVar("Row", bound=Model)
OPEN_ALERTS = (Alert.State.NEW, Alert.State.ACKNOWLEDGED, Alert.State.ESCALATED)
QUIET = ("medium", "low", "informational")
_OF_A_PART = ("number", "last_number", "path", "hour", "rows", "size", "first_us", "last_us")
RISK_SETTING = "soc.risk"
ALARMING_CLOCKS = ("running", "overdue")


def alerts(viewer: Viewer) -> QuerySet[Alert]:
    """Alerts of the viewer's units with all that a list shows."""
    rows = Alert.objects.select_related("rule", "asset", "unit", "assignee", "incident", "source")
    return visible(rows, viewer, "soc.view")


def alert_or_404(viewer: Viewer, pk: int) -> Alert:
    """One alert; outside the viewer's units it does not exist."""
    return _one(alerts(viewer), pk)


def open_alerts(viewer: Viewer) -> QuerySet[Alert]:
    """Alerts that are not closed."""
    return alerts(viewer).filter(state__in=OPEN_ALERTS)


def untaken_loud_alerts(viewer: Viewer) -> QuerySet[Alert]:
    """High and critical alerts that nobody has taken, the most urgent first, with their AI systems."""
    # No inner joins, and severities left out rather than asked for: else the database collects all of them and sorts.
    loud = Alert.objects.filter(state=Alert.State.NEW).exclude(severity__in=QUIET)
    return visible(loud.select_related("asset"), viewer, "soc.view")


def new_alert_count(viewer: Viewer) -> int:
    """Alerts that nobody has taken yet."""
    return visible(Alert.objects.filter(state=Alert.State.NEW), viewer, "soc.view").count()


def similar_alerts(alert: Alert, viewer: Viewer, *, limit: int = 8) -> list[Alert]:
    """Alerts of the same rule, conversation, user or agent, newest first."""
    same: dict[str, object] = {"rule": alert.rule_id}
    same |= {name: value for name in ("conversation_id", "subject_user", "agent") if (value := getattr(alert, name))}
    seen = visible(Alert.objects.exclude(pk=alert.pk), viewer, "soc.view").order_by("-last_event_at")
    # One short walk of an index for each: an OR would read every alert of the rule.
    keys = {
        key for name, value in same.items() for key in seen.filter(**{name: value}).values_list("pk", flat=True)[:limit]
    }
    return list(alerts(viewer).filter(pk__in=keys).order_by("-last_event_at")[:limit])


def signals_behind(alert: Alert) -> QuerySet[Signal]:
    """The alert's own signals; of an alert about an entity's risk, those that added to it."""
    if alert.contributions:
        return Signal.objects.filter(uid__in=[one["signal"] for one in alert.contributions], unit=alert.unit_id)
    return alert.signals.all()


def event_ids(alert: Alert, *, limit: int = 200) -> list[str]:
    """The ids of the events behind the alert's signals, oldest signal first."""
    found: dict[str, None] = {}
    for ids in signals_behind(alert).order_by("at").values_list("event_ids", flat=True)[:limit]:
        found.update(dict.fromkeys(ids))
    return list(found)[:limit]


def cause_ids(alerts: "QuerySet[Alert]", *, limit: int = 2000) -> set[str]:
    """The ids of the events behind the signals of several alerts."""
    rows = Signal.objects.filter(alert__in=alerts.order_by().values("pk")).values_list("event_ids", flat=True)
    return {name for ids in rows[:limit] for name in ids}


def matches(alert: Alert) -> dict[str, dict[str, list[tuple[int, int]]]]:
    """{event id: {content field: [(start, end)]}} of what matched; a correlation's spans lie in the event that completed it."""
    found: dict[str, dict[str, list[tuple[int, int]]]] = {}
    for ids, rows in signals_behind(alert).values_list("event_ids", "matches")[:200]:
        if ids:
            fields = found.setdefault(ids[-1], {})
            for field, start, end in rows:
                fields.setdefault(field, []).append((start, end))
    return found


def incidents(viewer: Viewer) -> QuerySet[Incident]:
    """Incidents of the viewer's units."""
    # Counted for the rows that are shown; a join would group every alert of every incident.
    counted = Alert.objects.filter(incident=OuterRef("pk")).order_by().values("incident").annotate(n=Count("pk"))
    rows = Incident.objects.select_related("asset", "unit", "lead")
    rows = rows.annotate(alert_count=Coalesce(Subquery(counted.values("n")), 0))
    return visible(rows, viewer, "soc.view")


def incident_or_404(viewer: Viewer, pk: int) -> Incident:
    """One incident; outside the viewer's units it does not exist."""
    return _one(incidents(viewer), pk)


def open_incidents(viewer: Viewer) -> QuerySet[Incident]:
    """Incidents that are not closed."""
    return incidents(viewer).exclude(state=Incident.State.CLOSED)


def open_incident_count(viewer: Viewer) -> int:
    """How many incidents are not closed."""
    return visible(Incident.objects.exclude(state=Incident.State.CLOSED), viewer, "soc.view").count()


def awaiting_awareness(viewer: Viewer) -> QuerySet[Incident]:
    """Young incidents of which nobody has determined when the organisation became aware: no clock runs until then."""
    young = (Incident.State.NEW, Incident.State.TRIAGE, Incident.State.INVESTIGATING)
    aware = IncidentFact.objects.filter(incident=OuterRef("pk"), name="aware", is_current=True)
    return incidents(viewer).filter(~Exists(aware), state__in=young)


def clocks(viewer: Viewer) -> QuerySet[IncidentClock]:
    """Clocks of the viewer's incidents, the nearest deadline first."""
    rows = IncidentClock.objects.select_related("incident", "incident__unit")
    return visible(rows, viewer, "soc.view", lookup="incident__unit__path")


def alarming_clocks(viewer: Viewer) -> QuerySet[IncidentClock]:
    """Clocks that run or have passed their deadline; what is not law yet never counts."""
    return clocks(viewer).filter(state__in=ALARMING_CLOCKS).order_by("deadline_at")


def rules() -> QuerySet[DetectionRule]:
    """The loaded rules; content of the product, the same for everybody."""
    return DetectionRule.objects.filter(is_loaded=True)


def rule_or_404(pk: int) -> DetectionRule:
    """One loaded rule."""
    return _one(rules(), pk)


def sources(viewer: Viewer, permission: str = "soc.view") -> QuerySet[Source]:
    """Telemetry sources of the units in which the viewer holds the permission."""
    return visible(Source.objects.select_related("unit", "token"), viewer, permission)


def technique_coverage(viewer: Viewer) -> QuerySet[TechniqueCoverage]:
    """Coverage of techniques against the viewer's AI systems."""
    return visible(TechniqueCoverage.objects.select_related("asset", "unit"), viewer)


def covered_systems(viewer: Viewer) -> QuerySet[Asset]:
    """AI systems that techniques are judged on, as far as the viewer may see that."""
    return Asset.objects.filter(pk__in=technique_coverage(viewer).order_by().values("asset"))


def covered_techniques(viewer: Viewer) -> list[str]:
    """Techniques that are judged on any of those systems."""
    rows = technique_coverage(viewer).order_by().values_list("technique", flat=True)
    return sorted(rows.distinct())


def coverage_counts(viewer: Viewer) -> dict[str, int]:
    """Pairs of technique and system: all, covered, and blind, as `TechniqueCoverage.outcome` says of each."""
    tested, silent = Q(has_tested_live_rule=True), Q(rules=[])
    blind = tested & ~Q(drill__in=["missed", "noisy"]) & (silent | Q(drill="blind"))
    return technique_coverage(viewer).aggregate(
        all=Count("pk"), covered=Count("pk", filter=tested & Q(drill="covered") & ~silent), blind=Count("pk", filter=blind)
    )  # fmt: skip


def suppressions(viewer: Viewer, rule: DetectionRule) -> QuerySet[Suppression]:
    """Suppressions of a rule that the viewer may see."""
    return visible(Suppression.objects.filter(rule=rule).select_related("made_by"), viewer, "soc.view")


def standing_suppressions(*, now: datetime) -> QuerySet[Suppression]:
    """Suppressions in force, of every unit: what they silence, they silence for everybody."""
    return Suppression.objects.filter(expires_at__gt=now).select_related("rule")


def rule_reviewers(*, on: date) -> list[User]:
    """Active logins that may change detection rules, wherever they hold that."""
    roles = [role for role, permissions in GRANTS.items() if "soc.rules" in permissions]
    live = AccessGrant.objects.filter(Q(expires_on=None) | Q(expires_on__gte=on), role__in=roles, user__is_active=True)
    return list({grant.user_id: grant.user for grant in live.select_related("user")}.values())


def user_rules() -> QuerySet[UserRule]:
    """Rules of the workbench; they run on everybody's telemetry, so every engineer sees them."""
    return UserRule.objects.select_related("deployed", "author").annotate(
        version_count=Count("versions", distinct=True)
    )


def user_rule_or_404(pk: int) -> UserRule:
    """One rule of the workbench."""
    return _one(user_rules(), pk)


def rule_reviews() -> QuerySet[RuleReview]:
    """Wishes for more trust, the newest first."""
    return RuleReview.objects.select_related(
        "version", "version__rule", "version__author", "requested_by", "decided_by"
    )


def retro_hunts() -> QuerySet[RetroHunt]:
    """Retro-hunts, the newest first; the events behind one are shown within the scope of whoever looks."""
    return RetroHunt.objects.select_related("job", "requested_by", "version")


def drill_runs() -> QuerySet[DrillRun]:
    """Drills, the newest first; rules are the same for everybody, what arrives from whom stands in technique coverage."""
    return DrillRun.objects.select_related("job", "requested_by")


def hunt_runs(viewer: Viewer) -> QuerySet[HuntRun]:
    """What the viewer asked, the newest first; nobody sees what others asked."""
    runs = HuntRun.objects.select_related("job", "requested_by", "saved")
    return runs.filter(requested_by=viewer.user) if viewer.user.pk else runs.none()


def saved_hunts(viewer: Viewer) -> QuerySet[SavedHunt]:
    """Questions kept for the units of the viewer."""
    return visible(SavedHunt.objects.select_related("unit", "owner"), viewer, "soc.view")


def work_state(work: DrillRun | RetroHunt | HuntRun) -> str:
    """running, done, failed or cancelled."""
    if work.job is not None and work.job.state in (Job.State.CANCELLED, Job.State.FAILED):
        return str(work.job.state)
    if work.finished_at is not None:
        return "failed" if work.error else "done"
    return "running"


def rules_label() -> str:
    """Names the loaded rules in their states, as a drill does; empty before the detector has loaded any."""
    # Entity risk is a row among them, so that alerts can name it, and no rule that a drill could play.
    rows = list(rules().exclude(kind="risk").values_list("slug", "digest", "state").order_by("slug"))
    return label_of_rows(rows) if rows else ""


def technique_names() -> Mapping[str, str]:
    """{ATLAS id: name} of the release that ships."""
    return atlas_techniques()


def signals_of(viewer: Viewer, rule: DetectionRule, *, since: datetime) -> QuerySet[Signal]:
    """Signals of a rule since a moment, shadow ones included."""
    rows = Signal.objects.filter(rule=rule, at__gte=since).select_related("alert")
    return visible(rows, viewer, "soc.view").order_by("-at")


def risk_settings() -> RiskSettings:
    """What the organisation decided, else what ships."""
    row = Setting.objects.filter(key=RISK_SETTING).first()
    if row is None:
        return RiskSettings()
    standard = RiskSettings()
    return RiskSettings(
        half_life_hours=row.value.get("half_life_hours", standard.half_life_hours),
        thresholds={**standard.thresholds, **row.value.get("thresholds", {})},
        tactics=row.value.get("tactics", standard.tactics),
    )


def entities(viewer: Viewer) -> QuerySet[RiskEntity]:
    """Entities with risk in the viewer's units, the riskiest first; `half_life` in hours says how fast theirs fades."""
    rows = RiskEntity.objects.select_related("unit").annotate(half_life=Value(risk_settings().half_life_hours))
    return visible(rows, viewer, "soc.view")


def entity_or_404(viewer: Viewer, pk: int) -> RiskEntity:
    """One entity; outside the viewer's units it does not exist."""
    return _one(entities(viewer), pk)


def alerts_about(viewer: Viewer, entity: RiskEntity) -> QuerySet[Alert]:
    """Alerts that name the entity, in its unit, newest first."""
    column = {
        "user": "subject_user", "agent": "agent", "api_key": "api_key", "model": "model", "service": "service",
    }[entity.kind]  # fmt: skip
    rows = alerts(viewer).filter(unit=entity.unit_id, **{column: entity.value[:200]})
    return rows.order_by("-last_event_at")


def entities_of(viewer: Viewer, alert: Alert) -> list[RiskEntity]:
    """The entities that an alert names, the riskiest first."""
    named = Q(pk__in=[])
    for kind, value in alert.entity.items():
        named |= Q(kind=kind, value=str(value)[:256])
    return list(entities(viewer).filter(named, unit=alert.unit_id)[:8])


def alerts_per_day_and_severity(viewer: Viewer, *, now: datetime, days: int = 30) -> dict[str, list[int]]:
    """Severity -> alerts made on each of the last days (UTC), oldest first; a severity without any is missing."""
    first = (now - timedelta(days=days - 1)).astimezone(UTC).date()
    index = {(first + timedelta(days=back)).isoformat(): back for back in range(days)}
    rows = visible(Alert.objects.order_by(), viewer, "soc.view").annotate(day=UtcDay("created_at"))
    found: dict[str, list[int]] = {}
    for row in rows.filter(day__gte=first.isoformat()).values("day", "severity").annotate(n=Count("pk")):
        if str(row["day"]) in index:
            found.setdefault(row["severity"], [0] * days)[index[str(row["day"])]] = row["n"]
    return found


def people(viewer: Viewer) -> QuerySet[Person]:
    """People who may be given work."""
    return visible(Person.objects.filter(is_active=True), viewer)


def parts(*, start_us: int | None = None, end_us: int | None = None) -> "list[PartInfo]":
    """The event files that the database knows and that can hold events of the period, oldest first."""
    rows = EventPart.objects.order_by("number")
    if start_us is not None:
        rows = rows.filter(last_us__gte=start_us)
    if end_us is not None:
        rows = rows.filter(first_us__lt=end_us)
    from caiso.connect.telemetry.parts import PartInfo  # noqa: PLC0415 - Arrow, which only readers of events need

    return [PartInfo(*row) for row in rows.values_list(*_OF_A_PART)]


def _one(rows: "QuerySet[Row]", pk: int) -> Row:
    found = rows.filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def rejects(source: Source, *, reason: str = "") -> QuerySet[Reject]:
    """Refused records of a source that the caller may see, newest first, those of one reason if one is given."""
    rows = Reject.objects.filter(source=source)
    return rows.filter(reason=reason) if reason else rows


def reject_reasons(source: Source, *, limit: int = 20) -> list[tuple[str, int]]:
    """The commonest reasons for which records of a source were refused, with their counts."""
    rows = Reject.objects.filter(source=source).order_by().values("reason").annotate(n=Count("pk"))
    return [(row["reason"], row["n"]) for row in rows.order_by("-n", "reason")[:limit]]
