"""What is thrown away in time: remembered answers, old jobs, ended sessions, signs of life of dead processes."""

from datetime import datetime, timedelta

from django.contrib.sessions.models import Session

from caiso.web.base.models import Heartbeat, Job, RememberedAnswer

ANSWERS = timedelta(days=1)
JOBS = timedelta(days=30)
SILENT = timedelta(days=1)
ENDED = (Job.State.DONE, Job.State.FAILED, Job.State.CANCELLED)


def clean_up(*, now: datetime) -> dict[str, int]:
    """Remove what is past its time; how many of each."""
    return {
        "answers": RememberedAnswer.objects.filter(created_at__lt=now - ANSWERS).delete()[0],
        "jobs": Job.objects.filter(state__in=ENDED, finished_at__lt=now - JOBS).delete()[0],
        "sessions": Session.objects.filter(expire_date__lt=now).delete()[0],
        "processes": Heartbeat.objects.filter(seen_at__lt=now - SILENT).delete()[0],
    }
