"""Hunts over the API: ask, read the answer, cancel; keep a question, delete it, make a rule of it."""

from datetime import datetime
from typing import Annotated, Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Field, Query, Router, Schema

from caiso.connect.telemetry.query.filters import MOST_CONDITIONS, OPERATORS, Filter, FilterCondition, filter_rule
from caiso.connect.telemetry.query.jobs import MAX_SQL
from caiso.web.base.access import visible
from caiso.web.base.endpoint import ApiRequest, Line, Page, Paging, RowId, page_of, reads, writes
from caiso.web.base.models import Unit
from caiso.web.base.problems import Refused
from caiso.web.base.services.jobs import cancel
from caiso.web.soc import queries
from caiso.web.soc.hunting import LONGEST_HOURS, Question, may_see_answer
from caiso.web.soc.models import HuntKind, HuntRun, SavedHunt
from caiso.web.soc.services import hunts

router = Router(tags=["hunts"])
Operator = Annotated[str, Field(pattern=f"^({'|'.join(OPERATORS)})$")]


class ConditionIn(Schema):
    """One condition of a filter."""

    field: Annotated[str, Field(min_length=1, max_length=120)]
    operator: Operator
    value: Annotated[str, Field(max_length=2000)] = ""


class QuestionIn(Schema):
    """Either SQL or conditions, and how many hours back."""

    sql: Annotated[str, Field(max_length=MAX_SQL)] = ""
    conditions: Annotated[list[ConditionIn], Field(default_factory=list, max_length=MOST_CONDITIONS)]
    any_of: bool = False
    hours: Annotated[int, Field(ge=1, le=LONGEST_HOURS)] = 24

    def question(self) -> Question:
        """As the services take it; refused when it is both or neither."""
        if bool(self.sql) == bool(self.conditions):
            raise Refused(422, "Give either sql or conditions.")
        if self.sql:
            return Question(HuntKind.SQL, self.hours, self.sql)
        conditions = [FilterCondition(one.field, one.operator, one.value) for one in self.conditions]
        return Question(HuntKind.FILTER, self.hours, filter=Filter(conditions, self.any_of))


class HuntIn(QuestionIn):
    """A question, or the number of a saved one, and the purpose that a search in content needs."""

    saved: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None
    purpose: Annotated[str, Field(max_length=300)] = ""


class SaveIn(QuestionIn):
    """A question to keep for a unit."""

    name: Line
    unit: Annotated[str, Field(min_length=1, max_length=80)]


class HuntOut(Schema):
    """How far a hunt is, and its answer: a table, or of a search in content the ids of the events found."""

    id: int
    state: str
    kind: str
    start_at: datetime
    end_at: datetime
    error: str
    progress: int
    progress_total: int
    columns: list[str]
    types: list[str]
    rows: list[list[str | int | float | bool | None]]
    found: list[str]
    row_count: int
    cut: str
    seconds: float | None

    @classmethod
    def of(cls, run: HuntRun, *, with_answer: bool) -> "HuntOut":
        names = ("kind", "start_at", "end_at", "error", "row_count", "cut", "seconds")
        return cls(
            id=run.pk,
            state=queries.work_state(run),
            progress=run.job.progress if run.job else 0,
            progress_total=run.job.progress_total if run.job else 0,
            columns=run.columns if with_answer else [],
            types=run.types if with_answer else [],
            rows=run.rows if with_answer else [],
            found=[name for row in run.found for name in row["event_ids"]] if with_answer else [],
            **{name: getattr(run, name) for name in names},
        )


class HuntLine(Schema):
    """A hunt in a list."""

    id: int
    state: str
    kind: str
    started_at: datetime
    row_count: int

    @classmethod
    def of(cls, run: HuntRun) -> "HuntLine":
        return cls(
            id=run.pk,
            state=queries.work_state(run),
            kind=run.kind,
            started_at=run.started_at,
            row_count=run.row_count,
        )


class SavedOut(Schema):
    """A kept question."""

    id: int
    name: str
    unit: str
    kind: str
    hours: int
    question: str

    @classmethod
    def of(cls, saved: SavedHunt) -> "SavedOut":
        return cls(
            id=saved.pk,
            name=saved.name,
            unit=saved.unit.slug,
            kind=saved.kind,
            hours=saved.hours,
            question=hunts.words_of(saved),
        )


