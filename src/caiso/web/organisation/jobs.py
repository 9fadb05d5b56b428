"""The worker's part of the organisation: days pass, so who answers is computed again every few minutes."""

from datetime import timedelta

from caiso.web.base.services.jobs import JobContext, handles, schedule
from caiso.web.organisation.models import Duty
from caiso.web.organisation.services.coverage import compute_coverage
from caiso.web.organisation.services.skills import forget_old_skills

COVERAGE = "organisation.coverage"
RETENTION = "organisation.retention"


def register_jobs() -> None:
    """Called once by the app at start-up."""
    handles(COVERAGE)(cover)
    schedule(COVERAGE, timedelta(minutes=10))
    handles(RETENTION)(forget)
    schedule(RETENTION, timedelta(days=1))


def cover(context: JobContext) -> dict[str, int]:
    """Compute coverage as of today; repeating it is harmless."""
    if not Duty.objects.exists():
        return {"duties": 0}
    return {"duties": len(compute_coverage(now=context.clock()).duties)}


def forget(context: JobContext) -> dict[str, int]:
    """Erase skills that are too old or whose person has left; repeating it is harmless."""
    return {"erased": forget_old_skills(now=context.clock())}
