"""Opening an incident, and the page on which it is worked."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from caiso.engine.clocks import DISCLAIMER
from caiso.errors import DomainError
from caiso.web.base.access import visible
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.models import Task, Unit
from caiso.web.base.record import Badge, Deed, Fact, Link, Page, Tab, Why, record_context
from caiso.web.inventory.models import Asset, AssetKind
from caiso.web.organisation.routing import role_words
from caiso.web.soc import queries
from caiso.web.soc.models import Incident, IncidentClock
from caiso.web.soc.models.alert import SEVERITIES
from caiso.web.soc.presentation import technique_words
from caiso.web.soc.registers import INCIDENT_TONES
from caiso.web.soc.services import incidents as services
from caiso.web.soc.services.clocks import clock_library
from caiso.web.soc.services.proposals import ATTRIBUTE_QUESTIONS, MOMENT_QUESTIONS, proposed_awareness

RESTING = ("not_applicable", "pending")
URGENCY = ("overdue", "running", "waiting_for_fact", "late", "met", "pending", "not_applicable")
CLOCK_TONES = {"running": "warn", "overdue": "bad", "late": "bad", "met": "good"}


class OpenForm(forms.Form):
    """What an incident needs to be opened by hand."""

    title = forms.CharField(max_length=300)
    severity = forms.ChoiceField(choices=SEVERITIES, initial="high")
    unit = forms.ModelChoiceField(Unit.objects.none())
    asset = forms.ModelChoiceField(Asset.objects.none(), required=False, label="AI system")
    description = forms.CharField(widget=forms.Textarea, required=False, max_length=10_000)

    def __init__(self, request: PageRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        units, assets = self.fields["unit"], self.fields["asset"]
        assert isinstance(units, forms.ModelChoiceField)  # noqa: S101 - narrows the declared type
        assert isinstance(assets, forms.ModelChoiceField)  # noqa: S101 - narrows the declared type
        units.queryset = visible(Unit.objects.all(), request.viewer, "soc.incident", lookup="path")
        systems = Asset.objects.filter(kind=AssetKind.AI_SYSTEM)
        assets.queryset = visible(systems, request.viewer, "soc.incident")


@page("soc.incident")
def incident_open(request: PageRequest) -> HttpResponse:
    """Open an incident by hand, for what no rule saw."""
    form = OpenForm(request, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            incident = services.open_incident(**form.cleaned_data, actor=request.user, now=timezone.now())
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect(incident)
    crumbs = [{"label": "Incidents", "url": reverse("incidents_list")}, {"label": "Open incident"}]
    return render(request, "soc/incident_open.html", {"form": form, "crumbs": crumbs})


def _with_who(tasks: list[Task]) -> list[dict[str, object]]:
    """Each task with the person it waits for, or the role and whoever acts in it today."""
    today = timezone.now().date()
    roles = {task.role_slug: role_words(task.role_slug, on=today) for task in tasks if task.assignee is None}
    return [{"row": task, "who": task.assignee or roles[task.role_slug]} for task in tasks]


@page("soc.view")
def incident_record(request: PageRequest, pk: int) -> HttpResponse:
    """Timeline, clocks, tasks, alerts and facts of one incident."""
    incident = queries.incident_or_404(request.viewer, pk)
    may_work = request.viewer.may("soc.incident", incident.unit.path)
    alerts = list(queries.alerts(request.viewer).filter(incident=incident)[:200])
    clocks = sorted(incident.clocks.all(), key=lambda clock: URGENCY.index(clock.state))
    tasks = list(Task.objects.filter(subject_type="Incident", subject_id=str(pk)).select_related("assignee"))
    open_tasks = sum(task.state == Task.State.OPEN for task in tasks)
    context = record_context(
        request,
        request.viewer,
        Page(
            record=incident,
            title=incident.title,
            crumbs=(("Incidents", reverse("incidents_list")),),
            lead=incident.description,
            badges=(
                Badge(incident.get_severity_display(), level=incident.severity),
                Badge(
                    f"{incident.reference} · {incident.get_state_display()}", INCIDENT_TONES.get(incident.state, "info")
                ),
            ),
            facts=_facts(incident),
            tabs=(
                Tab("timeline", "Timeline", "soc/incident_timeline.html"),
                Tab("clocks", "Reporting clocks", "soc/incident_clocks.html", count=_alarming(clocks)),
                Tab("tasks", "Tasks", "soc/incident_tasks.html", count=open_tasks),
                Tab("alerts", "Alerts", "soc/incident_alerts.html", count=len(alerts)),
                Tab("review", "Review", "soc/incident_review.html"),
            ),
            deeds=_deeds(incident, may_work=may_work),
            live="incidents",
            opened_at=incident.opened_at,
            extra={
                "incident": incident,
                "phases": _phases(incident),
                "entries": incident.entries.select_related("author")[:500],
                "clocks": [_shown(clock) for clock in clocks if clock.state not in (*RESTING, "waiting_for_fact")],
                "waiting": [_shown(clock) for clock in clocks if clock.state == "waiting_for_fact"],
                "resting": [_shown(clock) for clock in clocks if clock.state in RESTING],
                "nearest": next((clock for clock in clocks if clock.state in queries.ALARMING_CLOCKS), None),
                "tasks": _with_who(tasks),
                "alerts": alerts,
                "may_work": may_work,
                "may_determine": request.viewer.may("soc.determine", incident.unit.path),
                "questions": _questions(incident),
                "proposal": proposed_awareness(incident),
                "disclaimer": DISCLAIMER,
            },
        ),
    )
    return render(request, "soc/incident_record.html", context)


@page("soc.view")
def clock_record(request: PageRequest, pk: int) -> HttpResponse:
    """A clock is shown on its incident."""
    clock = get_object_or_404(queries.clocks(request.viewer), pk=pk)
    return redirect(f"{clock.incident.get_absolute_url()}?tab=clocks#clock-{clock.rule}")


def _facts(incident: Incident) -> list[Fact]:
    asset = incident.asset
    return [
        Fact("Lead", incident.lead or "nobody"),
        Fact("AI system", asset.name if asset else "", asset.get_absolute_url() if asset else ""),
        Fact("Unit", incident.unit.name),
        Fact("ATLAS technique", technique_words(incident.technique)),
        Fact("Contained", incident.contained_at, kind="moment"),
        Fact("Closed", incident.closed_at, kind="moment"),
    ]


def _alarming(clocks: list[IncidentClock]) -> int:
    return sum(clock.state in queries.ALARMING_CLOCKS for clock in clocks)


def _phases(incident: Incident) -> list[dict[str, object]]:
    """The framework's phases; those before the current one are done."""
    current = next(index for index, (_, states) in enumerate(services.PHASES) if incident.state in states)
    return [
        {"label": label, "current": index == current, "done": index < current}
        for index, (label, _) in enumerate(services.PHASES)
    ]


