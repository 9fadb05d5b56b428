"""The pages of a detection rule, a telemetry source and a technique's coverage."""

from datetime import timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from caiso.errors import DomainError
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.record import Badge, Deed, Fact, Link, Page, Tab, Why, record_context
from caiso.web.soc import drills, queries
from caiso.web.soc.figures import error_rates
from caiso.web.soc.forms import CanaryForm
from caiso.web.soc.models import DetectionRule, TechniqueCoverage
from caiso.web.soc.presentation import technique_name, technique_words
from caiso.web.soc.registers import DRILL_TONES, RULE_KINDS, RULE_TONES
from caiso.web.soc.rulebook import user_rule_of
from caiso.web.soc.rulefiles import EXPORTS
from caiso.web.soc.services.budgets import Budgets, budgets, change_canary, verdicts_since
from caiso.web.soc.services.raising import rule_precision
from caiso.web.soc.services.rules import demote_rule


@page("soc.view")
def rule_record(request: PageRequest, pk: int) -> HttpResponse:
    """What a rule asks, whether its own tests pass, and what it found."""
    rule = queries.rule_or_404(pk)
    since = timezone.now() - timedelta(days=30)
    limits = budgets()
    may_change = request.viewer.may("soc.rules") and rule.kind != "risk"
    context = record_context(
        request,
        request.viewer,
        Page(
            record=rule,
            title=rule.title,
            crumbs=(("Detection rules", reverse("rules_list")),),
            lead=rule.description,
            badges=(
                Badge(rule.severity.capitalize(), level=rule.severity),
                Badge(rule.get_state_display(), RULE_TONES[rule.state]),
                Badge("own tests pass" if rule.tests_pass else "own tests fail", "good" if rule.tests_pass else "bad"),
            ),
            facts=_rule_facts(rule, limits),
            tabs=(
                Tab("signals", "Signals, 30 days", "soc/rule_signals.html"),
                Tab("text", "Rule text", "soc/rule_text.html"),
                Tab("reviews", "Reviews", "soc/rule_reviews.html"),
                Tab("retro", "Retro-hunts", "soc/rule_retro.html"),
                Tab("suppressions", "Suppressions", "soc/rule_suppressions.html"),
            ),
            deeds=_state_deeds(rule, request),
            extra={
                "rule": rule,
                "measured": error_rates().get(rule.slug),
                "canary_form": CanaryForm(viewer=request.viewer, initial=_canary(rule))
                if may_change and rule.state == DetectionRule.State.CANARY
                else None,
                "signals": queries.signals_of(request.viewer, rule, since=since)[:100],
                "reviews": queries.rule_reviews().filter(slug=rule.slug)[:50],
                "hunts": queries.retro_hunts().filter(slug=rule.slug)[:50],
                "formats": EXPORTS,
                "suppressions": queries.suppressions(request.viewer, rule),
            },
        ),
    )
    return render(request, "soc/rule_record.html", context)


def _rule_facts(rule: DetectionRule, limits: Budgets) -> tuple[Fact, ...]:
    precision = rule_precision(rule)
    told, _ = verdicts_since([rule]).get(rule.pk, (0, 0))
    cost = "not measured yet" if rule.cost_us is None else f"{rule.cost_us:.2f} µs an event of {limits.cost_us:g}"
    return (
        Fact("Rule id", rule.slug),
        Fact("Kind", dict(RULE_KINDS).get(rule.kind, rule.kind)),
        Fact("ATLAS techniques", technique_words(rule.techniques)),
        Fact("OWASP", ", ".join(rule.owasp)),
        Fact("Own tests", rule.tests),
        Fact("Signals", rule.signals),
        Fact("Precision", "fewer than 5 verdicts" if precision is None else f"{precision:.0%}"),
        Fact("Verdicts in this state", f"{told}, judged from {limits.verdicts}"),
        Fact("Cost", cost),
        Fact("Judges by", "what was said" if rule.content_only else "what was done"),
        Fact("Last fired", rule.last_fired_at, kind="moment"),
        Fact("Needs fields", ", ".join(rule.needs)),
        Fact("Playbook", rule.response),
    )


def _canary(rule: DetectionRule) -> dict[str, object]:
    return {"share": rule.canary_share, "unit": rule.canary_unit.slug if rule.canary_unit else ""}


