"""Entity risk: what a batch's signals add, the alerts that this makes, and the settings of it.

Runs inside the detector's one transaction and only for signals that were not known, so that a replay adds nothing
twice. The number of queries does not depend on the number of signals.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Q

from caiso.engine.detect.risk import (
    DAY_US,
    KINDS,
    MOST_REPEATS,
    Addition,
    Crossing,
    RiskSettings,
    Standing,
    confidence_of,
    faded,
    points_of,
    precision_of,
    rank_of,
    tactic_name,
    tactics_of,
)
from caiso.engine.detect.signal import Signal as EngineSignal
from caiso.errors import DomainError
from caiso.web.base.models import Unit, User
from caiso.web.base.presentation import counted
from caiso.web.base.services.settings import change_setting
from caiso.web.inventory.models import Asset, AssetState
from caiso.web.soc.models import Alert, DetectionRule, RiskAddition, RiskEntity, Signal
from caiso.web.soc.queries import RISK_SETTING, risk_settings
from caiso.web.soc.services.scoring import score_alert

RISK_RULE = "entity-risk"
SHOWN_CONTRIBUTIONS = 30
SAME_STORY = 0.6  # of the signals of two entities, the fewer, are the same: one alert tells of both
KEPT = timedelta(days=90)
ORDER = ("informational", "low", "medium", "high", "critical")
COLUMNS = {"user": "subject_user", "agent": "agent", "api_key": "api_key", "model": "model", "service": "service"}


class UnableToSetRisk(DomainError):
    """A value that cannot be."""


@transaction.atomic
def change_risk_settings(settings: RiskSettings, *, actor: User, now: datetime) -> None:
    """Keep new settings; entities are ordered anew where risk now fades at another pace."""
    if not 1 <= settings.half_life_hours <= 24 * 30:
        raise UnableToSetRisk("the half-life is between one hour and thirty days")
    if not 2 <= settings.tactics <= 16:
        raise UnableToSetRisk("the number of tactics is between 2 and 16")
    for kind, threshold in settings.thresholds.items():
        if kind not in KINDS or not 10 <= threshold <= 10_000:
            raise UnableToSetRisk(f"the threshold of {kind} is between 10 and 10,000")
    before = risk_settings()
    value = {**asdict(settings), "thresholds": dict(settings.thresholds)}
    change_setting(RISK_SETTING, value, actor=actor, now=now)
    if before.half_life_hours != settings.half_life_hours:
        rows = list(RiskEntity.objects.all())
        for row in rows:
            row.rank = rank_of(row.risk, _micros(row.at), settings)
        RiskEntity.objects.bulk_update(rows, ["rank"], batch_size=500)


@dataclass
class _Tally:
    """One entity with the signals of this batch that are about it."""

    kind: str
    value: str
    unit: Unit
    signals: list[tuple[int, EngineSignal, Signal]] = field(default_factory=list)  # with their place in the batch


@dataclass(frozen=True)
class _Crossed:
    """An entity that became an alert, by the signal at a place of the batch: ``upto`` is what that signal added."""

    place: int
    entity: RiskEntity
    crossing: Crossing
    upto: RiskAddition


@dataclass(frozen=True)
class RiskScene:
    """What is needed to turn signals into risk: their rules, the systems by service name, the moment, the settings."""

    rules: Mapping[str, DetectionRule]
    systems: Mapping[str, Asset]
    now: datetime
    settings: RiskSettings = field(default_factory=risk_settings)


def add_risk(signals: Sequence[tuple[EngineSignal, Signal]], *, scene: RiskScene) -> list[Alert]:
    """Add what these signals weigh to the entities that they name; returns the alerts that are new.

    Signals are taken in their order of arrival, and alerts are told in the order in which they came about, so that it
    does not matter how the stream was cut into batches.
    """
    tallies = _tallies(signals)
    if not tallies:
        return []
    known = {row.key: row for row in RiskEntity.objects.filter(key__in=list(tallies))}
    past = _past(known.values(), signals)
    precisions = _precisions(signals)
    entities: list[RiskEntity] = []
    additions: list[RiskAddition] = []
    crossed: list[_Crossed] = []
    for key, tally in tallies.items():
        entity = known.get(key) or _new(key, tally)
        made, news = _take(entity, tally, past.get(key, []), scene=scene, precisions=precisions)
        entities.append(entity)
        additions += made
        crossed += news
    _write(entities, additions)
    crossed.sort(key=lambda one: (one.place, KINDS.index(one.entity.kind)))
    told = [_alert(one, scene=scene) for one in crossed]
    return [alert for alert in told if alert is not None]


def _tallies(signals: Sequence[tuple[EngineSignal, Signal]]) -> dict[str, _Tally]:
    found: dict[str, _Tally] = {}
    for place, (signal, row) in enumerate(signals):
        for kind in KINDS:
            value = signal.entity.get(kind, "")[:256]
            if value:
                key = entity_key(row.unit, kind, value)
                found.setdefault(key, _Tally(kind, value, row.unit)).signals.append((place, signal, row))
    return found


def entity_key(unit: Unit, kind: str, value: str) -> str:
    """The unique name of an entity in a unit."""
    return hashlib.sha256(f"{unit.pk}\x1f{kind}\x1f{value}".encode("utf-8", "replace")).hexdigest()[:40]


def _new(key: str, tally: _Tally) -> RiskEntity:
    first = min(row.at for _, _, row in tally.signals)
    return RiskEntity(
        key=key,
        kind=tally.kind,
        value=tally.value,
        unit=tally.unit,
        at=first,
        peak_at=first,
        first_at=first,
        last_at=first,
    )


def _past(entities: Iterable[RiskEntity], signals: Sequence[tuple[EngineSignal, Signal]]) -> dict[str, list[Addition]]:
    """What was added to these entities within a day of the signals, by entity; repeats are bounded, so this is little."""
    times = [signal.time_us for signal, _ in signals]
    since, until = _moment(min(times) - DAY_US), _moment(max(times))
    keys = {entity.pk: entity.key for entity in entities if entity.pk}
    found: dict[str, list[Addition]] = defaultdict(list)
    rows = RiskAddition.objects.filter(entity__in=list(keys), at__gte=since, at__lte=until)
    for entity, rule, techniques, at, points in rows.values_list(
        "entity", "rule__slug", "rule__techniques", "at", "points"
    ):
        found[keys[entity]].append(Addition(_micros(at), rule, points, tactics_of(techniques)))
    return found


def _precisions(signals: Sequence[tuple[EngineSignal, Signal]]) -> dict[str, float]:
    """The precision of each rule from its verdicts, in one query."""
    slugs = {signal.rule_id for signal, _ in signals}
    counted = (
        Alert.objects.filter(rule__slug__in=slugs)
        .exclude(verdict="")
        .order_by()
        .values("rule__slug")
        .annotate(all=Count("pk"), false=Count("pk", filter=Q(verdict=Alert.Verdict.FALSE)))
    )
    told = {row["rule__slug"]: precision_of(row["all"] - row["false"], row["all"]) for row in counted}
    return {slug: told.get(slug, precision_of(0, 0)) for slug in slugs}


def _take(
    entity: RiskEntity, tally: _Tally, past: list[Addition], *, scene: RiskScene, precisions: Mapping[str, float]
) -> tuple[list[RiskAddition], list[_Crossed]]:
    """Add a batch's signals to one entity, in order of arrival; each crossing says what an alert must tell."""
    standing = Standing(
        entity.risk,
        _micros(entity.at),
        entity.told,
        _micros(entity.told_at) if entity.told_at else 0,
        entity.tactics_met,
    )
    settings = scene.settings
    made: list[RiskAddition] = []
    crossed: list[_Crossed] = []
    for place, signal, row in tally.signals:
        entity.signals += 1
        entity.first_at, entity.last_at = min(entity.first_at, row.at), max(entity.last_at, row.at)
        within = [one for one in past if signal.time_us - DAY_US <= one.at_us <= signal.time_us]
        repeats = sum(one.rule == signal.rule_id for one in within)
        if repeats >= MOST_REPEATS:
            continue
        rule = scene.rules[signal.rule_id]
        confidence = confidence_of(rule.kind, content_only=rule.content_only, state=signal.state)
        precision = precisions[signal.rule_id]
        points = points_of(signal.severity, confidence=confidence, precision=precision, repeats=repeats)
        addition = Addition(signal.time_us, signal.rule_id, points, tactics_of(signal.techniques))
        past.append(addition)
        crossing = standing.add(addition, [*within, addition], entity.kind, settings)
        why = f"{signal.severity} severity, confidence {confidence:.0%}, precision {precision:.0%}"
        if repeats:
            why += f", fired {counted(repeats, 'time', 'times')} within a day before"
        made.append(RiskAddition(entity=entity, signal=row, rule=rule, at=row.at, points=points, why=why))
        if crossing is not None:
            crossed.append(_Crossed(place, entity, crossing, made[-1]))
        if standing.risk > entity.peak:
            entity.peak, entity.peak_at = standing.risk, _moment(standing.at_us)
    entity.risk, entity.at = standing.risk, _moment(standing.at_us)
    entity.told, entity.tactics_met = standing.told, standing.met
    entity.told_at = _moment(standing.told_at_us) if standing.told_at_us else None
    entity.rank = rank_of(entity.risk, standing.at_us, settings)
    return made, crossed


