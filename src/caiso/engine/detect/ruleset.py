"""Compiles rules into scanners, an index over metadata, and the gates that say which rules to look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from caiso.engine.detect import hyperscan_build
from caiso.engine.detect.condition import (
    And,
    Condition,
    Equals,
    Exists,
    Gate,
    Leaf,
    Or,
    TextMatch,
    chosen_gates,
    leaves,
)
from caiso.engine.detect.dense import DenseHolds, dense_evaluator
from caiso.engine.detect.pattern import Pattern
from caiso.engine.detect.rule import Correlation, Rule, Statistic
from caiso.engine.detect.scan import Backend, FieldScanner
from caiso.engine.detect.sparse import Holds, sparse_evaluator

Ints = npt.NDArray[np.int64]
MetadataLeaf = Equals | Exists


@dataclass(frozen=True, slots=True)
class Spread:
    """A many-to-many map of small integers in two arrays: the targets of i are flat[starts[i]:starts[i + 1]]."""

    starts: Ints
    flat: Ints

    @classmethod
    def of(cls, targets: Sequence[Sequence[int]]) -> Spread:
        starts = np.zeros(len(targets) + 1, dtype=np.int64)
        np.cumsum([len(items) for items in targets], out=starts[1:])
        flat = np.fromiter((item for items in targets for item in items), dtype=np.int64, count=int(starts[-1]))
        return cls(starts, flat)

    def expand(self, left: Ints, keys: Ints) -> tuple[Ints, Ints]:
        """For pairs (left, key): every (left, target of key)."""
        counts = self.starts[keys + 1] - self.starts[keys]
        total = int(counts.sum())
        if not total:
            return left[:0], keys[:0]
        offsets = np.repeat(self.starts[keys] - np.concatenate(([0], np.cumsum(counts)[:-1])), counts)
        return np.repeat(left, counts), self.flat[offsets + np.arange(total)]


@dataclass(slots=True)
class FieldIndex:
    """Which metadata atoms a field's value satisfies."""

    exists: tuple[int, ...] = ()
    folded: dict[str, tuple[int, ...]] = field(default_factory=dict)
    cased: dict[str, tuple[int, ...]] = field(default_factory=dict)
    memo: dict[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class Ruleset:
    """Rules ready to run; base rules by position, ``correlations`` in the order in which they may feed each other.

    Statistics stand among the correlations: they listen to matches and can be listened to in the same way.
    """

    rules: tuple[Rule, ...]
    base: tuple[Rule, ...]
    correlations: tuple[Rule, ...]
    backend: Backend
    scanners: dict[str, FieldScanner]
    atoms_of_field: dict[str, Ints]  # scanner pattern number -> atom
    atom_leaf: list[Leaf]
    index: dict[str, FieldIndex]
    gates_of_atom: Spread
    rule_of_gate: Ints
    gates_needed: Ints  # per base rule
    exact: npt.NDArray[np.bool_]  # the gates say all there is to say
    dense: tuple[int, ...]  # base rules that any event may satisfy
    holds: tuple[Holds, ...]
    holds_for_many: tuple[DenseHolds, ...]
    text_atoms: tuple[tuple[int, ...], ...]  # per base rule
    doubtful_atoms: frozenset[int]  # whose hits need a second look
    place_of_atom: dict[int, tuple[str, int]]  # text atom -> field, number in the field's scanner


def compile_ruleset(
    rules: Iterable[Rule],
    cache: Path | None = None,
    *,
    backend: Literal["auto", "hyperscan", "re2", "re"] = "auto",
    isolate: bool = True,
) -> Ruleset:
    """Everything that can be decided before the first event.

    ``cache`` keeps Hyperscan databases between runs. ``isolate=False`` compiles in this process, without a time
    budget: only for rules that are trusted.
    """
    chosen: Backend = backend if backend != "auto" else "hyperscan" if hyperscan_build.available() else "re2"
    rules = tuple(rules)
    base = tuple(rule for rule in rules if not isinstance(rule.logic, Correlation | Statistic))
    atoms = _Atoms()
    conditions: list[Condition] = [rule.logic for rule in base if not isinstance(rule.logic, Correlation | Statistic)]
    for condition in conditions:
        for leaf in leaves(condition):
            if isinstance(leaf, TextMatch | Equals | Exists):
                atoms.number(leaf)
    gates = [chosen_gates(condition) for condition in conditions]
    gate_table = _gates(gates, atoms)
    scanners, atoms_of_field = _scanners(atoms, chosen, cache=cache, isolate=isolate)
    places = {
        int(atom): (name, number) for name, numbers in atoms_of_field.items() for number, atom in enumerate(numbers)
    }
    text_atoms = [
        tuple(dict.fromkeys(atoms.number(leaf) for leaf in leaves(condition) if isinstance(leaf, TextMatch)))
        for condition in conditions
    ]
    doubtful = [
        frozenset(atom for atom in own if places[atom][1] in scanners[places[atom][0]].doubtful) for own in text_atoms
    ]
    doubtful_atoms = frozenset().union(*doubtful)
    return Ruleset(
        rules=rules,
        base=base,
        correlations=_in_feeding_order(rules),
        backend=chosen,
        scanners=scanners,
        atoms_of_field=atoms_of_field,
        atom_leaf=atoms.leaves,
        index=_index(atoms),
        gates_of_atom=gate_table.gates_of_atom,
        rule_of_gate=gate_table.rule_of_gate,
        gates_needed=np.array([len(group) for group in gates], dtype=np.int64),
        exact=np.array(
            [
                not unsure and _exact(condition, group)
                for condition, group, unsure in zip(conditions, gates, doubtful, strict=True)
            ],
            dtype=bool,
        ),
        dense=tuple(number for number, group in enumerate(gates) if not group),
        holds=tuple(sparse_evaluator(condition, atoms.numbers, doubtful_atoms) for condition in conditions),
        holds_for_many=tuple(dense_evaluator(condition, atoms.numbers) for condition in conditions),
        text_atoms=tuple(text_atoms),
        doubtful_atoms=doubtful_atoms,
        place_of_atom=places,
    )


@dataclass(slots=True)
class _Atoms:
    """Numbers for distinct leaves, shared between rules."""

    leaves: list[Leaf] = field(default_factory=list)
    numbers: dict[Leaf, int] = field(default_factory=dict)

    def number(self, leaf: Leaf) -> int:
        found = self.numbers.get(leaf)
        if found is None:
            found = self.numbers[leaf] = len(self.leaves)
            self.leaves.append(leaf)
        return found


@dataclass(frozen=True, slots=True)
class _GateTable:
    gates_of_atom: Spread
    rule_of_gate: Ints


def _gates(gates: Sequence[tuple[Gate, ...]], atoms: _Atoms) -> _GateTable:
    rule_of_gate: list[int] = []
    members: list[list[int]] = []
    for rule, group in enumerate(gates):
        for gate in group:
            members.append([atoms.number(leaf) for leaf in gate])
            rule_of_gate.append(rule)
    by_atom: list[list[int]] = [[] for _ in atoms.leaves]
    for gate_number, numbers in enumerate(members):
        for atom in numbers:
            by_atom[atom].append(gate_number)
    return _GateTable(Spread.of(by_atom), np.array(rule_of_gate, dtype=np.int64))


def _exact(condition: Condition, group: tuple[Gate, ...]) -> bool:
    """True when the condition is nothing but an and of the gates."""
    parts: list[Condition] = []
    waiting = [condition]
    while waiting:
        part = waiting.pop()
        if isinstance(part, And):
            waiting.extend(part.parts)
        else:
            parts.append(part)
    asked = set()
    for part in parts:
        members = _flat_or(part)
        if members is None:
            return False
        asked.add(frozenset(members))
    return asked == set(group)


def _flat_or(part: Condition) -> list[Leaf] | None:
    if isinstance(part, TextMatch | Equals | Exists):
        return [part]
    if not isinstance(part, Or):
        return None
    members: list[Leaf] = []
    for inner in part.parts:
        found = _flat_or(inner)
        if found is None:
            return None
        members += found
    return members


def _scanners(
    atoms: _Atoms, backend: Backend, *, cache: Path | None, isolate: bool
) -> tuple[dict[str, FieldScanner], dict[str, Ints]]:
    by_field: dict[str, list[tuple[int, Pattern]]] = {}
    for number, leaf in enumerate(atoms.leaves):
        if isinstance(leaf, TextMatch):
            by_field.setdefault(leaf.field, []).append((number, leaf.pattern))
    fields = sorted(by_field)
    patterns = [[pattern for _, pattern in by_field[name]] for name in fields]
    databases: Sequence[hyperscan_build.Databases | None] = [None] * len(fields)
    if backend == "hyperscan" and fields:
        databases = hyperscan_build.build(patterns, cache=cache, isolate=isolate)
    scanners = {
        name: FieldScanner(own, backend, built) for name, own, built in zip(fields, patterns, databases, strict=True)
    }
    numbers = {name: np.array([number for number, _ in by_field[name]], dtype=np.int64) for name in fields}
    return scanners, numbers


def _index(atoms: _Atoms) -> dict[str, FieldIndex]:
    index: dict[str, FieldIndex] = {}
    for number, leaf in enumerate(atoms.leaves):
        if isinstance(leaf, TextMatch):
            continue
        entry = index.setdefault(leaf.field, FieldIndex())
        if isinstance(leaf, Exists):
            entry.exists = (*entry.exists, number)
        elif isinstance(leaf, Equals):
            table = entry.cased if leaf.cased else entry.folded
            table[leaf.value] = (*table.get(leaf.value, ()), number)
    return index


def _in_feeding_order(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Correlations and statistics such that each comes after those that it listens to."""
    waiting: Mapping[str, Rule] = {rule.id: rule for rule in rules if rule.kind != "single"}
    ordered: dict[str, Rule] = {}

    def place(rule: Rule) -> None:
        if rule.id in ordered:
            return
        for name in rule.heard:
            if name in waiting:
                place(waiting[name])
        ordered[rule.id] = rule

    for rule in waiting.values():
        place(rule)
    return tuple(ordered.values())
