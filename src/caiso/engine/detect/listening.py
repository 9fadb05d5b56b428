"""The cost of a rule with those that it listens to; knows of rules only who hears whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Protocol


class Listener(Protocol):
    """A rule, as far as costs are concerned."""

    @property
    def id(self) -> str: ...

    @property
    def heard(self) -> Sequence[str]: ...

    @property
    def emits(self) -> bool: ...


def with_base_rules(costs: Mapping[str, float], rules: Iterable[Listener]) -> dict[str, float]:
    """The cost of each rule with what it listens to: a quiet base rule runs only for those who hear it, in equal parts."""
    listed = list(rules)
    by_id = {rule.id: rule for rule in listed}
    listeners: Counter[str] = Counter(name for rule in listed for name in rule.heard)

    @cache
    def whole(name: str) -> float:
        rule = by_id[name]
        heard = [other for other in rule.heard if other in by_id and not by_id[other].emits]
        return costs.get(name, 0.0) + sum(whole(other) / listeners[other] for other in heard)

    return {rule.id: whole(rule.id) for rule in listed}
