"""The page of a role: who holds it since when, what it answers for, its load, its lines, its competences."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from caiso.engine.coverage.load import hours_text
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.record import Badge, Deed, Fact, Page, Tab, record_context
from caiso.web.organisation import queries
from caiso.web.organisation.forms.answering import (
    AppointForm,
    AssignToRoleForm,
    ConfirmForm,
    DelegateForm,
    EndForm,
    LineForm,
)
from caiso.web.organisation.models import Competence, Delegate, Holding, Role
from caiso.web.organisation.registers import STATE_TONES
from caiso.web.organisation.services import answering
from caiso.web.organisation.views.form_page import run_form


@page("view")
@require_GET
def role_record(request: PageRequest, pk: int) -> HttpResponse:
    """Holders with dates, duties, load against capacity, lines and competences."""
    role = queries.role_or_404(request.viewer, pk)
    may_edit = request.viewer.may("organisation.edit", role.unit.path)
    load = queries.latest_totals().get("loads", {}).get(role.slug)
    duties = _duties(role, request)
    shown = Page(
        record=role,
        title=role.title,
        crumbs=(("Roles", reverse("roles_list")),),
        lead=role.description,
        badges=_badges(role, load),
        facts=_facts(role, load),
        tabs=(
            Tab("duties", "Duties", "organisation/role_duties.html", count=len(duties)),
            Tab("holders", "Holders", "organisation/role_holders.html", count=len(_current(role))),
            Tab("lines", "Reporting lines", "organisation/role_lines.html"),
            Tab("competences", "Competences", "organisation/role_competences.html", count=len(role.competences)),
        ),
        deeds=_deeds(role) if may_edit and not role.is_template else [],
        live="coverage",
        extra={"role": role, "duties": duties, "load": load, "may_edit": may_edit, **_dated(role)},
    )
    return render(request, "shell/record.html", record_context(request, request.viewer, shown))


def _current(role: Role) -> list[Holding]:
    return queries.holders_now(role, on=timezone.now().date())


def _dated(role: Role) -> dict[str, Any]:
    """Everything with dates, what is in force first."""
    today = timezone.now().date()

    def shown(rows: Any) -> list[dict[str, Any]]:
        found = [{"row": row, "active": queries.in_force(row, today)} for row in rows]
        return sorted(found, key=lambda one: not one["active"])

    return {
        "holdings": shown(role.holdings.select_related("person").order_by("-since_on")),
        "delegates": shown(role.delegates.select_related("person", "delegate")),
        "lines_up": shown(role.lines_up.select_related("senior")),
        "lines_down": shown(role.lines_down.select_related("junior")),
        "competences": _competences(role),
    }


def _competences(role: Role) -> list[dict[str, Any]]:
    return [
        {
            "row": competence,
            "level": role.competences.get(competence.slug, 0),
            "anchor": (competence.anchors or [""] * 5)[role.competences.get(competence.slug, 0)],
        }
        for competence in Competence.objects.all()
    ]


def _duties(role: Role, request: PageRequest) -> list[dict[str, Any]]:
    """Assignments in force on duties in sight, accountable ones first."""
    today = timezone.now().date()
    seen = {duty.pk: duty for duty in queries.visible_duties(request.viewer).filter(assignments__role=role).distinct()}
    order = "ARCI"
    rows = [row for row in role.assignments.select_related("scope_unit") if row.duty_id in seen]
    found = []
    for row in sorted(rows, key=lambda row: (order.index(row.kind), seen[row.duty_id].title)):
        if queries.in_force(row, today):
            duty = seen[row.duty_id]
            state = duty.coverage.state if hasattr(duty, "coverage") else ""
            label = dict(queries.STATES).get(state, "Not computed")
            found.append({"row": row, "duty": duty, "state": label, "tone": STATE_TONES.get(state, "unknown")})
    return found


def _badges(role: Role, load: dict[str, Any] | None) -> list[Badge]:
    if role.is_template:
        return [Badge("Template", "info")]
    badges = [Badge("Held", "good") if _current(role) else Badge("Vacant", "bad")]
    badges.append(Badge("Competences confirmed", "good") if role.is_confirmed else Badge("Competences assumed", "warn"))
    if load and load["capacity"] and load["demand"] > load["capacity"]:
        badges.append(Badge("Past capacity", "bad"))
    return badges


def _facts(role: Role, load: dict[str, Any] | None) -> list[Fact]:
    holders = ", ".join(row.person.name for row in _current(role))
    asked = "not computed yet"
    if load:
        asked = f"{hours_text(load['demand'])} of {hours_text(load['capacity'])} hours a week"
    return [
        Fact("Holder", holders or "nobody"),
        Fact("Load", asked),
        Fact("Duties beyond capacity", len(load["beyond"]) if load else ""),
        Fact("Authority", f"{role.authority} of 5" if role.authority is not None else "not assessed"),
        Fact("Full-time capacity", f"{role.capacity_hours:g} hours a week"),
        Fact("Unit", role.unit),
        Fact("Id", role.slug),
    ]


def _deeds(role: Role) -> list[Deed]:
    return [
        Deed("Appoint", reverse("role_appoint", args=[role.pk]), icon="user-check"),
        Deed("Give a duty", reverse("role_assign", args=[role.pk]), icon="plus"),
        Deed("Confirm competences", reverse("role_confirm", args=[role.pk]), icon="certificate"),
        Deed("Change", reverse("role_change", args=[role.pk]), icon="pencil"),
    ]


@page("organisation.edit")
@require_http_methods(["GET", "POST"])
def role_appoint(request: PageRequest, pk: int) -> HttpResponse:
    """Let a person hold the role."""
    role = editable_role(request, pk)

    def save(values: dict[str, Any]) -> None:
        percent = values.pop("percent")
        share = percent / 100 if percent else None
        answering.appoint(role, share=share, **values, actor=request.user, now=timezone.now())

    return _run(request, role, AppointForm(request, request.POST or None), save, title="Appoint", said="Appointed.")


@page("organisation.edit")
@require_http_methods(["GET", "POST"])
def role_assign(request: PageRequest, pk: int) -> HttpResponse:
    """Give the role a duty."""
    role = editable_role(request, pk)

    def save(values: dict[str, Any]) -> None:
        answering.assign_duty(role=role, **values, actor=request.user, now=timezone.now())

    return _run(
        request, role, AssignToRoleForm(request, request.POST or None), save, title="Give a duty", said="Given."
    )


@page("organisation.edit")
@require_http_methods(["GET", "POST"])
def role_delegate(request: PageRequest, pk: int) -> HttpResponse:
    """Let somebody stand in for a holder."""
    role = editable_role(request, pk)

    def save(values: dict[str, Any]) -> None:
        answering.delegate_role(role, **values, actor=request.user, now=timezone.now())

    form = DelegateForm(request, role, request.POST or None)
    return _run(request, role, form, save, title="Name a delegate", said="Named.")


@page("organisation.edit")
@require_http_methods(["GET", "POST"])
def role_line(request: PageRequest, pk: int) -> HttpResponse:
    """Say to whom the role answers."""
    role = editable_role(request, pk)

    def save(values: dict[str, Any]) -> None:
        answering.draw_line(role, **values, actor=request.user, now=timezone.now())

    form = LineForm(request, role, request.POST or None)
    return _run(request, role, form, save, title="Change the reporting line", said="Changed.")


@page("organisation.edit")
@require_http_methods(["GET", "POST"])
def role_confirm(request: PageRequest, pk: int) -> HttpResponse:
    """State what the role truly brings."""
    role = editable_role(request, pk)
    form = ConfirmForm(role, request.POST or None)

    def save(values: dict[str, Any]) -> None:
        answering.confirm_competences(role, levels=form.levels(), actor=request.user, now=timezone.now())

    return _run(request, role, form, save, title="Confirm competences", said="Confirmed: no assumption any more.")


@page("organisation.edit")
@require_http_methods(["GET", "POST"])
def holding_end(request: PageRequest, pk: int) -> HttpResponse:
    """Let somebody's time in a role end."""
    row = Holding.objects.select_related("role", "person").filter(pk=pk).first()
    if row is None:
        raise Http404
    role = editable_role(request, row.role_id)

    def save(values: dict[str, Any]) -> None:
        answering.end_holding(row, **values, actor=request.user, now=timezone.now())

    return _run(request, role, EndForm(request.POST or None), save, title="End holding", said="Ended.")


@page("organisation.edit")
@require_http_methods(["GET", "POST"])
def delegation_end(request: PageRequest, pk: int) -> HttpResponse:
    """Let a delegation run out."""
    row = Delegate.objects.select_related("role", "delegate").filter(pk=pk).first()
    if row is None:
        raise Http404
    role = editable_role(request, row.role_id)

    def save(values: dict[str, Any]) -> None:
        answering.end_delegation(row, **values, actor=request.user, now=timezone.now())

    return _run(request, role, EndForm(request.POST or None), save, title="End delegation", said="Ended.")


def editable_role(request: PageRequest, pk: int) -> Role:
    """The role where the viewer may change the organisation; elsewhere it does not exist."""
    role = queries.role_or_404(request.viewer, pk)
    if not request.viewer.may("organisation.edit", role.unit.path):
        raise Http404
    return role


def _run(request: PageRequest, role: Role, form: Any, save: Any, *, title: str, said: str) -> HttpResponse:
    return run_form(request, form, save, title=title, about=role.title, back=role.get_absolute_url(), said=said)
