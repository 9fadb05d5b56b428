"""Plays attacks with benign twins against the rules as they are deployed, and says what would have been seen.

``packs, problems = load_drills(folder)``; ``result = play(trace, stage)``, which loads the engine (``drill.play``).
"""

from caiso.engine.drill.packs import DRILLS, DrillPack, Step, Trace, drill_kind, load_drills
from caiso.engine.drill.score import WORST_FIRST, Outcome, count_outcomes, worst

__all__ = [
    "DRILLS",
    "WORST_FIRST",
    "DrillPack",
    "Outcome",
    "Step",
    "Trace",
    "count_outcomes",
    "drill_kind",
    "load_drills",
    "worst",
]
