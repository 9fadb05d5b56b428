"""Rules that look for much the same: shared words in their patterns, shared fields, shared techniques."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from caiso.connect.telemetry.trial.jobs import SimilarRule
from caiso.engine.detect.condition import Equals, TextMatch, leaves
from caiso.engine.detect.rule import Correlation, Rule, Statistic

_MOST: Final = 8
_LEAST: Final = 0.1
_SHOWN_WORDS: Final = 12
_WORD: Final = re.compile(r"[a-z][a-z0-9]{3,30}", re.IGNORECASE)
_ESCAPES: Final = re.compile(r"\\[a-zA-Z]")
_COMMON: Final = frozenset({"true", "false", "null", "http", "https", "with", "that", "this", "from", "your"})


def similar_rules(mine: Sequence[Rule], others: Sequence[Rule]) -> list[SimilarRule]:
    """The rules that share most with those of the text, the nearest first."""
    known = {rule.id: rule for rule in (*others, *mine)}
    asked = {rule.id: _Traits.of(rule, known) for rule in mine if rule.emits}
    found = []
    for other in others:
        if not other.emits:
            continue
        traits = _Traits.of(other, known)
        nearest = max((own.share(traits) for own in asked.values()), default=0.0)
        if nearest >= _LEAST:
            words = set().union(*(own.words for own in asked.values())) & traits.words
            techniques = set().union(*(own.techniques for own in asked.values())) & traits.techniques
            shown = sorted(words, key=lambda word: (-len(word), word))[:_SHOWN_WORDS]
            found.append(SimilarRule(other.id, other.title, round(nearest, 2), sorted(techniques), shown))
    return sorted(found, key=lambda one: (-one.share, one.rule))[:_MOST]


class _Traits(msgspec.Struct, frozen=True):
    """What a rule looks for, as sets; those of the rules that it listens to are its own."""

    words: frozenset[str]
    atoms: frozenset[tuple[str, str]]
    techniques: frozenset[str]

    @classmethod
    def of(cls, rule: Rule, known: dict[str, Rule]) -> _Traits:
        words: set[str] = set()
        atoms: set[tuple[str, str]] = set()
        for base in _base_rules(rule, known):
            if isinstance(base.logic, Correlation | Statistic):
                continue
            for leaf in leaves(base.logic):
                if leaf.field == "event.kind":
                    continue  # half of all rules ask for it
                if isinstance(leaf, TextMatch):
                    atoms.add((leaf.field, leaf.pattern.python))
                    words.update(_words(leaf.pattern.python))
                elif isinstance(leaf, Equals):
                    atoms.add((leaf.field, leaf.value))
                    words.update(_words(leaf.value))
        return cls(frozenset(words), frozenset(atoms), frozenset(rule.techniques))

    def share(self, other: _Traits) -> float:
        """Equal conditions weigh most, then words, then the technique."""
        return (
            0.4 * _jaccard(self.atoms, other.atoms)
            + 0.4 * _jaccard(self.words, other.words)
            + 0.2 * _jaccard(self.techniques, other.techniques)
        )


def _base_rules(rule: Rule, known: dict[str, Rule]) -> Iterable[Rule]:
    seen: dict[str, Rule] = {}
    waiting = [rule]
    while waiting:
        one = waiting.pop()
        if one.id in seen:
            continue
        seen[one.id] = one
        if isinstance(one.logic, Correlation | Statistic):
            waiting += [known[name] for name in one.logic.heard if name in known]
    return seen.values()


def _words(pattern: str) -> set[str]:
    plain = _ESCAPES.sub(" ", pattern)
    return {word for found in _WORD.findall(plain) if (word := found.lower()) not in _COMMON}


def _jaccard(left: frozenset[object] | frozenset[str], right: frozenset[object] | frozenset[str]) -> float:
    both = len(left | right)
    return len(left & right) / both if both else 0.0
