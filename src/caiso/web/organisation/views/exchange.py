"""The organisation as a file: import with every mistake named by line, export that reads back the same."""

import csv
import io
from dataclasses import replace
from pathlib import Path

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods

from caiso.engine.coverage.organisation import Organisation, dump, parse_organisation
from caiso.engine.coverage.organisation.tables import TABLES, read_table, write_table
from caiso.engine.packs import PackError
from caiso.errors import DomainError
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.queries import sees_whole
from caiso.web.base.register.files import read_table as read_file
from caiso.web.base.register.files import safe_text
from caiso.web.base.services import audit
from caiso.web.organisation import queries
from caiso.web.organisation.forms.answering import ImportForm, TableForm
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
    """Everything recorded about the organisation as YAML; for those who may change it whole."""
    if not may_replace(request):
        raise Http404
    root = root_unit()
    audit.record(actor=request.user, verb="organisation.export", subject=root, now=timezone.now())
    found = queries.organisation(with_systems=False)
    if not sees_whole(request.viewer, "skill.view"):
        # What people can do is personnel data; an export without it takes none away when it is imported.
        people = tuple(replace(person, skills=()) for person in found.people)
        found = replace(found, people=people, scorecard_evidence=())
    response = HttpResponse(dump(found), content_type="application/yaml")
    response["Content-Disposition"] = 'attachment; filename="organisation.yaml"'
    return response


@page("organisation.edit")
@require_http_methods(["GET", "POST"])
def organisation_table(request: PageRequest) -> HttpResponse:
    """People, roles, holdings, assignments or lines from CSV or Excel; the first sending only says what would happen."""
    if not may_replace(request):
        raise Http404
    form = TableForm(request.POST or None, request.FILES or None)
    problems: list[str] = []
    summary: dict[str, int] = {}
    if request.method == "POST" and form.is_valid():
        collection = form.cleaned_data["collection"]
        found, summary, problems = _read_rows(form, collection)
        if found is not None and request.POST.get("take") == "yes":
            try:
                take_organisation(found, root=root_unit(), actor=request.user, now=timezone.now())
            except DomainError as refusal:
                problems = [str(refusal)]
            else:
                messages.success(
                    request, f"Taken in: {summary['new']} new and {summary['changed']} changed {collection}."
                )
                return redirect("coverage")
    context = {
        "form": form,
        "problems": problems[:PROBLEMS_SHOWN],
        "more": max(0, len(problems) - PROBLEMS_SHOWN),
        "summary": summary,
        "tables": [{"name": name, "columns": ", ".join(table.columns)} for name, table in TABLES.items()],
        "crumbs": [{"label": "Coverage", "url": "/organisation/"}, {"label": "Import a table"}],
    }
    return render(request, "organisation/import_table.html", context, status=422 if problems or form.errors else 200)


def _read_rows(form: TableForm, collection: str) -> tuple[Organisation | None, dict[str, int], list[str]]:
    """The organisation with the rows laid over it, how many records that adds and changes, and every mistake."""
    sent = form.cleaned_data["file"]
    stem, _, ending = str(sent.name).rpartition(".")
    path = Path(f"{slugify(stem)[:60] or 'table'}.{slugify(ending)[:8] or 'csv'}")
    present = queries.organisation()
    try:
        rows = [row for _, row in read_file(str(path), sent.read())]
        found = read_table(present, collection, rows, path=path)
    except PackError as refusal:
        return None, {}, [str(problem) for problem in refusal.problems]
    except DomainError as refusal:
        return None, {}, [str(refusal)]
    before, after = getattr(present, collection), getattr(found, collection)
    known = {getattr(one, "id", one) for one in before}
    new = sum(1 for one in after if getattr(one, "id", one) not in known)
    return (
        found,
        {"rows": len(rows), "new": new, "changed": len(set(map(repr, after)) - set(map(repr, before))) - new},
        [],
    )


@page("organisation.edit")
@require_GET
def organisation_table_file(request: PageRequest, collection: str) -> HttpResponse:
    """A collection as CSV, in the columns that the import reads."""
    if not may_replace(request) or collection not in TABLES:
        raise Http404
    audit.record(
        actor=request.user,
        verb="organisation.export",
        subject=root_unit(),
        changes={"collection": [None, collection]},
        now=timezone.now(),
    )
    columns, rows = write_table(queries.organisation(with_systems=False), collection)
    text = io.StringIO()
    text.write("\ufeff")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([safe_text("" if cell is None else str(cell)) for cell in row] for row in rows)
    response = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{collection}.csv"'
    return response
