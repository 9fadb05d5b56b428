"""Hunts: asking, the worker's part, keeping questions for one's unit, and throwing old answers away."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from caiso.connect.telemetry.query.filters import read_filter
from caiso.connect.telemetry.query.jobs import Answer, UnableToAsk
from caiso.connect.telemetry.trial.jobs import ScanReport
from caiso.connect.telemetry.trial.parent import UnableToTry
from caiso.errors import DomainError
from caiso.web.base.access import Viewer
from caiso.web.base.models import Job, Unit, User
from caiso.web.base.services import audit
from caiso.web.base.services.jobs import GiveUp, JobContext, JobStopped, enqueue
from caiso.web.soc import store
from caiso.web.soc.hunting import Question, ask_here, content_job, query_job, search_here
from caiso.web.soc.models import HuntKind, HuntRun, SavedHunt

KIND = "soc.hunt"
KEPT = timedelta(days=7)
MOST_AT_ONCE = 3
MOST_SAVED = 500


class UnableToHunt(DomainError):
    """The question may not be asked or kept."""


def question_of(row: HuntRun | SavedHunt) -> Question:
    """What was asked or kept."""
    wanted = read_filter(row.conditions) if row.kind == HuntKind.FILTER else None
    return Question(HuntKind(row.kind), row.hours, row.sql, wanted)


def words_of(row: HuntRun | SavedHunt) -> str:
    """The question as one line; of one that this version cannot read, why: it must not close the page to the others."""
    try:
        return question_of(row).words
    except UnableToAsk as refusal:
        return str(refusal)


def request_hunt(
    question: Question, *, viewer: Viewer, purpose: str = "", saved: SavedHunt | None = None, now: datetime
) -> HuntRun:
    """Ask the worker. A search in what people wrote needs a purpose, and is on the record before it begins."""
    question.check()
    purpose = purpose.strip()[:300]
    _require_right(question, viewer, purpose)
    running = HuntRun.objects.filter(requested_by=viewer.user, job__state__in=[Job.State.WAITING, Job.State.RUNNING])
    if running.count() >= MOST_AT_ONCE:
        raise UnableToHunt(f"{MOST_AT_ONCE} hunts of yours are not over yet; wait for one or cancel it")
    with transaction.atomic():
        run = HuntRun.objects.create(
            requested_by=viewer.user,
            limit=viewer.limit,
            saved=saved,
            **_columns(question),
            start_at=now - timedelta(hours=question.hours),
            end_at=now,
            reads_content=question.reads_content,
            purpose=purpose,
            started_at=now,
        )
        run.job = enqueue(KIND, {"run": run.pk}, actor=viewer.user, max_attempts=2, now=now)
        run.save(update_fields=["job"])
        record_hunt(question, purpose=purpose, subject=run, actor=viewer.user, now=now)
    return run


def _require_right(question: Question, viewer: Viewer, purpose: str) -> None:
    if not viewer.may("soc.view"):
        raise UnableToHunt("hunting needs the permission soc.view")
    if not question.reads_content:
        return
    if not viewer.may("soc.content"):
        raise UnableToHunt("a search in what people wrote needs the permission soc.content")
    if not purpose:
        raise UnableToHunt("say what for: what people wrote is decrypted, and that goes on the record")


def _columns(question: Question) -> dict[str, Any]:
    conditions = msgspec.to_builtins(question.filter) if question.filter is not None else {}
    return {"kind": question.kind, "sql": question.sql, "conditions": conditions, "hours": question.hours}


def record_hunt(question: Question, *, purpose: str, subject: Any, actor: User | str | None, now: datetime) -> None:
    """That somebody asked, and what; a search in content also as a reading of content."""
    changes: dict[str, list[object]] = {
        "question": [None, question.words[:2000]],
        "hours": [None, question.hours],
        **({"purpose": [None, purpose]} if purpose else {}),
    }
    audit.record(actor=actor, verb="hunt.run", subject=subject, changes=changes, now=now)
    if question.reads_content:
        audit.record(actor=actor, verb="content.read", subject=subject, changes=changes, now=now)


def play_hunt(context: JobContext, *, run_id: int) -> dict[str, object]:
    """The worker's part. Scope is taken anew, so that a grant that ended meanwhile opens nothing."""
    run = HuntRun.objects.select_related("requested_by").get(pk=run_id)
    viewer = Viewer(run.requested_by, limit=run.limit)
    question = question_of(run)
    try:
        _require_right(question, viewer, run.purpose)
        run.scope = store.feeds_with(viewer, "soc.content" if question.reads_content else "soc.view")
        if question.reads_content:
            _keep_finds(run, search_here(content_job(question, viewer, end=run.end_at), context.progress))
        else:
            _keep_answer(run, ask_here(query_job(question, viewer, end=run.end_at), context.progress))
    except (UnableToTry, UnableToAsk, UnableToHunt) as refusal:
        _finish(run, error=str(refusal), now=context.clock())
        raise GiveUp(str(refusal)) from refusal
    except JobStopped:
        if Job.objects.filter(pk=context.job_id, state=Job.State.CANCELLED).exists():
            _finish(run, error="cancelled", now=context.clock())
        raise
    _finish(run, error="", now=context.clock())
    return {"rows": run.row_count}


