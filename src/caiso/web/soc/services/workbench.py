"""Rules that people write here: versions, going into shadow, rolling back, switching off. More trust: services/reviews.py."""

from datetime import datetime

from django.db import IntegrityError, transaction

from caiso.connect.telemetry.trial.jobs import CheckReport
from caiso.engine.detect.documents import Document, documents
from caiso.errors import DomainError
from caiso.web.base.access import Viewer
from caiso.web.base.models import User
from caiso.web.base.services import audit, facts
from caiso.web.soc.models import DetectionRule, RuleReview, RuleVersion, UserRule
from caiso.web.soc.rulebook import STATES, rule_states, state_of
from caiso.web.soc.services.rules import forget_states, set_states
from caiso.web.soc.workbench import check_text

MOST_COST_US = 250.0  # per event; at this price one rule alone would take a quarter of a core at 1,000 events a second
MOST_VERSIONS = 500


class UnableToSave(DomainError):
    """The text cannot be kept as a version of that rule."""


class UnableToDeploy(DomainError):
    """The version may not run."""


def require_engineer(actor: User) -> None:
    """Rules are changed by those whose role carries it, whoever calls the service."""
    if not Viewer(actor).may("soc.rules"):
        raise UnableToDeploy(f"{actor} may not change detection rules; that needs the permission soc.rules")


def save_version(rule: UserRule | None, *, text: str, note: str = "", actor: User, now: datetime) -> RuleVersion:
    """Keep a text as the rule's next version, or as the first one of a new rule; mistakes are kept with it, not refused.

    What runs stays as it is until the new version is put in its place.
    """
    require_engineer(actor)
    text = text.replace("\r\n", "\n")
    report = check_text(text, slug=rule.slug if rule else "")
    slug = (report.rule_ids or [rule_name(text)])[0]
    if not slug:
        raise UnableToSave("the text has no rule with a name, such as name: agent-reads-payroll")
    try:
        with transaction.atomic():
            kept = _keep(rule, slug, text=text, note=note, report=report, actor=actor, now=now)
    except IntegrityError as error:
        raise UnableToSave("somebody saved this rule at the same moment; look at it and save again") from error
    return kept


def rule_name(text: str) -> str:
    """The name in the first document that has one, even where the rest cannot be read."""
    for document in documents(text.encode()):
        value = document.value if isinstance(document, Document) else None
        if isinstance(value, dict) and isinstance(value.get("name"), str):
            name = str(value["name"])
            return name if name.replace("-", "").replace("_", "").isalnum() and len(name) <= 80 else ""
    return ""


def _keep(
    rule: UserRule | None, slug: str, *, text: str, note: str, report: CheckReport, actor: User, now: datetime
) -> RuleVersion:
    title = next((one.title for one in report.rules if one.id == slug), "") or slug
    if rule is None:
        _refuse_taken(slug)
        rule = UserRule.objects.create(slug=slug, title=title[:300], author=actor, created_at=now)
    rule = UserRule.objects.select_for_update().get(pk=rule.pk)
    if slug != rule.slug:
        if rule.versions.exclude(approved_state="").exists():
            raise UnableToSave(
                f"the rule is called {rule.slug} and has run under that name; save the text as a new rule"
            )
        _refuse_taken(slug)
        rule.slug = slug
    last = rule.versions.order_by("-number").first()
    if last is not None and last.text == text:
        raise UnableToSave(f"nothing changed since version {last.number}")
    if last is not None and last.number >= MOST_VERSIONS:
        raise UnableToSave(f"a rule has at most {MOST_VERSIONS} versions")
    rule.title = title[:300]
    rule.save(update_fields=["slug", "title"])
    version = RuleVersion.objects.create(
        rule=rule,
        number=last.number + 1 if last else 1,
        text=text,
        note=note.strip()[:300],
        author=actor,
        created_at=now,
        rule_ids=report.rule_ids,
        problems=[{"line": one.line, "message": one.message} for one in report.problems][:100],
        tests=len(report.tests),
        tests_pass=report.tests_pass,
        cost_us=report.cost_us,
    )
    audit.record(
        actor=actor, verb="rule.save", subject=rule, changes={"version": [last.number if last else None, version.number]}, now=now
    )  # fmt: skip
    return version


def _refuse_taken(slug: str) -> None:
    if UserRule.objects.filter(slug=slug).exists():
        raise UnableToSave(f"there is already a rule {slug} in the workbench; open it and save there")
    if DetectionRule.objects.filter(slug=slug, is_loaded=True).exists():
        raise UnableToSave(f"a shipped rule is called {slug}; give this one another name")


