"""Which rules run here: shipped folders, folders of one's own, rules of the workbench, and the states that people gave them."""

from collections.abc import Collection
from pathlib import Path

from caiso.connect.telemetry.trial.jobs import RuleSources, RuleText
from caiso.web.base.models import Setting
from caiso.web.config.environment import environment
from caiso.web.soc.models import DetectionRule, RuleVersion, UserRule

SHIPPED = Path(__file__).resolve().parents[2] / "content" / "detections"
STATES_SETTING = "soc.rule_states"
STATES = tuple(state.value for state in DetectionRule.State)


def rule_folders() -> tuple[Path, ...]:
    """The shipped rules, and `detections/` of each folder in CAISO_PACKS."""
    return (SHIPPED, *(folder / "detections" for folder in environment().packs if (folder / "detections").is_dir()))


def rule_states() -> dict[str, str]:
    """{rule id: state} where somebody decided otherwise than the pack."""
    row = Setting.objects.filter(key=STATES_SETTING).first()
    return dict(row.value) if row else {}


def text_path(slug: str) -> str:
    """The name by which a rule of the workbench stands in messages."""
    return f"workbench/{slug}.yaml"


def deployed_versions() -> list[RuleVersion]:
    """The versions of people's own rules that run."""
    rules = UserRule.objects.exclude(deployed=None).select_related("deployed").order_by("slug")
    return [rule.deployed for rule in rules if rule.deployed is not None]


def rule_sources(*, without: Collection[str] = ()) -> RuleSources:
    """Where the rules that run here come from, with the states that people gave them; `without` some of people's own."""
    rules = UserRule.objects.exclude(deployed=None).exclude(slug__in=without).select_related("deployed")
    texts = [RuleText(text_path(rule.slug), rule.deployed.text) for rule in rules.order_by("slug") if rule.deployed]
    return RuleSources(
        folders=[str(folder) for folder in rule_folders()],
        texts=texts,
        states=rule_states(),
        cache=str(environment().data / "cache"),
    )


def fingerprint() -> tuple[dict[str, str], list[int]]:
    """Changes when somebody changed which rules run, or how far they are trusted."""
    return rule_states(), [version.pk for version in deployed_versions()]


def state_of(rule: UserRule) -> str:
    """shadow, canary or live; empty when no version runs."""
    if rule.deployed is None:
        return ""
    states = rule_states()
    return min((states.get(name, STATES[0]) for name in rule.deployed.rule_ids), key=STATES.index, default=STATES[0])


def user_rule_of(slug: str) -> UserRule | None:
    """The rule of the workbench that a loaded rule comes from, if it is one."""
    found = UserRule.objects.exclude(deployed=None).select_related("deployed")
    return next((rule for rule in found if rule.deployed and slug in rule.deployed.rule_ids), None)
