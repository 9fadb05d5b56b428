"""What an analyst does with an alert."""

from datetime import datetime, timedelta

from django.db import transaction

from caiso.errors import DomainError
from caiso.web.base.models import Person, Unit, User
from caiso.web.base.services import audit, facts
from caiso.web.soc.models import Alert, DetectionRule, Suppression


class UnableToTriage(DomainError):
    """The alert is not in a state that allows the step."""


class UnableToSuppress(DomainError):
    """A suppression needs a reason and an end."""


@transaction.atomic
def acknowledge_alert(alert: Alert, *, actor: User, now: datetime) -> Alert:
    """Take the alert: it is assigned to the person behind the login and the clock to acknowledge stops."""
    if alert.state != Alert.State.NEW:
        raise UnableToTriage(f"this alert is already {alert.get_state_display().lower()}")
    person = Person.objects.filter(user=actor).first()
    return _change(
        alert,
        {"state": Alert.State.ACKNOWLEDGED, "acknowledged_at": now, "assignee": alert.assignee or person},
        verb="acknowledge",
        actor=actor,
        now=now,
    )


@transaction.atomic
def assign_alert(alert: Alert, *, to: Person | None, actor: User, now: datetime) -> Alert:
    """Give the alert to somebody, or back to the queue."""
    if alert.state == Alert.State.CLOSED:
        raise UnableToTriage("a closed alert cannot be assigned; reopen it first")
    return _change(alert, {"assignee": to}, verb="assign", actor=actor, now=now)


@transaction.atomic
def close_alert(alert: Alert, *, verdict: str, reason: str, actor: User, now: datetime) -> Alert:
    """Close with a verdict; a false positive needs a reason, since the rule's precision is computed from it."""
    if alert.state == Alert.State.CLOSED:
        raise UnableToTriage("this alert is already closed")
    if verdict not in {Alert.Verdict.TRUE, Alert.Verdict.BENIGN, Alert.Verdict.FALSE}:
        raise UnableToTriage(f'verdict "{verdict}" is not one of true, benign, false')
    if verdict == Alert.Verdict.FALSE and not reason.strip():
        raise UnableToTriage("say why this is a false positive; the detection engineer reads it")
    changes = {
        "state": Alert.State.CLOSED,
        "verdict": verdict,
        "verdict_reason": reason.strip(),
        "closed_at": now,
        "acknowledged_at": alert.acknowledged_at or now,
    }
    return _change(alert, changes, verb="close", actor=actor, now=now)


@transaction.atomic
def reopen_alert(alert: Alert, *, actor: User, now: datetime) -> Alert:
    """Undo a close: the verdict no longer counts."""
    if alert.state != Alert.State.CLOSED:
        raise UnableToTriage("only a closed alert can be reopened")
    back = Alert.State.ESCALATED if alert.incident_id else Alert.State.ACKNOWLEDGED
    return _change(
        alert,
        {"state": back, "verdict": "", "verdict_reason": "", "closed_at": None},
        verb="reopen",
        actor=actor,
        now=now,
    )


@transaction.atomic
def suppress(
    rule: DetectionRule,
    *,
    entity: dict[str, str],
    reason: str,
    expires_at: datetime,
    unit: Unit,
    actor: User,
    now: datetime,
) -> Suppression:
    """Stop a rule from alerting on an entity until a date; its signals still count."""
    if not reason.strip():
        raise UnableToSuppress("say why: the next analyst must be able to judge it")
    if not now < expires_at <= now + timedelta(days=90):
        raise UnableToSuppress("a suppression ends within 90 days; there are no permanent ones")
    if rule.severity == "critical" and not entity:
        raise UnableToSuppress("a critical rule cannot be suppressed as a whole; name the entity")
    made = Suppression.objects.create(
        rule=rule,
        unit=unit,
        entity=dict(entity),
        reason=reason.strip(),
        made_by=actor,
        made_at=now,
        expires_at=expires_at,
    )
    audit.record(
        actor=actor,
        verb="suppress",
        subject=made,
        changes={"entity": [None, entity], "until": [None, expires_at.isoformat()]},
        unit=unit,
        now=now,
    )
    return made


def _change(alert: Alert, changes: dict[str, object], *, verb: str, actor: User, now: datetime) -> Alert:
    before = {name: getattr(alert, name) for name in changes}
    for name, value in changes.items():
        setattr(alert, name, value)
    alert.save(update_fields=list(changes))
    audit.record(
        actor=actor, verb=verb, subject=alert, changes=audit.changed_fields(before, changes), unit=alert.unit, now=now
    )
    facts.touched("alerts", [alert.asset_id] if alert.asset_id else (), now=now)
    return alert
