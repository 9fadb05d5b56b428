"""Security operations over the API: the registers, what an analyst does with an alert, incidents and their facts."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Field, Router, Schema

from caiso.web.base.endpoint import ApiRequest, Line, RowId, reads, writes
from caiso.web.base.problems import Refused
from caiso.web.base.register.api import register_endpoints
from caiso.web.soc import queries
from caiso.web.soc.api_drills import router as drills_router
from caiso.web.soc.api_hunts import router as hunts_router
from caiso.web.soc.api_sources import router as sources_router
from caiso.web.soc.api_workbench import router as workbench_router
from caiso.web.soc.models import Alert, Incident, IncidentClock
from caiso.web.soc.registers import ALERTS, COVERAGE, DRILL_RUNS, ENTITIES, INCIDENTS, RULES, SOURCES
from caiso.web.soc.services import alerts as alert_services
from caiso.web.soc.services import incidents as incident_services

router = Router(tags=["security operations"])
for register in (ALERTS, INCIDENTS, RULES, ENTITIES, SOURCES, COVERAGE, DRILL_RUNS):
    register_endpoints(router, register)
router.add_router("", drills_router)
router.add_router("", workbench_router)
router.add_router("", hunts_router)
router.add_router("", sources_router)

Severity = Literal["informational", "low", "medium", "high", "critical"]
Text = Annotated[str, Field(max_length=10_000)]


class AlertState(Schema):
    """Where an alert stands after a deed."""

    id: int
    state: str
    verdict: str
    incident: str | None

    @classmethod
    def of(cls, alert: Alert) -> "AlertState":
        return cls(
            id=alert.pk,
            state=alert.state,
            verdict=alert.verdict,
            incident=alert.incident.reference if alert.incident else None,
        )


class Closing(Schema):
    """A verdict; a false positive needs a reason."""

    verdict: Literal["true", "benign", "false"]
    reason: Annotated[str, Field(max_length=2000)] = ""


class IncidentNew(Schema):
    """An incident opened from alerts of one unit."""

    title: Line
    severity: Severity
    alerts: Annotated[list[RowId], Field(min_length=1, max_length=200)]
    description: Text = ""


class FactNew(Schema):
    """A determination in the caller's name; see `caiso clocks schema` for names and values."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    value: bool | Annotated[str, Field(max_length=200)] | Annotated[list[str], Field(max_length=60)]
    reason: Annotated[str, Field(max_length=500)] = ""


class Because(Schema):
    """Why."""

    reason: Annotated[str, Field(max_length=500)] = ""


class ClockOut(Schema):
    """A reporting clock; `deadline_at` is null where the law gives no period or the clock does not run."""

    rule: str
    title: str
    state: str
    source: str
    recipient: str
    started_at: datetime | None
    deadline_at: datetime | None
    met_at: datetime | None
    reason: str

    @classmethod
    def of(cls, clock: IncidentClock) -> "ClockOut":
        return cls(**{name: getattr(clock, name) for name in cls.model_fields})


class IncidentOut(Schema):
    """An incident with its clocks."""

    id: int
    reference: str
    title: str
    severity: str
    state: str
    clocks: list[ClockOut]

    @classmethod
    def of(cls, incident: Incident) -> "IncidentOut":
        return cls(
            id=incident.pk,
            reference=incident.reference,
            title=incident.title,
            severity=incident.severity,
            state=incident.state,
            clocks=[ClockOut.of(clock) for clock in incident.clocks.all()],
        )


def _alert(request: ApiRequest, pk: int, permission: str) -> Alert:
    alert = get_object_or_404(queries.alerts(request.viewer), pk=pk)
    if not request.viewer.may(permission, alert.unit.path):
        raise Refused(403, f"This needs the permission {permission} in {alert.unit.slug}.")
    return alert


def _incident(request: ApiRequest, pk: int, permission: str) -> Incident:
    incident = get_object_or_404(queries.incidents(request.viewer), pk=pk)
    if not request.viewer.may(permission, incident.unit.path):
        raise Refused(403, f"This needs the permission {permission} in {incident.unit.slug}.")
    return incident


@writes(router, "POST", "/alerts/{pk}/acknowledge", permission="soc.triage", response=AlertState)
def acknowledge(request: ApiRequest, pk: RowId) -> Any:
    """Take an alert."""
    alert = _alert(request, pk, "soc.triage")
    return AlertState.of(alert_services.acknowledge_alert(alert, actor=request.user, now=timezone.now()))


@writes(router, "POST", "/alerts/{pk}/close", permission="soc.triage", response=AlertState)
def close(request: ApiRequest, pk: RowId, payload: Closing) -> Any:
    """Close an alert with a verdict."""
    alert = _alert(request, pk, "soc.triage")
    closed = alert_services.close_alert(
        alert, verdict=payload.verdict, reason=payload.reason, actor=request.user, now=timezone.now()
    )
    return AlertState.of(closed)


@writes(router, "POST", "/alerts/{pk}/reopen", permission="soc.triage", response=AlertState)
def reopen(request: ApiRequest, pk: RowId) -> Any:
    """Undo a close."""
    alert = _alert(request, pk, "soc.triage")
    return AlertState.of(alert_services.reopen_alert(alert, actor=request.user, now=timezone.now()))


@writes(router, "POST", "/incidents/from-alerts", permission="soc.incident", response=IncidentOut, status=201)
def open_incident(request: ApiRequest, payload: IncidentNew) -> Any:
    """Open an incident from alerts."""
    alerts = [_alert(request, pk, "soc.incident") for pk in payload.alerts]
    if len({alert.unit_id for alert in alerts}) > 1:
        raise Refused(409, "These alerts belong to different units; open one incident for each.")
    incident = incident_services.open_incident(
        title=payload.title,
        severity=payload.severity,
        description=payload.description,
        unit=alerts[0].unit,
        asset=alerts[0].asset,
        alerts=alerts,
        actor=request.user,
        now=timezone.now(),
    )
    return IncidentOut.of(incident)


@reads(router, "/incidents/{pk}/clocks", permission="soc.view", response=list[ClockOut])
def clocks(request: ApiRequest, pk: RowId) -> Any:
    """The reporting clocks of an incident. Not legal advice."""
    return [ClockOut.of(clock) for clock in _incident(request, pk, "soc.view").clocks.all()]


@writes(router, "POST", "/incidents/{pk}/facts", permission="soc.determine", response=IncidentOut, status=201)
def determine(request: ApiRequest, pk: RowId, payload: FactNew) -> Any:
    """Record a determination in the caller's name and compute the clocks again."""
    incident = _incident(request, pk, "soc.determine")
    incident_services.state_fact(
        incident, name=payload.name, value=payload.value, reason=payload.reason, actor=request.user, now=timezone.now()
    )
    return IncidentOut.of(incident)


@writes(router, "POST", "/incidents/{pk}/advance/{to}", permission="soc.incident", response=IncidentOut)
def advance(request: ApiRequest, pk: RowId, to: Annotated[str, Field(max_length=20)], payload: Because) -> Any:
    """Move an incident to a state that may follow."""
    incident = _incident(request, pk, "soc.incident")
    moved = incident_services.advance_incident(
        incident, to=to, reason=payload.reason, actor=request.user, now=timezone.now()
    )
    return IncidentOut.of(moved)
