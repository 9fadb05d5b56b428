"""Budgets of rules: what one may cost and how often it must be right. Who exceeds one takes a step back, and it is said."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, F, Q

from caiso.errors import DomainError
from caiso.web.base.models import Setting, Unit, User
from caiso.web.base.queries import users_with
from caiso.web.base.services import audit, facts
from caiso.web.base.services.settings import change_setting
from caiso.web.base.services.workplace import notify
from caiso.web.soc.models import Alert, DetectionRule
from caiso.web.soc.services.rules import set_states

BUDGET_SETTING = "soc.rule_budgets"
ENOUGH_EVENTS = 20_000  # a cost over fewer events is chance
REMEMBERED_EVENTS = 2_000_000  # older costs fade, so that a mended rule is soon seen to be mended
BACK = {DetectionRule.State.LIVE: DetectionRule.State.CANARY, DetectionRule.State.CANARY: DetectionRule.State.SHADOW}


class UnableToSetBudget(DomainError):
    """A value that cannot be."""


class UnableToSetCanary(DomainError):
    """A share or unit that cannot be."""


@dataclass(frozen=True)
class Budgets:
    """Microseconds of processor time for each event; the least precision, once there are so many verdicts; alerts a shift."""

    cost_us: float = 120.0  # what compares each query of an image model with hundreds before takes 114
    precision: float = 0.3
    verdicts: int = 10
    shift_alerts: int = 40

    @property
    def daily_alerts(self) -> int:
        """What three shifts can look at."""
        return 3 * self.shift_alerts


def budgets() -> Budgets:
    """What the organisation decided, else what ships."""
    row = Setting.objects.filter(key=BUDGET_SETTING).first()
    return Budgets(**row.value) if row else Budgets()


@transaction.atomic
def change_budgets(wanted: Budgets, *, actor: User, now: datetime) -> None:
    """Keep new budgets; they are applied within minutes."""
    if not 1 <= wanted.cost_us <= 10_000:
        raise UnableToSetBudget("a cost budget is between 1 and 10,000 microseconds")
    if not 0 <= wanted.precision <= 1:
        raise UnableToSetBudget("a precision is between 0 and 1")
    if not 1 <= wanted.shift_alerts <= 10_000:
        raise UnableToSetBudget("an alert budget is between 1 and 10,000 alerts in a shift")
    if not 5 <= wanted.verdicts <= 1_000:
        raise UnableToSetBudget("a precision is judged from 5 to 1,000 verdicts")
    change_setting(BUDGET_SETTING, asdict(wanted), actor=actor, now=now)


@transaction.atomic
def change_canary(rule: DetectionRule, *, share: int, unit: Unit | None, actor: User, now: datetime) -> DetectionRule:
    """For how many of a hundred entities, and where, a canary alerts; everywhere else it only counts."""
    if not 1 <= share <= 100:
        raise UnableToSetCanary("the share is between 1 and 100 percent")
    before = {"share": rule.canary_share, "unit": rule.canary_unit.slug if rule.canary_unit else None}
    rule.canary_share, rule.canary_unit = share, unit
    rule.save(update_fields=["canary_share", "canary_unit"])
    changes = audit.changed_fields(before, {"share": share, "unit": unit.slug if unit else None})
    audit.record(actor=actor, verb="rule.canary", subject=rule, changes=changes, now=now)
    return rule


@transaction.atomic
def keep_costs(whole: Mapping[str, float], *, events: int, now: datetime) -> None:
    """Join what the detector measured of each rule with what was known, weighted by the events behind each."""
    if not events:
        return
    rows = list(DetectionRule.objects.filter(is_loaded=True, slug__in=list(whole)))
    for row in rows:
        before = min(row.cost_events, REMEMBERED_EVENTS) if row.cost_us is not None else 0
        row.cost_us = ((row.cost_us or 0.0) * before + whole[row.slug] * events) / (before + events)
        row.cost_events, row.cost_at = before + events, now
    DetectionRule.objects.bulk_update(rows, ["cost_us", "cost_events", "cost_at"], batch_size=200)


@transaction.atomic
def judge_rules(*, now: datetime) -> list[DetectionRule]:
    """Take one step back with each rule that exceeds a budget; returns those rules."""
    demoted = over_budget()
    for rule, reason in demoted:
        _demote(rule, to=BACK[DetectionRule.State(rule.state)], reason=reason, now=now)
    if demoted:
        facts.touched("detection_rules", now=now)
    return [rule for rule, _ in demoted]


def over_budget() -> list[tuple[DetectionRule, str]]:
    """Rules that cost too much or are wrong too often in the state that they are in, and why.

    A critical rule is never taken out of sight for that: it stays a canary until a person decides.
    """
    limits = budgets()
    rows = list(DetectionRule.objects.filter(is_loaded=True, state__in=list(BACK)).exclude(kind="risk"))
    told = verdicts_since(rows)
    found = [(rule, _too_dear(rule, limits) or _too_often_wrong(told.get(rule.pk, (0, 0)), limits)) for rule in rows]
    return [(rule, reason) for rule, reason in found if reason and not _must_stay(rule)]


def is_any_over_budget() -> bool:
    """Whether there is a step back to take."""
    return bool(over_budget())


def _must_stay(rule: DetectionRule) -> bool:
    return rule.severity == "critical" and rule.state == DetectionRule.State.CANARY


def _too_dear(rule: DetectionRule, limits: Budgets) -> str:
    if rule.cost_us is None or rule.cost_events < ENOUGH_EVENTS or rule.cost_us <= limits.cost_us:
        return ""
    return f"costs {rule.cost_us:.1f} µs an event over {rule.cost_events:,} events, budget {limits.cost_us:g} µs"


def _too_often_wrong(told: tuple[int, int], limits: Budgets) -> str:
    verdicts, wrong = told
    if verdicts < limits.verdicts or 1 - wrong / verdicts >= limits.precision:
        return ""
    return f"was right in {1 - wrong / verdicts:.0%} of {verdicts} verdicts, budget {limits.precision:.0%}"


def verdicts_since(rules: Iterable[DetectionRule]) -> dict[int, tuple[int, int]]:
    """{rule: (verdicts, false ones)} on alerts since each rule came into its state."""
    since = Q(rule__state_at=None) | Q(created_at__gte=F("rule__state_at"))
    rows = Alert.objects.filter(since, rule__in=[rule.pk for rule in rules]).exclude(verdict="").order_by()
    counted = rows.values("rule").annotate(all=Count("pk"), false=Count("pk", filter=Q(verdict=Alert.Verdict.FALSE)))
    return {row["rule"]: (row["all"], row["false"]) for row in counted}


def _demote(rule: DetectionRule, *, to: str, reason: str, now: datetime) -> None:
    before = rule.state
    rule.demoted_for = f"from {before} to {to}: {reason}"[:300]
    rule.state, rule.state_at, rule.cost_events = to, now, 0  # a step is judged by what comes after it
    rule.save(update_fields=["cost_events"])
    set_states([rule.slug], to, now=now, reason=rule.demoted_for)
    audit.record(
        actor=None, verb="rule.demote", subject=rule, changes={"state": [before, to], "reason": [None, reason]}, now=now
    )
    root = Unit.objects.filter(parent=None).order_by("is_demo", "pk").first()
    for user in users_with("soc.rules", root.path, on=now.date()) if root else ():
        notify(user, title=f"Rule {rule.title}: {rule.demoted_for}", url=f"/rules/{rule.pk}/", tone="warn", now=now)
