"""The rest of the store: entity risk, drills, hunts, figures of past days, notifications and jobs, as a year of work leaves them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.store import World

    from caiso.web.base.models import User
    from caiso.web.soc.models import Alert, RiskEntity, Signal

Write = Callable[[Iterable[Any]], list[Any]]
DAYS = 30
TRACES = 100


def fill_volume(world: World, alerts: list[Alert], signals: list[Signal], officer: User, write: Write) -> None:
    """Everything that is neither asset, alert, incident nor event."""
    _risk(world, alerts, signals, write)
    _drills(world, write)
    _hunts(world, officer, write)
    _figures(world, write)
    _work(world, officer, write)


def _risk(world: World, alerts: list[Alert], signals: list[Signal], write: Write) -> None:
    """An entity for each user and agent of a unit; every signal added to both."""
    from caiso.web.soc.models import RiskAddition, RiskEntity

    def entity(kind: str, value: str, alert: Alert) -> RiskEntity:
        risk = world.chance.uniform(1, 200)
        return RiskEntity(
            key=f"{kind}-{value}-{alert.unit_id}"[:40], kind=kind, value=value, unit_id=alert.unit_id, risk=risk, peak=risk,
            rank=risk, at=world.now, peak_at=world.now, first_at=world.now, last_at=alert.last_event_at, signals=3,
        )  # fmt: skip

    named: dict[tuple[str, str, int], RiskEntity] = {}
    for alert in alerts:
        for kind, value in (("user", alert.subject_user), ("agent", alert.agent)):
            named.setdefault((kind, value, alert.unit_id), entity(kind, value, alert))
    write(named.values())
    write(
        RiskAddition(
            entity=named[kind, value, alert.unit_id], signal=signal, rule_id=alert.rule_id, at=alert.last_event_at,
            points=world.chance.uniform(1, 20), why="severity, confidence, precision",
        )
        for alert, signal in zip(alerts, signals, strict=True)
        for kind, value in (("user", alert.subject_user), ("agent", alert.agent))
    )  # fmt: skip


def _drills(world: World, write: Write) -> None:
    from caiso.web.soc.models import DrillResult, DrillRun

    techniques = sorted({name for rule in world.rules for name in rule.techniques})
    outcomes = ("covered", "covered", "missed", "blind", "noisy")
    runs = write(
        DrillRun(
            packs=["all"], started_at=world.now - timedelta(days=day), finished_at=world.now - timedelta(days=day, hours=-1),
            rules=200, covered=40, missed=20, blind=20, noisy=20,
        )
        for day in range(DAYS, 0, -1)
    )  # fmt: skip
    write(
        DrillResult(
            run=run, pack="all", trace=f"trace-{number}", title=f"Trace {number}", outcome=world.chance.choice(outcomes),
            techniques=[techniques[number % len(techniques)]], why="the rule did not fire",
        )
        for run in runs for number in range(TRACES)
    )  # fmt: skip


def _hunts(world: World, officer: User, write: Write) -> None:
    from caiso.web.soc.models import HuntRun, SavedHunt

    write(
        SavedHunt(
            name=f"Hunt {number}", unit=world.chance.choice(world.units), owner=officer, kind="sql", sql="SELECT 1",
            hours=24, created_at=world.now, changed_at=world.now,
        )
        for number in range(500)
    )  # fmt: skip
    write(
        HuntRun(
            requested_by=officer, kind="sql", sql="SELECT 1", hours=24, start_at=world.now, end_at=world.now,
            started_at=world.now, finished_at=world.now, columns=["n"], types=["BIGINT"],
            rows=[[row] for row in range(1_000)], row_count=1_000,
        )
        for _ in range(200)
    )  # fmt: skip


def _figures(world: World, write: Write) -> None:
    from caiso.web.reports.models import PostureFigure

    write(
        PostureFigure(
            on=world.now.date() - timedelta(days=day), unit=unit, figure=figure, part=world.chance.randrange(50), whole=60
        )
        for day in range(1, 366) for unit in world.units for figure in PostureFigure.Figure.values
    )  # fmt: skip


def _work(world: World, officer: User, write: Write) -> None:
    from caiso.web.base.models import Job, Notification

    write(
        Notification(user=officer, title=f"Notification {number}", url="/alerts/", created_at=world.ago(60))
        for number in range(2_000)
    )
    write(
        Job(
            kind="soc.clocks",
            state=world.chance.choice(("done", "failed")),
            run_after=world.now,
            created_at=world.ago(60),
        )
        for _ in range(10_000)
    )
