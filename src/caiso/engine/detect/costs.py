"""What each rule costs: processor time for each event, measured on the events that really come.

What listens (correlations, statistics) is measured in every batch. Base rules share one scan of each text, so from time
to time a batch is done once more: the scan's time is divided among the patterns that took part, engine by engine, so
that a pattern which only a slow engine can do pays for itself, and each rule's own conditions are asked alone.
The clock is handed in; the engine has none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from caiso.engine.detect.batch import Batch
from caiso.engine.detect.matcher import Matcher, texts_in
from caiso.engine.detect.ruleset import Ruleset

Meter = Callable[[], float]  # seconds of processor time

EVERY: Final = 50  # batches
LEAST_EVENTS: Final = 100


@dataclass
class Costs:
    """Seconds by rule, and the events in which they were spent."""

    meter: Meter
    listening: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    listened: int = 0
    matching: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    matched: int = 0
    _batches: int = 0

    def is_due(self, batch: Batch) -> bool:
        """Whether this batch is to be done once more, rule by rule."""
        if len(batch) < LEAST_EVENTS:
            return False
        self._batches += 1
        return self._batches % EVERY == 1

    def measure(self, matcher: Matcher, batch: Batch) -> None:
        """Match a batch once more, each rule by itself as far as that can be."""
        rules = matcher.ruleset
        self.matched += len(batch)
        present = batch.fields()
        owners = _owners(rules)
        for name, scanner in rules.scanners.items():
            texts = texts_in(batch, name) if name in present else []
            if not texts:
                continue
            for scan, patterns in scanner.engines():
                begun = self.meter()
                scan(texts)
                share = (self.meter() - begun) / max(len(patterns), 1)
                for pattern in patterns:
                    whose = owners[int(rules.atoms_of_field[name][pattern])]
                    for rule in whose:
                        self.matching[rules.base[rule].id] += share / len(whose)
        for rule, seconds in matcher.each_alone(batch, self.meter).items():
            self.matching[rules.base[rule].id] += seconds

    def per_event(self) -> dict[str, float]:
        """Microseconds for each event, by rule; only what was measured."""
        found: dict[str, float] = {}
        for spent, events in ((self.matching, self.matched), (self.listening, self.listened)):
            if events:
                found |= {name: seconds / events * 1e6 for name, seconds in spent.items()}
        return found

    def take(self) -> tuple[dict[str, float], int]:
        """What was measured since the last time, and over how many events; begins anew."""
        found, events = self.per_event(), self.listened
        self.listening, self.matching = defaultdict(float), defaultdict(float)
        self.listened = self.matched = 0
        return found, events


def _owners(rules: Ruleset) -> list[list[int]]:
    """For each atom the base rules whose texts it is looked for in."""
    owners: list[list[int]] = [[] for _ in rules.atom_leaf]
    for rule, atoms in enumerate(rules.text_atoms):
        for atom in atoms:
            owners[atom].append(rule)
    return owners
