"""What `caiso drill` needs of an installation: its rules and suppressions, and a place for the results."""

from datetime import UTC, datetime
from typing import Any

from caiso.cli.platform import OPERATOR
from caiso.connect.telemetry.trial.jobs import DrillJob, DrillReport
from caiso.connect.telemetry.trial.parent import Tell
from caiso.web.base.presentation import counted
from caiso.web.soc.drills import drill_job
from caiso.web.soc.models import TechniqueCoverage
from caiso.web.soc.services.drills import play_here


def deployed_job(packs: list[str]) -> DrillJob:
    """A drill of these packs against the live configuration."""
    return drill_job(packs, now=datetime.now(UTC))


def play_and_keep(job: DrillJob, tell: Tell) -> tuple[DrillReport, dict[str, Any]]:
    """Play it, keep it, and say on which AI systems its techniques are covered now."""
    run, report = play_here(job, actor=OPERATOR, tell=tell, now=datetime.now(UTC))
    techniques = {technique for row in report.rows for technique in row.techniques}
    rows = TechniqueCoverage.objects.filter(technique__in=techniques).select_related("asset")
    systems = [
        {
            "technique": row.technique,
            "system": row.asset.name,
            "state": row.outcome,
            "missing_fields": row.missing_fields,
        }
        for row in rows
    ]
    names = {row.asset_id for row in rows}
    told = "No AI system is in the inventory, so nobody knows whether the telemetry arrives."
    if names:
        states = [row.outcome for row in rows]
        told = (
            f"On {counted(len(names), 'AI system', 'AI systems')}: {states.count('covered')} of {len(states)} pairs of "
            f"technique and system are covered, {states.count('blind')} are blind: their telemetry does not arrive."
        )
    return report, {"run": run.pk, "systems": systems, "told": told}
