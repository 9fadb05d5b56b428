"""Background work: a job row written in the business transaction is the truth, and handlers are plain functions.

A handler may run more than once (a process can die at any moment), so it must be safe to repeat.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Concatenate, ParamSpec

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from caiso.errors import DomainError
from caiso.web.base.models import Job, Schedule, Unit, User
from caiso.web.base.services import audit
from caiso.web.base.services.leases import has_ended
from caiso.web.base.services.wake import ring_on_commit

LEASE = timedelta(seconds=30)
FIRST_RETRY = timedelta(seconds=5)
LONGEST_RETRY = timedelta(minutes=15)
PERIODIC_KEPT = timedelta(hours=1)
P = ParamSpec("P")


class UnableToEnqueue(DomainError):
    """No app handles that kind of job."""


class UnableToCancel(DomainError):
    """The job is over already."""


class GiveUp(DomainError):
    """Raised by a handler when trying again cannot help."""


class JobStopped(Exception):
    """Raised inside a handler whose job was cancelled or taken over; the handler should let it pass."""


@dataclass(frozen=True)
class JobContext:
    """What a handler knows of its own job."""

    job_id: int
    attempt: int
    owner: str
    requested_by_id: int | None = None
    clock: Callable[[], datetime] = field(default=timezone.now)
    lease: timedelta = LEASE

    def progress(self, done: int, total: int = 0, note: str = "") -> None:
        """Tell how far the work is; raises JobStopped when the job was cancelled meanwhile."""
        changed = self._row().update(
            progress=done, progress_total=total, progress_note=note[:200], lease_until=self.clock() + self.lease
        )
        if not changed:
            raise JobStopped(f"job {self.job_id} was cancelled or taken over")

    def _row(self) -> Any:
        return Job.objects.filter(pk=self.job_id, state=Job.State.RUNNING, lease_owner=self.owner, attempt=self.attempt)


@dataclass(frozen=True)
class Period:
    """How often a kind of job runs, and whether there is anything to do for it now."""

    every: timedelta
    when: Callable[[], bool] | None = None


Handler = Callable[..., Any]
_HANDLERS: dict[str, Handler] = {}
_PERIODS: dict[str, "Period"] = {}


def handles(
    kind: str,
) -> Callable[[Callable[Concatenate[JobContext, P], Any]], Callable[Concatenate[JobContext, P], Any]]:
    """Register a function as the handler of a kind of job."""

    def register(handler: Callable[Concatenate[JobContext, P], Any]) -> Callable[Concatenate[JobContext, P], Any]:
        if kind in _HANDLERS:
            raise ValueError(f"two handlers for jobs of kind {kind}")
        _HANDLERS[kind] = handler
        return handler

    return register


def schedule(kind: str, every: timedelta, *, when: Callable[[], bool] | None = None) -> None:
    """Run a kind of job again and again; called by an app at start-up.

    `when` is a cheap question to the database: as long as it answers no, no job is made and the period stays due, so
    that work which turns up is done at the scheduler's next look and an idle installation writes nothing.
    """
    if kind in _PERIODS:
        raise ValueError(f"{kind} is scheduled twice")
    _PERIODS[kind] = Period(every, when)


def is_periodic(job: Job) -> bool:
    """Whether the clock asked for the job, not a person or a record."""
    return (job.idempotency_key or "").startswith(f"{job.kind}@")


def enqueue(
    kind: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    key: str | None = None,
    run_after: datetime | None = None,
    actor: User | None = None,
    unit: Unit | None = None,
    max_attempts: int = 5,
    now: datetime,
) -> Job:
    """Ask for work in the caller's transaction; the same key returns the job that is there already."""
    if kind not in _HANDLERS:
        raise UnableToEnqueue(f"no app handles jobs of kind {kind!r}, expected one of {', '.join(sorted(_HANDLERS))}")
    fields = {
        "kind": kind,
        "arguments": dict(arguments or {}),
        "run_after": run_after or now,
        "requested_by": actor,
        "unit": unit,
        "max_attempts": max_attempts,
        "created_at": now,
    }
    if key is None:
        job = Job.objects.create(**fields)
    else:
        job, made = _one_for_key(key, fields)
        if not made:
            return job
    ring_on_commit()
    return job


def _one_for_key(key: str, fields: dict[str, Any]) -> tuple[Job, bool]:
    existing = Job.objects.filter(idempotency_key=key).first()
    if existing is not None:
        return existing, False
    try:
        with transaction.atomic():
            return Job.objects.create(idempotency_key=key, **fields), True
    except IntegrityError:
        return Job.objects.get(idempotency_key=key), False


def cancel(job: Job, *, actor: User, now: datetime) -> None:
    """Stop work that waits, or tell running work to stop at its next report of progress."""
    with transaction.atomic():
        stopped = Job.objects.filter(pk=job.pk, state__in=[Job.State.WAITING, Job.State.RUNNING]).update(
            state=Job.State.CANCELLED, finished_at=now, lease_until=None
        )
        if not stopped:
            raise UnableToCancel(f"job {job.pk} is {job.get_state_display().lower()} already")
        audit.record(actor=actor, verb="job.cancel", subject=job, now=now)
    job.refresh_from_db()


