"""The page of an entity that carries risk, and the page that sets from where risk is an alert."""

from dataclasses import replace

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from caiso.engine.detect.risk import KINDS, RiskSettings
from caiso.errors import DomainError
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.record import Badge, Deed, Fact, Link, Page, Tab, Why, record_context
from caiso.web.soc import foresight, queries
from caiso.web.soc.forms import RiskForm
from caiso.web.soc.services.budgets import Budgets, budgets, change_budgets
from caiso.web.soc.services.risk import change_risk_settings

SHOWN = 200


@page("soc.view")
def entity_record(request: PageRequest, pk: int) -> HttpResponse:
    """An entity's risk over time, what added to it, and the alerts about it."""
    entity = queries.entity_or_404(request.viewer, pk)
    now, settings = timezone.now(), queries.risk_settings()
    risk, threshold = (
        foresight.risk_now(entity, settings.half_life_hours, now=now),
        settings.thresholds.get(entity.kind, 100.0),
    )
    additions = list(entity.additions.select_related("rule", "signal")[: SHOWN + 1])
    alerts = list(queries.alerts_about(request.viewer, entity)[:50])
    context = record_context(
        request,
        request.viewer,
        Page(
            record=entity,
            title=entity.value,
            crumbs=(("Entity risk", reverse("entities_list")),),
            badges=(
                Badge(entity.get_kind_display(), "neutral"),
                Badge("Above its threshold" if risk >= threshold else "Below its threshold", _tone(risk, threshold)),
            ),
            facts=(
                Fact("Risk now", f"{risk:.0f} of {threshold:.0f}"),
                Fact("Highest", f"{entity.peak:.0f}"),
                Fact("Highest at", entity.peak_at, kind="moment"),
                Fact("Signals", f"{entity.signals:,}"),
                Fact("First seen", entity.first_at, kind="moment"),
                Fact("Last signal", entity.last_at, kind="moment"),
                Fact("Half-life", f"{settings.half_life_hours:g} h"),
                Fact("Unit", entity.unit.name),
            ),
            tabs=(
                Tab("risk", "Risk over time", "soc/entity_risk.html"),
                Tab("additions", "What added to it", "soc/entity_additions.html", count=len(additions[:SHOWN])),
                Tab("alerts", "Alerts", "soc/entity_alerts.html", count=len(alerts)),
            ),
            why=Why(
                f"Each signal adds severity, times confidence, times precision of its rule; half of it is left after "
                f"{settings.half_life_hours:g} hours. The same rule again within a day adds half as much each time.",
                tuple(
                    Link(str(row["rule__title"]), reverse("rule_record", args=[row["rule"]]), f"{row['n']} signals")
                    for row in foresight.rules_behind(entity)[:8]
                ),
                entity.at,
                open=False,
            ),
            deeds=[Deed("Risk settings", reverse("risk_settings"), "adjustments")]
            if request.viewer.may("soc.rules")
            else [],
            live="alerts",
            extra={
                "entity": entity,
                "additions": additions[:SHOWN],
                "more_additions": len(additions) > SHOWN,
                "alerts": alerts,
                "chart": foresight.risk_over_time(additions, settings, now=now),
            },
        ),
    )
    return render(request, "shell/record.html", context)


def _tone(risk: float, threshold: float) -> str:
    return "bad" if risk >= threshold else "warn" if risk >= threshold / 2 else "good"


@page("soc.rules")
@require_http_methods(["GET", "POST"])
def risk_page(request: PageRequest) -> HttpResponse:
    """Set thresholds and budgets; before they are saved, see what they would have cost."""
    current = _initial(queries.risk_settings(), budgets())
    form = RiskForm(request.POST or None, initial=current)
    now, is_preview = timezone.now(), request.POST.get("deed") == "preview"
    if request.method == "POST" and not is_preview and form.is_valid():
        settings, limits = _wanted(form)
        try:
            change_risk_settings(settings, actor=request.user, now=now)
            change_budgets(limits, actor=request.user, now=now)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "Saved; they hold from the next batch of events on.")
            return redirect("risk_settings")
    settings, limits = _wanted(form) if form.is_bound and form.is_valid() else (queries.risk_settings(), budgets())
    # Two weeks of signals under six settings: whoever came to change a number need not wait for it.
    asked = request.GET.get("outlook") == "1" or (is_preview and form.is_valid())
    found = foresight.outlooks(request.viewer, settings, budget=limits.shift_alerts, now=now) if asked else None
    context = {
        "crumbs": [{"label": "Entity risk", "url": reverse("entities_list")}, {"label": "Settings"}],
        "form": form if form.is_bound else RiskForm(initial=current),
        "is_preview": is_preview and form.is_valid(),
        "outlooks": found,
        "budget": limits.shift_alerts,
        "days": foresight.DAYS,
    }
    return render(request, "soc/risk_settings.html", context)


def _initial(settings: RiskSettings, limits: Budgets) -> dict[str, float]:
    numbers = {
        **{f"threshold_{kind}": settings.thresholds[kind] for kind in KINDS},
        "half_life_hours": settings.half_life_hours,
        "tactics": settings.tactics,
        "shift_alerts": limits.shift_alerts,
        "cost_us": limits.cost_us,
        "precision": limits.precision * 100,
        "verdicts": limits.verdicts,
    }
    return {name: int(value) if value == int(value) else value for name, value in numbers.items()}


def _wanted(form: RiskForm) -> tuple[RiskSettings, Budgets]:
    told = form.cleaned_data
    settings = replace(
        RiskSettings(),
        half_life_hours=told["half_life_hours"],
        tactics=told["tactics"],
        thresholds={kind: told[f"threshold_{kind}"] for kind in KINDS},
    )
    limits = Budgets(told["cost_us"], told["precision"] / 100, told["verdicts"], told["shift_alerts"])
    return settings, limits