class DraftOut(Schema):
    """The text of a rule."""

    text: str


@writes(router, "POST", "/hunts", permission="soc.view", response=HuntOut, status=201)
def start_hunt(request: ApiRequest, payload: HuntIn) -> Any:
    """Ask the events that the caller may see; read it until its state is done."""
    saved = None
    if payload.saved is not None:
        saved = get_object_or_404(queries.saved_hunts(request.viewer), pk=payload.saved)
    question = hunts.question_of(saved) if saved is not None else payload.question()
    run = hunts.request_hunt(question, viewer=request.viewer, purpose=payload.purpose, saved=saved, now=timezone.now())
    return HuntOut.of(run, with_answer=False)


@reads(router, "/hunts", permission="soc.view", response=Page[HuntLine])
def own_hunts(request: ApiRequest, paging: Annotated[Paging, Query()]) -> Any:
    """What the caller asked, the newest first."""
    return page_of(queries.hunt_runs(request.viewer), HuntLine.of, paging)


@reads(router, "/hunts/{pk}", permission="soc.view", response=HuntOut)
def hunt(request: ApiRequest, pk: RowId) -> Any:
    """One hunt with its answer; only of the caller's own."""
    run = get_object_or_404(queries.hunt_runs(request.viewer), pk=pk)
    return HuntOut.of(run, with_answer=may_see_answer(run, request.viewer))


@writes(router, "POST", "/hunts/{pk}/cancel", permission="soc.view", response=HuntOut)
def cancel_hunt(request: ApiRequest, pk: RowId) -> Any:
    """Stop a hunt."""
    run = get_object_or_404(queries.hunt_runs(request.viewer), pk=pk)
    if run.job is not None:
        cancel(run.job, actor=request.user, now=timezone.now())
    run = get_object_or_404(queries.hunt_runs(request.viewer), pk=pk)
    return HuntOut.of(run, with_answer=False)


@reads(router, "/saved-hunts", permission="soc.view", response=Page[SavedOut])
def saved_hunts(request: ApiRequest, paging: Annotated[Paging, Query()]) -> Any:
    """Questions kept for the caller's units."""
    return page_of(queries.saved_hunts(request.viewer), SavedOut.of, paging)


@reads(router, "/saved-hunts/{pk}", permission="soc.view", response=SavedOut)
def saved_hunt(request: ApiRequest, pk: RowId) -> Any:
    """One kept question."""
    return SavedOut.of(get_object_or_404(queries.saved_hunts(request.viewer), pk=pk))


@writes(router, "POST", "/saved-hunts", permission="soc.view", response=SavedOut, status=201)
def keep_hunt(request: ApiRequest, payload: SaveIn) -> Any:
    """Keep a question for a unit; the caller's own of the same name is replaced."""
    units = visible(Unit.objects.all(), request.viewer, "soc.view", lookup="path")
    unit = get_object_or_404(units, slug=payload.unit)
    saved = hunts.save_hunt(payload.question(), name=payload.name, unit=unit, viewer=request.viewer, now=timezone.now())
    return SavedOut.of(saved)


@writes(router, "POST", "/saved-hunts/{pk}/delete", permission="soc.view", response=SavedOut)
def delete_hunt(request: ApiRequest, pk: RowId) -> Any:
    """Forget a kept question; its owner may, and whoever answers for rules in its unit."""
    saved = get_object_or_404(queries.saved_hunts(request.viewer), pk=pk)
    gone = SavedOut.of(saved)
    hunts.delete_hunt(saved, viewer=request.viewer, now=timezone.now())
    return gone


@reads(router, "/saved-hunts/{pk}/rule", permission="soc.rules", response=DraftOut)
def rule_of_hunt(request: ApiRequest, pk: RowId) -> Any:
    """The kept conditions as the draft of a Sigma rule."""
    saved = get_object_or_404(queries.saved_hunts(request.viewer), pk=pk)
    question = hunts.question_of(saved)
    if question.filter is None:
        raise Refused(409, "A rule can be made of conditions, not of SQL.")
    return DraftOut(text=filter_rule(question.filter, slug="my-hunt", title=saved.name))
