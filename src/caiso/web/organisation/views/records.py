"""Adding and changing duties, roles, needs of teams, and processes by hand."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from caiso.errors import DomainError
from caiso.web.base.guard import PageRequest, page
from caiso.web.organisation import queries
from caiso.web.organisation.forms.records import DutyForm, NeedForm, NewDutyForm, NewRoleForm, ProcessForm, RoleForm
from caiso.web.organisation.services import records as services
from caiso.web.organisation.views.coverage import may_replace
from caiso.web.organisation.views.duties import editable_duty
from caiso.web.organisation.views.form_page import run_form
from caiso.web.organisation.views.roles import editable_role


@page("organisation.edit")
@require_http_methods(["GET", "POST"])
def duty_new(request: PageRequest) -> HttpResponse:
    """Add a duty of one's own."""
    form = NewDutyForm(request, request.POST or None)

    def make() -> Any:
        return services.create_duty(
            values=form.values(), unit=form.cleaned_data["unit"], actor=request.user, now=timezone.now()
        )

    return _new(request, form, make, title="Add a duty", about="What somebody must own.", of=("Duties", "duties_list"))


@page("organisation.edit")
@require_http_methods(["GET", "POST"])
def duty_change(request: PageRequest, pk: int) -> HttpResponse:
    """Change what a duty is, asks and takes."""
    row = editable_duty(request, pk)
    form = DutyForm(request.POST or None, row=row)
    return run_form(
        request,
        form,
        lambda _: services.update_duty(row, changes=form.values(), actor=request.user, now=timezone.now()),
        title="Change",
        about=row.title,
        back=row.get_absolute_url(),
        said="Changed; coverage is computed.",
    )


@page("organisation.edit")
@require_http_methods(["GET", "POST"])
def role_new(request: PageRequest) -> HttpResponse:
    """Add a role of one's own."""
    form = NewRoleForm(request, request.POST or None)

    def make() -> Any:
        return services.create_role(
            values=form.values(), unit=form.cleaned_data["unit"], actor=request.user, now=timezone.now()
        )

    about = "A position of the organisation, not a login's rights."
    return _new(request, form, make, title="Add a role", about=about, of=("Roles", "roles_list"))


@page("organisation.edit")
@require_http_methods(["GET", "POST"])
def role_change(request: PageRequest, pk: int) -> HttpResponse:
    """Change what a role is, may decide, can give and costs."""
    row = editable_role(request, pk)
    form = RoleForm(request.POST or None, initial={name: getattr(row, name) for name in services.ROLE_FIELDS})
    return run_form(
        request,
        form,
        lambda _: services.update_role(row, changes=form.values(), actor=request.user, now=timezone.now()),
        title="Change",
        about=row.title,
        back=row.get_absolute_url(),
        said="Changed; coverage is computed.",
    )


@page("skill.attest")
@require_http_methods(["GET", "POST"])
def need_put(request: PageRequest) -> HttpResponse:
    """Say which level a team needs in a competence."""
    form = NeedForm(request, request.POST or None, permission="skill.attest")

    def save(values: dict[str, Any]) -> None:
        competence = values.pop("competence").slug
        services.put_need(**values, competence=competence, actor=request.user, now=timezone.now())

    return run_form(
        request,
        form,
        save,
        title="What a team needs",
        about="Skills",
        back=reverse("skills"),
        said="Kept; the gaps are computed.",
    )


@page("organisation.edit")
@require_http_methods(["GET", "POST"])
def process_new(request: PageRequest) -> HttpResponse:
    """Record a policy or an assessment."""
    if not may_replace(request):
        raise Http404
    view = queries.current_view(timezone.now().date())
    form = ProcessForm(request, view.snapshot.organisation, request.POST or None)

    def save(values: dict[str, Any]) -> None:
        given = {name: value for name, value in values.items() if value}
        services.add_process(values=given, actor=request.user, now=timezone.now())

    return run_form(
        request, form, save, title="Record a process", about="Silos and tools", back=reverse("silos"), said="Recorded."
    )


@page("organisation.edit")
@require_POST
def process_drop(request: PageRequest) -> HttpResponse:
    """A process no longer exists."""
    if not may_replace(request):
        raise Http404
    try:
        services.drop_process(request.POST.get("process", "")[:80], actor=request.user, now=timezone.now())
        messages.success(request, "Removed.")
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("silos")


def _new(
    request: PageRequest, form: forms.Form, make: Any, *, title: str, about: str, of: tuple[str, str]
) -> HttpResponse:
    """Show the form; when it is sent and valid, add the record and open its page."""
    if request.method == "POST" and form.is_valid():
        try:
            row = make()
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "Added.")
            return redirect(row)
    back = reverse(of[1])
    context = {
        "form": form,
        "title": title,
        "about": about,
        "back": back,
        "crumbs": [{"label": of[0], "url": back}, {"label": title}],
    }
    return render(request, "organisation/form.html", context, status=422 if form.errors else 200)
