"""The rule workbench over the API: check, save, try on the past, ask, decide."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Field, Query, Router, Schema

from caiso.connect.telemetry.trial.jobs import CheckReport
from caiso.web.base.endpoint import ApiRequest, Page, Paging, RowId, page_of, reads, writes
from caiso.web.soc import queries
from caiso.web.soc.models import RetroHunt, RuleReview, RuleVersion, UserRule
from caiso.web.soc.rulebook import state_of
from caiso.web.soc.services import reviews, workbench
from caiso.web.soc.services.retro import request_retro_hunt
from caiso.web.soc.workbench import MOST_SAMPLES, MOST_TEXT, check_text

router = Router(tags=["rule workbench"])
RuleText = Annotated[str, Field(min_length=1, max_length=MOST_TEXT)]
State = Literal["canary", "live"]


class CheckIn(Schema):
    """A rule's text, and events to try it on."""

    text: RuleText
    samples: Annotated[str, Field(max_length=MOST_SAMPLES)] = ""


class FindingOut(Schema):
    """A mistake or a hint, with its line."""

    line: int
    message: str


class TestOut(Schema):
    """One of the rule's own tests."""

    rule: str
    name: str
    fires: bool
    fired: bool


class SampleOut(Schema):
    """A sample, by its line, with the rules that fired at it."""

    place: int
    rules: list[str]
    refused: str


class SimilarOut(Schema):
    """A rule that runs here and shares patterns or techniques."""

    rule: str
    title: str
    share: float


class CheckOut(Schema):
    """What a check says; nothing is kept."""

    rules: list[str]
    problems: list[FindingOut]
    hints: list[FindingOut]
    tests: list[TestOut]
    samples: list[SampleOut]
    similar: list[SimilarOut]
    cost_us: float | None

    @classmethod
    def of(cls, report: CheckReport) -> "CheckOut":
        return cls(
            rules=report.rule_ids,
            problems=[FindingOut(line=one.line, message=one.message) for one in report.problems],
            hints=[FindingOut(line=one.line, message=one.message) for one in report.hints],
            tests=[TestOut(rule=one.rule, name=one.name, fires=one.fires, fired=one.fired) for one in report.tests],
            samples=[
                SampleOut(place=one.place, rules=[hit.rule for hit in one.hits], refused=one.refused)
                for one in report.samples
            ],
            similar=[SimilarOut(rule=one.rule, title=one.title, share=one.share) for one in report.similar],
            cost_us=report.cost_us,
        )


class VersionIn(Schema):
    """A text to keep, and what changed."""

    text: RuleText
    note: Annotated[str, Field(max_length=300)] = ""


class VersionOut(Schema):
    """A saved text."""

    number: int
    note: str
    author: str
    created_at: datetime
    problems: list[FindingOut]
    tests_pass: bool
    cost_us: float | None
    approved_state: str
    text: str

    @classmethod
    def of(cls, version: RuleVersion) -> "VersionOut":
        names = ("number", "note", "created_at", "tests_pass", "cost_us", "approved_state", "text")
        return cls(
            author=str(version.author or ""),
            problems=[FindingOut(**one) for one in version.problems],
            **{name: getattr(version, name) for name in names},
        )


class UserRuleOut(Schema):
    """A rule of one's own: which version runs, and how far it is trusted."""

    id: int
    slug: str
    title: str
    state: str
    running: int | None
    versions: list[VersionOut]

    @classmethod
    def of(cls, rule: UserRule) -> "UserRuleOut":
        return cls(
            id=rule.pk,
            slug=rule.slug,
            title=rule.title,
            state=state_of(rule),
            running=rule.deployed.number if rule.deployed else None,
            versions=[VersionOut.of(version) for version in rule.versions.select_related("author")[:50]],
        )


class UserRuleLine(Schema):
    """A rule of one's own in a list."""

    id: int
    slug: str
    title: str
    state: str

    @classmethod
    def of(cls, rule: UserRule) -> "UserRuleLine":
        return cls(id=rule.pk, slug=rule.slug, title=rule.title, state=state_of(rule))


