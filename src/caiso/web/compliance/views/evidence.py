"""The page of a piece of evidence, and accepting it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from caiso.errors import DomainError
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.record import Badge, Deed, Fact, Page, Tab, record_context
from caiso.web.compliance import queries
from caiso.web.compliance.models import Evidence
from caiso.web.compliance.registers import EVIDENCE
from caiso.web.compliance.services.evidence import accept_evidence


@page("view")
@require_GET
def evidence_record(request: PageRequest, pk: int) -> HttpResponse:
    """What was left, by whom, for which control, and who accepted it."""
    evidence = queries.evidence_or_404(request.viewer, pk)
    out_of_date = evidence.valid_until is not None and evidence.valid_until <= timezone.now()
    badges = [Badge("Accepted", "good") if evidence.is_accepted else Badge("Waits for acceptance", "warn")]
    if out_of_date:
        badges.append(Badge("Out of date", "bad"))
    shown = Page(
        record=evidence,
        title=evidence.title,
        crumbs=(("Evidence", reverse("evidence_list")),),
        badges=badges,
        facts=_facts(evidence),
        tabs=(Tab("content", "Content", "compliance/evidence_content.html"),),
        deeds=_deeds(evidence, request),
        edit_url="" if evidence.is_accepted or not _may_edit(evidence, request) else EVIDENCE.address("edit", pk),
        extra={"evidence": evidence},
    )
    return render(request, "shell/record.html", record_context(request, request.viewer, shown))


@page("compliance.edit")
@require_POST
def evidence_accept(request: PageRequest, pk: int) -> HttpResponse:
    """Confirm evidence that somebody else collected."""
    evidence = queries.evidence_or_404(request.viewer, pk)
    if not _may_edit(evidence, request):
        messages.error(request, "You may not accept evidence of this unit.")
        return redirect(evidence)
    try:
        accept_evidence(evidence, actor=request.user, now=timezone.now())
        messages.success(request, "Accepted: the control's checks count it now.")
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect(evidence)


def _may_edit(evidence: Evidence, request: PageRequest) -> bool:
    return request.viewer.may("compliance.edit", evidence.unit.path)


def _facts(evidence: Evidence) -> list[Fact]:
    asset = evidence.asset
    return [
        Fact("Control", evidence.control, evidence.control.get_absolute_url()),
        Fact("Kind", evidence.kind),
        Fact("Unit", evidence.unit),
        Fact("AI system", asset.name if asset else ""),
        Fact("Collected by", evidence.collected_by or "nobody known"),
        Fact("Collected", evidence.collected_at, kind="moment"),
        Fact("Valid until", evidence.valid_until, kind="moment"),
        Fact("Accepted by", evidence.accepted_by or "nobody yet"),
        Fact("SHA-256", evidence.digest),
    ]


def _deeds(evidence: Evidence, request: PageRequest) -> list[Deed]:
    if evidence.is_accepted or not _may_edit(evidence, request):
        return []
    if evidence.collected_by_id == request.user.pk:
        return []  # the page says that somebody else accepts it
    return [
        Deed("Accept", reverse("evidence_accept", args=[evidence.pk]), icon="circle-check", posts=True, tone="primary")
    ]