def runnable(version: RuleVersion) -> CheckReport:
    """Check a version again, against the rules that run now; raises UnableToDeploy where it may not run."""
    report = check_text(version.text, slug=version.rule.slug)
    if report.problems:
        first = report.problems[0]
        raise UnableToDeploy(f"line {first.line}: {first.message}")
    if not report.rule_ids:
        raise UnableToDeploy("no rule of the text alerts, so running it would do nothing")
    if not report.tests_pass:
        failed = [test.name for test in report.tests if not test.passed]
        raise UnableToDeploy(
            f"its own tests fail: {', '.join(failed[:5])}"
            if failed
            else "it needs a firing and a silent test of its own"
        )
    if report.cost_us is not None and report.cost_us > MOST_COST_US:
        raise UnableToDeploy(f"it costs {report.cost_us:g} µs per event, at most {MOST_COST_US:g} are allowed")
    return report


def put_in_shadow(version: RuleVersion, *, actor: User, now: datetime) -> UserRule:
    """Let a version run without alerting anybody; its signals are counted. One person may do that."""
    require_engineer(actor)
    runnable(version)
    with transaction.atomic():
        rule = UserRule.objects.select_for_update().get(pk=version.rule_id)
        state = state_of(rule)
        if state not in ("", STATES[0]):
            raise UnableToDeploy(
                f"version {rule.deployed.number if rule.deployed else ''} is in {state}; ask for a review to replace it there"
            )
        deploy(version, rule=rule, to=STATES[0], actor=actor, verb="rule.deploy", now=now)
    return rule


def deploy(version: RuleVersion, *, rule: UserRule, to: str, actor: User, verb: str, now: datetime) -> None:
    """Put a version in place in a state. Inside the caller's transaction, which has checked that this is allowed."""
    before = [f"v{rule.deployed.number} {state_of(rule)}" if rule.deployed else None, f"v{version.number} {to}"]
    old = set(rule.deployed.rule_ids) if rule.deployed else set()
    rule.deployed = version
    rule.save(update_fields=["deployed"])
    forget_states(old - set(version.rule_ids))
    set_states(version.rule_ids, to, now=now)
    if not version.approved_state or STATES.index(to) > STATES.index(version.approved_state):
        version.approved_state = to
        version.save(update_fields=["approved_state"])
    audit.record(actor=actor, verb=verb, subject=rule, changes={"running": before}, now=now)
    facts.touched("detection_rules", now=now)


def roll_back(rule: UserRule, version: RuleVersion, *, actor: User, now: datetime) -> UserRule:
    """Return at once to an older version, in the state that the rule has, as far as two people let that version run there."""
    require_engineer(actor)
    if version.rule_id != rule.pk:
        raise UnableToDeploy("that version belongs to another rule")
    runnable(version)
    with transaction.atomic():
        rule = UserRule.objects.select_for_update().get(pk=rule.pk)
        state = state_of(rule) or STATES[0]
        if rule.deployed_id == version.pk:
            raise UnableToDeploy(f"version {version.number} is the one that runs")
        if not version.approved_state or STATES.index(version.approved_state) < STATES.index(state):
            raise UnableToDeploy(f"nobody has approved version {version.number} for {state}; ask for a review")
        deploy(version, rule=rule, to=state, actor=actor, verb="rule.roll_back", now=now)
    return rule


@transaction.atomic
def lower(rule: UserRule, *, to: str, actor: User, now: datetime) -> UserRule:
    """Demote a rule of one's own, or switch it off with an empty state; one person may do that, at once."""
    require_engineer(actor)
    rule = UserRule.objects.select_for_update().get(pk=rule.pk)
    state = state_of(rule)
    if rule.deployed is None:
        raise UnableToDeploy("no version of this rule runs")
    if to and (to not in STATES or STATES.index(to) >= STATES.index(state)):
        raise UnableToDeploy(f"the rule is in {state}; more trust needs the review of a second person")
    names = list(rule.deployed.rule_ids)
    if to:
        set_states(names, to, now=now)
    else:
        forget_states(names)
        rule.deployed = None
        rule.save(update_fields=["deployed"])
    withdraw_open(rule.slug, now=now)
    audit.record(actor=actor, verb="rule.lower", subject=rule, changes={"state": [state, to or "off"]}, now=now)
    facts.touched("detection_rules", now=now)
    return rule


def withdraw_open(slug: str, *, now: datetime) -> None:
    """A wish to promote lapses when the rule moved meanwhile. Inside the caller's transaction."""
    RuleReview.objects.filter(slug=slug, decision=RuleReview.Decision.OPEN).update(
        decision=RuleReview.Decision.WITHDRAWN, decided_at=now, comment="the rule moved meanwhile"
    )


def states_of(version: RuleVersion) -> dict[str, str]:
    """{rule id: state} of a version that runs."""
    states = rule_states()
    return {name: states.get(name, STATES[0]) for name in version.rule_ids}
