"""Reporting duties as dated data: who must report what, to whom, counted from which fact, and since when."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from caiso.engine.clocks.facts import FACT_NAMES, Attributes
from caiso.engine.packs import (
    CONTENT,
    Between,
    Doc,
    Fault,
    Length,
    Pack,
    PackKind,
    PackProblem,
    Slug,
    Title,
    Words,
    quoted,
)

ATTRIBUTES = tuple(known.name for known in dataclasses.fields(Attributes))


class Unit(StrEnum):
    """In what a period is expressed."""

    HOURS = "hours"
    CALENDAR_DAYS = "calendar_days"
    BUSINESS_DAYS = "business_days"
    MONTHS = "months"


class LegalState(StrEnum):
    """`pending` becomes law on `applies_from`; `proposed` needs somebody to change the pack."""

    IN_FORCE = "in_force"
    PENDING = "pending"
    PROPOSED = "proposed"
    REPEALED = "repealed"


class Counting(StrEnum):
    """Regulation (EEC, Euratom) 1182/71, or plain elapsed time and dates."""

    EU_1182_71 = "eu_1182_71"
    ELAPSED = "elapsed"


class ConditionOp(StrEnum):
    """`overlaps` compares lists: one common entry is enough."""

    EQ = "eq"
    NE = "ne"
    IN = "in"
    OVERLAPS = "overlaps"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on one attribute; `unknown` says what an undetermined attribute means."""

    field: Slug
    op: ConditionOp
    value: bool | str | tuple[str, ...]
    unknown: Literal["waits", "applies"] = "waits"

    def faults(self) -> Iterator[Fault]:
        if self.field not in ATTRIBUTES:
            message = f"attribute {quoted(self.field)} does not exist, expected one of {', '.join(ATTRIBUTES)}"
            yield Fault(("field",), message)
        if (self.op in (ConditionOp.IN, ConditionOp.OVERLAPS)) != isinstance(self.value, tuple):
            yield Fault(("value",), f"{self.op} takes {'one value' if isinstance(self.value, tuple) else 'a list'}")

    def holds(self, attributes: Attributes) -> bool | None:
        """True, False, or None when it depends on something undetermined."""
        actual = getattr(attributes, self.field)
        if actual is None:
            return True if self.unknown == "applies" else None
        if self.op is ConditionOp.EQ:
            return bool(actual == self.value)
        if self.op is ConditionOp.NE:
            return bool(actual != self.value)
        wanted = self.value if isinstance(self.value, tuple) else ()
        if self.op is ConditionOp.IN:
            return actual in wanted
        return any(entry in wanted for entry in actual)


@dataclass(frozen=True, slots=True)
class Cap:
    """An outer limit counted from another fact, as in "within 4 hours of classification, at most 24 of awareness".

    It binds only when the period started before the limit passed.
    """

    start_event: Literal[
        "occurred", "detected", "aware", "classified", "material", "causal_link", "fix_available", "mitigated"
    ]
    amount: Annotated[int, Between(1, 400)]
    unit: Unit


@dataclass(frozen=True, slots=True)
class ClockRule:
    """One stage of one reporting duty.

    Without `amount` the act says "without undue delay": the clock shows since when, and is never overdue.
    """

    id: Slug
    title: Title
    stage: Title
    article: Title
    recipient: Title
    trigger_fact: Annotated[str, Doc("the fact without which there is no duty")]
    start_event: Annotated[str, Doc("the fact from which the period is counted; `notified.<rule id>` chains stages")]
    legal_state: LegalState
    applies_from: date
    source: Title
    verified_on: date
    amount: Annotated[int, Between(1, 400)] | None = None
    unit: Unit | None = None
    counting: Counting = Counting.EU_1182_71
    no_later_than: Cap | None = None
    depends_on: Slug | None = None
    immediately_after: Annotated[str | None, Doc("from this fact on the report is due at once")] = None
    applies_when: Annotated[tuple[Condition, ...], Length(0, 12), Doc("all must hold")] = ()
    applies_when_any: Annotated[tuple[Condition, ...], Length(0, 12), Doc("one must hold, if there are any")] = ()
    applies_to: date | None = None
    fields: Annotated[tuple[Title, ...], Doc("what the report must contain")] = ()
    inference: Annotated[Words | None, Doc("what about this rule is our reading and not the act's words")] = None
    note: Words | None = None

    def faults(self) -> Iterator[Fault]:
        if (self.amount is None) != (self.unit is None):
            yield Fault(("amount",), "amount and unit stand together or not at all")
        if self.no_later_than is not None and self.amount is None:
            yield Fault(("no_later_than",), "an outer limit needs an amount that it limits")
        for key, name in (("trigger_fact", self.trigger_fact), ("immediately_after", self.immediately_after)):
            if name is not None and name not in FACT_NAMES:
                yield Fault((key,), f"{key} {quoted(name)} is wrong, expected one of {', '.join(FACT_NAMES)}")
        expected = f"notified.{self.depends_on}"
        if self.depends_on is None and self.start_event not in FACT_NAMES:
            known = ", ".join(FACT_NAMES)
            yield Fault(("start_event",), f"start_event {quoted(self.start_event)} is wrong, expected one of {known}")
        elif self.depends_on is not None and self.start_event != expected:
            yield Fault(("start_event",), f"a rule that depends on {self.depends_on} starts with {expected}")
        if self.applies_to is not None and self.applies_to < self.applies_from:
            yield Fault(("applies_to",), "applies_to lies before applies_from")
        if self.legal_state is LegalState.PENDING and self.inference is None and self.note is None:
            yield Fault(("legal_state",), "a pending rule says in `note` or `inference` why it is pending")


@dataclass(frozen=True, slots=True)
class Regime:
    """A law with its reporting clocks."""

    id: Slug
    title: Title
    jurisdiction: Title
    rules: Annotated[tuple[ClockRule, ...], Length(1, 40)]
    note: Words | None = None

    def faults(self) -> Iterator[Fault]:
        seen: set[str] = set()
        for index, rule in enumerate(self.rules):
            if rule.id in seen:
                yield Fault(("rules", index, "id"), f"rule {quoted(rule.id)} stands twice")
            if rule.depends_on is not None and rule.depends_on not in seen:
                message = f"depends_on {quoted(rule.depends_on)} is not a rule above this one in the same file"
                yield Fault(("rules", index, "depends_on"), message)
            seen.add(rule.id)


def _check_regimes(packs: Sequence[Pack[Regime]]) -> Iterator[PackProblem]:
    places: dict[str, Pack[Regime]] = {}
    for pack in packs:
        for index, rule in enumerate(pack.value.rules):
            if rule.id in places:
                message = f"rule {quoted(rule.id)} is already defined in {places[rule.id].path}"
                yield pack.problem(("rules", index, "id"), message)
            places[rule.id] = pack


CLOCKS = PackKind("clock", "clocks", Regime, key=lambda regime: regime.id, check=_check_regimes)
CLOCK_FOLDER = CONTENT / CLOCKS.folder
