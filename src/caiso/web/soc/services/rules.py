"""Moving detection rules between their states."""

from datetime import datetime

from django.db import transaction

from caiso.errors import DomainError
from caiso.web.base.models import Setting, User
from caiso.web.base.services import audit, facts
from caiso.web.soc.models import DetectionRule

STATES_SETTING = "soc.rule_states"


class UnableToPromote(DomainError):
    """The rule may not go to that state."""


def rule_states() -> dict[str, str]:
    """{rule id: state} where somebody decided otherwise than the pack."""
    row = Setting.objects.filter(key=STATES_SETTING).first()
    return dict(row.value) if row else {}


@transaction.atomic
def change_rule_state(rule: DetectionRule, *, to: str, actor: User, now: datetime) -> DetectionRule:
    """Promote or demote by one step; a rule whose own tests fail cannot be promoted."""
    order = [state.value for state in DetectionRule.State]
    if to not in order:
        raise UnableToPromote(f'"{to}" is not one of {", ".join(order)}')
    step = order.index(to) - order.index(rule.state)
    if step > 1:
        raise UnableToPromote(f"a {rule.state} rule becomes {order[order.index(rule.state) + 1]} first")
    if step > 0 and not rule.tests_pass:
        raise UnableToPromote("the rule's own tests fail; mend them first")
    if rule.kind == "risk":
        raise UnableToPromote("this rule has no document; its settings decide when it alerts")
    before, rule.state = rule.state, to
    rule.state_at, rule.demoted_for = now, ""
    rule.save(update_fields=["state", "state_at", "demoted_for"])
    keep_state(rule.slug, to)
    audit.record(actor=actor, verb="rule.state", subject=rule, changes={"state": [before, to]}, now=now)
    facts.touched("detection_rules", now=now)
    return rule


def keep_state(slug: str, state: str) -> None:
    """Let the detector take a rule up in this state, whatever its document says."""
    Setting.objects.update_or_create(key=STATES_SETTING, defaults={"value": {**rule_states(), slug: state}})
