"""Tables of the AI security operations center; one file per noun."""

from caiso.web.soc.models.alert import Alert, Signal, Suppression, UtcDay, UtcHour
from caiso.web.soc.models.drill import DrillResult, DrillRun
from caiso.web.soc.models.hunt import HuntKind, HuntRun, SavedHunt
from caiso.web.soc.models.incident import Incident, IncidentClock, IncidentEntry, IncidentFact
from caiso.web.soc.models.risk import RiskAddition, RiskEntity
from caiso.web.soc.models.telemetry import (
    DetectionRule,
    EventPart,
    Feed,
    Reject,
    Source,
    TechniqueCoverage,
    WalOffset,
)
from caiso.web.soc.models.workbench import RetroHunt, RuleReview, RuleVersion, UserRule

__all__ = [
    "Alert",
    "DetectionRule",
    "DrillResult",
    "DrillRun",
    "EventPart",
    "Feed",
    "HuntKind",
    "HuntRun",
    "Incident",
    "IncidentClock",
    "IncidentEntry",
    "IncidentFact",
    "Reject",
    "RetroHunt",
    "RiskAddition",
    "RiskEntity",
    "RuleReview",
    "RuleVersion",
    "SavedHunt",
    "Signal",
    "Source",
    "Suppression",
    "TechniqueCoverage",
    "UserRule",
    "UtcDay",
    "UtcHour",
    "WalOffset",
]
