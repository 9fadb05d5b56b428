"""Bringing the packs' rules into the database with the result of their own tests, and moving them between states."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from django.db import transaction

from caiso.engine.detect.loader import load_rules
from caiso.engine.detect.rule import DeployState, Rule
from caiso.engine.detect.rule_tests import needed_fields, run_tests
from caiso.engine.detect.ruleset import Ruleset, compile_ruleset
from caiso.engine.packs import PackProblem
from caiso.errors import DomainError
from caiso.web.base.models import Setting, User
from caiso.web.base.services import audit, facts
from caiso.web.config.environment import environment
from caiso.web.soc.models import DetectionRule

SHIPPED = Path(__file__).resolve().parents[3] / "content" / "detections"
STATES_SETTING = "soc.rule_states"
PROBLEMS_SETTING = "soc.rule_problems"


class UnableToPromote(DomainError):
    """The rule may not go to that state."""


@dataclass(frozen=True)
class LoadedRules:
    """Rules ready to run, in the states that people gave them, and what is wrong with the others."""

    rules: tuple[Rule, ...]
    problems: tuple[PackProblem, ...]
    ruleset: Ruleset

    @property
    def label(self) -> str:
        """Names this set of rules; state of another set is taken up rule by rule."""
        return f"{len(self.rules)} rules"


def rule_folders() -> tuple[Path, ...]:
    """The shipped rules, and `detections/` of each folder in CAISO_PACKS."""
    return (SHIPPED, *(folder / "detections" for folder in environment().packs if (folder / "detections").is_dir()))


def load_live_rules(cache: Path) -> LoadedRules:
    """Read, override the states by what people decided, and compile."""
    found, problems = load_rules(*rule_folders())
    decided = rule_states()
    rules = tuple(replace(rule, state=DeployState(decided[rule.id])) if rule.id in decided else rule for rule in found)
    return LoadedRules(rules, problems, compile_ruleset(rules, cache))


def rule_states() -> dict[str, str]:
    """{rule id: state} where somebody decided otherwise than the pack."""
    row = Setting.objects.filter(key=STATES_SETTING).first()
    return dict(row.value) if row else {}


@transaction.atomic
def take_rules(loaded: LoadedRules, *, now: datetime) -> None:
    """Write every loaded rule and the result of its own tests; rules that left the packs are marked, never deleted."""
    passed: dict[str, list[bool]] = {}
    for result in run_tests(loaded.rules, loaded.ruleset):
        passed.setdefault(result.rule_id, []).append(result.passed)
    known = {row.slug: row for row in DetectionRule.objects.all()}
    shown = [rule for rule in loaded.rules if rule.emits]
    for rule in shown:
        outcomes = passed.get(rule.id, [])
        row = known.get(rule.id) or DetectionRule(slug=rule.id)
        _fill(row, rule, loaded.rules)
        row.tests, row.tests_pass, row.tested_at = len(outcomes), bool(outcomes) and all(outcomes), now
        row.save()
    DetectionRule.objects.exclude(slug__in=[rule.id for rule in shown]).update(is_loaded=False)
    Setting.objects.update_or_create(key=PROBLEMS_SETTING, defaults={"value": _texts(loaded.problems)})
    facts.touched("detection_rules", now=now)


def _fill(row: DetectionRule, rule: Rule, rules: Iterable[Rule]) -> None:
    row.title, row.description, row.severity = rule.title[:300], rule.description, rule.severity.value
    row.state = rule.state.value
    row.kind = "correlation" if rule.is_correlation else "single"
    row.techniques, row.owasp = list(rule.techniques), list(rule.owasp)
    row.needs = list(needed_fields(tuple(rules), rule))
    row.false_positives, row.response = list(rule.falsepositives), rule.response
    row.path, row.digest, row.is_loaded, row.error = rule.path.name, rule.digest, True, ""
    row.text = rule.path.read_text() if rule.path.is_file() else ""


def _texts(problems: Iterable[PackProblem]) -> list[str]:
    return [str(problem)[:500] for problem in problems][:200]


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
    before, rule.state = rule.state, to
    rule.save(update_fields=["state"])
    Setting.objects.update_or_create(key=STATES_SETTING, defaults={"value": {**rule_states(), rule.slug: to}})
    audit.record(actor=actor, verb="rule.state", subject=rule, changes={"state": [before, to]}, now=now)
    facts.touched("detection_rules", now=now)
    return rule
