"""Moving detection rules between their states."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from caiso.errors import DomainError
from caiso.web.base.models import Setting, User
from caiso.web.base.services import audit, facts
from caiso.web.soc.models import DetectionRule
from caiso.web.soc.rulebook import STATES_SETTING, rule_states


class UnableToDemote(DomainError):
    """The rule may not go to that state by one person's word."""


@transaction.atomic
def demote_rule(rule: DetectionRule, *, to: str, actor: User, now: datetime) -> DetectionRule:
    """Take trust away from a rule, at once and by one person; giving it takes two (services/reviews.py)."""
    order = [state.value for state in DetectionRule.State]
    if to not in order:
        raise UnableToDemote(f'"{to}" is not one of {", ".join(order)}')
    if rule.kind == "risk":
        raise UnableToDemote("this rule has no document; its settings decide when it alerts")
    if order.index(to) >= order.index(rule.state):
        raise UnableToDemote(f"the rule is in {rule.state}; more trust needs the review of a second person")
    before = rule.state
    set_states([rule.slug], to, now=now)
    rule.refresh_from_db()
    audit.record(actor=actor, verb="rule.state", subject=rule, changes={"state": [before, to]}, now=now)
    facts.touched("detection_rules", now=now)
    return rule


def set_states(slugs: Iterable[str], to: str, *, now: datetime, reason: str = "") -> None:
    """Keep a decided state; the detector follows within seconds. Inside the caller's transaction.

    ``reason`` says why a rule took a step back by itself.
    """
    names = list(slugs)
    states = {**rule_states(), **dict.fromkeys(names, to)}
    Setting.objects.update_or_create(key=STATES_SETTING, defaults={"value": states})
    DetectionRule.objects.filter(slug__in=names).update(state=to, state_at=now, demoted_for=reason)


def forget_states(slugs: Iterable[str]) -> None:
    """Rules that run no more keep no decided state. Inside the caller's transaction."""
    gone = set(slugs)
    states = {slug: state for slug, state in rule_states().items() if slug not in gone}
    Setting.objects.update_or_create(key=STATES_SETTING, defaults={"value": states})