def _write(entities: Sequence[RiskEntity], additions: Sequence[RiskAddition]) -> None:
    changed = [
        "rank", "risk", "at", "peak", "peak_at", "told", "told_at", "tactics_met", "signals", "first_at", "last_at",
    ]  # fmt: skip
    # One statement for new and known ones: an update with a case for each row takes ten times as long.
    RiskEntity.objects.bulk_create(
        entities, batch_size=500, update_conflicts=True, unique_fields=["key"], update_fields=changed
    )
    RiskAddition.objects.bulk_create(additions, batch_size=500)


# Alerts about entities


def _alert(crossed: _Crossed, *, scene: RiskScene) -> Alert | None:
    """A new alert, or None where an open one already tells of this entity and was brought up to date."""
    settings, entity, crossing = scene.settings, crossed.entity, crossed.crossing
    contributions = contributions_of(entity, upto=crossed.upto, at=_moment(crossing.at_us), settings=settings)
    facts = _facts(entity, crossing, contributions, settings)
    severity = _severity(contributions, entity, crossing, settings)
    open_ = _open_alert(entity, contributions, now=scene.now)
    if open_ is not None:
        is_own = open_.group_key == _group_key(entity)
        open_.severity = max(open_.severity, severity, key=ORDER.index)
        if is_own:
            open_.facts, open_.contributions = facts, contributions[:SHOWN_CONTRIBUTIONS]
            open_.signal_count = len(contributions)
        open_.entity = {entity.kind: entity.value, **open_.entity}
        column = COLUMNS[entity.kind]
        setattr(open_, column, getattr(open_, column) or entity.value[:200])
        open_.last_event_at = max(open_.last_event_at, _moment(crossing.at_us))
        open_.save(
            update_fields=["severity", "facts", "contributions", "signal_count", "entity", "last_event_at", column]
        )
        return None
    return _create(crossed, facts, contributions, severity=severity, scene=scene)


