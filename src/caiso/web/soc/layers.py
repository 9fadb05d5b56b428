"""Standing drill results and coverage as a layer of the ATLAS Navigator."""

from datetime import datetime

from caiso.engine.drill import Outcome
from caiso.engine.drill.layer import Cell, navigator_layer
from caiso.web.base.access import Viewer
from caiso.web.base.presentation import counted
from caiso.web.soc import drills, queries
from caiso.web.soc.models import TechniqueCoverage

_PASSED = ("covered",)


def layer_for(viewer: Viewer, *, now: datetime) -> dict[str, object]:
    """Techniques that were drilled, judged on the AI systems that the viewer may see."""
    standing = drills.standing_by_technique(now=now)
    pairs: dict[str, list[TechniqueCoverage]] = {}
    for pair in queries.technique_coverage(viewer).filter(technique__in=standing):
        pairs.setdefault(pair.technique, []).append(pair)
    cells = [_cell(one, pairs.get(technique, [])) for technique, one in standing.items()]
    return navigator_layer(
        cells,
        name=f"caiso detection drills, {now:%Y-%m-%d}",
        description=(
            "Attack traces with benign twins, played against the deployed rules; a technique counts on a system only "
            "when its telemetry arrives. Computed from test results, not from the tags of rules."
        ),
    )


def _cell(standing: drills.Standing, pairs: list[TechniqueCoverage]) -> Cell:
    traces = len(standing.results)
    covered = traces - len(standing.failed)
    told = f"Drill {standing.at:%Y-%m-%d}: {covered} of {counted(traces, 'trace', 'traces')} covered."
    if standing.failed:
        told += f" {standing.failed[0].title}: {standing.failed[0].why}."
    outcome = Outcome(standing.outcome)
    score = round(100 * covered / traces)
    if pairs:
        passed = [pair for pair in pairs if pair.outcome in _PASSED]
        blind = [pair for pair in pairs if pair.outcome == "blind"]
        told += f" Covered on {len(passed)} of {counted(len(pairs), 'system', 'systems')}."
        if blind:
            told += f" Blind on {', '.join(pair.asset.name for pair in blind[:5])}."
        if outcome is Outcome.COVERED:
            score = round(100 * len(passed) / len(pairs))
            if not passed:
                outcome = Outcome.BLIND if blind else Outcome.MISSED
    rules = dict.fromkeys(row["rule"] for result in standing.results for row in result.attack if row["alerts"])
    return Cell(standing.technique, outcome, score, told, tuple(rules)[:20])
