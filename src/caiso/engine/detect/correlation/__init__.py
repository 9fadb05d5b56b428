"""Joins matches over event time: counts, values, and things that happen together, in order, or not at all."""

from caiso.engine.detect.correlation.bounds import IDLE_US, LATENESS_US, LIMITS, MAX_ENTRIES, MAX_KEYS, Limits
from caiso.engine.detect.correlation.build import correlator_for
from caiso.engine.detect.correlation.correlator import Correlator
from caiso.engine.detect.correlation.keys import key_part
from caiso.engine.detect.correlation.occurrence import Firing, Occurrence, Occurrences
from caiso.engine.detect.correlation.stream import Stream

__all__ = [
    "IDLE_US",
    "LATENESS_US",
    "LIMITS",
    "MAX_ENTRIES",
    "MAX_KEYS",
    "Correlator",
    "Firing",
    "Limits",
    "Occurrence",
    "Occurrences",
    "Stream",
    "correlator_for",
    "key_part",
]
