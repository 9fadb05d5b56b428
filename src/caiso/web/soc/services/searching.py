"""Indexing parts for searches over events: the worker's part, some at a time, once a part is no longer joined with others."""

import logging
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from caiso.connect.telemetry.trial.parent import WORDING, Bounds, Tell, run_trial
from caiso.connect.telemetry.words import WordsJob, WordsReport, label
from caiso.web.config.environment import environment
from caiso.web.soc.models import EventPart

log = logging.getLogger(__name__)

SETTLED = timedelta(hours=1)  # the parts of an hour are joined again and again until it is over
MOST_PARTS = 500
MOST_ROWS = 4_000_000
BOUNDS = Bounds(seconds=600, cpu_seconds=600)


def has_parts_to_index() -> bool:
    """Whether a part waits for its index."""
    return _waiting(timezone.now()).exists()


def index_parts(*, now: datetime, tell: Tell = lambda done, total, note: None) -> int:
    """Index the newest parts that wait, in a process of its own; returns how many."""
    paths: list[str] = []
    rows = 0
    for path, count in _waiting(now).order_by("-number").values_list("path", "rows")[:MOST_PARTS]:
        if paths and rows + count > MOST_ROWS:
            break
        paths.append(path)
        rows += count
    if not paths:
        return 0
    job = WordsJob(str(environment().data / "events"), paths)
    report = run_trial(job, WordsReport, tell=tell, bounds=BOUNDS, child=WORDING)
    for path, why in report.broken.items():
        log.warning("searches read all of %s, which cannot be indexed: %s", path, why)
    # Also those that cannot be: this version would try them in vain each time.
    EventPart.objects.filter(path__in=[*report.indexed, *report.broken]).update(words=label())
    return len(report.indexed)


def _waiting(now: datetime) -> "QuerySet[EventPart]":
    # Not "unlike the label", which no index answers: the scheduler asks again and again.
    other = Q(words__lt=label()) | Q(words__gt=label())
    return EventPart.objects.filter(other, created_at__lt=now - SETTLED, rows__gt=0)
