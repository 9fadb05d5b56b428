"""Retro-hunts: a rule over the last hours of stored events, in the scope of whoever asks, with content read on the record."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from django.db import transaction

from caiso.connect.telemetry.trial.jobs import PartFile, RuleText, ScanJob, ScanReport
from caiso.connect.telemetry.trial.parent import Bounds, UnableToTry, run_trial
from caiso.errors import DomainError
from caiso.web.base.access import Viewer
from caiso.web.base.models import Job
from caiso.web.base.services import audit
from caiso.web.base.services.jobs import GiveUp, JobContext, JobStopped, enqueue
from caiso.web.config.environment import environment
from caiso.web.soc import queries, store
from caiso.web.soc.models import RetroHunt, RuleVersion
from caiso.web.soc.rulebook import rule_sources, text_path
from caiso.web.soc.services.known_alerts import QUIET_PERIOD
from caiso.web.soc.services.workbench import require_engineer
from caiso.web.soc.workbench import check_text

KIND = "soc.retro_hunt"
KEPT = 200
LONGEST = timedelta(days=92)
BOUNDS = Bounds(seconds=6 * 3600, cpu_seconds=6 * 3600)


class UnableToHunt(DomainError):
    """The rule or the period cannot be hunted."""


def request_retro_hunt(
    text: str,
    *,
    slug: str = "",
    version: RuleVersion | None = None,
    hours: int,
    purpose: str,
    viewer: Viewer,
    now: datetime,
) -> RetroHunt:
    """Ask the worker to run the rules of a text over the last hours.

    Text of people is decrypted only in units where the asker may read content; that it will be is recorded first.
    """
    actor = viewer.user
    require_engineer(actor)
    if not 0 < hours <= LONGEST.total_seconds() / 3600:
        raise UnableToHunt(f"the period has 1 to {LONGEST.days * 24} hours")
    if not purpose.strip():
        raise UnableToHunt("say what for: what people wrote is decrypted, and that goes on the record")
    text = text.replace("\r\n", "\n")
    report = check_text(text, slug=slug)
    if not report.rule_ids:
        first = report.problems[0] if report.problems else None
        raise UnableToHunt(f"line {first.line}: {first.message}" if first else "no rule of the text alerts")
    reads = viewer.may("soc.content")
    with transaction.atomic():
        hunt = RetroHunt.objects.create(
            slug=slug or report.rule_ids[0],
            version=version,
            text=text,
            requested_by=actor,
            limit=viewer.limit,
            purpose=purpose.strip()[:300],
            start_at=now - timedelta(hours=hours),
            end_at=now,
            reads_content=reads,
            started_at=now,
        )
        hunt.job = enqueue(KIND, {"hunt": hunt.pk, "rules": report.rule_ids}, actor=actor, max_attempts=2, now=now)
        hunt.save(update_fields=["job"])
        changes: Mapping[str, list[object]] = {
            "period": [None, f"{hunt.start_at.isoformat()} to {hunt.end_at.isoformat()}"],
            "purpose": [None, hunt.purpose],
            "rule": [None, hunt.slug],
        }
        audit.record(actor=actor, verb="retro_hunt.start", subject=hunt, changes=changes, now=now)
        if reads:
            audit.record(actor=actor, verb="content.read", subject=hunt, changes=changes, now=now)
    return hunt


def play_retro_hunt(context: JobContext, *, hunt_id: int, rules: list[str]) -> dict[str, object]:
    """The worker's part. Scope is taken anew, so that a grant that ended meanwhile opens nothing."""
    hunt = RetroHunt.objects.select_related("requested_by").get(pk=hunt_id)
    if hunt.requested_by is None:
        raise GiveUp("the login that asked is gone")
    job = scan_job(hunt, Viewer(hunt.requested_by, limit=hunt.limit), wanted=rules)
    try:
        report = run_trial(job, ScanReport, tell=context.progress, bounds=BOUNDS)
    except UnableToTry as refusal:
        _finish(hunt, error=str(refusal), now=context.clock())
        raise GiveUp(str(refusal)) from refusal
    except JobStopped:
        if Job.objects.filter(pk=context.job_id, state=Job.State.CANCELLED).exists():
            _finish(hunt, error="cancelled", now=context.clock())
        raise
    _record(hunt, report, now=context.clock())
    return {"events": report.events, "signals": report.signals, "alerts": report.alerts}


def scan_job(hunt: RetroHunt, viewer: Viewer, *, wanted: list[str]) -> ScanJob:
    """What the process of the trial is handed: files, period and scope; no login and no database."""
    start, end = (int(moment.timestamp() * 1_000_000) for moment in (hunt.start_at, hunt.end_at))
    sources = rule_sources(without=[hunt.slug])
    content = store.feeds_with(viewer, "soc.content") if hunt.reads_content else []
    return ScanJob(
        rules=msgspec.structs.replace(sources, texts=[*sources.texts, RuleText(text_path(hunt.slug), hunt.text)]),
        wanted=wanted,
        data=str(environment().data),
        parts=[PartFile(part.path, part.rows) for part in queries.parts(start_us=start, end_us=end)],
        start_us=start,
        end_us=end,
        feeds=store.feeds_with(viewer, "soc.view"),
        content_feeds=content,
        keep=KEPT,
        quiet_us=int(QUIET_PERIOD.total_seconds() * 1_000_000),
    )


def _finish(hunt: RetroHunt, *, error: str, now: datetime) -> None:
    hunt.error, hunt.finished_at = error[:4000], now
    hunt.save(update_fields=["error", "finished_at"])


def _record(hunt: RetroHunt, report: ScanReport, *, now: datetime) -> None:
    hunt.events, hunt.with_content, hunt.content_gone = report.events, report.with_content, report.content_gone
    hunt.signals, hunt.alerts, hunt.alerts_by_day = report.signals, report.alerts, report.alerts_by_day
    hunt.cpu_us, hunt.finished_at, hunt.error = report.cpu_us, now, ""
    hunt.found = [
        {
            "rule": one.rule,
            "time_us": one.time_us,
            "event_ids": one.event_ids[:200],
            "spans": [list(span) for span in one.spans][:200],
            "entity": one.entity,
        }
        for one in report.found
    ]
    hunt.save()
