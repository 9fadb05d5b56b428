"""Reviews: somebody asks that a rule is trusted more, and a second person decides."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from caiso.errors import DomainError
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.models import User
from caiso.web.base.record import Badge, Fact, Page, Tab, record_context
from caiso.web.soc import queries
from caiso.web.soc.forms import AskForm
from caiso.web.soc.models import DetectionRule, RuleReview, RuleVersion
from caiso.web.soc.rulebook import STATES
from caiso.web.soc.services import reviews as services
from caiso.web.soc.services.budgets import budgets
from caiso.web.soc.views.workbench import diff_lines

REVIEW_TONES = {"open": "warn", "approved": "good", "rejected": "bad", "withdrawn": "neutral"}


@page("soc.rules")
@require_http_methods(["GET", "POST"])
def rule_ask(request: PageRequest, pk: int) -> HttpResponse:
    """Ask that a loaded rule is trusted one step more."""
    rule = queries.rule_or_404(pk)
    place = STATES.index(rule.state)
    to = STATES[min(place + 1, len(STATES) - 1)]
    form = AskForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            review = services.ask_for_rule(
                rule, to=to, reason=form.cleaned_data["reason"], actor=request.user, now=timezone.now()
            )
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("rule_review", pk=review.pk)
    context = {
        "title": f"Ask for {to}",
        "about": f"{rule.title} goes from {rule.state} to {to} when a second person approves.",
        "form": form,
        "back": reverse("rule_record", args=[pk]),
        "crumbs": [
            {"label": "Detection rules", "url": reverse("rules_list")},
            {"label": rule.title, "url": reverse("rule_record", args=[pk])},
            {"label": f"Ask for {to}"},
        ],
    }
    return render(request, "base/form.html", context, status=422 if form.errors else 200)


@page("soc.rules")
@require_POST
def version_ask(request: PageRequest, pk: int, number: int, to: str) -> HttpResponse:
    """Ask that a version of one's own rule runs in a state."""
    version = get_object_or_404(RuleVersion.objects.select_related("rule"), rule=pk, number=number)
    try:
        review = services.ask_for_version(
            version, to=to, reason=request.POST.get("reason", "")[:1000], actor=request.user, now=timezone.now()
        )
    except DomainError as refusal:
        messages.error(request, str(refusal))
        return redirect("workbench_rule", pk=pk)
    return redirect("rule_review", pk=review.pk)


@page("soc.view")
@require_GET
def rule_review(request: PageRequest, pk: int) -> HttpResponse:
    """What is asked, what changes, what the rule found in the past, and the decision."""
    review = get_object_or_404(queries.rule_reviews(), pk=pk)
    version = review.version
    running = version.rule.deployed if version else None
    hunt = queries.retro_hunts().filter(slug=review.slug, error="").exclude(finished_at=None).first()
    may_edit = request.viewer.may("soc.rules")
    shown = Page(
        record=review,
        title=f"{review.slug}: {review.from_state} to {review.to_state}",
        crumbs=(("Rule workbench", reverse("workbench")),),
        lead=review.reason,
        badges=(Badge(review.get_decision_display(), REVIEW_TONES[review.decision]),),
        facts=_facts(review),
        tabs=(Tab("review", "Review", "soc/review_decide.html"),),
        extra={
            "review": review,
            "version": version,
            "running": running if running and version and running.pk != version.pk else None,
            "lines": diff_lines(running.text, version.text) if running and version else [],
            "loaded": DetectionRule.objects.filter(slug=review.slug, is_loaded=True).first(),
            "hunt": hunt,
            "budget": budgets().daily_alerts,
            "may_decide": may_edit and services.may_decide(review, request.user),
            "may_withdraw": review.decision == RuleReview.Decision.OPEN and review.requested_by_id == request.user.pk,
            "may_edit": may_edit,
        },
    )
    return render(request, "shell/record.html", record_context(request, request.viewer, shown))


def _facts(review: RuleReview) -> list[Fact]:
    version = review.version
    return [
        Fact("Rule", review.slug, version.rule.get_absolute_url() if version else ""),
        Fact("Version", version.number if version else "as shipped"),
        Fact("Author", (version.author if version else None) or "shipped"),
        Fact("Asked by", review.requested_by),
        Fact("Asked", review.requested_at, kind="moment"),
        Fact("Decided by", review.decided_by),
        Fact("Decided", review.decided_at, kind="moment"),
    ]


@page("soc.rules")
@require_POST
def review_decide(request: PageRequest, pk: int, decision: str) -> HttpResponse:
    """Approve, reject or take back."""
    review = get_object_or_404(queries.rule_reviews(), pk=pk)
    try:
        _decide(review, decision, comment=request.POST.get("comment", "")[:1000], actor=request.user)
        messages.success(request, f"The review is {review.get_decision_display().lower()}.")
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("rule_review", pk=pk)


def _decide(review: RuleReview, decision: str, *, comment: str, actor: User) -> None:
    now = timezone.now()
    if decision == "withdraw":
        services.withdraw(review, actor=actor, now=now)
    else:
        services.decide(review, approve=decision == "approve", comment=comment, actor=actor, now=now)
    review.refresh_from_db()
