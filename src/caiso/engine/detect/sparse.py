"""Evaluates one condition for one event; a doubtful hit is looked at again only when the answer hangs on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from caiso.engine.detect.condition import And, Condition, Equals, Event, Exists, Leaf, Not, Or, TextMatch
from caiso.engine.detect.dense import Confirm


class Here(frozenset[int]):
    """The atoms hit in one row of a batch."""

    __slots__ = ("_confirm", "_row")
    _confirm: Confirm
    _row: int

    @classmethod
    def of(cls, atoms: Iterable[int], confirm: Confirm, row: int) -> Here:
        """``confirm`` is asked about doubtful ones."""
        here = cls(atoms)
        here._confirm, here._row = confirm, row
        return here

    def stands(self, atom: int) -> bool:
        """Whether a doubtful atom, if hit at all, is really there."""
        return atom in self and self._confirm(atom, self._row)


Holds = Callable[[Here, Event], bool]


def sparse_evaluator(condition: Condition, atom_of: Mapping[Leaf, int], doubtful: frozenset[int]) -> Holds:
    """A function of (hits, event) that answers the condition; the event is read only for what is no atom."""
    if isinstance(condition, TextMatch | Equals | Exists):
        atom = atom_of[condition]
        if atom in doubtful:
            return lambda hits, event: hits.stands(atom)
        return lambda hits, event: atom in hits
    if isinstance(condition, Not):
        inner = sparse_evaluator(condition.part, atom_of, doubtful)
        return lambda hits, event: not inner(hits, event)
    if isinstance(condition, And | Or):

        def cost(part: Condition) -> int:
            return _cost(part, atom_of, doubtful)

        parts = sorted(condition.parts, key=cost)
        if isinstance(condition, And):
            return _all_of([sparse_evaluator(part, atom_of, doubtful) for part in parts])
        sure = [part for part in parts if isinstance(part, TextMatch | Equals | Exists) and not cost(part)]
        rest = [part for part in parts if part not in sure]
        atoms = frozenset(atom_of[part] for part in sure)
        return _any_of(atoms, [sparse_evaluator(part, atom_of, doubtful) for part in rest])
    holds = condition.holds
    return lambda hits, event: holds(event)


def _cost(part: Condition, atom_of: Mapping[Leaf, int], doubtful: frozenset[int]) -> int:
    """What is known first, what must read the event later, what must read whole texts again last."""
    if isinstance(part, TextMatch | Equals | Exists):
        return 3 if atom_of[part] in doubtful else 0
    if isinstance(part, Not):
        return _cost(part.part, atom_of, doubtful)
    if isinstance(part, And | Or):
        return max(1, max((_cost(inner, atom_of, doubtful) for inner in part.parts), default=0))
    return 2


def _all_of(parts: list[Holds]) -> Holds:
    if len(parts) == 2:
        first, second = parts
        return lambda hits, event: first(hits, event) and second(hits, event)

    def all_hold(hits: Here, event: Event) -> bool:
        for part in parts:  # noqa: SIM110 - a generator costs more than what it asks
            if not part(hits, event):
                return False
        return True

    return all_hold


def _any_of(atoms: frozenset[int], parts: list[Holds]) -> Holds:
    if not parts:
        return lambda hits, event: not atoms.isdisjoint(hits)

    def any_holds(hits: Here, event: Event) -> bool:
        if not atoms.isdisjoint(hits):
            return True
        for part in parts:  # noqa: SIM110 - as above
            if part(hits, event):
                return True
        return False

    return any_holds
