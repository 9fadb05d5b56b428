"""Turning signals into alerts, and what an analyst does with an alert."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Count, F, Q

from caiso.engine.detect.signal import Signal as EngineSignal
from caiso.errors import DomainError
from caiso.web.base.models import Person, Unit, User
from caiso.web.base.queries import users_with
from caiso.web.base.services import audit, facts
from caiso.web.base.services.workplace import notify
from caiso.web.inventory.models import Asset, AssetState
from caiso.web.soc.models import Alert, DetectionRule, Signal, Source, Suppression
from caiso.web.soc.services.risk import ORDER, RiskScene, add_risk
from caiso.web.soc.services.scoring import score_alert

if TYPE_CHECKING:
    from django.db.models import QuerySet

# A signal that comes this long after the alert's last one is news again, not a repetition.
QUIET_PERIOD = timedelta(hours=4)
KEPT_EVENT_IDS = 200
KEPT_MATCHES = 200
MOST_NOTICES = 5
MIN_VERDICTS = 5


class UnableToTriage(DomainError):
    """The alert is not in a state that allows the step."""


class UnableToSuppress(DomainError):
    """A suppression needs a reason and an end."""


@dataclass(frozen=True)
class Surroundings:
    """What a batch's signals are about: sources by id, AI systems by service name in lower case, the root unit."""

    sources: Mapping[str, Source]
    systems: Mapping[str, Asset]
    root: Unit
    part: int
    now: datetime

    def place(self, signal: EngineSignal) -> tuple[Unit, Asset | None, Source | None]:
        """The unit that the signal belongs to: of its AI system, else of its source, else the root."""
        asset = self.systems.get(signal.entity.get("service", "").lower())
        source = self.sources.get(signal.entity.get("source", ""))
        return (asset.unit if asset else source.unit if source else self.root), asset, source


def raise_alerts(signals: Sequence[EngineSignal], *, around: Surroundings) -> list[Alert]:
    """Write signals that are not known yet and the alerts they make; returns alerts that are new.

    Runs inside the detector's one transaction. A signal's id is computed from rule and events, so what a replay
    brings again is left out here, and the unique column would refuse it anyway.
    """
    known = set(Signal.objects.filter(uid__in=[signal.id for signal in signals]).values_list("uid", flat=True))
    unseen = {signal.id: signal for signal in signals if signal.id not in known}
    if not unseen:
        return []
    rules = DetectionRule.objects.in_bulk(list({signal.rule_id for signal in unseen.values()}), field_name="slug")
    opened, risky = [], []
    for signal in unseen.values():
        row, is_new = _raise_one(signal, rule=rules[signal.rule_id], around=around)
        if row.alert is not None and is_new:
            opened.append(row.alert)
        if signal.state != "shadow" and row.suppression_id is None:
            risky.append((signal, row))
    _count_signals(unseen.values(), rules=rules)
    return opened + add_risk(risky, scene=RiskScene(rules, around.systems, around.now))


def tell_about(alerts: Iterable[Alert], *, now: datetime) -> None:
    """Notify those who triage in the alert's unit of new high and critical alerts; a flood is told once, not a thousand times."""
    loud = [alert for alert in alerts if alert.severity in {"high", "critical"} and not alert.is_canary]
    for alert in loud[:MOST_NOTICES]:
        for user in users_with("soc.triage", alert.unit.path, on=now.date()):
            notify(
                user,
                title=f"{alert.get_severity_display()} alert: {alert.title}",
                url=alert.get_absolute_url(),
                tone="bad",
                now=now,
            )


def _count_signals(signals: Iterable[EngineSignal], *, rules: Mapping[str, DetectionRule]) -> None:
    last: dict[str, int] = {}
    counts: Counter[str] = Counter()
    for signal in signals:
        counts[signal.rule_id] += 1
        last[signal.rule_id] = max(last.get(signal.rule_id, 0), signal.time_us)
    for slug, count in counts.items():
        fired = _moment(last[slug])
        known = rules[slug].last_fired_at
        DetectionRule.objects.filter(pk=rules[slug].pk).update(
            signals=F("signals") + count, last_fired_at=max(known, fired) if known else fired
        )


