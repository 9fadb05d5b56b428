"""Drills: asked for, played in a process of their own, kept with their history, and counted in technique coverage."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction

from caiso.connect.telemetry.trial.jobs import DrillJob, DrillReport, TraceRow
from caiso.connect.telemetry.trial.parent import Tell, UnableToTry, run_trial
from caiso.engine.drill import count_outcomes
from caiso.errors import DomainError
from caiso.web.base.models import User
from caiso.web.base.services import audit
from caiso.web.base.services.jobs import GiveUp, JobContext, enqueue
from caiso.web.soc.drills import drill_job, installed_packs
from caiso.web.soc.models import DrillResult, DrillRun
from caiso.web.soc.services.coverage import compute_technique_coverage

KIND = "soc.drill"


class UnableToDrill(DomainError):
    """There is no such pack, or a drill runs already."""


@transaction.atomic
def request_drill(packs: Sequence[str], *, actor: User | None, now: datetime) -> DrillRun:
    """Ask the worker to play these packs, or all of them when none is named."""
    known = [choice.id for choice in installed_packs()[0]]
    unknown = sorted(set(packs) - set(known))
    if unknown:
        raise UnableToDrill(f"there is no drill pack {', '.join(unknown)}; there are: {', '.join(known)}")
    running = DrillRun.objects.filter(finished_at=None, job__state__in=["waiting", "running"]).first()
    if running is not None:
        raise UnableToDrill(f"drill {running.pk} is still running; wait for it or cancel it")
    chosen = list(packs) or known
    run = DrillRun.objects.create(packs=chosen, requested_by=actor, started_at=now)
    run.job = enqueue(KIND, {"run": run.pk}, actor=actor, max_attempts=2, now=now)
    run.save(update_fields=["job"])
    audit.record(actor=actor, verb="drill.start", subject=run, changes={"packs": [None, chosen]}, now=now)
    return run


def play_drill(context: JobContext, *, run_id: int) -> dict[str, int]:
    """The worker's part; repeating it plays again and replaces what the first try left."""
    run = DrillRun.objects.get(pk=run_id)
    try:
        report = run_trial(drill_job(list(run.packs), now=context.clock()), DrillReport, tell=context.progress)
    except UnableToTry as refusal:
        fail_drill(run, str(refusal), now=context.clock())
        raise GiveUp(str(refusal)) from refusal
    record_report(run, report, now=context.clock())
    return dict(count_outcomes(row.outcome for row in report.rows))


def play_all(context: JobContext) -> dict[str, int]:
    """The nightly drill: every installed pack, so that a rule that was changed by day is known by morning."""
    run = start_run([choice.id for choice in installed_packs()[0]], actor=None, now=context.clock())
    return play_drill(context, run_id=run.pk)


def play_here(job: DrillJob, *, actor: str, tell: Tell, now: datetime) -> tuple[DrillRun, DrillReport]:
    """A drill from the command line, in this process; its results count like any other's."""
    from caiso.connect.telemetry.trial.drill import run_drill  # noqa: PLC0415 - loads the engine

    report = run_drill(job, tell)
    packs = list(dict.fromkeys(row.pack for row in report.rows))
    run = start_run(packs, actor=actor, now=now)
    record_report(run, report, now=now)
    return run, report


@transaction.atomic
def start_run(packs: list[str], *, actor: str | None, now: datetime) -> DrillRun:
    """A drill that starts at once."""
    run = DrillRun.objects.create(packs=packs, started_at=now)
    audit.record(actor=actor, verb="drill.start", subject=run, changes={"packs": [None, packs]}, now=now)
    return run


@transaction.atomic
def record_report(run: DrillRun, report: DrillReport, *, now: datetime) -> DrillRun:
    """Keep the results and compute coverage again from them."""
    counts = count_outcomes(row.outcome for row in report.rows)
    run.covered, run.noisy, run.missed, run.blind = (counts[name] for name in ("covered", "noisy", "missed", "blind"))
    run.rules, run.label, run.problems = report.rules, report.label, report.problems[:100]
    run.finished_at, run.error = now, ""
    run.save()
    run.results.all().delete()
    DrillResult.objects.bulk_create(_results(run, report.rows), batch_size=200)
    compute_technique_coverage(now=now)
    return run


def _results(run: DrillRun, rows: Iterable[TraceRow]) -> list[DrillResult]:
    return [
        DrillResult(
            run=run,
            pack=row.pack,
            trace=row.trace,
            title=row.title[:200],
            story=row.story,
            twin_story=row.twin_story,
            techniques=row.techniques,
            owasp=row.owasp,
            expects=row.expects,
            outcome=row.outcome,
            attack=[_plain(fired) for fired in row.attack],
            twin=[_plain(fired) for fired in row.twin],
            needs=row.needs,
            missing=row.missing,
            why=row.why[:1000],
        )
        for row in rows
    ]


def _plain(fired: object) -> dict[str, object]:
    return {name: getattr(fired, name) for name in ("rule", "state", "alerts", "silenced")}


@transaction.atomic
def fail_drill(run: DrillRun, error: str, *, now: datetime) -> None:
    """The drill could not be played; earlier results stay in force."""
    run.error, run.finished_at = error[:4000], now
    run.save(update_fields=["error", "finished_at"])
