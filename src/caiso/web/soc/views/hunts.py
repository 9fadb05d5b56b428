"""Hunting: ask stored events in SQL or by conditions, see the answer, keep the question, make a rule of it."""

import csv
import io
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from caiso.connect.telemetry.query.filters import (
    MOST_CONDITIONS,
    OPERATORS,
    Filter,
    FilterCondition,
    filter_rule,
    known_fields,
)
from caiso.errors import DomainError
from caiso.web.base.access import visible
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.models import Unit
from caiso.web.base.record import Badge, Deed, Fact, Page, Tab, Why, record_context
from caiso.web.base.register.files import safe_text
from caiso.web.base.services.jobs import cancel
from caiso.web.soc import queries
from caiso.web.soc.forms import HuntForm, SaveHuntForm
from caiso.web.soc.hunting import Question, may_see_answer
from caiso.web.soc.models import HuntKind, HuntRun, SavedHunt
from caiso.web.soc.services import hunts as services
from caiso.web.soc.views.finds import finds_of, page_number

SHOWN_RUNS = 15
SHOWN_SAVED = 50
ROWS_A_PAGE = 100
MOST_PAGES = 100
LINE_OF_A_CELL = 40
BLANK_ROWS = 2
TONES = {"running": "info", "done": "good", "failed": "bad", "cancelled": "warn"}
EXAMPLES = (
    (
        "Tools by app",
        'SELECT "service.name", "gen_ai.tool.name", count(*) AS calls, count(DISTINCT "user.id") AS users\n'
        "FROM events\nWHERE \"event.kind\" IN ('tool', 'mcp')\nGROUP BY ALL\nORDER BY calls DESC",
    ),
    (
        "Longest answers",
        'SELECT happened_at, "service.name", "user.id", "gen_ai.usage.output_tokens", "aisoc.session"\n'
        'FROM events\nWHERE "event.kind" = \'inference\'\nORDER BY "gen_ai.usage.output_tokens" DESC NULLS LAST\nLIMIT 50',
    ),
    (
        "Where agents send things",
        'SELECT "aisoc.egress.host", "service.name", min(happened_at) AS first, count(*) AS calls\n'
        'FROM events\nWHERE "aisoc.egress.host" IS NOT NULL\nGROUP BY ALL\nORDER BY first DESC',
    ),
    (
        "Errors by hour",
        'SELECT date_trunc(\'hour\', happened_at) AS hour, "service.name", "error.type", count(*) AS errors\n'
        'FROM events\nWHERE "error.type" IS NOT NULL\nGROUP BY ALL\nORDER BY hour DESC, errors DESC',
    ),
    (
        "An attribute that has no column",
        "SELECT attributes['gen_ai.agent.version'] AS version, count(*)\nFROM events\nGROUP BY ALL",
    ),
)


@dataclass(frozen=True)
class Row:
    """A line of the filter builder."""

    number: int
    field: str = ""
    operator: str = "is"
    value: str = ""


@dataclass(frozen=True)
class Heading:
    """A column of the answer: its name, its type, and the address that sorts by it."""

    name: str
    type: str
    is_number: bool
    url: str
    sorted: str


@page("soc.view")
@require_http_methods(["GET", "POST"])
def hunt(request: PageRequest) -> HttpResponse:
    """Write a question; what was kept and what was asked before stands beside it."""
    question, saved, unread = _starting_point(request)
    form, save = (
        HuntForm(initial={"sql": question.sql, "hours": question.hours}, by=question.kind),
        _save_form(request, saved),
    )
    rows, any_of = _rows(question), bool(question.filter and question.filter.any_of)
    complaint = unread
    if request.method == "POST":
        form = HuntForm(request.POST, by=_kind_of(request))
        question, any_of = _asked(request, form)
        rows = _rows(question)
        deed = request.POST.get("deed", "run")
        save = SaveHuntForm(request.POST, units=_units(request)) if deed == "save" else save
        if form.is_valid() and (deed != "save" or save.is_valid()):
            try:
                if answer := _deed(request, deed, question, saved=saved, forms=(form, save)):
                    return answer
            except DomainError as refusal:
                complaint = str(refusal)
    by = question.kind.value
    context: dict[str, Any] = {
        "crumbs": [{"label": "Hunt"}],
        "by": by,
        "tabs": [
            {"label": label, "url": f"?by={key}", "current": by == key, "count": None}
            for key, label in (("sql", "SQL"), ("filter", "Filter"))
        ],
        "form": form,
        "save": save,
        "rows": rows,
        "more_rows": len(rows) < MOST_CONDITIONS,
        "any_of": any_of,
        "operators": OPERATORS.items(),
        "fields": known_fields(),
        "columns": _columns(),
        "examples": EXAMPLES,
        "saved": saved,
        "kept": [
            (one, services.may_keep(one, request.viewer)) for one in queries.saved_hunts(request.viewer)[:SHOWN_SAVED]
        ],
        "runs": [
            (run, queries.work_state(run), services.words_of(run))
            for run in queries.hunt_runs(request.viewer)[:SHOWN_RUNS]
        ],
        "tones": TONES,
        "complaint": complaint,
        "may_read_content": request.viewer.may("soc.content"),
        "may_write_rules": request.viewer.may("soc.rules"),
    }
    wrong = request.method == "POST" and (complaint or form.errors or save.errors)
    return render(request, "soc/hunt.html", context, status=422 if wrong else 200)


