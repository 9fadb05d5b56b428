"""What a detection rule is, once read: its identity, what it asks, and its own tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from caiso.engine.detect.condition import Condition


class Severity(StrEnum):
    """How bad a match is, in Sigma's five levels."""

    INFORMATIONAL = "informational"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class DeployState(StrEnum):
    """How far a rule is trusted: counted only, shown to few, or live."""

    SHADOW = "shadow"
    CANARY = "canary"
    LIVE = "live"


class CorrelationKind(StrEnum):
    """How a correlation joins the matches of its base rules (Sigma correlations 2.1)."""

    EVENT_COUNT = "event_count"
    VALUE_COUNT = "value_count"
    VALUE_SUM = "value_sum"
    VALUE_AVG = "value_avg"
    VALUE_PERCENTILE = "value_percentile"
    VALUE_MEDIAN = "value_median"
    TEMPORAL = "temporal"
    TEMPORAL_ORDERED = "temporal_ordered"


@dataclass(frozen=True, slots=True)
class Correlation:
    """Matches of ``rules`` that share ``group_by`` within ``span_us`` microseconds of event time."""

    kind: CorrelationKind
    rules: tuple[str, ...]
    span_us: int
    group_by: tuple[str, ...] = ()
    relation: str = "gte"  # lt, lte, gt, gte, eq, neq: how the count, sum, mean … stands to the threshold
    threshold: float = 1
    value_fields: tuple[str, ...] = ()
    percentile: float = 50
    # For temporal: (rules that must be there, rules that must not), as bits in order of ``rules``; any of them will do.
    terms: tuple[tuple[int, int], ...] = ()
    aliases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # alias -> rule id -> field
    generate: bool = False
    unless: tuple[str, ...] = ()  # a match of one of these under the same key, within the span before, keeps it silent
    alike: bool = False  # texts that nearly agree are one key

    @property
    def heard(self) -> tuple[str, ...]:
        """All rules that it listens to."""
        return tuple(dict.fromkeys(self.rules + self.unless))

    @property
    def masks(self) -> tuple[int, ...]:
        """For temporal: the sets of rules that must all be there."""
        return tuple(must for must, _ in self.terms)

    @property
    def waits(self) -> bool:
        """True when the answer is known only after the window has ended: what is missing, or what the mean was."""
        if self.kind in (CorrelationKind.TEMPORAL, CorrelationKind.TEMPORAL_ORDERED):
            return any(must_not for _, must_not in self.terms)
        averaged = self.kind in (
            CorrelationKind.VALUE_AVG, CorrelationKind.VALUE_PERCENTILE, CorrelationKind.VALUE_MEDIAN,
        )  # fmt: skip
        return averaged or self.relation not in ("gt", "gte")


class StatisticSettings(Protocol):
    """What a statistical method was asked for; each method has its own (``statistics``)."""

    @property
    def value_fields(self) -> tuple[str, ...]: ...

    @property
    def key_fields(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Statistic:
    """A statistical method over the matches of ``rules``, with memory of its own for each ``group_by`` key."""

    method: str
    rules: tuple[str, ...]
    settings: StatisticSettings
    group_by: tuple[str, ...] = ()

    @property
    def heard(self) -> tuple[str, ...]:
        """All rules that it listens to."""
        return tuple(dict.fromkeys(self.rules))

    @property
    def waits(self) -> bool:
        """False: it answers as samples come; what is missing when a window ends is a correlation's business."""
        return False


@dataclass(frozen=True, slots=True)
class RuleTest:
    """Events that must make the rule fire, or must not; times start at zero and are filled in where absent."""

    name: str
    fires: bool
    events: Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One detection rule; ``logic`` asks about one event, or joins or measures the matches of other rules."""

    id: str
    title: str
    logic: Condition | Correlation | Statistic
    path: Path
    line: int
    digest: str  # of the document's text: state kept for another text is not reused
    uuid: str = ""
    description: str = ""
    severity: Severity = Severity.MEDIUM
    state: DeployState = DeployState.SHADOW
    techniques: tuple[str, ...] = ()
    owasp: tuple[str, ...] = ()
    falsepositives: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()  # fields without which the rule is blind
    entity: tuple[str, ...] = ()
    dedup: tuple[str, ...] = ()
    response: str = ""
    emits: bool = True  # False for the base rules of correlations
    tests: tuple[RuleTest, ...] = ()
    unanswered: tuple[str, ...] = ()  # fields without counterpart here that only alternatives of the rule ask for

    @property
    def is_correlation(self) -> bool:
        return isinstance(self.logic, Correlation)

    @property
    def kind(self) -> str:
        """``single``, ``correlation`` or ``statistic``."""
        if isinstance(self.logic, Statistic):
            return "statistic"
        return "correlation" if self.is_correlation else "single"

    @property
    def heard(self) -> tuple[str, ...]:
        """The rules whose matches it joins or measures."""
        return self.logic.heard if isinstance(self.logic, Correlation | Statistic) else ()