@page("soc.rules")
@require_POST
def rule_canary(request: PageRequest, pk: int) -> HttpResponse:
    """Say for which share of entities, and where, a canary alerts."""
    rule = queries.rule_or_404(pk)
    form = CanaryForm(request.POST, viewer=request.viewer)
    if not form.is_valid():
        messages.error(request, "Give a share from 1 to 100 percent, and a unit of yours or none.")
        return redirect("rule_record", pk=pk)
    try:
        told = form.cleaned_data
        change_canary(rule, share=told["share"], unit=told["unit"], actor=request.user, now=timezone.now())
        messages.success(request, "The canary alerts there from the next batch of events on.")
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("rule_record", pk=pk)


def _state_deeds(rule: DetectionRule, request: PageRequest) -> list[Deed]:
    if not request.viewer.may("soc.rules") or rule.kind == "risk":
        return []
    order = [state.value for state in DetectionRule.State]
    place = order.index(rule.state)
    own = user_rule_of(rule.slug)
    deeds = []
    if place + 1 < len(order):
        deeds.append(Deed(f"Ask for {order[place + 1]}", reverse("rule_ask", args=[rule.pk]), "arrow-up"))
    if place > 0:
        to = order[place - 1]
        deeds.append(Deed(f"Demote to {to}", reverse("rule_state", args=[rule.pk, to]), "arrow-down", posts=True))
    if own is not None:
        deeds.append(Deed("Open in the workbench", own.get_absolute_url(), "pencil"))
    else:
        deeds.append(Deed("Copy into the workbench", f"{reverse('workbench_new')}?from={rule.pk}", "copy"))
    return deeds


@page("soc.rules")
@require_POST
def rule_state(request: PageRequest, pk: int, to: str) -> HttpResponse:
    """Demote a rule; trusting it more takes a review."""
    rule = queries.rule_or_404(pk)
    try:
        demote_rule(rule, to=to, actor=request.user, now=timezone.now())
        messages.success(
            request, f"The rule is now {rule.get_state_display().lower()}; the detector follows within seconds."
        )
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("rule_record", pk=pk)


@page("view")
def coverage_record(request: PageRequest, pk: int) -> HttpResponse:
    """Why a technique against a system is covered or not."""
    row = get_object_or_404(queries.technique_coverage(request.viewer), pk=pk)
    rules = list(queries.rules())
    about = [rule for rule in rules if row.technique in rule.techniques]
    records = tuple(
        Link(
            rule.title,
            reverse("rule_record", args=[rule.pk]),
            f"{rule.state}, tests {'pass' if rule.tests_pass else 'fail'}",
        )
        for rule in about
    )
    standing = drills.standing_by_technique(now=timezone.now()).get(row.technique)
    records += tuple(
        Link(
            result.title,
            f"{reverse('drill_record', args=[result.run_id])}#{result.pack}-{result.trace}",
            f"drill: {result.get_outcome_display().lower()}",
            result.tone,
        )
        for result in (standing.results if standing else ())
    )
    page_ = Page(
        record=row,
        title=f"{technique_name(row.technique) or row.technique} on {row.asset}",
        crumbs=(("Technique coverage", reverse("technique_coverage_list")),),
        badges=(Badge(row.outcome.capitalize(), DRILL_TONES[row.outcome]),),
        facts=(
            Fact("Technique", row.technique),
            Fact("AI system", row.asset.name, row.asset.get_absolute_url()),
            Fact("Last drill", row.drilled_at, kind="moment"),
            Fact("Computed", row.computed_at, kind="moment"),
        ),
        why=Why(_coverage_reason(row), records, row.computed_at),
    )
    return render(request, "shell/record.html", record_context(request, request.viewer, page_))


def _coverage_reason(row: TechniqueCoverage) -> str:
    """Why a pair is covered or not, the evidence of a drill first."""
    if row.drill == "missed":
        return "A drill played the attack and no live rule alerted."
    if row.drill == "noisy":
        return "A drill played the attack: the rule that saw it alerts on ordinary work as well."
    if not row.has_tested_live_rule:
        return "No live rule with passing tests watches for this technique."
    if row.missing_fields:
        return f"Written but blind: {row.asset} does not send {', '.join(row.missing_fields)}."
    if row.drill == "blind":
        return "Written but blind: the traces of the drill lack what the rule needs."
    proof = "every trace of the last drill was covered" if row.drill else "no drill has played this technique yet"
    return f"A live rule with passing tests exists, its fields arrive from {row.asset}, and {proof}."
