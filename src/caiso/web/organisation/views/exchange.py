"""The organisation as a file: import with every mistake named by line, export that reads back the same."""

from pathlib import Path

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods

from caiso.engine.coverage.organisation import Organisation, dump, parse_organisation
from caiso.engine.packs import PackError
from caiso.errors import DomainError
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.services import audit
from caiso.web.organisation import queries
from caiso.web.organisation.forms.answering import ImportForm
from caiso.web.organisation.services.catalogue import take_organisation
from caiso.web.organisation.views.coverage import may_replace, root_unit

PROBLEMS_SHOWN = 100


@page("organisation.edit")
@require_http_methods(["GET", "POST"])
def organisation_import(request: PageRequest) -> HttpResponse:
    """Read a file; a wrong line refuses it whole. The first sending shows what it holds, the second takes it in."""
    if not may_replace(request):
        raise Http404
    form = ImportForm(request.POST or None, request.FILES or None)
    problems: list[str] = []
    found: Organisation | None = None
    if request.method == "POST" and form.is_valid():
        found, problems = _read(form)
        if found is not None and request.POST.get("take") == "yes":
            try:
                take_organisation(found, root=root_unit(), actor=request.user, now=timezone.now())
                messages.success(request, f"Taken in: {len(found.duties)} duties, {len(found.roles)} roles.")
                return redirect("coverage")
            except DomainError as refusal:
                problems = [str(refusal)]
    context = {
        "form": form,
        "problems": problems[:PROBLEMS_SHOWN],
        "more": max(0, len(problems) - PROBLEMS_SHOWN),
        "found": found,
        "crumbs": [{"label": "Coverage", "url": "/organisation/"}, {"label": "Import"}],
    }
    refused = bool(problems or form.errors)
    return render(request, "organisation/import.html", context, status=422 if refused else 200)


def _read(form: ImportForm) -> tuple[Organisation | None, list[str]]:
    sent = form.cleaned_data["file"]
    stem, dot, ending = str(sent.name).rpartition(".")
    name = f"{slugify(stem if dot else sent.name)[:60] or 'organisation'}.{slugify(ending)[:8] or 'yaml'}"
    try:
        return parse_organisation(sent.read(), path=Path(name)), []
    except PackError as refusal:
        return None, [str(problem) for problem in refusal.problems]
    except DomainError as refusal:
        return None, [str(refusal)]


@page("organisation.edit")
@require_GET
def organisation_export(request: PageRequest) -> HttpResponse:
    """Everything recorded about the organisation as YAML; holds people's skills, so for those who may change it whole."""
    if not may_replace(request):
        raise Http404
    root = root_unit()
    audit.record(actor=request.user, verb="organisation.export", subject=root, now=timezone.now())
    response = HttpResponse(dump(queries.organisation(with_systems=False)), content_type="application/yaml")
    response["Content-Disposition"] = 'attachment; filename="organisation.yaml"'
    return response