def _raise_one(signal: EngineSignal, *, rule: DetectionRule, around: Surroundings) -> tuple[Signal, bool]:
    """The signal's row, and whether its alert is new. Shadow, suppressed and a canary outside of its share make none."""
    unit, asset, source = around.place(signal)
    suppression = _suppression_of(signal, rule=rule, now=around.now)
    alert, is_new = None, False
    if signal.state != "shadow" and suppression is None and _may_alert(signal, rule=rule, unit=unit):
        alert, is_new = _alert_for(signal, rule=rule, asset=asset, source=source, unit=unit, now=around.now)
    row = Signal.objects.create(
        uid=signal.id,
        alert=alert,
        suppression=suppression,
        rule=rule,
        unit=unit,
        state=signal.state,
        at=_moment(signal.time_us),
        first_at=_moment(signal.first_time_us),
        event_ids=list(signal.event_ids)[:KEPT_EVENT_IDS],
        matches=[list(match) for match in signal.matches][:KEPT_MATCHES],
        entity=dict(signal.entity),
        facts=dict(signal.facts),
        part=around.part,
    )
    return row, is_new


def _may_alert(signal: EngineSignal, *, rule: DetectionRule, unit: Unit) -> bool:
    """A canary alerts in its unit and for its share of entities; the same entity is always on the same side."""
    if signal.state != "canary":
        return True
    if rule.canary_unit_id and not unit.path.startswith(rule.canary_unit.path if rule.canary_unit else ""):
        return False
    if rule.canary_share >= 100:
        return True
    digest = hashlib.sha256(signal.group_key.encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:4], "big") % 100 < rule.canary_share


def _alert_for(
    signal: EngineSignal, *, rule: DetectionRule, asset: Asset | None, source: Source | None, unit: Unit, now: datetime
) -> tuple[Alert, bool]:
    """The alert that this signal belongs to: the open one of its group, else one that tells of the same, else a new one.

    Within a conversation, rules about one technique tell of the same; the gravest gives the alert its name. Another
    technique is another alert: it is another answer, and another gap to close.
    """
    last = _moment(signal.time_us)
    open_ = (
        Alert.objects.filter(group_key=signal.group_key, last_event_at__gte=last - QUIET_PERIOD)
        .exclude(state=Alert.State.CLOSED)
        .order_by("-id")
        .first()
    ) or _same_told(signal, since=last - QUIET_PERIOD)
    if open_ is not None:
        open_.signal_count += 1
        open_.first_event_at = min(open_.first_event_at, _moment(signal.first_time_us))
        open_.last_event_at = max(open_.last_event_at, last)
        open_.facts = dict(signal.facts) or open_.facts
        open_.save(update_fields=["signal_count", "first_event_at", "last_event_at", "facts"])
        return open_, False
    entity, others = signal.entity, _other_rules(signal, last)
    part = _part_of(signal, since=min(_moment(signal.first_time_us), last - QUIET_PERIOD))
    severity = signal.severity if part is None else max(part.severity, signal.severity, key=ORDER.index)
    if rule.content_only and not others and severity not in ("informational", "low"):
        severity = "low"  # words alone add risk; deeds, or another rule, make more of them
    score = score_alert(
        severity=severity,
        criticality=_criticality(asset),
        other_rules=others,
        unmanaged=asset is not None and asset.state == AssetState.UNMANAGED,
        precision=rule_precision(rule),
    )
    judged: dict[str, Any] = {
        "group_key": signal.group_key,
        "rule": rule,
        "title": signal.rule_title,
        "severity": severity,
        "score": score.points,
        "score_reasons": list(score.reasons),
        "technique": signal.techniques[0] if signal.techniques else "",
        "facts": dict(signal.facts),
        "last_event_at": last,
    }
    if part is not None:
        return _grown(part, signal, judged), True
    alert = Alert.objects.create(
        **judged,
        is_canary=signal.state == "canary",
        techniques=list(signal.techniques),
        owasp=list(signal.owasp),
        unit=unit,
        source=source,
        asset=asset,
        conversation_id=entity.get("conversation", "")[:200],
        trace_id=entity.get("trace", "")[:64],
        subject_user=entity.get("user", "")[:200],
        api_key=entity.get("api_key", "")[:200],
        agent=entity.get("agent", "")[:200],
        service=entity.get("service", "")[:200],
        model=entity.get("model", "")[:200],
        entity=dict(entity),
        signal_count=1,
        first_event_at=_moment(signal.first_time_us),
        created_at=now,
    )
    return alert, True


