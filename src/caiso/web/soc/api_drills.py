"""Drills over the API: start one, read its results, take the Navigator layer."""

from datetime import datetime
from typing import Annotated, Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Field, Router, Schema

from caiso.web.base.endpoint import ApiRequest, RowId, reads, writes
from caiso.web.soc import queries
from caiso.web.soc.layers import layer_for
from caiso.web.soc.models import DrillResult, DrillRun
from caiso.web.soc.services.drills import request_drill

router = Router(tags=["drills"])
PackId = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[a-z0-9._-]+$")]


class DrillStart(Schema):
    """Which packs to play; none means all that are installed."""

    packs: Annotated[list[PackId], Field(default_factory=list, max_length=50)]


class FiredOut(Schema):
    """A rule that fired on one side of a trace."""

    rule: str
    state: str
    alerts: bool
    silenced: str


class TraceOut(Schema):
    """How one trace went."""

    pack: str
    trace: str
    title: str
    outcome: str
    techniques: list[str]
    expects: list[str]
    attack: list[FiredOut]
    twin: list[FiredOut]
    why: str
    missing: list[str]

    @classmethod
    def of(cls, result: DrillResult) -> "TraceOut":
        return cls(
            attack=[FiredOut(**fired) for fired in result.attack],
            twin=[FiredOut(**fired) for fired in result.twin],
            **{
                name: getattr(result, name)
                for name in ("pack", "trace", "title", "outcome", "techniques", "expects", "why", "missing")
            },
        )


class DrillOut(Schema):
    """A drill; `traces` are empty until it is over."""

    id: int
    state: str
    packs: list[str]
    covered: int
    noisy: int
    missed: int
    blind: int
    rules: int
    started_at: datetime
    finished_at: datetime | None
    error: str
    traces: list[TraceOut]

    @classmethod
    def of(cls, run: DrillRun) -> "DrillOut":
        names = ("packs", "covered", "noisy", "missed", "blind", "rules", "started_at", "finished_at", "error")
        return cls(
            id=run.pk,
            state=queries.work_state(run),
            traces=[TraceOut.of(result) for result in run.results.all()],
            **{name: getattr(run, name) for name in names},
        )


class Layer(Schema):
    """A layer of the ATLAS Navigator."""

    name: str
    versions: dict[str, str]
    domain: str
    description: str
    techniques: list[dict[str, Any]]
    gradient: dict[str, Any]
    legendItems: list[dict[str, str]]  # noqa: N815 - the Navigator's own key
    metadata: list[dict[str, str]]
    showTacticRowBackground: bool  # noqa: N815 - the Navigator's own key
    selectTechniquesAcrossTactics: bool  # noqa: N815 - the Navigator's own key


@writes(router, "POST", "/drills", permission="soc.rules", response=DrillOut, status=201)
def start(request: ApiRequest, payload: DrillStart) -> Any:
    """Ask for a drill; read it until its state is done."""
    return DrillOut.of(request_drill(payload.packs, actor=request.user, now=timezone.now()))


@reads(router, "/drills/{pk}", permission="soc.view", response=DrillOut)
def drill(request: ApiRequest, pk: RowId) -> Any:
    """One drill, trace by trace."""
    return DrillOut.of(get_object_or_404(queries.drill_runs(), pk=pk))


@reads(router, "/drill-layer", permission="soc.view", response=Layer)
def layer(request: ApiRequest) -> Any:
    """The standing results as a layer of the ATLAS Navigator."""
    return Layer(**layer_for(request.viewer, now=timezone.now()))  # type: ignore[arg-type]  # the layer's own keys
