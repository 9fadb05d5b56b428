"""The page of a retro-hunt: how far it is, what the rule would have cost, and the events that it found."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from caiso.errors import DomainError
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.record import Badge, Deed, Fact, Page, Tab, Why, record_context
from caiso.web.base.services.jobs import cancel
from caiso.web.soc import queries
from caiso.web.soc.models import RetroHunt
from caiso.web.soc.services.budgets import budgets
from caiso.web.soc.views.finds import finds_of

TONES = {"running": "info", "done": "good", "failed": "bad", "cancelled": "warn"}


@page("soc.view")
@require_GET
def retro_hunt(request: PageRequest, pk: int) -> HttpResponse:
    """Numbers for everybody; events only within the scope of whoever looks, their text only on request and on the record."""
    hunt = get_object_or_404(queries.retro_hunts(), pk=pk)
    state, budget = queries.work_state(hunt), budgets().daily_alerts
    context = record_context(
        request,
        request.viewer,
        Page(
            record=hunt,
            title=f"{hunt.slug} over {_period(hunt)}",
            crumbs=(("Rule workbench", reverse("workbench")),),
            badges=(Badge(state.capitalize(), TONES[state]),),
            facts=(
                Fact("Rule", hunt.slug),
                Fact("From", hunt.start_at, kind="moment"),
                Fact("To", hunt.end_at, kind="moment"),
                Fact("Asked by", hunt.requested_by),
                Fact("Purpose", hunt.purpose),
                Fact("Events read", f"{hunt.events:,}"),
                Fact("With their text", f"{hunt.with_content:,}" if hunt.reads_content else "not allowed"),
                Fact("Text past its retention", f"{hunt.content_gone:,}"),
            ),
            tabs=(
                Tab("found", "What it found", "soc/retro_found.html", count=hunt.signals),
                Tab("text", "Rule text", "soc/retro_text.html"),
            ),
            why=Why(hunt.error, as_of=hunt.finished_at) if hunt.error else None,
            deeds=_deeds(hunt, state, request),
            live="retro_hunts" if state == "running" else "",
            extra={
                "hunt": hunt,
                "state": state,
                "budget": budget,
                "of_budget": f"of {budget}",
                **_found(hunt, request),
            },
        ),
    )
    return render(request, "soc/retro_hunt.html", context)


def _period(hunt: RetroHunt) -> str:
    hours = round(hunt.days * 24)
    return f"{hours} hours" if hours < 48 else f"{round(hunt.days)} days"


def _deeds(hunt: RetroHunt, state: str, request: PageRequest) -> list[Deed]:
    if not request.viewer.may("soc.rules"):
        return []
    if state == "running":
        return [Deed("Cancel", reverse("retro_cancel", args=[hunt.pk]), "x", posts=True)]
    return [Deed("Edit this text", f"{reverse('workbench_new')}?retro={hunt.pk}", "pencil")]


def _found(hunt: RetroHunt, request: PageRequest) -> dict[str, Any]:
    """One page of what was found, and the alerts by day."""
    found = finds_of(
        hunt.found,
        between=(hunt.start_at, hunt.end_at),
        purpose=f"retro-hunt {hunt.pk} of {hunt.slug}",
        request=request,
    )
    days = {
        "labels": list(hunt.alerts_by_day),
        "series": [{"name": "Alerts", "values": list(hunt.alerts_by_day.values())}],
    }
    return found | {"by_day": days if len(hunt.alerts_by_day) > 1 else None}


@page("soc.rules")
@require_POST
def retro_cancel(request: PageRequest, pk: int) -> HttpResponse:
    """Stop a retro-hunt; the process ends within a second."""
    hunt = get_object_or_404(queries.retro_hunts(), pk=pk)
    try:
        if hunt.job is not None:
            cancel(hunt.job, actor=request.user, now=timezone.now())
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("retro_hunt", pk=pk)
