"""Counting outcomes; the worst trace of a technique decides, because an attacker needs only one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """What the rules made of a trace, or of a technique."""

    COVERED = "covered"  # the attack alerts, the twin does not
    NOISY = "noisy"  # the twin alerts as well, or alone
    MISSED = "missed"  # the attack does not alert
    BLIND = "blind"  # a rule is there, but what it needs does not arrive


# Worst first. Blind stands below missed: the rule is written, what lacks is telemetry.
WORST_FIRST: Final = (Outcome.MISSED, Outcome.BLIND, Outcome.NOISY, Outcome.COVERED)


def worst(outcomes: Iterable[str]) -> Outcome:
    """The worst of some outcomes; there must be one."""
    return min(map(Outcome, outcomes), key=WORST_FIRST.index)


def count_outcomes(outcomes: Iterable[str]) -> Mapping[str, int]:
    """{outcome: how many}, with zeros."""
    found = Counter(str(outcome) for outcome in outcomes)
    return {outcome.value: found[outcome.value] for outcome in Outcome}
