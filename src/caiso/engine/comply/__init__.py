"""Frameworks, our controls, and what the one proves about the other."""

from caiso.engine.comply.controls import CONTROLS, Control, Family, Link, Stage, control_kind
from caiso.engine.comply.coverage import (
    Contribution,
    FrameworkCoverage,
    RequirementCoverage,
    RequirementMapping,
    RequirementState,
    Step,
    Tally,
    framework_coverage,
)
from caiso.engine.comply.frameworks import (
    FRAMEWORKS,
    Framework,
    FrameworkStatus,
    Requirement,
    TextMode,
    framework_key,
    in_order,
)
from caiso.engine.comply.library import Library, load_library
from caiso.engine.comply.relations import Relation, ReviewStatus, chain, inverse
from caiso.engine.comply.states import ControlState, ControlVerdict, Declared, judge_control

__all__ = [
    "CONTROLS",
    "FRAMEWORKS",
    "Contribution",
    "Control",
    "ControlState",
    "ControlVerdict",
    "Declared",
    "Family",
    "Framework",
    "FrameworkCoverage",
    "FrameworkStatus",
    "Library",
    "Link",
    "Relation",
    "Requirement",
    "RequirementCoverage",
    "RequirementMapping",
    "RequirementState",
    "ReviewStatus",
    "Stage",
    "Step",
    "Tally",
    "TextMode",
    "chain",
    "control_kind",
    "framework_coverage",
    "framework_key",
    "in_order",
    "inverse",
    "judge_control",
    "load_library",
]
