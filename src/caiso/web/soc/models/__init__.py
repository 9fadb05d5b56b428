"""Tables of the AI security operations center; one file per noun."""

from caiso.web.soc.models.alert import Alert, Signal, Suppression, UtcDay
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

__all__ = [
    "Alert",
    "DetectionRule",
    "EventPart",
    "Feed",
    "Incident",
    "IncidentClock",
    "IncidentEntry",
    "IncidentFact",
    "Reject",
    "RiskAddition",
    "RiskEntity",
    "Signal",
    "Source",
    "Suppression",
    "TechniqueCoverage",
    "UtcDay",
    "WalOffset",
]
