"""Regulatory reporting clocks: dated rules, timestamped facts, deadlines with their reason. Not legal advice."""

from caiso.engine.clocks.compute import DISCLAIMER, Clock, ClockState, compute
from caiso.engine.clocks.facts import FACT_NAMES, Attributes, IncidentFacts
from caiso.engine.clocks.library import ClockLibrary, as_data, facts_schema, load_clocks, parse_facts
from caiso.engine.clocks.periods import Period, WorkCalendar, end_of_period
from caiso.engine.clocks.rules import (
    CLOCKS,
    ClockRule,
    Condition,
    ConditionOp,
    Counting,
    LegalState,
    Regime,
    Unit,
)

__all__ = [
    "CLOCKS",
    "DISCLAIMER",
    "FACT_NAMES",
    "Attributes",
    "Clock",
    "ClockLibrary",
    "ClockRule",
    "ClockState",
    "Condition",
    "ConditionOp",
    "Counting",
    "IncidentFacts",
    "LegalState",
    "Period",
    "Regime",
    "Unit",
    "WorkCalendar",
    "as_data",
    "compute",
    "end_of_period",
    "facts_schema",
    "load_clocks",
    "parse_facts",
]