def _columns() -> list[tuple[str, str]]:
    """Every column with what it holds."""
    from caiso.connect.telemetry.query.dataset import COLUMNS  # noqa: PLC0415 - loads Arrow
    from caiso.connect.telemetry.table import COLUMN_TYPES  # noqa: PLC0415

    words = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    others = {"happened_at": "time", "attributes": "map", "integers": "map"}
    return [(name, others.get(name) or words.get(COLUMN_TYPES.get(name, object), "JSON")) for name in COLUMNS]


def _units(request: PageRequest) -> "QuerySet[Unit]":
    return visible(Unit.objects.order_by("path"), request.viewer, "soc.view", lookup="path")


def _save_form(request: PageRequest, saved: SavedHunt | None) -> SaveHuntForm:
    initial = {"name": saved.name, "unit": saved.unit_id} if saved else {}
    return SaveHuntForm(units=_units(request), initial=initial)


def _starting_point(request: PageRequest) -> tuple[Question, SavedHunt | None, str]:
    """A kept question, one that was asked, an example, or an empty form; and why one cannot be read."""
    saved = _of(queries.saved_hunts(request.viewer), request.GET.get("saved", ""))
    row = saved or _of(queries.hunt_runs(request.viewer), request.GET.get("run", ""))
    if row is not None:
        try:
            return services.question_of(row), saved, ""
        except DomainError as refusal:
            return Question(HuntKind.SQL, 24), saved, str(refusal)
    if request.GET.get("by") == "filter":
        return Question(HuntKind.FILTER, 24, filter=Filter([])), None, ""
    example = request.GET.get("example", "")
    chosen = int(example) if example.isdecimal() and len(example) < 3 else 0
    return Question(HuntKind.SQL, 24, EXAMPLES[chosen if chosen < len(EXAMPLES) else 0][1]), None, ""


def _of(rows: "QuerySet[Any]", number: str) -> Any:
    return rows.filter(pk=int(number)).first() if number.isdecimal() and len(number) < 18 else None


def _rows(question: Question) -> list[Row]:
    conditions = question.filter.conditions if question.filter else []
    count = min(MOST_CONDITIONS, len(conditions) + BLANK_ROWS)
    filled = [Row(number, one.field, one.operator, one.value) for number, one in enumerate(conditions, start=1)]
    return [*filled, *(Row(number) for number in range(len(filled) + 1, count + 1))]


def _kind_of(request: HttpRequest) -> HuntKind:
    return HuntKind.FILTER if request.POST.get("by") == "filter" else HuntKind.SQL


def _asked(request: HttpRequest, form: HuntForm) -> tuple[Question, bool]:
    hours = form.cleaned_data["hours"] if form.is_valid() else 24
    any_of = request.POST.get("any_of") == "any"
    if _kind_of(request) == HuntKind.SQL:
        return Question(HuntKind.SQL, hours, request.POST.get("sql", "").replace("\r\n", "\n")), any_of
    lists = [request.POST.getlist(name)[:MOST_CONDITIONS] for name in ("field", "operator", "value")]
    conditions = [
        FilterCondition(name.strip(), operator, value)
        for name, operator, value in zip(*lists, strict=False)
        if name.strip()
    ]
    return Question(HuntKind.FILTER, hours, filter=Filter(conditions, any_of)), any_of


