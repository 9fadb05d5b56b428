"""The worker's part of compliance: controls follow changed records within seconds, and time every ten minutes."""

from datetime import timedelta

from caiso.web.base.services.facts import has_touches
from caiso.web.base.services.jobs import JobContext, handles, schedule
from caiso.web.compliance.services.evaluation import evaluate_controls, evaluate_touched

FOLLOW = "compliance.follow"
EVALUATE = "compliance.evaluate"


def register_jobs() -> None:
    """Called once by the app at start-up."""
    handles(FOLLOW)(follow)
    handles(EVALUATE)(evaluate)
    schedule(FOLLOW, timedelta(seconds=5), when=has_touches)
    schedule(EVALUATE, timedelta(minutes=10))


def follow(context: JobContext) -> dict[str, int]:
    """Evaluate the controls whose records changed; repeating it is harmless."""
    return {"assessments": evaluate_touched(now=context.clock())}


def evaluate(context: JobContext) -> dict[str, int]:
    """Evaluate every control: evidence also grows stale while nothing changes."""
    return {"assessments": evaluate_controls(now=context.clock())}
