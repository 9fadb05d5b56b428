"""Evaluates one condition for many events of a batch at once; what only a look at an event can tell is asked last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from caiso.engine.detect.batch import Batch, different
from caiso.engine.detect.condition import And, Condition, Equals, Exists, InNetwork, Leaf, Not, Or, TextMatch

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Confirm(Protocol):
    """Says whether a doubtful hit of an atom in a row stands."""

    def __call__(self, atom: int, row: int) -> bool: ...


@dataclass
class View:
    """The hits of one batch: pairs of row and atom, sorted by row."""

    batch: Batch
    rows: Ints
    atoms: Ints
    doubtful: frozenset[int]
    confirm: Confirm

    @cached_property
    def _by_atom(self) -> tuple[Ints, Ints, Ints]:
        order = np.argsort(self.atoms, kind="stable")
        ordered = self.atoms[order]
        starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if ordered.size else order
        return ordered[starts], np.append(starts, ordered.size), self.rows[order]

    @cached_property
    def _flags(self) -> dict[int, Flags]:
        return {}

    def encoded(self, field: str) -> tuple[Ints, Sequence[object]]:
        """A column as numbers into its different values."""
        found = self._encoded.get(field)
        if found is None:
            found = self._encoded[field] = self.batch.encoded(field)
        return found

    @cached_property
    def _encoded(self) -> dict[str, tuple[Ints, Sequence[object]]]:
        return {}

    def hit(self, atom: int, rows: Ints) -> Flags:
        """For which of the rows an atom is hit, doubtful ones confirmed."""
        flags = self._flags.get(atom)
        if flags is None:
            flags = self._flags[atom] = np.zeros(len(self.batch), dtype=np.bool_)
            names, starts, ordered = self._by_atom
            place = int(np.searchsorted(names, atom))
            if place < len(names) and names[place] == atom:
                flags[ordered[starts[place] : starts[place + 1]]] = True
        found = flags[rows]
        if atom in self.doubtful:
            for place in np.flatnonzero(found).tolist():
                found[place] = self.confirm(atom, int(rows[place]))
        return found


DenseHolds = Callable[[View, Ints], Flags]


def dense_evaluator(condition: Condition, atom_of: Mapping[Leaf, int]) -> DenseHolds:
    """A function of (hits, rows) that says for which rows the condition holds."""
    if isinstance(condition, TextMatch | Equals | Exists):
        atom = atom_of[condition]
        return lambda view, rows: view.hit(atom, rows)
    if isinstance(condition, Not):
        inner = dense_evaluator(condition.part, atom_of)
        return lambda view, rows: ~inner(view, rows)
    if isinstance(condition, And | Or):
        ordered = sorted(condition.parts, key=_cost)
        return _joined([dense_evaluator(part, atom_of) for part in ordered], every=isinstance(condition, And))
    if isinstance(condition, InNetwork):
        return lambda view, rows: _by_value(condition, view, rows)
    holds = condition.holds
    return lambda view, rows: np.array([holds(view.batch.row(row)) for row in rows.tolist()], dtype=np.bool_)


def _by_value(condition: InNetwork, view: View, rows: Ints) -> Flags:
    """Each different address of the rows is read once."""
    numbers, values = view.encoded(condition.field)
    own = numbers[rows]
    known = np.zeros(len(values), dtype=np.bool_)
    for number in different(own).tolist():
        known[number] = condition.holds({condition.field: values[number]})
    return known[own]


def _joined(parts: list[DenseHolds], *, every: bool) -> DenseHolds:
    def evaluate(view: View, rows: Ints) -> Flags:
        found = np.full(rows.size, every, dtype=np.bool_)
        open_places = np.arange(rows.size)
        for part in parts:
            if not open_places.size:
                break
            held = part(view, rows[open_places])
            found[open_places] = held
            open_places = open_places[held if every else ~held]
        return found

    return evaluate


def _cost(part: Condition) -> int:
    """What an index answers first, what must be confirmed by reading text later, what must read events last."""
    if isinstance(part, Equals | Exists):
        return 0
    if isinstance(part, TextMatch):
        return 2 if part.pattern.confirm or part.pattern.lookaround else 1
    if isinstance(part, Not):
        return _cost(part.part)
    if isinstance(part, And | Or):
        return max(map(_cost, part.parts), default=0)
    return 3
