"""More trust for a rule takes two people: one asks, another who neither wrote nor asked decides. Enforced here."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.urls import reverse

from caiso.errors import DomainError
from caiso.web.base.models import User
from caiso.web.base.services import audit, facts
from caiso.web.base.services.workplace import notify
from caiso.web.soc import queries
from caiso.web.soc.models import DetectionRule, RuleReview, RuleVersion, UserRule
from caiso.web.soc.rulebook import STATES, state_of, user_rule_of
from caiso.web.soc.services.rules import set_states
from caiso.web.soc.services.workbench import deploy, require_engineer, runnable


class UnableToReview(DomainError):
    """The wish cannot be made or decided by this person, or any more."""


def ask_for_version(version: RuleVersion, *, to: str, reason: str, actor: User, now: datetime) -> RuleReview:
    """Ask that a version of one's own rule runs in canary or live: one step up, or in the place of the one that runs."""
    require_engineer(actor)
    rule = UserRule.objects.select_related("deployed").get(pk=version.rule_id)
    state = state_of(rule)
    if not state:
        raise UnableToReview("put the version into shadow first, and look at what it finds")
    replaces = rule.deployed_id != version.pk
    if replaces and to != state:
        raise UnableToReview(
            f"version {version.number} does not run yet: it can only take the place of the one in {state}"
        )
    _refuse_jump(state, to, replaces=replaces)
    runnable(version)
    return _ask(rule.slug, version=version, state=state, to=to, reason=reason, actor=actor, now=now)


def ask_for_rule(rule: DetectionRule, *, to: str, reason: str, actor: User, now: datetime) -> RuleReview:
    """Ask that a loaded rule is trusted one step more."""
    require_engineer(actor)
    own = user_rule_of(rule.slug)
    if own is not None and own.deployed is not None:
        return ask_for_version(own.deployed, to=to, reason=reason, actor=actor, now=now)
    if rule.kind == "risk":
        raise UnableToReview("this rule has no document; its settings decide when it alerts")
    _refuse_jump(rule.state, to, replaces=False)
    if not rule.tests_pass:
        raise UnableToReview("the rule's own tests fail; mend them first")
    return _ask(rule.slug, version=None, state=rule.state, to=to, reason=reason, actor=actor, now=now)


def _refuse_jump(state: str, to: str, *, replaces: bool) -> None:
    if to not in STATES[1:]:
        raise UnableToReview(f'"{to}" is not one of {", ".join(STATES[1:])}')
    step = STATES.index(to) - STATES.index(state)
    if step > 1:
        raise UnableToReview(f"a {state} rule becomes {STATES[STATES.index(state) + 1]} first")
    if step < 0 or (step == 0 and not replaces):
        raise UnableToReview(f"the rule is in {state} already")


def _ask(
    slug: str, *, version: RuleVersion | None, state: str, to: str, reason: str, actor: User, now: datetime
) -> RuleReview:
    if not reason.strip():
        raise UnableToReview("say why: the reviewer must be able to judge it")
    try:
        with transaction.atomic():
            review = RuleReview.objects.create(
                slug=slug,
                version=version,
                from_state=state,
                to_state=to,
                reason=reason.strip()[:1000],
                requested_by=actor,
                requested_at=now,
            )
            audit.record(actor=actor, verb="rule.ask", subject=review, changes={"state": [state, to]}, now=now)
            for user in queries.rule_reviewers(on=now.date()):
                if not _is_party(review, user):
                    title = f"Review asked for: {slug} from {state} to {to}"
                    notify(user, title=title, url=reverse("rule_review", args=[review.pk]), now=now)
    except IntegrityError as error:
        raise UnableToReview("a review of this rule is open already; decide or withdraw it first") from error
    return review


def may_decide(review: RuleReview, user: User) -> bool:
    """Whether the login could decide: neither who asked nor who wrote the version."""
    return review.decision == RuleReview.Decision.OPEN and not _is_party(review, user)


def _is_party(review: RuleReview, user: User) -> bool:
    parties = {review.requested_by_id, review.version.author_id if review.version else None}
    return user.pk in parties


def decide(review: RuleReview, *, approve: bool, comment: str = "", actor: User, now: datetime) -> RuleReview:
    """Approve, and the rule follows within seconds; or reject with a comment."""
    require_engineer(actor)
    if not approve and not comment.strip():
        raise UnableToReview("say why it is rejected; the author reads it")
    if review.version is not None and approve:
        runnable(review.version)
    with transaction.atomic():
        review = RuleReview.objects.select_for_update().get(pk=review.pk)
        if review.decision != RuleReview.Decision.OPEN:
            raise UnableToReview(f"this review is {review.get_decision_display().lower()}")
        if _is_party(review, actor):
            raise UnableToReview("a second person decides: not the author of the version, and not who asked")
        if approve:
            _apply(review, actor=actor, now=now)
        review.decision = RuleReview.Decision.APPROVED if approve else RuleReview.Decision.REJECTED
        review.decided_by, review.decided_at, review.comment = actor, now, comment.strip()[:1000]
        review.save()
        verb = "rule.approve" if approve else "rule.reject"
        changes: dict[str, list[str | None]] = {
            "state": [review.from_state, review.to_state],
            "comment": [None, review.comment],
        }
        audit.record(actor=actor, verb=verb, subject=review, changes=changes, now=now)
        if review.requested_by is not None:
            title = f"{review.slug} to {review.to_state}: {review.get_decision_display().lower()} by {actor}"
            tone = "good" if approve else "warn"
            notify(review.requested_by, title=title, url=reverse("rule_review", args=[review.pk]), tone=tone, now=now)
    return review


def _apply(review: RuleReview, *, actor: User, now: datetime) -> None:
    if review.version is not None:
        rule = UserRule.objects.select_for_update().get(pk=review.version.rule_id)
        if state_of(rule) != review.from_state:
            raise UnableToReview(f"the rule is no longer in {review.from_state}; ask anew")
        deploy(review.version, rule=rule, to=review.to_state, actor=actor, verb="rule.promote", now=now)
        return
    found = DetectionRule.objects.select_for_update().filter(slug=review.slug, is_loaded=True).first()
    if found is None or found.state != review.from_state or not found.tests_pass:
        raise UnableToReview(f"the rule is no longer in {review.from_state} with passing tests; ask anew")
    set_states([found.slug], review.to_state, now=now)
    changes = {"state": [review.from_state, review.to_state]}
    audit.record(actor=actor, verb="rule.state", subject=found, changes=changes, now=now)
    facts.touched("detection_rules", now=now)


@transaction.atomic
def withdraw(review: RuleReview, *, actor: User, now: datetime) -> RuleReview:
    """Take a wish back; whoever made it may."""
    if review.requested_by_id != actor.pk:
        raise UnableToReview("only who asked may take it back")
    if review.decision != RuleReview.Decision.OPEN:
        raise UnableToReview(f"this review is {review.get_decision_display().lower()}")
    review.decision, review.decided_at, review.decided_by = RuleReview.Decision.WITHDRAWN, now, actor
    review.save()
    audit.record(actor=actor, verb="rule.withdraw", subject=review, now=now)
    return review
