"""The page of one alert, on which an analyst closes it without leaving."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from caiso.errors import DomainError
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.record import Badge, Deed, Fact, Link, Page, Tab, Why, record_context
from caiso.web.organisation.routing import duty_words
from caiso.web.soc import queries
from caiso.web.soc.models import Alert
from caiso.web.soc.presentation import technique_words
from caiso.web.soc.registers import ALERT_TONES
from caiso.web.soc.services import alerts as services
from caiso.web.soc.services.incidents import add_alerts, open_incident
from caiso.web.soc.views.evidence import evidence_of

ALERT_DUTY = "aisoc-leadership"


@page("soc.view")
def alert_record(request: PageRequest, pk: int) -> HttpResponse:
    """Evidence, what to do, who it is about, similar alerts."""
    alert = queries.alert_or_404(request.viewer, pk)
    may_triage = request.viewer.may("soc.triage", alert.unit.path)
    context = record_context(
        request,
        request.viewer,
        Page(
            record=alert,
            title=alert.title,
            crumbs=(("Alerts", reverse("alerts_list")),),
            lead=alert.rule.description,
            badges=_badges(alert),
            facts=_facts(alert),
            tabs=(
                *_contributions_tab(alert),
                Tab("evidence", "Evidence", "soc/alert_evidence.html"),
                Tab("rule", "Rule", "soc/alert_rule.html"),
                Tab("similar", "Similar", "soc/alert_similar.html"),
            ),
            why=Why(
                f"Score {alert.score}: " + "; ".join(alert.score_reasons), _causes(alert), alert.created_at, open=False
            ),
            deeds=_deeds(alert, request),
            live="alerts",
            opened_at=alert.created_at,
            extra={
                "alert": alert,
                "may_triage": may_triage,
                "verdicts": [choice for choice in Alert.Verdict.choices if choice[0]],
                "incidents": queries.open_incidents(request.viewer).filter(unit=alert.unit)[:50],
                "may_open_incident": request.viewer.may("soc.incident", alert.unit.path),
            },
        ),
    )
    if context["tab"] == "evidence":
        context |= evidence_of(alert, request)
    if context["tab"] == "similar":
        context["similar"] = queries.similar_alerts(alert, request.viewer)
    return render(request, "soc/alert_record.html", context)


def _contributions_tab(alert: Alert) -> tuple[Tab, ...]:
    """Of an alert about an entity's risk, first what added to it."""
    if not alert.contributions:
        return ()
    return (Tab("risk", "What added to it", "soc/alert_contributions.html", count=len(alert.contributions)),)


def _badges(alert: Alert) -> list[Badge]:
    badges = [
        Badge(alert.get_severity_display(), level=alert.severity),
        Badge(alert.get_state_display(), ALERT_TONES[alert.state]),
    ]
    if alert.verdict:
        badges.append(Badge(alert.get_verdict_display(), "neutral"))
    if alert.is_canary:
        badges.append(Badge("Canary rule", "warn"))
    return badges


def _system(alert: Alert) -> str | None:
    """The AI system concerned, as the organisation's calculations call it."""
    return f"system-{alert.asset.system_id or alert.asset.pk}" if alert.asset else None


def _facts(alert: Alert) -> list[Fact]:
    facts = [
        Fact("Score", alert.score),
        Fact(
            "AI system",
            alert.asset.name if alert.asset else alert.service,
            alert.asset.get_absolute_url() if alert.asset else "",
        ),
        Fact("ATLAS technique", technique_words(alert.techniques)),
        Fact("OWASP", ", ".join(alert.owasp)),
        Fact("First event", alert.first_event_at, kind="moment"),
        Fact("Last event", alert.last_event_at, kind="moment"),
        Fact("Signals", alert.signal_count),
        Fact("Assignee", alert.assignee or "nobody"),
        Fact("Goes to", duty_words(ALERT_DUTY, system=_system(alert), unit=alert.unit.slug, on=timezone.now().date())),
        Fact("User", alert.subject_user),
        Fact("API key", alert.api_key),
        Fact("Agent", alert.agent),
        Fact("Model", alert.model),
        Fact("Conversation", alert.conversation_id, _explorer("conversation", alert.conversation_id)),
        Fact("Trace", alert.trace_id, _explorer("trace", alert.trace_id)),
    ]
    if alert.incident:
        facts.insert(0, Fact("Incident", alert.incident.reference, alert.incident.get_absolute_url()))
    return [fact for fact in facts if fact.value not in ("", None)]


