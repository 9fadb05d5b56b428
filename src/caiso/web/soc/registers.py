"""The lists of security operations: alerts, incidents, rules, sources, technique coverage."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from caiso.errors import DomainError
from caiso.web.base.access import Viewer
from caiso.web.base.models import User
from caiso.web.base.presentation import counted
from caiso.web.base.register import (
    Action,
    Choice,
    Column,
    Flag,
    Moment,
    Number,
    Reference,
    Register,
    Severity,
    Tags,
    Text,
    declare,
)
from caiso.web.soc import queries
from caiso.web.soc.foresight import risk_now
from caiso.web.soc.models import Alert, DetectionRule, DrillResult, DrillRun, HuntKind, Incident, RiskEntity, Source
from caiso.web.soc.presentation import technique_name, technique_words
from caiso.web.soc.services import alerts as alert_services
from caiso.web.soc.services import incidents as incident_services

ALERT_TONES = {"new": "bad", "acknowledged": "warn", "escalated": "info", "closed": "neutral"}
INCIDENT_TONES = {"new": "bad", "triage": "bad", "investigating": "warn", "contained": "info", "closed": "neutral"}
RULE_KINDS = (
    ("single", "Single event"), ("correlation", "Correlation"), ("statistic", "Statistic"), ("risk", "Entity risk"),
)  # fmt: skip
RULE_TONES = {"live": "good", "canary": "warn", "shadow": "neutral"}
DRILL_TONES = {
    "covered": "good",
    "tested": "good",
    "noisy": "warn",
    "blind": "unknown",
    "missed": "bad",
    "unwatched": "bad",
}
DRILL_STATE_TONES = {"running": "info", "done": "good", "failed": "bad", "cancelled": "warn"}


def _assign(record: Alert, *, changes: Mapping[str, Any], actor: User, now: datetime) -> object:
    return alert_services.assign_alert(record, to=changes["assignee"], actor=actor, now=now)


def _acknowledge(records: Sequence[Alert], *, actor: User, now: datetime) -> str:
    taken = 0
    for alert in records:
        if alert.state == Alert.State.NEW:
            alert_services.acknowledge_alert(alert, actor=actor, now=now)
            taken += 1
    return f"Took {counted(taken, 'alert', 'alerts')}"


def _close_benign(records: Sequence[Alert], *, actor: User, now: datetime) -> str:
    closed = 0
    for alert in records:
        if alert.state != Alert.State.CLOSED:
            alert_services.close_alert(alert, verdict="benign", reason="", actor=actor, now=now)
            closed += 1
    return f"Closed {counted(closed, 'alert', 'alerts')} as benign"


def _escalate(records: Sequence[Alert], *, actor: User, now: datetime) -> str:
    first = min(records, key=lambda alert: -alert.score)
    if any(alert.unit_id != first.unit_id for alert in records):
        raise DomainError("these alerts belong to different units; open one incident for each")
    incident = incident_services.open_incident(
        title=first.title,
        severity=first.severity,
        unit=first.unit,
        asset=first.asset,
        alerts=records,
        actor=actor,
        now=now,
    )
    return f"Opened {incident.reference}"


def _risk_now(entity: RiskEntity) -> float:
    return round(risk_now(entity, entity.half_life, now=timezone.now()))  # type: ignore[attr-defined]  # annotated


ALERTS = declare(
    Register(
        name="alerts",
        one="alert",
        many="Alerts",
        rows=queries.alerts,
        permission="soc.view",
        edit_permission="soc.triage",
        update=_assign,
        actions=(
            Action("acknowledge", "Take", _acknowledge, "soc.triage", icon="hand-stop"),
            Action("escalate", "Open incident", _escalate, "soc.incident", icon="urgent"),
            Action("benign", "Close as benign", _close_benign, "soc.triage", icon="check"),
        ),
        url=lambda alert: alert.get_absolute_url(),
        sort="-score,-last",
        live="alerts",
        icon="alert-triangle",
        views=(
            ("Open", "state=new&state=acknowledged&state=escalated"),
            ("New", "state=new"),
            ("Closed", "state=closed"),
        ),
        lead="What needs an analyst's eyes, most urgent first.",
        empty_title="No alerts",
        empty_text="Nothing that your rules watch for has happened, or no telemetry arrives yet.",
        empty_url="/sources/",
        empty_action="Check sources",
        columns=(
            Column("score", "Score", Number(low=0, high=100)),
            Column("severity", "Severity", Severity(), filter=True, sort=False),
            Column("title", "Alert", link=True, search=True, note=lambda alert: technique_words(alert.technique)),
            Column(
                "system",
                "AI system",
                value=lambda alert: alert.asset.name if alert.asset else alert.service,
                lookup="asset__name",
                search=True,
            ),
            Column("user", "User", Text(mono=True), value="subject_user", search=True),
            Column("state", "State", Choice(Alert.State.choices, tones=ALERT_TONES), filter=True),
            Column("verdict", "Verdict", Choice(Alert.Verdict.choices), filter=True, shown=False),
            Column("signals", "Signals", Number(), value="signal_count"),
            Column("last", "Last seen", Moment(), value="last_event_at", filter=True),
            Column("assignee", "Assignee", Reference(options=queries.people), edit=True, filter=True),
            Column("rule", "Rule", Text(mono=True), value="rule.slug", search=True, filter=False, shown=False),
            Column("technique", "Technique", Text(mono=True), search=True, shown=False),
            Column("conversation", "Conversation", Text(mono=True), value="conversation_id", search=True, shown=False),
            Column("trace", "Trace", Text(mono=True), value="trace_id", search=True, shown=False),
            Column(
                "incident",
                "Incident",
                value="incident.reference",
                lookup="incident__reference",
                order="incident_id",
                search=True,
                shown=False,
            ),
        ),
    )
)


def _update_incident(record: Incident, *, changes: Mapping[str, Any], actor: User, now: datetime) -> object:
    return incident_services.update_incident(record, changes=changes, actor=actor, now=now)


INCIDENTS = declare(
    Register(
        name="incidents",
        one="incident",
        many="Incidents",
        rows=queries.incidents,
        permission="soc.view",
        edit_permission="soc.incident",
        update=_update_incident,
        url=lambda incident: incident.get_absolute_url(),
        sort="-opened",
        live="incidents",
        icon="urgent",
        views=(
            (
                "Open",
                "state=new&state=triage&state=investigating&state=contained&state=eradicated&state=recovered&state=review",
            ),
        ),
        empty_title="No incidents",
        empty_text="Open one from an alert, or by hand when somebody reports a concern.",
        columns=(
            Column("reference", "Ref", Text(mono=True), search=True),
            Column("severity", "Severity", Severity(), filter=True, sort=False, edit=True),
            Column("title", "Incident", link=True, search=True),
            Column(
                "system",
                "AI system",
                value=lambda incident: incident.asset.name if incident.asset else "",
                lookup="asset__name",
                search=True,
            ),
            Column("state", "State", Choice(Incident.State.choices, tones=INCIDENT_TONES), filter=True),
            Column("lead", "Lead", Reference(options=queries.people), edit=True, filter=True),
            Column("alerts", "Alerts", Number(), value="alert_count"),
            Column("opened", "Opened", Moment(), value="opened_at", filter=True),
            Column("closed", "Closed", Moment(), value="closed_at", shown=False),
        ),
    )
)


def _rules(viewer: Viewer) -> "QuerySet[DetectionRule]":
    return queries.rules()


RULES = declare(
    Register(
        name="rules",
        one="rule",
        many="Detection rules",
        rows=_rules,
        permission="soc.view",
        scope=None,
        url=lambda rule: reverse("rule_record", args=[rule.pk]),
        sort="title",
        icon="radar",
        views=(("Live", "state=live"), ("Failing tests", "tested=no")),
        empty_title="No rules",
        empty_text="No pack with detections could be loaded.",
        columns=(
            Column("title", "Rule", link=True, search=True, note=lambda rule: rule.slug),
            Column("severity", "Severity", Severity(), filter=True, sort=False),
            Column("state", "State", Choice(DetectionRule.State.choices, tones=RULE_TONES), filter=True),
            Column("kind", "Kind", Choice(RULE_KINDS), filter=True),
            Column("techniques", "Techniques", Tags(), lookup=None),
            Column("tested", "Own tests pass", Flag(tones=("good", "bad")), value="tests_pass", filter=True),
            Column("signals", "Signals", Number()),
            Column("fired", "Last fired", Moment(), value="last_fired_at"),
        ),
    )
)

ENTITIES = declare(
    Register(
        name="entities",
        one="entity",
        many="Entity risk",
        rows=queries.entities,
        permission="soc.view",
        url=lambda entity: entity.get_absolute_url(),
        sort="-rank",
        live="alerts",
        icon="user-exclamation",
        views=(("Users", "kind=user"), ("Agents", "kind=agent"), ("Keys", "kind=api_key")),
        lead="Users, agents, keys, models and services that signals were about, the riskiest first. Risk fades by itself.",
        empty_title="Nobody carries risk",
        empty_text="No live rule fired on anything that has a name.",
        columns=(
            Column("value", "Entity", Text(mono=True), link=True, search=True),
            Column("kind", "Kind", Choice(RiskEntity.Kind.choices), filter=True),
            Column("rank", "Risk now", Number(), value=_risk_now, lookup="rank"),
            Column("peak", "Highest", Number()),
            Column("signals", "Signals", Number()),
            Column("unit", "Unit", value="unit.name", search=True, shown=False),
            Column("last", "Last signal", Moment(), value="last_at", filter=True),
        ),
    )
)

SOURCES = declare(
    Register(
        name="sources",
        one="source",
        many="Telemetry sources",
        rows=queries.sources,
        permission="soc.view",
        url=lambda source: reverse("source_record", args=[source.pk]),
        sort="name",
        live="sources",
        icon="broadcast",
        lead="Who sends telemetry, and whether it carries what the rules need.",
        empty_title="No telemetry arrives yet",
        empty_text="Make an ingest token, then point an OpenTelemetry exporter at /v1/traces.",
        columns=(
            Column("name", "Source", link=True, search=True, note=lambda source: source.slug),
            Column("unit", "Unit", value="unit.name", search=True),
            Column("events", "Events", Number()),
            Column(
                "missing",
                "Inferences without content",
                Number(decimals=0, unit="%"),
                value=lambda source: _share(source),
                lookup=None,
            ),
            Column(
                "readiness",
                "Live rules it can feed",
                Number(unit="%"),
                value=lambda source: 100 * source.rules_fed // source.rules_live if source.rules_live else None,
                lookup="rules_fed",
                note=lambda source: f"{source.rules_fed} of {source.rules_live}" if source.rules_live else "",
            ),
            Column("rejects", "Refused", Number()),
            Column("last", "Last event", Moment(), value="last_event_at"),
        ),
    )
)


def _share(source: Source) -> float | None:
    return 100 * source.content_missing / source.inferences if source.inferences else None


COVERAGE = declare(
    Register(
        name="technique_coverage",
        one="technique",
        many="Technique coverage",
        rows=queries.technique_coverage,
        url=lambda row: reverse("coverage_record", args=[row.pk]),
        sort="technique,system",
        icon="target",
        lead="Covered means: a live rule that passes its own tests, the fields it needs arrive from that system, and no drill of the technique failed.",
        views=(("Not covered", "covered=no"),),
        empty_title="Nothing to cover yet",
        empty_text="Coverage needs at least one AI system in the inventory.",
        columns=(
            Column("technique", "Technique", link=True, search=True, note=lambda row: technique_name(row.technique)),
            Column("system", "AI system", value="asset.name", search=True),
            Column("covered", "Covered", Flag(tones=("good", "bad")), filter=True),
            Column("rule", "Tested live rule", Flag(), value="has_tested_live_rule", filter=True),
            Column("fields", "Fields arrive", Flag(), value="fields_arriving", filter=True),
            Column(
                "drill",
                "Drill",
                Choice(DrillResult.Outcome.choices, tones=DRILL_TONES),
                filter=True,
                note=lambda row: f"{row.drilled_at:%-d %b %Y}" if row.drilled_at else "",
            ),
            Column("missing", "Missing fields", Tags(), value="missing_fields", lookup=None),
        ),
    )
)


def _drill_runs(viewer: Viewer) -> "QuerySet[DrillRun]":
    return queries.drill_runs()


DRILL_RUNS = declare(
    Register(
        name="drill_runs",
        one="drill",
        many="All drills",
        rows=_drill_runs,
        permission="soc.view",
        scope=None,
        url=lambda run: reverse("drill_record", args=[run.pk]),
        sort="-started",
        live="drills",
        icon="flame",
        crumbs=(("Drills", "/drills/"),),
        empty_title="No drill yet",
        empty_text="Play one from the page of drills, or on the command line: caiso drill.",
        empty_url="/drills/",
        empty_action="Drills",
        columns=(
            Column("started", "Started", Moment(), value="started_at", link=True, filter=True),
            Column(
                "state",
                "State",
                Choice(tuple((key, key.capitalize()) for key in DRILL_STATE_TONES), tones=DRILL_STATE_TONES),
                value=queries.work_state,
                lookup=None,
            ),
            Column("packs", "Packs", Tags(), lookup=None),
            Column("covered", "Covered", Number()),
            Column("noisy", "Noisy", Number()),
            Column("missed", "Missed", Number()),
            Column("blind", "Blind", Number()),
            Column("rules", "Rules", Number(), shown=False),
            Column("asked_by", "Asked by", value=lambda run: str(run.requested_by or "caiso"), lookup=None),
        ),
    )
)


SAVED_HUNTS = declare(
    Register(
        name="saved_hunts",
        one="saved hunt",
        many="Saved hunts",
        rows=queries.saved_hunts,
        permission="soc.view",
        url=lambda saved: saved.get_absolute_url(),
        api=False,  # api_hunts.py has a fuller one at the same address
        sort="name",
        icon="bookmark",
        crumbs=(("Hunt", "/hunt/"),),
        lead="Questions that people keep for their unit.",
        empty_title="No hunt is kept yet",
        empty_text="Ask something on the hunt page and keep the question.",
        empty_url="/hunt/",
        empty_action="Hunt",
        columns=(
            Column("name", "Name", link=True, search=True),
            Column("kind", "Asked by", Choice(tuple(HuntKind.choices)), filter=True),
            Column("unit", "Unit", value="unit.name", search=True),
            Column("owner", "Owner", value=lambda saved: str(saved.owner or ""), lookup="owner__name"),
            Column("hours", "Hours back", Number()),
            Column("changed", "Changed", Moment(), value="changed_at"),
        ),
    )
)