def _open_alert(entity: RiskEntity, contributions: list[dict[str, Any]], *, now: datetime) -> Alert | None:
    """The open alert that tells of this already: the entity's own, else one made of nearly the same signals.

    One attack names a user, an agent, a key, a service and a model; it is one alert, not five. What all users share, as
    a service and its model, carries the signals of others besides; so the fewer signals of the two are compared.
    """
    rows = Alert.objects.filter(rule__kind="risk", unit=entity.unit_id).exclude(state=Alert.State.CLOSED)
    own = rows.filter(group_key=_group_key(entity)).order_by("-id").first()
    if own is not None:
        return own
    signals = {one["signal"] for one in contributions}
    for alert in rows.filter(created_at__gte=now - timedelta(days=1)).order_by("-id")[:50]:
        told = {one["signal"] for one in alert.contributions}
        if len(signals & told) >= max(1.0, SAME_STORY * min(len(signals), len(told))):
            return alert
    return None


def _create(
    crossed: _Crossed,
    facts: Mapping[str, Any],
    contributions: list[dict[str, Any]],
    *,
    severity: str,
    scene: RiskScene,
) -> Alert:
    rule, entity, crossing = _risk_rule(), crossed.entity, crossed.crossing
    techniques = list(dict.fromkeys(name for one in contributions for name in one["techniques"]))[:20]
    latest = (
        entity.additions.filter(pk__lte=crossed.upto.pk)
        .select_related("signal__alert__asset")
        .order_by("-at", "-id")
        .first()
    )
    asset = scene.systems.get(entity.value.lower()) if entity.kind == RiskEntity.Kind.SERVICE else None
    if asset is None and latest is not None and latest.signal.alert is not None:
        asset = latest.signal.alert.asset
    score = score_alert(
        severity=severity,
        criticality=asset.criticality if asset else "",
        other_rules=len({one["rule"] for one in contributions}),
        unmanaged=asset is not None and asset.state == AssetState.UNMANAGED,
        precision=None,
    )
    what = (
        f"{len(crossing.tactics)} ATLAS tactics meet in {_words(entity)}"
        if crossing.tactics
        else f"Risk of {_words(entity)} passed its threshold"
    )
    return Alert.objects.create(
        group_key=_group_key(entity),
        rule=rule,
        title=what[:300],
        severity=severity,
        score=score.points,
        score_reasons=list(score.reasons),
        technique=techniques[0] if techniques else "",
        techniques=techniques,
        unit=entity.unit,
        asset=asset,
        entity={entity.kind: entity.value},
        facts=dict(facts),
        contributions=contributions[:SHOWN_CONTRIBUTIONS],
        signal_count=len(contributions),
        first_event_at=min((datetime.fromisoformat(one["at"]) for one in contributions), default=entity.first_at),
        last_event_at=_moment(crossing.at_us),
        created_at=scene.now,
        **{COLUMNS[entity.kind]: entity.value[:200]},
    )