def _keep_answer(run: HuntRun, answer: Answer) -> None:
    run.columns, run.types, run.rows = answer.columns, answer.types, answer.rows
    run.row_count, run.cut, run.seconds = len(answer.rows), answer.cut, answer.seconds


def _keep_finds(run: HuntRun, report: ScanReport) -> None:
    run.found = [
        {
            "rule": "",
            "time_us": one.time_us,
            "event_ids": one.event_ids[-1:],
            "spans": [list(span) for span in one.spans][:200],
        }
        for one in report.found
    ]
    run.row_count = report.signals
    run.events, run.with_content, run.content_gone = report.events, report.with_content, report.content_gone
    if report.signals > len(run.found):
        run.cut = f"the first {len(run.found):,} of {report.signals:,}"


def _finish(run: HuntRun, *, error: str, now: datetime) -> None:
    run.error, run.finished_at = error[:4000], now
    run.save()


# -- kept questions -----------------------------------------------------------------------------------------------


def save_hunt(question: Question, *, name: str, unit: Unit, viewer: Viewer, now: datetime) -> SavedHunt:
    """Keep a question for a unit; the same name of the same owner is replaced."""
    question.check()
    name = " ".join(name.split())[:120]
    if not name:
        raise UnableToHunt("give the hunt a name")
    if not viewer.may("soc.view", unit.path):
        raise UnableToHunt(f"you may not keep hunts for {unit}")
    existing = SavedHunt.objects.filter(unit=unit, name=name).first()
    if existing is not None:
        require_keeper(existing, viewer)
    elif SavedHunt.objects.filter(unit=unit).count() >= MOST_SAVED:
        raise UnableToHunt(f"{unit} keeps {MOST_SAVED} hunts already; delete some first")
    saved = existing or SavedHunt(unit=unit, name=name, owner=viewer.user, created_at=now)
    for column, value in _columns(question).items():
        setattr(saved, column, value)
    saved.changed_at = now
    try:
        with transaction.atomic():
            saved.save()
            changes: dict[str, list[object]] = {"question": [None, question.words[:2000]], "name": [None, name]}
            verb = "saved_hunt.change" if existing else "saved_hunt.create"
            audit.record(actor=viewer.user, verb=verb, subject=saved, changes=changes, now=now)
    except IntegrityError as error:
        raise UnableToHunt(f"somebody kept a hunt {name!r} for {unit} at the same moment") from error
    return saved


def may_keep(saved: SavedHunt, viewer: Viewer) -> bool:
    """Whether the viewer may change or delete it: its owner, or whoever answers for rules in its unit."""
    return saved.owner_id == viewer.user.pk or viewer.may("soc.rules", saved.unit.path)


def require_keeper(saved: SavedHunt, viewer: Viewer) -> None:
    """Refuse everybody else."""
    if not may_keep(saved, viewer):
        raise UnableToHunt(f"{saved.name!r} belongs to {saved.owner or 'somebody else'}; take another name")


def delete_hunt(saved: SavedHunt, *, viewer: Viewer, now: datetime) -> None:
    """Forget a kept question; what it answered stays until its time is over."""
    require_keeper(saved, viewer)
    with transaction.atomic():
        audit.record(
            actor=viewer.user, verb="saved_hunt.delete", subject=saved, changes={"name": [saved.name, None]}, now=now
        )
        saved.delete()


def record_export(run: HuntRun, *, actor: User, now: datetime) -> None:
    """An answer left the platform as a file."""
    audit.record(actor=actor, verb="export", subject=run, changes={"rows": [None, run.row_count]}, now=now)


def has_old_answers() -> bool:
    """Whether an answer is older than answers are kept."""
    return _old_answers(timezone.now()).exists()


def empty_old_answers(*, now: datetime) -> int:
    """Answers are copies of events: they go after some days, the question stays in the history."""
    return _old_answers(now).update(rows=[], found=[], columns=[], types=[], is_emptied=True)


def _old_answers(now: datetime) -> "QuerySet[HuntRun]":
    return HuntRun.objects.filter(finished_at__lt=now - KEPT, is_emptied=False)
