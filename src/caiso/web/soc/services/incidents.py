"""Opening an incident, moving it through its states, and keeping its timeline and the facts determined about it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from caiso.errors import DomainError
from caiso.web.base.models import Person, Task, Unit, User
from caiso.web.base.services import audit, facts
from caiso.web.inventory.models import Asset
from caiso.web.organisation.routing import accountable_role
from caiso.web.soc.models import Alert, Incident, IncidentEntry, IncidentFact
from caiso.web.soc.models.alert import SEVERITIES
from caiso.web.soc.presentation import said
from caiso.web.soc.services.clocks import check_fact, compute_clocks
from caiso.web.soc.services.proposals import ATTRIBUTE_QUESTIONS, MOMENT_QUESTIONS

State = Incident.State
# From each state, where it may go. Backwards steps are allowed where reality does that: an incident that
# spreads again is investigated again. Nothing skips containment, and review comes before closing.
STEPS: dict[str, tuple[str, ...]] = {
    State.NEW: (State.TRIAGE, State.INVESTIGATING),
    State.TRIAGE: (State.INVESTIGATING, State.REVIEW),
    State.INVESTIGATING: (State.CONTAINED, State.REVIEW),
    State.CONTAINED: (State.ERADICATED, State.INVESTIGATING),
    State.ERADICATED: (State.RECOVERED, State.INVESTIGATING),
    State.RECOVERED: (State.REVIEW, State.INVESTIGATING),
    State.REVIEW: (State.CLOSED, State.INVESTIGATING),
    State.CLOSED: (State.REVIEW,),
}
# The framework's six phases (section 5.2) as a grouping of the states.
PHASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Detection", (State.NEW,)),
    ("Analysis", (State.TRIAGE, State.INVESTIGATING)),
    ("Containment", (State.CONTAINED,)),
    ("Eradication", (State.ERADICATED,)),
    ("Recovery", (State.RECOVERED,)),
    ("Lessons learned", (State.REVIEW, State.CLOSED)),
)
INCIDENT_DUTY = "ai-incident-management"
FIRST_TASKS = (
    "Preserve the conversation, model, prompt and index versions concerned",
    "Scope: which users, sessions, data and systems are affected",
    "Decide and record containment",
    "Determine whether reporting duties apply, and when we became aware",
)


class UnableToOpen(DomainError):
    """The incident lacks what it needs."""


class UnableToAdvance(DomainError):
    """The state machine does not allow the step, or a gate is not met."""


class UnableToState(DomainError):
    """The fact cannot be recorded as it was given."""


@transaction.atomic
def open_incident(
    *,
    title: str,
    severity: str,
    unit: Unit,
    actor: User,
    now: datetime,
    description: str = "",
    asset: Asset | None = None,
    lead: Person | None = None,
    alerts: Sequence[Alert] = (),
    technique: str = "",
) -> Incident:
    """Open an incident, escalate its alerts into it and give it its first tasks.

    The alerts propose when the organisation may have become aware; they never state it (a named person does).
    """
    if not title.strip():
        raise UnableToOpen("an incident needs a title")
    if severity not in dict(SEVERITIES):
        raise UnableToOpen(f'severity "{severity}" is not one of {", ".join(dict(SEVERITIES))}')
    if taken := [alert for alert in alerts if alert.incident_id]:
        raise UnableToOpen(f"alert {taken[0].pk} already belongs to {taken[0].incident}")
    incident = Incident.objects.create(
        reference=_next_reference(),
        title=title.strip()[:300],
        description=description.strip(),
        severity=severity,
        unit=unit,
        asset=asset,
        lead=lead or Person.objects.filter(user=actor).first(),
        technique=technique or next((alert.technique for alert in alerts if alert.technique), ""),
        opened_by=actor,
        opened_at=now,
    )
    audit.record(actor=actor, verb="open", subject=incident, changes={"severity": [None, severity]}, unit=unit, now=now)
    _entry(incident, kind=IncidentEntry.Kind.STATE, text=f"Incident opened by {actor}", actor=actor, now=now)
    add_alerts(incident, alerts, actor=actor, now=now)
    # Without a lead the first tasks go to whoever answers for incidents in the unit, else to the one who leads the AISOC.
    role = "" if incident.lead else accountable_role(INCIDENT_DUTY, unit=unit.slug, on=now.date()) or "aisoc-lead"
    Task.objects.bulk_create(
        [
            Task(
                title=title_, detail=f"{incident.reference} {incident.title}", unit=unit, assignee=incident.lead, role_slug=role,
                subject_type="Incident", subject_id=str(incident.pk), subject_url=incident.get_absolute_url(), created_at=now,
            )
            for title_ in FIRST_TASKS
        ]
    )  # fmt: skip
    compute_clocks(incident, now=now)
    facts.touched("incidents", now=now)
    return incident


@transaction.atomic
def add_alerts(incident: Incident, alerts: Iterable[Alert], *, actor: User, now: datetime) -> None:
    """Escalate alerts into the incident; each becomes a line of the timeline at the time of its first event."""
    if incident.state == State.CLOSED:
        raise UnableToAdvance(f"{incident.reference} is closed; reopen it to add alerts")
    for alert in alerts:
        before = {"state": alert.state, "incident": alert.incident_id}
        alert.incident, alert.state = incident, Alert.State.ESCALATED
        alert.acknowledged_at = alert.acknowledged_at or now
        alert.save(update_fields=["incident", "state", "acknowledged_at"])
        audit.record(
            actor=actor,
            verb="escalate",
            subject=alert,
            changes=audit.changed_fields(before, {"state": alert.state, "incident": incident.pk}),
            unit=alert.unit,
            now=now,
        )
        _entry(
            incident,
            kind=IncidentEntry.Kind.ALERT,
            text=f"{alert.title} ({alert.signal_count} signals, alert {alert.pk})",
            actor=None,
            label=f"rule {alert.rule.slug}",
            now=alert.first_event_at,
        )
        facts.touched("alerts", [alert.asset_id] if alert.asset_id else (), now=now)


@transaction.atomic
def advance_incident(incident: Incident, *, to: str, actor: User, now: datetime, reason: str = "") -> Incident:
    """Move the incident to a state that may follow; closing needs a review, skipping to review needs a reason."""
    if to not in STEPS[incident.state]:
        allowed = ", ".join(State(step).label.lower() for step in STEPS[incident.state])
        raise UnableToAdvance(f"{incident.reference} is {incident.get_state_display().lower()}; next may be {allowed}")
    if to == State.REVIEW and incident.state in {State.TRIAGE, State.INVESTIGATING} and not reason.strip():
        raise UnableToAdvance("say why there is nothing to contain")
    if to == State.CLOSED and not incident.review.strip():
        raise UnableToAdvance("write the review first: what happened, what we learned, what changes")
    if to == State.CLOSED and (late := incident.clocks.filter(state__in=["running", "overdue"]).count()):
        raise UnableToAdvance(
            f"{late} reporting clock{'s are' if late > 1 else ' is'} still open; report, or determine that the duty does not apply"
        )
    before = incident.state
    incident.state = to
    if to == State.CONTAINED:
        incident.contained_at = incident.contained_at or now
    incident.closed_at = now if to == State.CLOSED else None
    incident.save(update_fields=["state", "contained_at", "closed_at"])
    audit.record(
        actor=actor,
        verb="advance",
        subject=incident,
        changes={"state": [before, to], "reason": ["", reason]},
        unit=incident.unit,
        now=now,
    )
    text = f"{State(before).label} → {State(to).label}" + (f": {reason.strip()}" if reason.strip() else "")
    _entry(incident, kind=IncidentEntry.Kind.STATE, text=text, actor=actor, now=now)
    if to == State.CLOSED:
        _close_alerts(incident, actor=actor, now=now)
    facts.touched("incidents", now=now)
    return incident


def _close_alerts(incident: Incident, *, actor: User, now: datetime) -> None:
    """What was escalated into the incident is done with it; a verdict that nobody gave is not made up."""
    waiting = list(incident.alerts.filter(state=Alert.State.ESCALATED))
    for alert in waiting:
        alert.state, alert.closed_at = Alert.State.CLOSED, now
        changes: dict[str, list[object]] = {"state": [Alert.State.ESCALATED, Alert.State.CLOSED]}
        audit.record(actor=actor, verb="close", subject=alert, changes=changes, unit=alert.unit, now=now)
    Alert.objects.bulk_update(waiting, ["state", "closed_at"], batch_size=200)
    if waiting:
        facts.touched("alerts", {alert.asset_id for alert in waiting if alert.asset_id}, now=now)


@transaction.atomic
def add_note(
    incident: Incident, *, text: str, kind: str = IncidentEntry.Kind.NOTE, actor: User, now: datetime
) -> IncidentEntry:
    """Write a line of the timeline."""
    if not text.strip():
        raise UnableToState("the note is empty")
    entry = _entry(incident, kind=kind, text=text.strip()[:10_000], actor=actor, now=now)
    audit.record(
        actor=actor,
        verb=f"incident.{kind}",
        subject=incident,
        changes={"text": [None, entry.text]},
        unit=incident.unit,
        now=now,
    )
    return entry


@transaction.atomic
def update_incident(incident: Incident, *, changes: Mapping[str, Any], actor: User, now: datetime) -> Incident:
    """Change title, description, severity, lead, system or review."""
    allowed = {"title", "description", "severity", "lead", "asset", "review"}
    if unknown := set(changes) - allowed:
        raise UnableToOpen(f"{', '.join(sorted(unknown))} cannot be changed here; may be {', '.join(sorted(allowed))}")
    before = {name: getattr(incident, name) for name in changes}
    for name, value in changes.items():
        setattr(incident, name, value)
    incident.save(update_fields=list(changes))
    audit.record(
        actor=actor,
        verb="update",
        subject=incident,
        changes=audit.changed_fields(before, changes),
        unit=incident.unit,
        now=now,
    )
    facts.touched("incidents", now=now)
    return incident


@transaction.atomic
def state_fact(
    incident: Incident, *, name: str, value: object, reason: str, actor: User, now: datetime
) -> IncidentFact:
    """Record what a named person determined, replacing what was said before (which stays readable), and recompute the clocks.

    `value` is a bool, number, text or list as the facts schema of engine.clocks says; moments are ISO 8601 with a zone.
    """

    checked = check_fact(name, value, now=now)
    before = IncidentFact.objects.filter(incident=incident, name=name, is_current=True).first()
    if before is not None:
        if not reason.strip():
            raise UnableToState(f'"{name}" was already determined by {before.stated_by_label}; say why it changes')
        before.is_current = False
        before.save(update_fields=["is_current"])
    fact = IncidentFact.objects.create(
        incident=incident,
        name=name,
        value=checked,
        stated_by=actor,
        stated_by_label=str(actor),
        stated_at=now,
        reason=reason.strip()[:500],
    )
    audit.record(
        actor=actor,
        verb="determine",
        subject=incident,
        changes={name: [before.value if before else None, checked]},
        unit=incident.unit,
        now=now,
    )
    told = f"{_words(name)}: {said(checked)}" + (f" ({reason.strip()})" if reason.strip() else "")
    _entry(incident, kind=IncidentEntry.Kind.DECISION, text=told, actor=actor, now=now)
    compute_clocks(incident, now=now)
    return fact


def _words(name: str) -> str:
    """The question behind a fact's name, else the name in words."""
    known = {question.name: question.text for question in (*MOMENT_QUESTIONS, *ATTRIBUTE_QUESTIONS)}
    return known.get(name) or name.replace("notified.", "reported ").replace("_", " ").capitalize()


def _next_reference() -> str:
    """INC-101, INC-102 …: unique because IMMEDIATE (or the unique column) lets one writer through at a time."""
    last = Incident.objects.order_by("-id").values_list("id", flat=True).first() or 0
    return f"INC-{101 + last}"


def _entry(
    incident: Incident, *, kind: str, text: str, actor: User | None, now: datetime, label: str = ""
) -> IncidentEntry:
    return IncidentEntry.objects.create(
        incident=incident,
        kind=kind,
        text=text,
        at=now,
        author=actor,
        author_label=label or (str(actor) if actor else "caiso"),
    )