def contributions_of(
    entity: RiskEntity, *, upto: RiskAddition, at: datetime, settings: RiskSettings
) -> list[dict[str, Any]]:
    """What each signal of the last half-lives, up to one, had added and what was left of it, the largest first."""
    since = at - timedelta(hours=5 * settings.half_life_hours)
    kept = entity.additions.filter(at__gte=since, pk__lte=upto.pk)
    rows = kept.select_related("rule", "signal").order_by("-at", "-id")[:200]
    found = [
        {
            "rule": row.rule.slug,
            "title": row.rule.title,
            "severity": row.rule.severity,
            "techniques": row.rule.techniques,
            "at": row.at.isoformat(),
            "points": round(row.points, 1),
            "left": round(faded(row.points, _micros(at) - _micros(row.at), settings), 1),
            "why": row.why,
            "signal": row.signal.uid,
            "alert": row.signal.alert_id,
        }
        for row in rows
    ]
    return sorted(found, key=lambda one: (-one["left"], one["at"]))


def _facts(
    entity: RiskEntity, crossing: Crossing, contributions: list[dict[str, Any]], settings: RiskSettings
) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "risk": round(crossing.risk),
        "threshold": round(settings.thresholds.get(entity.kind, 100.0)),
        "half-life": f"{settings.half_life_hours:g} h",
        "signals": len(contributions),
        "rules": len({one["rule"] for one in contributions}),
    }
    if crossing.tactics:
        facts["tactics within a day"] = ", ".join(map(tactic_name, crossing.tactics))[:200]
    return facts


def _severity(
    contributions: list[dict[str, Any]], entity: RiskEntity, crossing: Crossing, settings: RiskSettings
) -> str:
    """The worst of what added to it, never below medium; several tactics, or twice the threshold, are high."""
    worst = max((ORDER.index(one["severity"]) for one in contributions), default=2)
    least = 3 if crossing.tactics or crossing.risk >= 2 * settings.thresholds.get(entity.kind, 100.0) else 2
    return ORDER[max(worst, least)]


def _risk_rule() -> DetectionRule:
    """The rule under which alerts about entities stand; there is one, and it has no document."""
    rule, _ = DetectionRule.objects.get_or_create(slug=RISK_RULE, defaults=RISK_RULE_FIELDS)
    return rule


def _group_key(entity: RiskEntity) -> str:
    return f"{RISK_RULE}|{entity.key}"


def _words(entity: RiskEntity) -> str:
    return f"{entity.get_kind_display().replace('API', 'api').lower().replace('api', 'API')} {entity.value[:120]}"


RISK_RULE_FIELDS: dict[str, Any] = {
    "title": "Risk of an entity",
    "description": (
        "Signals add risk to the users, agents, keys, models and services that they name: severity, times confidence, "
        "times precision of the rule. Risk fades. This alert says that it passed a threshold, or that rules of several "
        "ATLAS tactics pointed at one entity within a day; it lists what each signal added."
    ),
    "severity": "medium",
    "state": DetectionRule.State.LIVE,
    "kind": "risk",
    "path": "",
    "digest": "",
    "tests_pass": True,
    "false_positives": ["An entity that many share, such as a gateway's one key; raise the threshold of its kind"],
    "response": "jailbreak-abuse",
}


def has_risk() -> bool:
    """Whether there is anything to forget."""
    return RiskEntity.objects.exists()


def forget_risk(*, now: datetime) -> int:
    """Remove additions and entities that are too old to matter; how many rows."""
    gone = RiskAddition.objects.filter(at__lt=now - KEPT).delete()[0]
    return gone + RiskEntity.objects.filter(last_at__lt=now - KEPT).delete()[0]


def _moment(time_us: int) -> datetime:
    return datetime.fromtimestamp(time_us / 1_000_000, UTC)


def _micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
