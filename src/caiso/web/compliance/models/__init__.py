"""Tables of compliance; one file per noun."""

from caiso.web.compliance.models.assessment import CheckOutcome, ControlAssessment, ControlStateChange, Evidence
from caiso.web.compliance.models.catalogue import Control, ControlLink, Framework, Requirement

__all__ = [
    "CheckOutcome",
    "Control",
    "ControlAssessment",
    "ControlLink",
    "ControlStateChange",
    "Evidence",
    "Framework",
    "Requirement",
]