class AskIn(Schema):
    """Why a rule should be trusted more, and which version; without one the version that runs."""

    to: State
    reason: Annotated[str, Field(min_length=1, max_length=1000)]
    version: Annotated[int, Field(ge=1, le=10_000)] | None = None


class RuleAskIn(Schema):
    """Why a loaded rule should be trusted one step more."""

    to: State
    reason: Annotated[str, Field(min_length=1, max_length=1000)]


class DecisionIn(Schema):
    """What a second person decides."""

    approve: bool
    comment: Annotated[str, Field(max_length=1000)] = ""


class ReviewOut(Schema):
    """A wish for more trust, and what became of it."""

    id: int
    slug: str
    from_state: str
    to_state: str
    reason: str
    decision: str
    comment: str
    requested_by: str
    decided_by: str

    @classmethod
    def of(cls, review: RuleReview) -> "ReviewOut":
        names = ("slug", "from_state", "to_state", "reason", "decision", "comment")
        return cls(
            id=review.pk,
            requested_by=str(review.requested_by or ""),
            decided_by=str(review.decided_by or ""),
            **{name: getattr(review, name) for name in names},
        )


class RetroIn(Schema):
    """A rule's text, how far back, and what for: what people wrote is decrypted where the caller may read it."""

    text: RuleText
    hours: Annotated[int, Field(ge=1, le=2208)]
    purpose: Annotated[str, Field(min_length=1, max_length=300)]


class RetroOut(Schema):
    """How far a retro-hunt is, and what the rule would have done."""

    id: int
    state: str
    slug: str
    events: int
    with_content: int
    signals: int
    alerts: int
    alerts_a_day: float
    cpu_us: float | None
    error: str
    progress: int
    progress_total: int

    @classmethod
    def of(cls, hunt: RetroHunt) -> "RetroOut":
        names = ("slug", "events", "with_content", "signals", "alerts", "alerts_a_day", "cpu_us", "error")
        return cls(
            id=hunt.pk,
            state=queries.work_state(hunt),
            progress=hunt.job.progress if hunt.job else 0,
            progress_total=hunt.job.progress_total if hunt.job else 0,
            **{name: getattr(hunt, name) for name in names},
        )


@writes(router, "POST", "/workbench/check", permission="soc.rules", response=CheckOut)
def check(request: ApiRequest, payload: CheckIn) -> Any:
    """Say what is wrong with a rule, run its tests and the samples; nothing is kept."""
    return CheckOut.of(check_text(payload.text, samples=payload.samples))


@reads(router, "/workbench/rules", permission="soc.view", response=Page[UserRuleLine])
def user_rules(request: ApiRequest, paging: Annotated[Paging, Query()]) -> Any:
    """The rules of the workbench."""
    return page_of(queries.user_rules(), UserRuleLine.of, paging)


@writes(router, "POST", "/workbench/rules", permission="soc.rules", response=UserRuleOut, status=201)
def create_rule(request: ApiRequest, payload: VersionIn) -> Any:
    """Keep a new rule."""
    version = workbench.save_version(None, text=payload.text, note=payload.note, actor=request.user, now=timezone.now())
    return UserRuleOut.of(version.rule)


@reads(router, "/workbench/rules/{pk}", permission="soc.view", response=UserRuleOut)
def user_rule(request: ApiRequest, pk: RowId) -> Any:
    """One rule with its newest versions."""
    return UserRuleOut.of(queries.user_rule_or_404(pk))


@writes(router, "POST", "/workbench/rules/{pk}/versions", permission="soc.rules", response=UserRuleOut, status=201)
def add_version(request: ApiRequest, pk: RowId, payload: VersionIn) -> Any:
    """Keep the next version of a rule."""
    rule = queries.user_rule_or_404(pk)
    workbench.save_version(rule, text=payload.text, note=payload.note, actor=request.user, now=timezone.now())
    return UserRuleOut.of(queries.user_rule_or_404(pk))


