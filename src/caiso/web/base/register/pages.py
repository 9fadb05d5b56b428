"""The pages of a register: list, cell, forms, bulk edit, saved views, export and import. They work without scripts."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from caiso.errors import DomainError
from caiso.web.base import queries
from caiso.web.base.access import Viewer
from caiso.web.base.guard import PageRequest, opens, page
from caiso.web.base.models import SavedView
from caiso.web.base.presentation import counted
from caiso.web.base.register import editing, files
from caiso.web.base.register.declaration import Register
from caiso.web.base.register.kinds import UnableToRead
from caiso.web.base.register.listing import SIZES, Listing
from caiso.web.base.services import audit, workplace

View = Callable[..., HttpResponseBase]
MOST_EXPORTED = 100_000
IMPORT_LIFETIME_SECONDS = 3600


def register_urls(register: Register) -> list[URLPattern]:
    """The URL patterns of a register, under its path; put them into the app's urls."""
    base = (register.path or register.name.replace("_", "-")).strip("/")
    pages: list[tuple[str, str, View]] = [
        ("list", "", show_list),
        ("export", "export.<str:ending>", export),
        ("view_save", "views/save/", save_view),
        ("view_delete", "views/<int:number>/delete/", delete_view),
    ]
    if register.update or register.actions:
        pages += [("bulk", "bulk/", bulk)]
    if register.update:
        pages += [("cell", "cell/<str:key>/<str:column>/", cell), ("edit", "edit/<str:key>/", edit)]
    if register.create:
        pages += [("new", "new/", new)]
    if register.create or register.update:
        pages += [("import", "import/", bring_in)]
    return [path(f"{base}/{ending}", _bound(register, view), name=register.route(name)) for name, ending, view in pages]


def _bound(register: Register, view: View) -> View:
    """The view for one register, guarded by its permission."""

    @page(register.permission)
    def bound(request: HttpRequest, **arguments: Any) -> HttpResponseBase:
        return view(request, register, **arguments)

    bound.__name__ = f"{register.name}_{view.__name__}"
    if view is new:  # a page of its own right: whoever may not add gets 404
        bound.opens_for = register.may_create  # type: ignore[attr-defined]  # read by guard.opens
    return bound


@require_GET
def show_list(request: PageRequest, register: Register) -> HttpResponse:
    listing = Listing(register, request.viewer, request.GET)
    response = render(request, "shell/register.html", list_context(request, listing))
    if request.htmx and request.GET and not request.htmx.history_restore_request:
        # Forms send their empty fields too; the address bar keeps only what narrows the list.
        page_part = {"page": str(listing.page)} if listing.page > 1 else {}
        response["HX-Push-Url"] = listing.url(**page_part)
    return response


def list_context(request: PageRequest, listing: Listing) -> dict[str, Any]:
    """Everything the list template needs; apps that show a register inside their own page use it too."""
    register, viewer = listing.register, listing.viewer
    bulk_columns = [
        column for column in register.columns if (right := register.edit_right(column)) and viewer.may(right)
    ]
    return {
        "register": register,
        "listing": listing,
        "crumbs": [{"label": label, "url": url} for label, url in register.crumbs]
        + [{"label": register.many, "url": register.address()}],
        "sizes": SIZES,
        "views": _views(request, listing),
        "bulk_columns": [(column, column.kind.control("value", column.label, viewer)) for column in bulk_columns],
        "bulk_actions": [action for action in register.actions if viewer.may(action.permission)],
        "may_pick": bool(bulk_columns or [action for action in register.actions if viewer.may(action.permission)]),
        "may_export": register.may_export(viewer),
        "may_import": register.may_import(viewer),
        "may_create": register.may_create(viewer),
        "empty_url": _empty_url(register, viewer),
        "buttons": [button for button in register.buttons if viewer.may(button.permission)],
        "here": request.get_full_path(),
    }


def _empty_url(register: Register, viewer: Viewer) -> str:
    """Where an empty list sends a person, if that page opens to them."""
    address = resolve_url(register.empty_url) if register.empty_url else ""
    return address if address and opens(viewer, address) else ""


