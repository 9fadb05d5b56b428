"""Turning signals into alerts, inside the detector's one transaction."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Q

from caiso.engine.detect.signal import Signal as EngineSignal
from caiso.web.base.models import Unit
from caiso.web.base.queries import users_with
from caiso.web.base.services.workplace import notify
from caiso.web.inventory.models import Asset, AssetState
from caiso.web.soc.models import Alert, DetectionRule, Signal, Source, Suppression
from caiso.web.soc.services.known_alerts import QUIET_PERIOD, FiredRules, Known, KnownAlerts, moment
from caiso.web.soc.services.risk import ORDER, RiskScene, add_risk
from caiso.web.soc.services.scoring import score_alert

KEPT_EVENT_IDS = 200
KEPT_MATCHES = 200
MOST_NOTICES = 5
MIN_VERDICTS = 5
ROWS_AT_ONCE = 500


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

    A signal's id is computed from rule and events, so what a replay brings again is left out here, and the unique column
    would refuse it anyway.
    """
    known: set[str] = set()
    for start in range(0, len(signals), ROWS_AT_ONCE):
        some = [signal.id for signal in signals[start : start + ROWS_AT_ONCE]]
        known.update(Signal.objects.filter(uid__in=some).values_list("uid", flat=True))
    unseen = list({signal.id: signal for signal in signals if signal.id not in known}.values())
    if not unseen:
        return []
    rules = DetectionRule.objects.select_related("canary_unit").in_bulk(
        list({signal.rule_id for signal in unseen}), field_name="slug"
    )
    raised = _Raised(unseen, rules=rules, around=around)
    rows = [raised.take(signal) for signal in unseen]
    raised.write()
    _count_signals(unseen, rules=rules)
    risky = [
        (signal, row)
        for signal, row in zip(unseen, rows, strict=True)
        if signal.state != "shadow" and row.suppression_id is None
    ]
    return raised.opened + add_risk(risky, scene=RiskScene(rules, around.systems, around.now))


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


def rule_precision(rule: DetectionRule) -> float | None:
    """Share of the rule's verdicts that were true or benign-true; None below five verdicts."""
    return rule_precisions([rule])[rule.pk]


def rule_precisions(rules: Iterable[DetectionRule]) -> dict[int, float | None]:
    """``rule_precision`` of several rules, by their keys."""
    wanted = {rule.pk: rule for rule in rules}
    counted = (
        Alert.objects.filter(rule__in=list(wanted))
        .exclude(verdict="")
        .order_by()
        .values("rule")
        .annotate(all=Count("pk"), false=Count("pk", filter=Q(verdict=Alert.Verdict.FALSE)))
        .values_list("rule", "all", "false")
    )
    told = {rule: 1 - wrong / all_ for rule, all_, wrong in counted if all_ >= MIN_VERDICTS}
    return {rule: told.get(rule) for rule in wanted}