def _deed(
    request: PageRequest,
    deed: str,
    question: Question,
    *,
    saved: SavedHunt | None,
    forms: tuple[HuntForm, SaveHuntForm],
) -> HttpResponse | None:
    form, save = forms
    now = timezone.now()
    if deed == "rows":
        return None
    if deed == "save":
        kept = services.save_hunt(question, viewer=request.viewer, now=now, **save.cleaned_data)
        messages.success(request, f"Kept as {kept.name} for {kept.unit}.")
        return redirect(kept)
    if deed == "rule":
        question.check()
        request.session["rule_draft"] = rule_draft(question)
        return redirect(f"{reverse('workbench_new')}?draft=hunt")
    run = services.request_hunt(
        question, viewer=request.viewer, purpose=form.cleaned_data["purpose"], saved=saved, now=now
    )
    return redirect(run)


def rule_draft(question: Question) -> str:
    """The question as the draft of a rule."""
    if question.filter is None:
        raise services.UnableToHunt("a rule can be made of conditions, not of SQL")
    return filter_rule(question.filter, slug="my-hunt", title=question.words)


@page("soc.view")
@require_GET
def hunt_run(request: PageRequest, pk: int) -> HttpResponse:
    """How far a hunt is, and its answer."""
    run = get_object_or_404(queries.hunt_runs(request.viewer), pk=pk)
    state = queries.work_state(run)
    open_to = may_see_answer(run, request.viewer)
    tab = Tab("answer", "Events found" if run.reads_content else "Answer", _answer_template(run), count=run.row_count)
    context = record_context(
        request,
        request.viewer,
        Page(
            record=run,
            title=run.saved.name if run.saved else f"Hunt {run.pk}",
            crumbs=(("Hunt", reverse("hunt")),),
            badges=(Badge(state.capitalize(), TONES[state]),),
            facts=_facts(run),
            tabs=(tab, Tab("question", "Question", "soc/hunt_question.html")),
            why=Why(run.error, as_of=run.finished_at) if run.error else None,
            deeds=_deeds(run, state, request, open_to=open_to),
            live="hunts" if state == "running" else "",
            extra={
                "run": run,
                "hunt": run,
                "state": state,
                "open_to": open_to,
                "question": services.words_of(run) if run.kind == HuntKind.FILTER else run.sql,
                **(_table(request, run) if not run.reads_content else _finds(request, run)),
            },
        ),
    )
    return render(request, "soc/hunt_run.html", context)


def _answer_template(run: HuntRun) -> str:
    return "soc/hunt_found.html" if run.reads_content else "soc/hunt_table.html"


def _facts(run: HuntRun) -> tuple[Fact, ...]:
    facts = [
        Fact("Asked", run.started_at, kind="moment"),
        Fact("Events from", run.start_at, kind="moment"),
        Fact("Events to", run.end_at, kind="moment"),
    ]
    if run.purpose:
        facts.append(Fact("Purpose", run.purpose))
    if run.seconds is not None:
        facts.append(Fact("Took", f"{run.seconds:.1f} s"))
    if run.reads_content and run.finished_at:
        facts += [Fact("Texts read", f"{run.with_content:,}"), Fact("Past retention", f"{run.content_gone:,}")]
    return tuple(facts)


def _deeds(run: HuntRun, state: str, request: PageRequest, *, open_to: bool) -> list[Deed]:
    if state == "running":
        return [Deed("Cancel", reverse("hunt_cancel", args=[run.pk]), "x", posts=True)]
    deeds = [Deed("Change and ask again", f"{reverse('hunt')}?run={run.pk}", "pencil")]
    if run.rows and open_to and request.viewer.may("export"):
        deeds.append(Deed("CSV", f"{reverse('hunt_file', args=[run.pk])}?{urlencode(_sorting(request))}", "download"))
    return deeds


def _sorting(request: HttpRequest) -> dict[str, str]:
    given = request.GET.get("sort", "")
    return {"sort": given} if given.lstrip("-").isdecimal() and len(given) < 5 else {}


def sorted_rows(rows: list[list[Any]], sort: str) -> list[list[Any]]:
    """Rows by a column's number, from 1, descending with a minus; what is empty comes last."""
    number = int(sort.lstrip("-") or 0)
    if not rows or not 1 <= number <= len(rows[0]):
        return rows
    at = number - 1
    filled = [row for row in rows if row[at] is not None]
    numbers = all(isinstance(row[at], int | float) for row in filled)
    # Whole numbers that JSON cannot hold come as text; among numbers they would not compare.
    filled.sort(key=lambda row: row[at] if numbers else str(row[at]), reverse=sort.startswith("-"))
    return filled + [row for row in rows if row[at] is None]