def _views(request: PageRequest, listing: Listing) -> list[dict[str, Any]]:
    """The tabs above the table: all, the built-in views, the saved ones."""
    register = listing.register
    now = listing.query_without("page", "size")
    tabs = [{"label": "All", "url": register.address(), "current": not now, "number": None}]
    for label, query in register.views:
        tabs.append(
            {"label": label, "url": f"{register.address()}?{query}", "current": _same(now, query), "number": None}
        )
    for saved in queries.saved_views(register.name, request.user):
        number = saved.pk if saved.owner_id == request.user.pk else None
        url = f"{register.address()}?{saved.query}"
        tabs.append(
            {
                "label": saved.name,
                "url": url,
                "current": _same(now, saved.query),
                "number": number,
                "shared": saved.is_shared,
            }
        )
    return tabs


def _same(one: str, other: str) -> bool:
    return sorted(QueryDict(one).lists()) == sorted(QueryDict(other).lists())


@require_http_methods(["GET", "POST"])
def cell(request: PageRequest, register: Register, key: str, column: str) -> HttpResponse:
    """One cell: GET gives its form (or with ?show=1 the cell), POST saves and gives the cell."""
    chosen = editing.column_of(register, column)
    record = editing.find(register, request.viewer, key)
    if not register.may_edit(chosen, record, request.viewer):
        raise Http404("this cell is not yours to change")
    if request.method == "GET":
        if request.htmx and request.GET.get("show"):
            return _cell_shown(request, register, record, column)
        return _cell_form(request, register, record, column)
    refusal = ""
    try:
        editing.change_cell(
            register,
            record,
            chosen,
            text=request.POST.get("value", ""),
            was=request.POST.get("was"),
            viewer=request.viewer,
            now=timezone.now(),
        )
    except UnableToRead as problem:
        refusal = f"{chosen.label} {problem}"
    except DomainError as problem:
        refusal = str(problem)
    record = register.rows(request.viewer).filter(**{register.key: key}).first()
    if refusal:
        if record is None:
            raise Http404("the record is gone")
        return _cell_form(request, register, record, column, error=refusal, written=request.POST.get("value", ""))
    if not request.htmx:
        messages.success(request, f"{chosen.label} saved.")
        return redirect(_next(request, register))
    if record is None:  # the change moved it out of sight
        return HttpResponse('<span class="quiet">moved</span>')
    return _cell_shown(request, register, record, column)


def _cell_shown(request: PageRequest, register: Register, record: Any, column: str) -> HttpResponse:
    listing = Listing(register, request.viewer, QueryDict())
    shown = listing.row(record)
    one = next((cell for cell in shown.cells if cell.column.key == column), None)
    if one is None:
        one = listing.cell(record, register.column(column), key=shown.key)
    return HttpResponse(one.html)


def _cell_form(
    request: PageRequest,
    register: Register,
    record: Any,
    column_key: str,
    *,
    error: str = "",
    written: str | None = None,
) -> HttpResponse:
    column = register.column(column_key)
    control = column.kind.control(
        "value", column.label, request.viewer, value=column.of(record), required=column.required
    )
    context = {
        "register": register,
        "control": control,
        "written": control.value if written is None else written[:10_000],
        "error": error,
        "url": register.address("cell", register.key_of(record), column.key),
        "was": editing.as_text(column, record),
        "label": str(register.title_column.of(record)),
        "next": _next(request, register),
        "clearable": not column.required,
        "crumbs": [{"label": register.many, "url": register.address()}, {"label": f"Change {column.label.lower()}"}],
    }
    if request.htmx:
        return render(request, "parts/register/cell_form.html", context)
    return render(request, "shell/register_cell.html", context, status=409 if error else 200)


@require_POST
def bulk(request: PageRequest, register: Register) -> HttpResponse:
    """Set a column of, or run an action on, the ticked rows (or every row that matches the filter)."""
    viewer, now = request.viewer, timezone.now()
    try:
        records = _picked(request, register)
        if action_key := request.POST.get("action", ""):
            action = next((one for one in register.actions if one.key == action_key), None)
            if action is None:
                raise Http404("no such action")
            said = editing.act(register, records, action=action, viewer=viewer, now=now)
        else:
            column = editing.column_of(register, request.POST.get("column", ""))
            count = editing.change_many(
                register, records, column=column, text=request.POST.get("value", ""), viewer=viewer, now=now
            )
            said = f"{column.label} set for {counted(count, register.one.lower(), register.many.lower())}."
    except DomainError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, said)
    return redirect(_next(request, register))


