"""Which kind of correlator a correlation needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from caiso.engine.detect.correlation.bounds import Limits
from caiso.engine.detect.correlation.closing import Closing
from caiso.engine.detect.correlation.correlator import Correlator
from caiso.engine.detect.correlation.counting import Counting
from caiso.engine.detect.correlation.stages import InOrder, Together
from caiso.engine.detect.correlation.values import Distinct, Total
from caiso.engine.detect.rule import Correlation, CorrelationKind, Rule

_KINDS: Final[Mapping[CorrelationKind, Callable[[Rule, Correlation, Limits], Correlator]]] = {
    CorrelationKind.EVENT_COUNT: Counting,
    CorrelationKind.VALUE_COUNT: Distinct,
    CorrelationKind.VALUE_SUM: Total,
    CorrelationKind.TEMPORAL: Together,
    CorrelationKind.TEMPORAL_ORDERED: InOrder,
}


def correlator_for(rule: Rule, logic: Correlation, limits: Limits) -> Correlator:
    """The correlator of a rule, its memory empty."""
    if logic.waits:
        return Closing(rule, logic, limits)
    return _KINDS[logic.kind](rule, logic, limits)
