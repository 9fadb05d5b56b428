"""Tables of the organisation; each row is one record of caiso.engine.coverage.organisation.model."""

from caiso.web.organisation.models.duty import Assignment, Competence, Duty
from caiso.web.organisation.models.evidence import (
    AuthorityRecord,
    CarriedRecord,
    ScorecardEvidence,
    Tool,
    WorkingTime,
)
from caiso.web.organisation.models.result import CoverageSnapshot, DutyCoverage
from caiso.web.organisation.models.role import Delegate, Holding, ReportingLine, Role, Skill
from caiso.web.organisation.models.scenario import Scenario

__all__ = [
    "Assignment",
    "AuthorityRecord",
    "CarriedRecord",
    "Competence",
    "CoverageSnapshot",
    "Delegate",
    "Duty",
    "DutyCoverage",
    "Holding",
    "ReportingLine",
    "Role",
    "Scenario",
    "ScorecardEvidence",
    "Skill",
    "Tool",
    "WorkingTime",
]