def _picked(request: PageRequest, register: Register) -> list[Any]:
    if request.POST.get("scope") != "matching":
        return editing.chosen(register, request.viewer, request.POST.getlist("pick"))
    query = request.POST.get("query", "")[:2000]
    rows = list(Listing(register, request.viewer, QueryDict(query)).rows[: editing.MOST_AT_ONCE + 1])
    if len(rows) > editing.MOST_AT_ONCE:
        raise editing.UnableToChange(f"more than {editing.MOST_AT_ONCE} rows match; narrow the filter")
    return rows


@require_http_methods(["GET", "POST"])
def new(request: PageRequest, register: Register) -> HttpResponse:
    if not register.may_create(request.viewer) or register.create is None:
        raise Http404("you cannot add one here")
    columns = editing.form_columns(register, request.viewer)
    errors: dict[str, str] = {}
    refusal = ""
    if request.method == "POST":
        fields, errors = editing.read_form(columns, request.POST, request.viewer)
        if not errors:
            try:
                record = register.create(values=fields, actor=request.user, now=timezone.now())
            except DomainError as problem:
                refusal = str(problem)
            else:
                messages.success(request, f"{register.one} added.")
                return redirect(register.url(record) if register.url else register.address())
    return _form(request, register, columns, title=f"New {register.one.lower()}", errors=errors, refusal=refusal)


@require_http_methods(["GET", "POST"])
def edit(request: PageRequest, register: Register, key: str) -> HttpResponse:
    record = editing.find(register, request.viewer, key)
    columns = editing.form_columns(register, request.viewer, record)
    if not columns:
        raise Http404("nothing here is yours to change")
    errors: dict[str, str] = {}
    refusal = ""
    if request.method == "POST":
        fields, errors = editing.read_form(columns, request.POST, request.viewer, record)
        if not errors:
            try:
                if fields:
                    editing.change(register, record, changes=fields, viewer=request.viewer, now=timezone.now())
            except DomainError as problem:
                refusal = str(problem)
            else:
                messages.success(request, "Saved." if fields else "Nothing was changed.")
                return redirect(_next(request, register))
    title = str(register.title_column.of(record))
    return _form(request, register, columns, title=title, record=record, errors=errors, refusal=refusal)


def _form(
    request: PageRequest,
    register: Register,
    columns: Any,
    *,
    title: str,
    errors: dict[str, str],
    refusal: str,
    record: Any = None,
) -> HttpResponse:
    posted = request.POST if request.method == "POST" else None
    context = {
        "register": register,
        "title": title,
        "fields": editing.controls(columns, request.viewer, record=record, posted=posted, errors=errors),
        "refusal": refusal,
        "next": _next(request, register),
        "crumbs": [{"label": register.many, "url": register.address()}, {"label": title}],
    }
    return render(request, "shell/register_form.html", context, status=422 if errors or refusal else 200)


@require_POST
def save_view(request: PageRequest, register: Register) -> HttpResponse:
    query = Listing(register, request.viewer, QueryDict(request.POST.get("query", "")[:4000])).query_without(
        "page", "size"
    )
    try:
        workplace.save_view(
            register.name,
            name=request.POST.get("name", ""),
            query=query,
            is_shared=request.POST.get("shared") == "on",
            owner=request.user,
            now=timezone.now(),
        )
    except DomainError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "View saved.")
    return redirect(f"{register.address()}?{query}")


@require_POST
def delete_view(request: PageRequest, register: Register, number: int) -> HttpResponse:
    saved = SavedView.objects.filter(pk=number, register=register.name, owner=request.user).first()
    if saved is None:
        raise Http404("no such view")
    workplace.delete_view(saved, actor=request.user, now=timezone.now())
    messages.success(request, f"View “{saved.name}” deleted.")
    return redirect(register.address())


