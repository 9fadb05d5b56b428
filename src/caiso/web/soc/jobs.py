"""Background work of security operations."""

from datetime import timedelta

from caiso.web.base.services.jobs import GiveUp, JobContext, handles, schedule
from caiso.web.soc.models import Source
from caiso.web.soc.services.clocks import compute_open_clocks, has_open_incidents
from caiso.web.soc.services.rejects import RETRY_JOB, retry_rejects


@handles("soc.clocks")
def compute_clocks(context: JobContext) -> int:
    """Recompute the clocks of open incidents: a deadline passes without anybody doing anything."""
    return compute_open_clocks(now=context.clock())


@handles(RETRY_JOB)
def try_rejects_again(context: JobContext, *, source: int, reason: str) -> int:
    """Give refused records to the log once more."""
    found = Source.objects.filter(pk=source).first()
    if found is None:
        raise GiveUp("the source is no longer there")
    return retry_rejects(found, reason=reason, now=context.clock(), progress=context.progress)


def schedule_jobs() -> None:
    """Called once by the app at start-up."""
    schedule("soc.clocks", timedelta(minutes=1), when=has_open_incidents)
