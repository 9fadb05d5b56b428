"""The page of a control on a scope: what its checks say, which records caused it, what it counts for."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from caiso.errors import DomainError
from caiso.web.base.access import Viewer, visible
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.record import Badge, Deed, Fact, Link, Page, Tab, Why, links, record_context
from caiso.web.compliance import queries
from caiso.web.compliance.models import CheckOutcome, Control, ControlAssessment, ControlLink, ControlStateChange
from caiso.web.compliance.registers import FAMILIES, STATE_TONES
from caiso.web.compliance.services.evaluation import evaluate_control
from caiso.web.compliance.services.judgement import LONGEST_REASON, declare, review_link
from caiso.web.organisation.models import Role
from caiso.web.organisation.routing import role_words

CHANGES_SHOWN = 50
CAUSES_SHOWN = 8


class DeclareForm(forms.Form):
    """What people say about a control on a scope."""

    implementation = forms.ChoiceField(choices=ControlAssessment.Implementation.choices, label="Declared")
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        required=False,
        help_text="Needed when the control is only planned or does not apply; auditors read it.",
    )


@page("view")
@require_GET
def control_record(request: PageRequest, pk: int, scope: int | None = None) -> HttpResponse:
    """A control with its worst scope in sight, or the scope asked for."""
    control = get_object_or_404(Control, pk=pk)
    scopes = queries.assessments_of(control, request.viewer)
    if scope is None:
        chosen = scopes[0] if scopes else None
    else:
        chosen = next((one for one in scopes if one.pk == scope), None)
        if chosen is None:
            raise Http404
    shown = Page(
        record=chosen or control,
        title=control.title,
        crumbs=(("Controls", reverse("controls_list")),),
        lead=control.statement,
        badges=_badges(control, chosen),
        facts=_facts(control, chosen, request.viewer),
        tabs=(
            Tab("checks", "Checks", "compliance/control_checks.html", count=control.check_count),
            Tab("scopes", "Scopes", "compliance/control_scopes.html", count=len(scopes)),
            Tab("requirements", "Requirements", "compliance/control_requirements.html", count=control.links.count()),
            Tab("evidence", "Evidence", "compliance/control_evidence.html"),
            Tab("changes", "State changes", "compliance/control_changes.html"),
        ),
        why=_why(chosen, request) if chosen else None,
        deeds=_deeds(chosen, request),
        live="controls",
        extra={"control": control, "chosen": chosen},
    )
    context = record_context(request, request.viewer, shown)
    context |= _of_tab(context["tab"], control, chosen, request=request, scopes=scopes)
    if chosen is not None:
        context["link_groups"] += links(control, request.viewer)
    return render(request, "shell/record.html", context)


def _of_tab(
    tab: str,
    control: Control,
    chosen: ControlAssessment | None,
    *,
    request: PageRequest,
    scopes: list[ControlAssessment],
) -> dict[str, Any]:
    """What the open tab alone needs."""
    if tab == "checks" and chosen is not None:
        return {"outcomes": [_outcome(one, request) for one in chosen.outcomes.all()]}
    if tab == "scopes":
        return {"scopes": [{"row": one, "tone": STATE_TONES[one.state]} for one in scopes]}
    if tab == "requirements":
        return {"control_links": queries.links_of(control), "may_review": request.viewer.may("compliance.edit")}
    if tab == "evidence":
        rows = queries.evidence(request.viewer).filter(control=control)
        return {"evidence": rows[:100], "may_collect": request.viewer.may("compliance.edit")}
    if tab == "changes" and chosen is not None:
        return {"changes": [_change(one, request) for one in chosen.changes.all()[:CHANGES_SHOWN]]}
    return {}


def _badges(control: Control, chosen: ControlAssessment | None) -> list[Badge]:
    if chosen is None:
        return [Badge("Not assessed in your units", "unknown")]
    badges = [Badge(chosen.get_state_display(), STATE_TONES[chosen.state]), Badge(chosen.place)]
    if control.is_retired:
        badges.append(Badge("Retired", "warn"))
    return badges


def _facts(control: Control, chosen: ControlAssessment | None, viewer: Viewer) -> list[Fact]:
    owner = Role.objects.filter(slug=control.owner_role).first()
    page = owner.get_absolute_url() if owner and visible(Role.objects.filter(pk=owner.pk), viewer).exists() else ""
    facts = [
        Fact("Family", dict(FAMILIES).get(control.family, control.family)),
        Fact("Owner role", owner or control.owner_role, page),
        Fact("Answers today", role_words(control.owner_role, on=timezone.now().date())),
        Fact("Lifecycle", ", ".join(control.lifecycle_stages)),
        Fact("ATLAS techniques", ", ".join(control.techniques)),
        Fact("Id", control.slug),
    ]
    if chosen is None:
        return facts
    return [
        Fact("Scope", chosen.place),
        Fact("Declared", chosen.get_implementation_display()),
        Fact("In this state", chosen.since, kind="moment"),
        Fact("Checked", chosen.evaluated_at, kind="moment"),
        Fact("Valid until", chosen.valid_until, kind="moment"),
        *facts,
    ]


def _why(chosen: ControlAssessment, request: PageRequest) -> Why:
    found: tuple[Link, ...] = ()
    reason = chosen.reason
    worst = next((one for one in chosen.outcomes.all() if one.records and one.state == chosen.state), None)
    if worst is not None:
        shown, hidden = queries.causes(worst.collection, worst.records, request.viewer, now=timezone.now())
        linked = [cause for cause in shown if cause.url]
        found = tuple(Link(cause.title, cause.url, "", STATE_TONES[chosen.state]) for cause in linked[:CAUSES_SHOWN])
        if len(linked) > CAUSES_SHOWN:
            reason += f" (The first {CAUSES_SHOWN} of {len(linked)} records are here, all of them under Checks.)"
        if hidden:
            reason += f" ({hidden} of the records lie outside your units or are gone.)"
    return Why(reason, found, chosen.evaluated_at)


def _outcome(outcome: CheckOutcome, request: PageRequest) -> dict[str, Any]:
    shown, hidden = queries.causes(outcome.collection, outcome.records, request.viewer, now=timezone.now())
    return {"row": outcome, "tone": STATE_TONES[outcome.state], "causes": shown, "hidden": hidden}


def _change(change: ControlStateChange, request: PageRequest) -> dict[str, Any]:
    shown, hidden = queries.causes(change.collection, change.records[:10], request.viewer, now=timezone.now())
    return {"row": change, "tone": STATE_TONES.get(change.after, "neutral"), "causes": shown, "hidden": hidden}


def _deeds(chosen: ControlAssessment | None, request: PageRequest) -> list[Deed]:
    if chosen is None or not request.viewer.may("compliance.edit", chosen.unit.path):
        return []
    return [
        Deed("Check now", reverse("control_check", args=[chosen.pk]), icon="refresh", posts=True),
        Deed("Declare", reverse("control_declare", args=[chosen.pk]), icon="pencil"),
    ]


@page("compliance.edit")
@require_POST
def control_check(request: PageRequest, pk: int) -> HttpResponse:
    """Ask the control's checks now."""
    chosen = _editable(request, pk)
    evaluate_control(chosen.control, now=timezone.now())
    chosen.refresh_from_db()
    messages.success(request, f"Checked: {chosen.get_state_display().lower()}.")
    return redirect(chosen)


