"""What is and what would have been: an entity's risk over time, and the alerts that other settings would have made."""

from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from django.db.models import Count, Q, Sum

from caiso.engine.detect.risk import DAY_US, DEFAULT_THRESHOLD, Addition, RiskSettings, crossings, faded, tactics_of
from caiso.web.base.access import Viewer, visible
from caiso.web.soc.models import Alert, DetectionRule, RiskAddition, RiskEntity, UtcDay, UtcHour

SHIFT = timedelta(hours=8)
DAYS = 14
MOST_ADDITIONS = 100_000
SCALES = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)


@dataclass(frozen=True)
class Outlook:
    """Alerts about entities in each shift of the period, and how many entities they would have been about."""

    scale: float
    alerts: int
    entities: int
    mean: float
    worst: int
    within_budget: bool

    @property
    def words(self) -> str:
        """How these thresholds stand to those that were asked for."""
        return "as asked for" if self.scale == 1 else f"{self.scale:g} times that"


def outlooks(viewer: Viewer, settings: RiskSettings, *, budget: int, now: datetime) -> list[Outlook]:
    """What thresholds around these would have cost in the last days, on the signals that there were."""
    histories = [
        (kind, additions, sum(one.points for one in additions), _most_rules_in_a_day(additions) >= settings.tactics)
        for kind, additions in _histories(viewer, settings, now=now)
    ]
    others = alerts_of_rules(viewer, now=now)
    found = []
    for scale in SCALES:
        scaled = replace(settings, thresholds={kind: limit * scale for kind, limit in settings.thresholds.items()})
        crossed: set[int] = set()  # one signal that completes it for several entities is one alert
        entities = 0
        for kind, additions, points, may_join in histories:
            if not may_join and points < scaled.thresholds.get(kind, DEFAULT_THRESHOLD) - 0.001:
                continue  # neither enough risk nor enough tactics at any time
            moments = crossings(additions, kind, scaled)
            entities += bool(moments)
            crossed.update(moment.at_us for moment in moments)
        shifts = Counter(map(_shift, crossed))
        count = DAYS * 24 // 8
        whole = [shifts[number] + others[number] for number in {*shifts, *others}]
        total = sum(shifts.values())
        found.append(
            Outlook(scale, total, entities, total / count, max(whole, default=0), max(whole, default=0) <= budget)
        )
    return found


def alerts_of_rules(viewer: Viewer, *, now: datetime) -> Counter[int]:
    """Alerts that rules made by themselves, by shift: they are paid from the same budget."""
    rows = visible(Alert.objects.exclude(rule__kind="risk"), viewer, "soc.view")
    since = now - timedelta(days=DAYS)
    rows = rows.annotate(day=UtcDay("created_at"), hour=UtcHour("created_at")).order_by()
    # The day too: an index has it. Whole hours make up a shift, so that the database counts and few rows come back.
    recent = rows.filter(day__gte=since.astimezone(UTC).date().isoformat(), created_at__gte=since, is_canary=False)
    found: Counter[int] = Counter()
    for hour, count in recent.values_list("hour").annotate(n=Count("pk")):
        found[_shift(datetime.strptime(f"{hour} +0000", "%Y-%m-%d %H %z").timestamp() * 1_000_000)] += count
    return found


def _histories(viewer: Viewer, settings: RiskSettings, *, now: datetime) -> list[tuple[str, list[Addition]]]:
    """(kind, additions by time) of each entity that the viewer may see and that any of the outlooks could be about."""
    rows = visible(RiskAddition.objects.all(), viewer, "soc.view", lookup="entity__unit__path")
    rows = rows.filter(at__gte=now - timedelta(days=DAYS))
    # Risk is never more than what was added, nor are there more tactics than rules: of most entities that is little.
    least = min(SCALES) * min(DEFAULT_THRESHOLD, *settings.thresholds.values()) - 0.001
    added = rows.order_by().values("entity").annotate(points_added=Sum("points"), rules=Count("rule", distinct=True))
    about = added.filter(Q(points_added__gte=least) | Q(rules__gte=settings.tactics)).values("entity")
    found: dict[tuple[int, str], list[Addition]] = defaultdict(list)
    # What belongs to a rule once, not with each of its additions.
    rules = {
        pk: (slug, tactics_of(techniques))
        for pk, slug, techniques in DetectionRule.objects.values_list("pk", "slug", "techniques")
    }
    listed = rows.filter(entity__in=about).order_by("at", "id")
    for entity, kind, at, rule, points in listed.values_list("entity", "entity__kind", "at", "rule", "points")[
        :MOST_ADDITIONS
    ]:
        slug, tactics = rules[rule]
        found[entity, kind].append(Addition(round(at.timestamp() * 1e6), slug, points, tactics))
    return [(kind, additions) for (_, kind), additions in found.items()]


def _most_rules_in_a_day(additions: Sequence[Addition]) -> int:
    """The most rules that added within one day; of one entity, by time."""
    within: deque[Addition] = deque()
    counts: Counter[str] = Counter()
    most = 0
    for addition in additions:
        within.append(addition)
        counts[addition.rule] += 1
        while within[0].at_us < addition.at_us - DAY_US:
            gone = within.popleft().rule
            counts[gone] -= 1
            if not counts[gone]:
                del counts[gone]
        most = max(most, len(counts))
    return most


def _shift(time_us: float) -> int:
    return int(time_us // (SHIFT / timedelta(microseconds=1)))


def risk_now(entity: RiskEntity, half_life_hours: float, *, now: datetime) -> float:
    """What is left of an entity's risk at this moment."""
    elapsed = max(0.0, (now - entity.at) / timedelta(microseconds=1))
    return faded(entity.risk, elapsed, RiskSettings(half_life_hours=half_life_hours))


def risk_over_time(
    additions: Sequence[RiskAddition], settings: RiskSettings, *, now: datetime, days: int = DAYS
) -> dict[str, object]:
    """The risk at each sixth hour of the last days, as a chart's data."""
    step = timedelta(hours=6)
    start = (now - timedelta(days=days)).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    ordered = sorted(additions, key=lambda one: one.at)
    labels, values = [], []
    risk, at, place = 0.0, start, 0
    moment = start
    while moment <= now:
        while place < len(ordered) and ordered[place].at <= moment:
            one = ordered[place]
            risk = faded(risk, max(0.0, (one.at - at) / timedelta(microseconds=1)), settings) + one.points
            at, place = max(at, one.at), place + 1
        left = faded(risk, max(0.0, (moment - at) / timedelta(microseconds=1)), settings)
        labels.append(f"{moment:%-d %b %H:%M}")
        values.append(round(left, 1))
        moment += step
    return {"labels": labels, "series": [{"name": "Risk", "values": values}], "minimum": 0}


def rules_behind(entity: RiskEntity) -> list[dict[str, object]]:
    """How often each rule added to this entity's risk, the most frequent first."""
    rows = entity.additions.order_by().values("rule", "rule__title", "rule__severity").annotate(n=Count("pk"))
    return [dict(row) for row in rows.order_by("-n", "rule__title")[:20]]
