"""Background work of security operations."""

from datetime import timedelta

from caiso.web.base.services.jobs import GiveUp, JobContext, handles, schedule
from caiso.web.soc.models import Source
from caiso.web.soc.services import drills, hunts, retro
from caiso.web.soc.services.budgets import is_any_over_budget, judge_rules
from caiso.web.soc.services.clocks import compute_open_clocks, has_open_incidents
from caiso.web.soc.services.readiness import compute_readiness
from caiso.web.soc.services.rejects import RETRY_JOB, retry_rejects
from caiso.web.soc.services.risk import forget_risk, has_risk
from caiso.web.soc.services.searching import has_parts_to_index, index_parts


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


@handles("soc.readiness")
def count_readiness(context: JobContext) -> int:
    """A field that stopped arriving leaves the score although nothing new comes."""
    return compute_readiness(now=context.clock())


@handles(drills.KIND)
def play_drill(context: JobContext, *, run: int) -> dict[str, int]:
    """Play one drill that somebody asked for."""
    return drills.play_drill(context, run_id=run)


@handles("soc.drill_all")
def play_all_drills(context: JobContext) -> dict[str, int]:
    """Play every installed drill."""
    return drills.play_all(context)


@handles(retro.KIND)
def play_retro_hunt(context: JobContext, *, hunt: int, rules: list[str]) -> dict[str, object]:
    """Run one retro-hunt."""
    return retro.play_retro_hunt(context, hunt_id=hunt, rules=rules)


@handles(hunts.KIND)
def play_hunt(context: JobContext, *, run: int) -> dict[str, object]:
    """Answer one hunt."""
    return hunts.play_hunt(context, run_id=run)


@handles("soc.hunt_answers")
def empty_old_answers(context: JobContext) -> int:
    """Throw away what hunts answered some days ago."""
    return hunts.empty_old_answers(now=context.clock())


@handles("soc.index_events")
def index_events(context: JobContext) -> int:
    """Let searches over events leave out the parts that cannot hold what is searched for."""
    return index_parts(now=context.clock(), tell=context.progress)


def schedule_jobs() -> None:
    """Called once by the app at start-up."""
    schedule("soc.clocks", timedelta(minutes=1), when=has_open_incidents)
    schedule("soc.rule_budgets", timedelta(minutes=5), when=is_any_over_budget)
    schedule("soc.forget_risk", timedelta(hours=6), when=has_risk)
    schedule("soc.readiness", timedelta(hours=6), when=Source.objects.exists)
    schedule("soc.drill_all", timedelta(days=1))
    schedule("soc.index_events", timedelta(minutes=10), when=has_parts_to_index)
    schedule("soc.hunt_answers", timedelta(hours=6), when=hunts.has_old_answers)
