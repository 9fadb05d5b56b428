"""Background work of security operations."""

from datetime import timedelta

from caiso.web.base.services.jobs import JobContext, handles, schedule
from caiso.web.soc.services.clocks import compute_open_clocks


@handles("soc.clocks")
def compute_clocks(context: JobContext) -> int:
    """Recompute the clocks of open incidents: a deadline passes without anybody doing anything."""
    return compute_open_clocks(now=context.clock())


def schedule_jobs() -> None:
    """Called once by the app at start-up."""
    schedule("soc.clocks", timedelta(minutes=1))