def _explorer(key: str, value: str) -> str:
    return reverse("event_thread", args=[key]) + f"?id={value}" if value else ""


def _causes(alert: Alert) -> tuple[Link, ...]:
    rule = Link(alert.rule.title, reverse("rule_record", args=[alert.rule_id]), "rule")
    return (rule, Link(alert.asset.name, alert.asset.get_absolute_url(), "AI system")) if alert.asset else (rule,)


def _deeds(alert: Alert, request: PageRequest) -> list[Deed]:
    if not request.viewer.may("soc.triage", alert.unit.path):
        return []
    if alert.state == Alert.State.NEW:
        return [
            Deed("Take alert", reverse("alert_acknowledge", args=[alert.pk]), "hand-stop", posts=True, tone="primary")
        ]
    if alert.state == Alert.State.CLOSED:
        return [Deed("Reopen", reverse("alert_reopen", args=[alert.pk]), "arrow-back-up", posts=True)]
    return []


def _deed(permission: str, act: Callable[[Alert, PageRequest, datetime], str]) -> Callable[..., HttpResponse]:
    """A POST view that does one thing to an alert and says what it did or why it was refused."""

    @page("soc.view")
    @require_POST
    def deed(request: PageRequest, pk: int) -> HttpResponse:
        alert = queries.alert_or_404(request.viewer, pk)
        if not request.viewer.may(permission, alert.unit.path):
            messages.error(request, "You may look at this alert, but not work on it.")
            return redirect(alert)
        try:
            messages.success(request, act(alert, request, timezone.now()))
        except DomainError as refusal:
            messages.error(request, str(refusal))
        return redirect(alert)

    return deed


def _acknowledge(alert: Alert, request: PageRequest, now: datetime) -> str:
    services.acknowledge_alert(alert, actor=request.user, now=now)
    return "The alert is yours."


def _close(alert: Alert, request: PageRequest, now: datetime) -> str:
    verdict, reason = request.POST.get("verdict", ""), request.POST.get("reason", "")
    services.close_alert(alert, verdict=verdict, reason=reason[:2000], actor=request.user, now=now)
    return f"Closed: {alert.get_verdict_display().lower()}."


def _reopen(alert: Alert, request: PageRequest, now: datetime) -> str:
    services.reopen_alert(alert, actor=request.user, now=now)
    return "The alert is open again and its verdict no longer counts."


def _escalate(alert: Alert, request: PageRequest, now: datetime) -> str:
    chosen = request.POST.get("incident", "")
    if chosen.isdecimal() and len(chosen) < 19:
        incident = queries.incident_or_404(request.viewer, int(chosen))
        add_alerts(incident, [alert], actor=request.user, now=now)
        return f"Added to {incident.reference}."
    incident = open_incident(
        title=request.POST.get("title") or alert.title,
        severity=alert.severity,
        unit=alert.unit,
        asset=alert.asset,
        alerts=[alert],
        actor=request.user,
        now=now,
    )
    return f"Opened {incident.reference}."


def _suppress(alert: Alert, request: PageRequest, now: datetime) -> str:
    entity = {key: alert.entity[key] for key in request.POST.getlist("entity") if key in alert.entity}
    days = request.POST.get("days", "")
    services.suppress(
        alert.rule,
        entity=entity,
        reason=request.POST.get("reason", "")[:300],
        expires_at=now + timedelta(days=int(days) if days.isdecimal() and len(days) < 6 else 0),
        unit=alert.unit,
        actor=request.user,
        now=now,
    )
    return "Suppressed; its signals still count."


alert_acknowledge = _deed("soc.triage", _acknowledge)
alert_close = _deed("soc.triage", _close)
alert_reopen = _deed("soc.triage", _reopen)
alert_escalate = _deed("soc.incident", _escalate)
alert_suppress = _deed("soc.triage", _suppress)

__all__ = ["alert_acknowledge", "alert_close", "alert_escalate", "alert_record", "alert_reopen", "alert_suppress"]
