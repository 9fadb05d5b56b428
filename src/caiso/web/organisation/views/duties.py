"""The page of a duty: who answers for it, why its state is what it is, and the deeds that change that."""

from functools import partial

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from caiso.web.base.guard import PageRequest, page
from caiso.web.base.record import Badge, Deed, Fact, Link, Page, Tab, Why, record_context
from caiso.web.organisation import queries
from caiso.web.organisation.forms.answering import AssignForm, EndForm
from caiso.web.organisation.models import Assignment, Duty
from caiso.web.organisation.registers import FAMILY_NAMES, STATE_TONES
from caiso.web.organisation.services import answering
from caiso.web.organisation.views.form_page import run_form


@page("view")
@require_GET
def duty_record(request: PageRequest, pk: int) -> HttpResponse:
    """Who answers for a duty, since when, and what is missing."""
    duty = queries.duty_or_404(request.viewer, pk=pk)
    today = timezone.now().date()
    rows = list(duty.assignments.select_related("role", "role__unit", "scope_unit").order_by("kind", "role__title"))
    may_edit = request.viewer.may("organisation.edit", duty.unit.path)
    badges = [Badge("AI security", "info")] if duty.is_ai_security else []
    if hasattr(duty, "coverage"):
        badges.insert(0, Badge(dict(queries.STATES)[duty.coverage.state], STATE_TONES[duty.coverage.state]))
    shown = Page(
        record=duty,
        title=duty.title,
        crumbs=(("Duties", reverse("duties_list")),),
        lead=duty.description,
        badges=badges,
        facts=_facts(duty),
        tabs=(
            Tab("answer", "Who answers", "organisation/duty_answer.html", count=_count(rows, request)),
            Tab("needs", "What it needs", "organisation/duty_needs.html", count=len(duty.requires)),
        ),
        why=_why(duty, rows),
        deeds=_deeds(pk) if may_edit else [],
        live="coverage",
        extra={
            "duty": duty,
            "assignments": [{"row": row, "active": queries.in_force(row, today)} for row in rows],
            "needs": _needs(duty, request),
            "may_edit": may_edit,
        },
    )
    return render(request, "shell/record.html", record_context(request, request.viewer, shown))


def _deeds(pk: int) -> list[Deed]:
    return [
        Deed("Assign a role", reverse("duty_assign", args=[pk]), icon="user-check"),
        Deed("Change", reverse("duty_change", args=[pk]), icon="pencil"),
    ]


def _count(rows: list[Assignment], request: PageRequest) -> int:
    today = timezone.now().date()
    return sum(queries.in_force(row, today) for row in rows)


@page("view")
@require_GET
def duty_by_slug(request: PageRequest, slug: str) -> HttpResponse:
    """The page of the duty with that id."""
    return redirect(queries.duty_or_404(request.viewer, slug=slug))


@page("organisation.edit")
@require_http_methods(["GET", "POST"])
def duty_assign(request: PageRequest, pk: int) -> HttpResponse:
    """Give a role a part in the duty."""
    duty = editable_duty(request, pk)
    form = AssignForm(request, request.POST or None)
    return run_form(
        request,
        form,
        lambda values: answering.assign_duty(duty, **values, actor=request.user, now=timezone.now()),
        title="Assign a role",
        about=duty.title,
        back=duty.get_absolute_url(),
        said="Assigned; coverage is computed.",
    )


@page("organisation.edit")
@require_http_methods(["GET", "POST"])
def assignment_end(request: PageRequest, pk: int) -> HttpResponse:
    """Let an assignment run out."""
    row = Assignment.objects.select_related("duty", "role").filter(pk=pk).first()
    if row is None:
        raise Http404
    duty = editable_duty(request, row.duty_id)
    return run_form(
        request,
        EndForm(request.POST or None),
        partial(_end_assignment, row, request),
        title="End assignment",
        about=duty.title,
        back=duty.get_absolute_url(),
        said="Ended; coverage is computed.",
    )


def _end_assignment(row: Assignment, request: PageRequest, values: dict[str, object]) -> None:
    answering.end_assignment(row, last_on=values["last_on"], actor=request.user, now=timezone.now())  # type: ignore[arg-type]  # a DateField's value


def editable_duty(request: PageRequest, pk: int) -> Duty:
    """The duty where the viewer may change the organisation; elsewhere it does not exist."""
    duty = queries.duty_or_404(request.viewer, pk=pk)
    if not request.viewer.may("organisation.edit", duty.unit.path):
        raise Http404
    return duty


def _facts(duty: Duty) -> list[Fact]:
    state = getattr(duty, "coverage", None)
    accountable = state.accountable if state else None
    holders = queries.holders_now(accountable, on=timezone.now().date())
    return [
        Fact("Accountable", accountable or "nobody", accountable.get_absolute_url() if accountable else ""),
        Fact("Holder", ", ".join(row.person.name for row in holders) or "nobody"),
        Fact("In this state", state.since if state else None, kind="moment"),
        Fact("Family", FAMILY_NAMES.get(duty.family, duty.family)),
        Fact("Lifecycle", ", ".join(duty.stages) or "all stages"),
        Fact("Hours a week", f"{duty.effort_hours:g}"),
        Fact("Priority", f"{duty.priority} of 5"),
        Fact("Must show every", f"{duty.cadence_days} days" if duty.cadence_days else "no set time"),
        Fact("ATLAS techniques", ", ".join(duty.techniques)),
        Fact("Unit", duty.unit),
        Fact("Id", duty.slug),
    ]


def _why(duty: Duty, rows: list[Assignment]) -> Why | None:
    state = getattr(duty, "coverage", None)
    if state is None:
        return None
    today = timezone.now().date()
    owners = [row for row in rows if row.kind == Assignment.Kind.ACCOUNTABLE and queries.in_force(row, today)]
    records = tuple(
        Link(row.role.title, row.role.get_absolute_url(), f"accountable, {_scope(row)}", STATE_TONES[state.state])
        for row in owners
    )
    return Why(state.reason, records, state.computed_at)


def _scope(row: Assignment) -> str:
    return row.scope_system or (row.scope_unit.name if row.scope_unit else "everywhere")


def _needs(duty: Duty, request: PageRequest) -> list[dict[str, object]]:
    """What the duty asks beside what the accountable role brings, as far as the viewer may see it."""
    snapshot = queries.current_view(timezone.now().date()).snapshot
    accountable = duty.coverage.accountable if hasattr(duty, "coverage") else None
    role = accountable.slug if accountable and accountable.slug in snapshot.roles else ""
    found = []
    for competence, needed in sorted(duty.requires.items()):
        known = snapshot.competences.get(competence)
        brings = snapshot.level(role, competence, duty.slug) if role else None
        found.append(
            {
                "competence": known.title if known else competence,
                "needed": needed,
                "brings": brings,
                "lacks": brings is not None and brings.level < needed,
                "restricted": brings is not None and not queries.sees_skills_of(request.viewer, brings.person),
            }
        )
    return found