@page("compliance.edit")
def control_declare(request: PageRequest, pk: int) -> HttpResponse:
    """Say that the control is planned, implemented or does not apply here."""
    chosen = _editable(request, pk)
    initial = {"implementation": chosen.implementation, "reason": chosen.implementation_reason}
    form = DeclareForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            declare(chosen, **form.cleaned_data, actor=request.user, now=timezone.now())
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "Declared; the checks go on watching.")
            return redirect(chosen)
    return render_form(request, form, title="Declare", about=chosen.control.title, back=chosen.get_absolute_url())


@page("compliance.edit")
@require_POST
def link_review(request: PageRequest, pk: int) -> HttpResponse:
    """Confirm or dispute a link in one's own name."""
    link = get_object_or_404(ControlLink.objects.select_related("control"), pk=pk)
    try:
        review_link(
            link,
            status=request.POST.get("status", ""),
            note=request.POST.get("note", "")[:LONGEST_REASON],
            actor=request.user,
            now=timezone.now(),
        )
        messages.success(request, "Your review is kept under your name.")
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect(f"{link.control.get_absolute_url()}?tab=requirements#link-{link.pk}")


def render_form(request: HttpRequest, form: forms.Form, *, title: str, about: str, back: str) -> HttpResponse:
    """A page with one form about one record."""
    context = {
        "form": form,
        "title": title,
        "about": about,
        "back": back,
        "crumbs": [{"label": about, "url": back}, {"label": title}],
    }
    return render(request, "compliance/form.html", context, status=422 if form.errors else 200)


def _editable(request: PageRequest, pk: int) -> ControlAssessment:
    """The assessment where the viewer may write; elsewhere it does not exist."""
    found = queries.assessment_or_404(request.viewer, pk)
    if not request.viewer.may("compliance.edit", found.unit.path):
        raise Http404
    return found
