"""The organisation as a file: import with every mistake named by line, export that reads back the same."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods

from caiso.engine.coverage.organisation import Organisation, dump, parse_organisation
from caiso.engine.coverage.organisation.tables import TABLES, Table, read_table, write_table
from caiso.engine.packs import PackError
from caiso.errors import DomainError
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.queries import sees_whole
from caiso.web.base.register.files import read_table as read_file
from caiso.web.base.register.files import safe_text, sheet
from caiso.web.base.services import audit
from caiso.web.organisation import queries
from caiso.web.organisation.comparison import compare_with_stored
from caiso.web.organisation.forms.answering import FileForm, TableForm
from caiso.web.organisation.services.catalogue import take_organisation
from caiso.web.organisation.views.coverage import may_replace, root_unit

PROBLEMS_SHOWN = 100
CSV = "text/csv; charset=utf-8"
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@page("organisation.edit")
@require_http_methods(["GET", "POST"])
def organisation_import(request: PageRequest) -> HttpResponse:
    """Read a file; a wrong line refuses it whole. The first sending shows what it would change, the second takes it in."""
    if not may_replace(request):
        raise Http404
    form = FileForm(request.POST or None, request.FILES or None)
    problems: list[str] = []
    found: Organisation | None = None
    if request.method == "POST" and form.is_valid():
        found, problems = _read(form)
        if found is not None:
            problems = _attested_by_right(request, found)
        if found is not None and not problems and request.POST.get("take") == "yes":
            try:
                take_organisation(
                    found,
                    root=root_unit(),
                    actor=request.user,
                    now=timezone.now(),
                    only=form.cleaned_data["only"],
                )
                messages.success(request, f"Taken in: {len(found.duties)} duties, {len(found.roles)} roles.")
                return redirect("coverage")
            except DomainError as refusal:
                problems = [str(refusal)]
    context = {
        "form": form,
        "problems": problems[:PROBLEMS_SHOWN],
        "more": max(0, len(problems) - PROBLEMS_SHOWN),
        "found": found,
        "steps": compare_with_stored(found) if found is not None and not problems else [],
        "only": form.is_bound and form.is_valid() and form.cleaned_data["only"],
        "crumbs": [{"label": "Coverage", "url": reverse("coverage")}, {"label": "Import"}],
    }
    refused = bool(problems or form.errors)
    return render(request, "organisation/import.html", context, status=422 if refused else 200)


def _read(form: FileForm) -> tuple[Organisation | None, list[str]]:
    sent = form.cleaned_data["file"]
    stem, dot, ending = str(sent.name).rpartition(".")
    name = f"{slugify(stem if dot else sent.name)[:60] or 'organisation'}.{slugify(ending)[:8] or 'yaml'}"
    try:
        return parse_organisation(sent.read(), path=Path(name)), []
    except PackError as refusal:
        return None, [str(problem) for problem in refusal.problems]
    except DomainError as refusal:
        return None, [str(refusal)]


def _attested_by_right(request: PageRequest, found: Organisation) -> list[str]:
    """What people can do is attested by who may; an importer who may not brings none of it in."""
    told = any(person.skills for person in found.people) or bool(found.scorecard_evidence)
    if not told or sees_whole(request.viewer, "skill.attest"):
        return []
    return [
        "The file says what people can do; taking that in needs the right to attest skills in the whole organisation."
    ]


@page("organisation.edit")
@require_GET
def organisation_export(request: PageRequest) -> HttpResponse:
    """Everything recorded about the organisation as YAML; for those who may change it whole."""
    if not may_replace(request):
        raise Http404
    root = root_unit()
    audit.record(actor=request.user, verb="organisation.export", subject=root, now=timezone.now())
    found = queries.organisation()
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
    """Rows of one collection from CSV or Excel; the first sending only says what would happen."""
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
        "tables": [{"name": name, "columns": _columns(table)} for name, table in TABLES.items()],
        "crumbs": [{"label": "Coverage", "url": reverse("coverage")}, {"label": "Import a table"}],
    }
    return render(request, "organisation/import_table.html", context, status=422 if problems or form.errors else 200)


def _columns(table: Table) -> str:
    return ", ".join((*table.columns, *((f"{table.prefix}<id>",) if table.prefix else ())))


def _read_rows(form: TableForm, collection: str) -> tuple[Organisation | None, dict[str, int], list[str]]:
    """The organisation with the rows laid over it, how many records that adds and changes, and every mistake."""
    sent = form.cleaned_data["file"]
    stem, _, ending = str(sent.name).rpartition(".")
    path = Path(f"{slugify(stem)[:60] or 'table'}.{slugify(ending)[:8] or 'csv'}")
    present = queries.organisation()
    try:
        rows = read_file(str(path), sent.read())
        found = queries.without_root(read_table(queries.with_root(present), collection, rows, path=path))
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
def organisation_table_file(request: PageRequest, collection: str, ending: str) -> HttpResponse:
    """A collection as CSV or Excel, in the columns that the import reads."""
    if not may_replace(request) or collection not in TABLES or ending not in ("csv", "xlsx"):
        raise Http404
    audit.record(
        actor=request.user,
        verb="organisation.export",
        subject=root_unit(),
        changes={"collection": [None, collection]},
        now=timezone.now(),
    )
    columns, rows = write_table(queries.organisation(), collection)
    content, kind = (sheet(collection, columns, rows), EXCEL) if ending == "xlsx" else (_csv(columns, rows), CSV)
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{collection}.{ending}"'
    return response


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    text.write("\ufeff")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([safe_text("" if cell is None else str(cell)) for cell in row] for row in rows)
    return text.getvalue()
