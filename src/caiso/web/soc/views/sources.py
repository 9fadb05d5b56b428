"""A sender of telemetry: its apps, what was refused and may be tried again, and what is taken out of its content."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from caiso.connect.telemetry.redaction import KINDS
from caiso.errors import DomainError
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.record import Fact, Page, Tab, record_context
from caiso.web.soc import queries, store
from caiso.web.soc.models import Reject, Source
from caiso.web.soc.readiness import FIELD_MEMORY, fed_rules, fields_of, live_rules, readiness
from caiso.web.soc.services.privacy import set_redaction
from caiso.web.soc.services.rejects import ask_for_retry

SHOWN = 100
GAINS = 25
KIND_LABELS = {
    "key": ("Keys and tokens", "API keys, access tokens, JSON web tokens; their first and last four characters stay"),
    "private_key": ("Private keys", "PEM blocks"),
    "card": ("Payment cards", "Numbers whose check digit fits"),
    "iban": ("Bank accounts", "IBANs whose check digits fit"),
    "email": ("E-mail addresses", ""),
    "phone": ("Telephone numbers", "In international form"),
    "us_ssn": ("US social security numbers", ""),
    "ip_address": ("IP addresses", "Version 4"),
}


@page("soc.view")
def source_record(request: PageRequest, pk: int) -> HttpResponse:
    """What a source sends, app by app, and what was refused."""
    source = get_object_or_404(queries.sources(request.viewer), pk=pk)
    feeds = list(source.feeds.select_related("asset"))
    ready, now = live_rules(), timezone.now()
    standing = readiness(ready, fields_of(feeds, now=now))
    may_manage = request.viewer.may("soc.rules", source.unit.path)
    context = record_context(
        request,
        request.viewer,
        Page(
            record=source,
            title=source.name,
            crumbs=(("Telemetry sources", reverse("sources_list")),),
            facts=[*_source_facts(source), Fact("Readiness", f"{standing.fed} of {len(ready)} live rules")],
            tabs=(
                Tab("feeds", "Apps", "soc/source_feeds.html", count=len(feeds)),
                Tab("readiness", "Readiness", "soc/source_readiness.html", count=len(ready) - standing.fed),
                Tab("rejects", "Refused records", "soc/source_rejects.html", count=source.rejects),
                Tab("privacy", "Privacy", "soc/source_privacy.html"),
            ),
            live="sources",
            extra={
                "source": source,
                "feeds": [
                    {"feed": feed, "fed": fed_rules(ready, fields_of([feed], now=now)), "rules": len(ready)}
                    for feed in feeds[:200]
                ],
                "readiness": standing,
                "gains": standing.gains[:GAINS],
                "gains_cut": max(0, len(standing.gains) - GAINS),
                "memory_days": FIELD_MEMORY.days,
                "may_manage": may_manage,
                "kinds": [(kind, *KIND_LABELS[kind], kind in source.redaction) for kind in KINDS],
                **_rejects(source, request),
            },
        ),
    )
    return render(request, "shell/record.html", context)


def _rejects(source: Source, request: PageRequest) -> dict[str, Any]:
    """Refused records by reason, the newest, and where the reader may and asks for it how they begin."""
    reason = request.GET.get("reason", "")
    rows = queries.rejects(source, reason=reason)
    shown = list(rows[:SHOWN])
    may_read = request.viewer.may("soc.content", source.unit.path)
    reads = may_read and request.GET.get("content") == "show" and request.GET.get("tab") == "rejects"
    beginnings = _beginnings(shown, request) if reads else {}
    return {
        "rejects": [(row, beginnings.get(row.uid, "")) for row in shown],
        "reject_reasons": queries.reject_reasons(source),
        "reject_reason": reason,
        "waiting": rows.filter(retried_at=None).exclude(request_ref="").count(),
        "may_read_content": may_read,
        "shows_content": reads,
    }


def _beginnings(rows: list[Reject], request: PageRequest) -> dict[str, str]:
    events = [{"event.id": row.uid, "content.ref": row.content_ref} for row in rows if row.content_ref]
    readings = store.read_content(
        events, actor=request.user, purpose="looking into refused records", now=timezone.now()
    )
    return {
        str(reading.event["event.id"]): "".join(segment.text for segment in reading.segments) or reading.gone
        for reading in readings
    }


@page("soc.rules")
@require_POST
def source_retry(request: PageRequest, pk: int) -> HttpResponse:
    """Have refused records read once more."""
    source = get_object_or_404(queries.sources(request.viewer, "soc.rules"), pk=pk)
    try:
        ask_for_retry(source, reason=request.POST.get("reason", ""), actor=request.user, now=timezone.now())
        messages.success(request, "The records are being read once more; what is refused again appears anew.")
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect(f"{reverse('source_record', args=[pk])}?tab=rejects")


@page("soc.rules")
@require_POST
def source_redaction(request: PageRequest, pk: int) -> HttpResponse:
    """Choose what is taken out of content from now on."""
    source = get_object_or_404(queries.sources(request.viewer, "soc.rules"), pk=pk)
    try:
        set_redaction(source, request.POST.getlist("kinds"), actor=request.user, now=timezone.now())
        messages.success(request, "The detector follows within seconds; what is stored already stays as it is.")
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect(f"{reverse('source_record', args=[pk])}?tab=privacy")


def _source_facts(source: Source) -> list[Fact]:
    return [
        Fact("Id", source.slug),
        Fact("Unit", source.unit.name),
        Fact("Events", f"{source.events:,}"),
        Fact("Inferences", f"{source.inferences:,}"),
        Fact("Without content", f"{source.content_missing:,} of {source.inferences:,}"),
        Fact("First event", source.first_event_at, kind="moment"),
        Fact("Last event", source.last_event_at, kind="moment"),
    ]