def claim(owner: str, *, now: datetime, lease: timedelta = LEASE) -> Job | None:
    """Take the next due job, or None."""
    with transaction.atomic():
        due = Job.objects.filter(state=Job.State.WAITING, run_after__lte=now, kind__in=_HANDLERS)
        job = due.select_for_update(skip_locked=True).order_by("run_after", "id").first()
        if job is None:
            return None
        job.state = Job.State.RUNNING
        job.attempt += 1
        job.lease_owner, job.lease_until = owner, now + lease
        job.progress = job.progress_total = 0
        job.progress_note = ""
        job.save()
        return job


def run(job: Job, *, clock: Callable[[], datetime] = timezone.now, lease: timedelta = LEASE) -> Job.State:
    """Run a claimed job's handler and write down how it ended; returns the state that the row has now."""
    context = JobContext(job.pk, job.attempt, job.lease_owner, job.requested_by_id, clock, lease)
    try:
        result = _HANDLERS[job.kind](context, **job.arguments)
    except JobStopped:
        pass
    except GiveUp as refusal:
        _finish(context, state=Job.State.FAILED, error=str(refusal), finished_at=clock())
    except Exception as error:  # noqa: BLE001 - the worker must outlive any handler; the error is kept in the row
        _retry(context, job, f"{type(error).__name__}: {error}", now=clock())
    else:
        _finish(
            context,
            state=Job.State.DONE,
            result=audit.plain(result)
            if not isinstance(result, dict)
            else {k: audit.plain(v) for k, v in result.items()},
            error="",
            finished_at=clock(),
        )
    job.refresh_from_db()
    return Job.State(job.state)


def _finish(context: JobContext, **fields: Any) -> None:
    # Only the holder of the lease may write: a job that was swept and runs elsewhere keeps its own outcome.
    context._row().update(lease_until=None, **fields)


def _retry(context: JobContext, job: Job, error: str, *, now: datetime) -> None:
    if job.attempt >= job.max_attempts:
        _finish(context, state=Job.State.FAILED, error=error[:4000], finished_at=now)
        return
    wait = min(FIRST_RETRY * 2 ** (job.attempt - 1), LONGEST_RETRY)
    _finish(context, state=Job.State.WAITING, error=error[:4000], run_after=now + wait)


def prolong(owner: str, job_ids: list[int], *, now: datetime, lease: timedelta = LEASE) -> None:
    """Keep the leases of running jobs."""
    Job.objects.filter(pk__in=job_ids, lease_owner=owner, state=Job.State.RUNNING).update(lease_until=now + lease)


def sweep(*, now: datetime) -> int:
    """Put jobs whose worker died back in the queue, or give up on those that killed it too often.

    A worker that was killed on this machine is known to be gone at once; for others the lease must end.
    """
    running = Job.objects.filter(state=Job.State.RUNNING)
    gone = [owner for owner in set(running.values_list("lease_owner", flat=True)) if has_ended(owner)]
    with transaction.atomic():
        dead = running.filter(Q(lease_until__lt=now) | Q(lease_owner__in=gone))
        failed = dead.filter(attempt__gte=F("max_attempts")).update(
            state=Job.State.FAILED, error="the worker died while it ran", finished_at=now, lease_until=None
        )
        return failed + dead.update(state=Job.State.WAITING, run_after=now, lease_until=None)


def hand_back(owner: str, job_ids: list[int], *, now: datetime) -> None:
    """Put running jobs back at an orderly stop, so that the next worker need not wait for the end of their leases."""
    Job.objects.filter(pk__in=job_ids, lease_owner=owner, state=Job.State.RUNNING).update(
        state=Job.State.WAITING, run_after=now, lease_until=None
    )


def enqueue_periodic(*, now: datetime) -> int:
    """Put the periodic jobs that are due in the queue; several schedulers at once make each only once."""
    made = 0
    waits = {row.kind for row in Schedule.objects.filter(next_at__gt=now)}
    for kind, period in _PERIODS.items():
        if kind in waits or (period.when is not None and not period.when()):
            continue
        with transaction.atomic():
            row, created = Schedule.objects.select_for_update().get_or_create(kind=kind, defaults={"next_at": now})
            if row.next_at > now and not created:
                continue
            slot = int(row.next_at.timestamp())
            row.next_at = now + period.every
            row.save(update_fields=["next_at"])
            enqueue(kind, key=f"{kind}@{slot}", max_attempts=2, now=now)
            # A job that runs each few seconds would otherwise leave a million rows a month; failed ones stay.
            over = Job.objects.filter(kind=kind, state=Job.State.DONE, finished_at__lt=now - PERIODIC_KEPT)
            over.filter(idempotency_key__startswith=f"{kind}@").delete()
            made += 1
    return made