def _same_told(signal: EngineSignal, *, since: datetime) -> Alert | None:
    """The open alert that says what the signal says, and no less."""
    as_grave = ORDER[ORDER.index(signal.severity) :]
    return _open_in_talk(signal, since=since).filter(severity__in=as_grave).first()


def _part_of(signal: EngineSignal, *, since: datetime) -> Alert | None:
    """The open alert that says less of what the signal says."""
    return _open_in_talk(signal, since=since).first()


def _open_in_talk(signal: EngineSignal, *, since: datetime) -> "QuerySet[Alert]":
    """The open alerts about the signal's technique in its conversation, or its trace where there is none."""
    talk, trace = signal.entity.get("conversation", "")[:200], signal.entity.get("trace", "")[:64]
    if not (talk or trace) or not signal.techniques:
        return Alert.objects.none()
    return (
        Alert.objects.filter(Q(conversation_id=talk) if talk else Q(conversation_id="", trace_id=trace))
        .filter(technique=signal.techniques[0], last_event_at__gte=since, is_canary=signal.state == "canary")
        .exclude(Q(state=Alert.State.CLOSED) | Q(rule__kind="risk"))
        .order_by("id")
    )


def _grown(alert: Alert, signal: EngineSignal, judged: Mapping[str, Any]) -> Alert:
    """The alert, now told by the graver rule; its signals keep the rules that raised them."""
    for name, value in judged.items():
        setattr(alert, name, value)
    alert.techniques = list(dict.fromkeys((*signal.techniques, *alert.techniques)))
    alert.owasp = list(dict.fromkeys((*signal.owasp, *alert.owasp)))
    alert.entity = {**alert.entity, **signal.entity}
    alert.signal_count += 1
    alert.first_event_at = min(alert.first_event_at, _moment(signal.first_time_us))
    alert.save()
    return alert


def _criticality(asset: Asset | None) -> str:
    return asset.criticality if asset else ""


def _other_rules(signal: EngineSignal, last: datetime) -> int:
    """Other rules that fired within a day for the same user, conversation or agent."""
    same = Q()
    for column, key in (("conversation_id", "conversation"), ("subject_user", "user"), ("agent", "agent")):
        if value := signal.entity.get(key):
            same |= Q(**{column: value})
    if not same:
        return 0
    around = Alert.objects.filter(
        same, last_event_at__gte=last - timedelta(days=1), last_event_at__lte=last + timedelta(days=1)
    )
    return around.exclude(rule__slug=signal.rule_id).values("rule").distinct().count()


def rule_precision(rule: DetectionRule) -> float | None:
    """Share of the rule's verdicts that were true or benign-true; None below five verdicts."""
    counts = (
        Alert.objects.filter(rule=rule)
        .exclude(verdict="")
        .aggregate(all=Count("pk"), false=Count("pk", filter=Q(verdict=Alert.Verdict.FALSE)))
    )
    return None if counts["all"] < MIN_VERDICTS else 1 - counts["false"] / counts["all"]


def _suppression_of(signal: EngineSignal, *, rule: DetectionRule, now: datetime) -> Suppression | None:
    for suppression in Suppression.objects.filter(rule=rule, expires_at__gt=now):
        if all(signal.entity.get(key) == value for key, value in suppression.entity.items()):
            Suppression.objects.filter(pk=suppression.pk).update(hits=F("hits") + 1)
            return suppression
    return None


def _moment(time_us: int) -> datetime:
    return datetime.fromtimestamp(time_us / 1_000_000, UTC)


# What an analyst does.


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


__all__ = [
    "UnableToSuppress",
    "UnableToTriage",
    "acknowledge_alert",
    "assign_alert",
    "close_alert",
    "raise_alerts",
    "reopen_alert",
    "rule_precision",
    "suppress",
]
