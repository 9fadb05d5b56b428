"""Drills: what would have been seen of known attacks, which was missed and why, and the way to play them again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from caiso.errors import DomainError
from caiso.web.base.guard import PageRequest, page
from caiso.web.base.presentation import counted
from caiso.web.base.record import Badge, Deed, Fact, Page, Tab, Why, record_context
from caiso.web.base.services.jobs import cancel
from caiso.web.soc import drills, queries
from caiso.web.soc.layers import layer_for
from caiso.web.soc.models import DrillResult, DrillRun, TechniqueCoverage
from caiso.web.soc.registers import DRILL_RUNS, DRILL_TONES
from caiso.web.soc.services.drills import request_drill

SHOWN_RUNS = 20
MOST_SYSTEMS = 12


@dataclass(frozen=True)
class MatrixCell:
    """One technique against one system; `word` is what the cell says."""

    word: str
    tone: str
    url: str = ""
    title: str = ""


@dataclass(frozen=True)
class MatrixRow:
    """A technique: what its traces showed, then system by system."""

    technique: str
    name: str
    drill: MatrixCell
    cells: tuple[MatrixCell, ...]


@page("soc.view")
@require_GET
def drill_board(request: PageRequest) -> HttpResponse:
    """Matrix, trend, what was missed and why."""
    now = timezone.now()
    results = drills.standing_results(now=now)
    choices, problems = drills.installed_packs()
    runs = queries.drill_runs()
    last = runs.exclude(finished_at=None).first()
    rows, systems, hidden = _matrix(request)
    pairs = queries.coverage_counts(request.viewer)
    context = {
        "crumbs": [{"label": "Drills"}],
        "results": results,
        "counts": _counts(results),
        "of_traces": f"of {len(results)}",
        "pairs": pairs,
        "of_pairs": f"of {pairs['all']:,}",
        "failed": [result for result in results if result.outcome != DrillResult.Outcome.COVERED],
        "tones": DRILL_TONES,
        "rows": rows,
        "systems": systems,
        "hidden_systems": hidden,
        "trend": _trend(runs, {choice.id for choice in choices}),
        "runs": runs[:6],
        "running": runs.filter(finished_at=None).select_related("job").first(),
        "last": last,
        "stale": last is not None and bool(last.label) and last.label != queries.rules_label(),
        "choices": choices,
        "problems": problems,
        "may_run": request.viewer.may("soc.rules"),
    }
    return render(request, "soc/drill_board.html", context)


def _counts(results: Sequence[DrillResult]) -> dict[str, int]:
    counts = dict.fromkeys(DrillResult.Outcome.values, 0)
    for result in results:
        counts[result.outcome] += 1
    return counts


def _matrix(request: PageRequest) -> tuple[list[MatrixRow], list[str], int]:
    """Techniques by systems that the viewer may see; how many systems are left out for room."""
    systems = queries.covered_systems(request.viewer)
    shown = dict(systems.order_by("name", "pk").values_list("pk", "name")[:MOST_SYSTEMS])
    by_technique: dict[str, dict[int, TechniqueCoverage]] = {}
    for technique in queries.covered_techniques(request.viewer):
        by_technique[technique] = {}
    # Only of the systems that have room: hundreds of them by a hundred techniques would be read to be left out.
    for pair in queries.technique_coverage(request.viewer).select_related(None).filter(asset__in=shown):
        by_technique[pair.technique][pair.asset_id] = pair
    standing = drills.standing_by_technique(now=timezone.now())
    names = queries.technique_names()
    rows = []
    for technique in sorted(set(by_technique) | set(standing)):
        found = by_technique.get(technique, {})
        rows.append(
            MatrixRow(
                technique,
                names.get(technique, ""),
                _drilled(standing.get(technique)),
                tuple(_cell(found.get(pk)) for pk in shown),
            )
        )
    return rows, list(shown.values()), systems.count() - len(shown)


def _drilled(standing: drills.Standing | None) -> MatrixCell:
    if standing is None:
        return MatrixCell("not drilled", "unknown")
    covered = len(standing.results) - len(standing.failed)
    title = f"{covered} of {counted(len(standing.results), 'trace', 'traces')} covered"
    return MatrixCell(standing.outcome, DRILL_TONES[standing.outcome], title=title)


def _cell(pair: TechniqueCoverage | None) -> MatrixCell:
    if pair is None:
        return MatrixCell("none", "unknown")
    title = f"does not send {', '.join(pair.missing_fields)}" if pair.missing_fields else ""
    return MatrixCell(pair.outcome, DRILL_TONES[pair.outcome], reverse("coverage_record", args=[pair.pk]), title)


def _trend(runs: "QuerySet[DrillRun]", every: set[str]) -> dict[str, Any] | None:
    """Whole drills only: a drill of one pack beside them would look like a fall."""
    whole = [run for run in runs.filter(error="").exclude(finished_at=None)[:200] if every <= set(run.packs)]
    whole = whole[:SHOWN_RUNS][::-1]
    if len(whole) < 2:
        return None
    return {
        "labels": [timezone.localtime(run.started_at).strftime("%-d %b %H:%M") for run in whole],
        "series": [
            {"name": "Covered", "values": [run.covered for run in whole], "tone": "good"},
            {"name": "Noisy", "values": [run.noisy for run in whole], "tone": "warn"},
            {"name": "Blind", "values": [run.blind for run in whole]},
            {"name": "Missed", "values": [run.missed for run in whole], "tone": "bad"},
        ],
    }


@page("soc.rules")
@require_POST
def drill_start(request: PageRequest) -> HttpResponse:
    """Ask the worker to play one pack, or all of them."""
    pack = request.POST.get("pack", "")[:80]
    try:
        run = request_drill([pack] if pack else [], actor=request.user, now=timezone.now())
    except DomainError as refusal:
        messages.error(request, str(refusal))
        return redirect("drill_board")
    return redirect("drill_record", pk=run.pk)


@page("soc.rules")
@require_POST
def drill_cancel(request: PageRequest, pk: int) -> HttpResponse:
    """Stop a drill that waits or runs."""
    run = get_object_or_404(queries.drill_runs(), pk=pk)
    try:
        if run.job is not None:
            cancel(run.job, actor=request.user, now=timezone.now())
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("drill_record", pk=pk)


@page("soc.view")
@require_GET
def drill_record(request: PageRequest, pk: int) -> HttpResponse:
    """One drill, trace by trace."""
    run = get_object_or_404(queries.drill_runs(), pk=pk)
    state = queries.work_state(run)
    results = list(run.results.all())
    order = list(DrillResult.Outcome.values)
    shown = Page(
        record=run,
        title=f"Drill of {timezone.localtime(run.started_at):%-d %b %Y %H:%M}",
        crumbs=(("Drills", reverse("drill_board")), ("All drills", DRILL_RUNS.address())),
        badges=_badges(run, state),
        facts=(
            Fact("Packs", ", ".join(run.packs)),
            Fact("Traces", run.traces),
            Fact("Rules", run.rules),
            Fact("Asked by", run.requested_by or "caiso"),
            Fact("Started", run.started_at, kind="moment"),
            Fact("Finished", run.finished_at, kind="moment"),
        ),
        tabs=(
            Tab("traces", "Traces", "soc/drill_traces.html", count=len(results)),
            Tab("problems", "Not readable", "soc/drill_problems.html", count=len(run.problems)),
        ),
        why=Why(run.error, as_of=run.finished_at) if run.error else None,
        deeds=[Deed("Cancel", reverse("drill_cancel", args=[pk]), "x", posts=True)]
        if state == "running" and request.viewer.may("soc.rules")
        else (),
        live="drills" if state == "running" else "",
        extra={
            "run": run,
            "state": state,
            "tones": DRILL_TONES,
            "results": sorted(results, key=lambda result: (order.index(result.outcome), result.pack, result.trace)),
        },
    )
    return render(request, "soc/drill_record.html", record_context(request, request.viewer, shown))


def _badges(run: DrillRun, state: str) -> list[Badge]:
    if state != "done":
        return [Badge(state.capitalize(), {"running": "info", "cancelled": "warn"}.get(state, "bad"))]
    badges = [Badge(f"{run.covered} of {run.traces} covered", "good" if run.covered == run.traces else "neutral")]
    badges += [
        Badge(f"{count} {word}", DRILL_TONES[word])
        for word, count in (("missed", run.missed), ("noisy", run.noisy), ("blind", run.blind))
        if count
    ]
    return badges


@page("soc.view")
@require_GET
def drill_layer(request: PageRequest) -> HttpResponse:
    """The standing results as a layer of the ATLAS Navigator, for the systems that the viewer may see."""
    response = JsonResponse(layer_for(request.viewer, now=timezone.now()), json_dumps_params={"indent": 2})
    response["Content-Disposition"] = 'attachment; filename="caiso-drill-layer.json"'
    return response