def _deeds(incident: Incident, *, may_work: bool) -> list[Deed]:
    if not may_work:
        return []
    steps = services.STEPS[incident.state]
    return [
        Deed(
            "Reopen" if incident.state == "closed" else f"Move to {Incident.State(step).label.lower()}",
            reverse("incident_advance", args=[incident.pk, step]),
            "arrow-right",
            posts=True,
            tone="primary" if index == 0 else "outline",
        )
        for index, step in enumerate(steps)
        if step != Incident.State.REVIEW or incident.state not in {"triage", "investigating"}
    ]


def _shown(clock: IncidentClock) -> dict[str, object]:
    rule = next((rule for rule in clock_library().rules if rule.id == clock.rule), None)
    record = Link(clock.incident.reference, clock.incident.get_absolute_url(), "incident")
    return {
        "row": clock,
        "rule": rule,
        "tone": CLOCK_TONES.get(clock.state, "unknown"),
        "why": Why(clock.reason, (record,), clock.computed_at, open=False),
        "may_report": clock.state in queries.ALARMING_CLOCKS,
    }


def _questions(incident: Incident) -> list[dict[str, object]]:
    known = {fact.name: fact for fact in incident.facts.filter(is_current=True).select_related("stated_by")}
    return [
        {"question": question, "fact": known.get(question.name)}
        for question in (*MOMENT_QUESTIONS, *ATTRIBUTE_QUESTIONS)
    ]


def _deed(permission: str, act: Callable[..., str]) -> Callable[..., HttpResponse]:
    """A POST view that does one thing to an incident and says what it did or why it was refused."""

    @page("soc.view")
    @require_POST
    def deed(request: PageRequest, pk: int, **arguments: str) -> HttpResponse:
        incident = queries.incident_or_404(request.viewer, pk)
        back = f"{incident.get_absolute_url()}?tab={request.POST.get('tab') or 'timeline'}"
        if not request.viewer.may(permission, incident.unit.path):
            messages.error(request, f"This needs the permission “{permission}” in {incident.unit}.")
            return redirect(back)
        try:
            messages.success(request, act(incident, request, timezone.now(), **arguments))
        except DomainError as refusal:
            messages.error(request, str(refusal))
        return redirect(back)

    return deed


def _advance(incident: Incident, request: PageRequest, now: datetime, *, to: str) -> str:
    reason = request.POST.get("reason", "")[:500]
    services.advance_incident(incident, to=to, reason=reason, actor=request.user, now=now)
    return f"{incident.reference} is now {incident.get_state_display().lower()}."


def _note(incident: Incident, request: PageRequest, now: datetime) -> str:
    kind = request.POST.get("kind", "note")
    services.add_note(
        incident,
        text=request.POST.get("text", ""),
        kind=kind if kind in {"note", "action", "decision"} else "note",
        actor=request.user,
        now=now,
    )
    return "Added to the timeline."


def _fact(incident: Incident, request: PageRequest, now: datetime) -> str:
    name = request.POST.get("name", "")
    question = next((one for one in (*MOMENT_QUESTIONS, *ATTRIBUTE_QUESTIONS) if one.name == name), None)
    given = request.POST.get("value", "")
    value = question.read(given, zone=timezone.get_current_timezone()) if question else _moment(given)
    services.state_fact(
        incident, name=name, value=value, reason=request.POST.get("reason", ""), actor=request.user, now=now
    )
    return "Recorded under your name; the clocks were computed again."


def _moment(text: str) -> str:
    """A local date and time of a form as ISO 8601 with the zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (moment if moment.tzinfo else timezone.make_aware(moment)).isoformat()


def _review(incident: Incident, request: PageRequest, now: datetime) -> str:
    review = request.POST.get("review", "")[:20_000]
    services.update_incident(incident, changes={"review": review}, actor=request.user, now=now)
    return "The review is kept."


incident_advance = _deed("soc.incident", _advance)
incident_note = _deed("soc.incident", _note)
incident_fact = _deed("soc.determine", _fact)
incident_review = _deed("soc.incident", _review)
