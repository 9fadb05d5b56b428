"""Background work of security operations."""

from datetime import timedelta

from caiso.web.base.services.jobs import GiveUp, JobContext, handles, schedule
from caiso.web.soc.models import Source
from caiso.web.soc.services.budgets import is_any_over_budget, judge_rules
from caiso.web.soc.services.clocks import compute_open_clocks, has_open_incidents
from caiso.web.soc.services.rejects import RETRY_JOB, retry_rejects
from caiso.web.soc.services.risk import forget_risk, has_risk


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


@handles("soc.rule_budgets")
def hold_rules_to_budgets(context: JobContext) -> int:
    """Take a step back with rules that cost too much or are wrong too often; how many."""
    return len(judge_rules(now=context.clock()))


@handles("soc.forget_risk")
def forget_old_risk(context: JobContext) -> int:
    """Remove what entities did so long ago that it no longer matters."""
    return forget_risk(now=context.clock())


def schedule_jobs() -> None:
    """Called once by the app at start-up."""
    schedule("soc.clocks", timedelta(minutes=1), when=has_open_incidents)
    schedule("soc.rule_budgets", timedelta(minutes=5), when=is_any_over_budget)
    schedule("soc.forget_risk", timedelta(hours=6), when=has_risk)