def _table(request: PageRequest, run: HuntRun) -> dict[str, Any]:
    if not may_see_answer(run, request.viewer):
        return {"shown": [], "headings": []}
    sort = _sorting(request).get("sort", "")
    number = page_number(request, MOST_PAGES)
    rows = sorted_rows(run.rows, sort)
    shown = rows[ROWS_A_PAGE * (number - 1) : ROWS_A_PAGE * number]
    here = urlencode(_sorting(request))
    return {
        "headings": [_heading(at, name, run, sort) for at, name in enumerate(run.columns, start=1)],
        "shown": [[_cell(name, value) for name, value in zip(run.columns, row, strict=False)] for row in shown],
        "number": number,
        "more": len(rows) > ROWS_A_PAGE * number,
        "earlier": f"?{here}&page={number - 1}",
        "later": f"?{here}&page={number + 1}",
    }


def _heading(at: int, name: str, run: HuntRun, sort: str) -> Heading:
    order = {str(at): "ascending", f"-{at}": "descending"}.get(sort, "")
    kind = run.types[at - 1]
    return Heading(name, kind, kind.startswith(_NUMERIC), f"?sort={'-' if sort == str(at) else ''}{at}", order)


@dataclass(frozen=True)
class Cell:
    """A value, whether it is a number, and where it leads."""

    value: Any
    is_number: bool = False
    url: str = ""

    @property
    def is_short(self) -> bool:
        """Whether it stays on one line: a moment, a name, an id."""
        return len(str(self.value)) <= LINE_OF_A_CELL


_NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UBIGINT", "UINTEGER", "FLOAT", "DOUBLE", "DECIMAL")
_THREADS = {"gen_ai.conversation.id": "conversation", "aisoc.session": "conversation", "trace_id": "trace"}


def _cell(name: str, value: Any) -> Cell:
    if value is None:
        return Cell("")
    if isinstance(value, bool):
        return Cell("true" if value else "false")
    if isinstance(value, int | float):
        return Cell(value, is_number=True)
    if name in _THREADS and value:
        return Cell(value, url=f"{reverse('event_thread', args=[_THREADS[name]])}?{urlencode({'id': value})}")
    return Cell(value)


def _finds(request: PageRequest, run: HuntRun) -> dict[str, Any]:
    purpose = f"hunt {run.pk}: {run.purpose}"
    return finds_of(run.found, between=(run.start_at, run.end_at), purpose=purpose, request=request)


@page("export")
@require_GET
def hunt_file(request: PageRequest, pk: int) -> HttpResponse:
    """The answer as CSV, in the order of the page."""
    if not request.viewer.may("soc.view"):  # such a person has no hunts, or has them no longer
        raise Http404
    run = get_object_or_404(queries.hunt_runs(request.viewer), pk=pk)
    if not may_see_answer(run, request.viewer):
        raise PermissionDenied
    services.record_export(run, actor=request.user, now=timezone.now())
    out = io.StringIO()
    out.write("\ufeff")  # without it a spreadsheet misreads UTF-8
    writer = csv.writer(out)
    writer.writerow([safe_text(name) for name in run.columns])
    for row in sorted_rows(run.rows, _sorting(request).get("sort", "")):
        writer.writerow(
            [safe_text(value) if isinstance(value, str) else "" if value is None else value for value in row]
        )
    response = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="hunt-{run.pk}.csv"'
    return response


@page("soc.view")
@require_POST
def hunt_cancel(request: PageRequest, pk: int) -> HttpResponse:
    """Stop a hunt; its process ends within a second."""
    run = get_object_or_404(queries.hunt_runs(request.viewer), pk=pk)
    try:
        if run.job is not None:
            cancel(run.job, actor=request.user, now=timezone.now())
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect(run)


@page("soc.view")
@require_POST
def hunt_delete(request: PageRequest, pk: int) -> HttpResponse:
    """Forget a kept question."""
    saved = get_object_or_404(queries.saved_hunts(request.viewer), pk=pk)
    try:
        services.delete_hunt(saved, viewer=request.viewer, now=timezone.now())
        messages.success(request, f"{saved.name} is deleted.")
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("hunt")