class Portions(StreamingHttpResponse):
    """An answer that is made while it is sent; Django's own would make all of it first, in memory, under ASGI."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        portions: Iterator[bytes] = iter(self)
        ask = sync_to_async(lambda: next(portions, None))
        while (portion := await ask()) is not None:
            yield portion


@require_GET
def export(request: PageRequest, register: Register, ending: str) -> HttpResponseBase:
    """Every matching row as CSV or Excel; recorded in the audit trail."""
    if ending not in {"csv", "xlsx"} or not register.may_export(request.viewer):
        raise Http404("there is no such file")
    listing = Listing(register, request.viewer, request.GET)
    exportable = register.exportable(request.viewer)
    keys = list(listing.rows.filter(exportable).values_list("pk", flat=True)[:MOST_EXPORTED])
    now = timezone.now()
    audit.record(
        actor=request.user,
        verb="export",
        subject=audit.Subject("Register", register.name, register.many),
        changes={"rows": [None, len(keys)], "format": [None, ending], "query": [None, request.GET.urlencode()[:500]]},
        now=now,
    )
    columns = listing.columns
    records = files.in_portions(register.rows(request.viewer).filter(exportable), keys)
    name = f'attachment; filename="{files.file_name(register, ending, now)}"'
    if ending == "xlsx":
        kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        return HttpResponse(
            files.workbook(register, columns, records),
            content_type=kind,
            headers={"Content-Disposition": name},
        )
    lines = files.csv_lines(register, columns, records)
    return Portions(lines, content_type="text/csv; charset=utf-8", headers={"Content-Disposition": name})


@require_http_methods(["GET", "POST"])
def bring_in(request: PageRequest, register: Register) -> HttpResponse:
    """Import: a dry run first; the second step carries the same table, signed, and checks it again."""
    if not register.may_import(request.viewer):
        raise Http404("you cannot import here")
    context: dict[str, Any] = {
        "register": register,
        "writable": register.writable(),
        "most_rows": files.MOST_ROWS,
        "crumbs": [{"label": register.many, "url": register.address()}, {"label": "Import"}],
    }
    if request.method == "GET":
        return render(request, "shell/register_import.html", context)
    try:
        table, signed = _table(request, register)
        made = files.plan(register, table, request.viewer)
        if "apply" in request.POST and made.is_good:
            created, changed = files.apply(register, made, viewer=request.viewer, now=timezone.now())
            messages.success(request, f"Imported: {created} added, {changed} changed.")
            return redirect(register.address())
    except DomainError as refusal:
        return render(request, "shell/register_import.html", {**context, "refusal": str(refusal)}, status=422)
    context |= {"plan": made, "signed": signed, "preview": _preview(register, made)}
    return render(request, "shell/register_import.html", context, status=200 if made.is_good else 422)


def _table(request: PageRequest, register: Register) -> tuple[list[tuple[int, dict[str, str]]], str]:
    salt = f"import:{register.name}:{request.user.pk}"
    if upload := request.FILES.get("file"):
        if (upload.size or 0) > files.LARGEST_FILE:
            raise files.UnableToImport(f"the file is larger than {files.LARGEST_FILE // 1_048_576} MB")
        table = files.read_table(upload.name or "", upload.read())
        return table, signing.dumps(table, salt=salt, compress=True)
    try:
        signed = request.POST.get("table", "")
        loaded = signing.loads(signed, salt=salt, max_age=IMPORT_LIFETIME_SECONDS)
    except signing.BadSignature:
        raise files.UnableToImport("choose a file first (a checked file is kept for one hour)") from None
    return [(number, line) for number, line in loaded], signed


def _preview(register: Register, made: files.Plan) -> list[dict[str, Any]]:
    """The first changes in words: row, title, and field by field what it becomes."""
    lines = []
    for number, record, changes in made.updates[:20]:
        pairs = [
            (register.column(key), editing.as_text(register.column(key), record), value)
            for key, value in changes.items()
        ]
        fields = [(column.label, before, column.kind.export(value)) for column, before, value in pairs]
        lines.append({"row": number, "title": str(register.title_column.of(record)), "fields": fields, "is_new": False})
    for number, values in made.creates[:20]:
        fields = [
            (register.column(key).label, "", register.column(key).kind.export(value)) for key, value in values.items()
        ]
        title = values.get(register.title_column.key, "")
        lines.append({"row": number, "title": str(title), "fields": fields, "is_new": True})
    return sorted(lines, key=lambda line: int(str(line["row"])))


def _next(request: HttpRequest, register: Register) -> str:
    """Where to go afterwards: the page that was left, if it is ours."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if wanted and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return wanted
    return register.address()