def _version(pk: int, number: int) -> RuleVersion:
    return get_object_or_404(RuleVersion.objects.select_related("rule", "author"), rule=pk, number=number)


@writes(router, "POST", "/workbench/rules/{pk}/versions/{number}/shadow", permission="soc.rules", response=UserRuleOut)
def run_in_shadow(request: ApiRequest, pk: RowId, number: RowId) -> Any:
    """Let a version run without alerting anybody."""
    workbench.put_in_shadow(_version(pk, number), actor=request.user, now=timezone.now())
    return UserRuleOut.of(queries.user_rule_or_404(pk))


@writes(router, "POST", "/workbench/rules/{pk}/versions/{number}/back", permission="soc.rules", response=UserRuleOut)
def return_to(request: ApiRequest, pk: RowId, number: RowId) -> Any:
    """Return to an older version that was approved for the rule's state."""
    version = _version(pk, number)
    workbench.roll_back(version.rule, version, actor=request.user, now=timezone.now())
    return UserRuleOut.of(queries.user_rule_or_404(pk))


@writes(router, "POST", "/workbench/rules/{pk}/off", permission="soc.rules", response=UserRuleOut)
def switch_off(request: ApiRequest, pk: RowId) -> Any:
    """Stop a rule of one's own."""
    workbench.lower(queries.user_rule_or_404(pk), to="", actor=request.user, now=timezone.now())
    return UserRuleOut.of(queries.user_rule_or_404(pk))


@writes(router, "POST", "/workbench/rules/{pk}/ask", permission="soc.rules", response=ReviewOut, status=201)
def ask(request: ApiRequest, pk: RowId, payload: AskIn) -> Any:
    """Ask that a version is trusted more; a second person decides."""
    rule = queries.user_rule_or_404(pk)
    number = payload.version or (rule.deployed.number if rule.deployed else 0)
    review = reviews.ask_for_version(
        _version(pk, number), to=payload.to, reason=payload.reason, actor=request.user, now=timezone.now()
    )
    return ReviewOut.of(review)


@writes(router, "POST", "/rules/{pk}/ask", permission="soc.rules", response=ReviewOut, status=201)
def ask_for_rule(request: ApiRequest, pk: RowId, payload: RuleAskIn) -> Any:
    """Ask that a loaded rule is trusted one step more; a second person decides."""
    rule = queries.rule_or_404(pk)
    review = reviews.ask_for_rule(rule, to=payload.to, reason=payload.reason, actor=request.user, now=timezone.now())
    return ReviewOut.of(review)


@reads(router, "/rule-reviews", permission="soc.view", response=Page[ReviewOut])
def open_reviews(request: ApiRequest, paging: Annotated[Paging, Query()]) -> Any:
    """Wishes that wait for a second person."""
    return page_of(queries.rule_reviews().filter(decision="open"), ReviewOut.of, paging)


@writes(router, "POST", "/rule-reviews/{pk}/decide", permission="soc.rules", response=ReviewOut)
def decide(request: ApiRequest, pk: RowId, payload: DecisionIn) -> Any:
    """Approve or reject; refused for whoever wrote or asked."""
    review = get_object_or_404(queries.rule_reviews(), pk=pk)
    decided = reviews.decide(
        review, approve=payload.approve, comment=payload.comment, actor=request.user, now=timezone.now()
    )
    return ReviewOut.of(decided)


@writes(router, "POST", "/retro-hunts", permission="soc.rules", response=RetroOut, status=201)
def start_retro_hunt(request: ApiRequest, payload: RetroIn) -> Any:
    """Run a rule over the last hours of stored events; read it until its state is done."""
    hunt = request_retro_hunt(
        payload.text, hours=payload.hours, purpose=payload.purpose, viewer=request.viewer, now=timezone.now()
    )
    return RetroOut.of(hunt)


@reads(router, "/retro-hunts/{pk}", permission="soc.view", response=RetroOut)
def retro_hunt(request: ApiRequest, pk: RowId) -> Any:
    """One retro-hunt in numbers."""
    return RetroOut.of(get_object_or_404(queries.retro_hunts(), pk=pk))