class _Raised:
    """The signals of a batch one after the other, and what is to be written of them."""

    def __init__(
        self, signals: Sequence[EngineSignal], *, rules: Mapping[str, DetectionRule], around: Surroundings
    ) -> None:
        self.rules = rules
        self.around = around
        loud = [signal for signal in signals if signal.state != "shadow"]
        self._known = KnownAlerts(loud)
        self._fired = FiredRules(loud)
        self._precisions = rule_precisions(rules.values())
        self._suppressions: dict[int, list[Suppression]] = {}
        for suppression in Suppression.objects.filter(rule__in=list(rules.values()), expires_at__gt=around.now):
            self._suppressions.setdefault(suppression.rule_id, []).append(suppression)
        self._hits: Counter[int] = Counter()
        self._rows: list[tuple[Signal, Known | None]] = []
        self._opened: dict[Known, None] = {}

    @property
    def opened(self) -> list[Alert]:
        """The alerts that are new, or are told by a graver rule now, in the order in which they came."""
        return [known.alert for known in self._opened]

    def take(self, signal: EngineSignal) -> Signal:
        """The signal's row, not written yet. Shadow, suppressed and a canary outside of its share make no alert."""
        rule = self.rules[signal.rule_id]
        unit, asset, source = self.around.place(signal)
        suppression = self._suppression_of(signal, rule)
        known = None
        if signal.state != "shadow" and suppression is None and _may_alert(signal, rule=rule, unit=unit):
            known = self._alert_for(signal, rule=rule, asset=asset, source=source, unit=unit)
        row = Signal(
            uid=signal.id,
            suppression=suppression,
            rule=rule,
            unit=unit,
            state=signal.state,
            at=moment(signal.time_us),
            first_at=moment(signal.first_time_us),
            event_ids=list(signal.event_ids)[:KEPT_EVENT_IDS],
            matches=[list(match) for match in signal.matches][:KEPT_MATCHES],
            entity=dict(signal.entity),
            facts=dict(signal.facts),
            part=self.around.part,
        )
        self._rows.append((row, known))
        return row

    def write(self) -> None:
        """Write alerts, then signals, both in the order in which they came."""
        new = [known for known in self._known.all if known.is_new]
        for known in self._known.all:
            if known.changed and not known.is_new:
                known.alert.save(update_fields=sorted(known.changed))
        Alert.objects.bulk_create([known.alert for known in new], batch_size=ROWS_AT_ONCE)
        for row, of in self._rows:
            row.alert = of.alert if of else None
        Signal.objects.bulk_create([row for row, _ in self._rows], batch_size=ROWS_AT_ONCE)
        for suppression, hits in self._hits.items():
            Suppression.objects.filter(pk=suppression).update(hits=F("hits") + hits)

    def _suppression_of(self, signal: EngineSignal, rule: DetectionRule) -> Suppression | None:
        for suppression in self._suppressions.get(rule.pk, ()):
            if all(signal.entity.get(key) == value for key, value in suppression.entity.items()):
                self._hits[suppression.pk] += 1
                return suppression
        return None

    def _alert_for(
        self, signal: EngineSignal, *, rule: DetectionRule, asset: Asset | None, source: Source | None, unit: Unit
    ) -> Known:
        """The alert that this signal belongs to: the open one of its group, else one that tells of the same, else a new one.

        Within a conversation, rules about one technique tell of the same; the gravest gives the alert its name. Another
        technique is another alert: it is another answer, and another gap to close.
        """
        last, first = moment(signal.time_us), moment(signal.first_time_us)
        open_ = self._known.of_group(signal) or self._same_told(signal, since=last - QUIET_PERIOD)
        if open_ is not None:
            self._fired.take(open_)
            alert = open_.alert
            open_.change(
                signal_count=alert.signal_count + 1,
                first_event_at=min(alert.first_event_at, first),
                last_event_at=max(alert.last_event_at, last),
                facts=dict(signal.facts) or alert.facts,
            )
            return open_
        others = self._fired.others(signal, rule)
        part = next(self._known.in_talk(signal, since=min(first, last - QUIET_PERIOD)), None)
        severity = signal.severity
        if part is not None:
            severity = max(part.alert.severity, severity, key=ORDER.index)
        if rule.content_only and not others and severity not in ("informational", "low"):
            severity = "low"  # words alone add risk; deeds, or another rule, make more of them
        score = score_alert(
            severity=severity,
            criticality=asset.criticality if asset else "",
            other_rules=others,
            unmanaged=asset is not None and asset.state == AssetState.UNMANAGED,
            precision=self._precisions[rule.pk],
        )
        judged: dict[str, Any] = {
            "rule": rule,
            "title": signal.rule_title,
            "severity": severity,
            "score": score.points,
            "score_reasons": list(score.reasons),
            "technique": signal.techniques[0] if signal.techniques else "",
            "facts": dict(signal.facts),
            "last_event_at": last,
        }
        known = self._grown(part, signal, judged) if part else self._new(signal, judged, asset, source, unit)
        self._opened[known] = None
        return known

    def _same_told(self, signal: EngineSignal, *, since: datetime) -> Known | None:
        """The open alert that says what the signal says, and no less."""
        as_grave = ORDER[ORDER.index(signal.severity) :]
        told = (known for known in self._known.in_talk(signal, since=since) if known.alert.severity in as_grave)
        return next(told, None)

    def _grown(self, known: Known, signal: EngineSignal, judged: Mapping[str, Any]) -> Known:
        """The alert, now told by the graver rule; its signals keep the rules that raised them."""
        self._fired.take(known)
        alert = known.alert
        known.change(
            **judged,
            techniques=list(dict.fromkeys((*signal.techniques, *alert.techniques))),
            owasp=list(dict.fromkeys((*signal.owasp, *alert.owasp))),
            entity={**alert.entity, **signal.entity},
            signal_count=alert.signal_count + 1,
            first_event_at=min(alert.first_event_at, moment(signal.first_time_us)),
        )
        self._known.regroup(known, signal.group_key)
        self._fired.note(known)
        return known

    def _new(
        self,
        signal: EngineSignal,
        judged: Mapping[str, Any],
        asset: Asset | None,
        source: Source | None,
        unit: Unit,
    ) -> Known:
        entity = signal.entity
        alert = Alert(
            **judged,
            group_key=signal.group_key,
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
            first_event_at=moment(signal.first_time_us),
            created_at=self.around.now,
        )
        known = self._known.add(alert)
        self._fired.take(known)
        return known


def _count_signals(signals: Iterable[EngineSignal], *, rules: Mapping[str, DetectionRule]) -> None:
    last: dict[str, int] = {}
    counts: Counter[str] = Counter()
    for signal in signals:
        counts[signal.rule_id] += 1
        last[signal.rule_id] = max(last.get(signal.rule_id, 0), signal.time_us)
    for slug, count in counts.items():
        fired = moment(last[slug])
        known = rules[slug].last_fired_at
        DetectionRule.objects.filter(pk=rules[slug].pk).update(
            signals=F("signals") + count, last_fired_at=max(known, fired) if known else fired
        )


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
