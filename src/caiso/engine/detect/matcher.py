"""Answers, for a batch of events, which base rules hold for which event: one scan per text field, then only the hits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from caiso.engine.detect.batch import Batch, different
from caiso.engine.detect.condition import value_of
from caiso.engine.detect.dense import Confirm, View
from caiso.engine.detect.ruleset import FieldIndex, Ruleset, Spread
from caiso.engine.detect.scan import locate
from caiso.engine.detect.sparse import Here
from caiso.engine.detect.text import fold, text_of, texts_of, valid

Ints = npt.NDArray[np.int64]
_NONE: Final = np.empty(0, dtype=np.int64)
_MANY: Final = 24  # candidates of one rule in a batch, from which on asking for all at once is cheaper
_MEMO_SIZE: Final = 20_000
_MEMO_CHARS: Final = 256
_SHOWN_MATCHES: Final = 20


@dataclass(slots=True)
class MatchCounters:
    """How much work a matcher did: candidates are rule-event pairs that passed the gates."""

    events: int = 0
    candidates: int = 0
    matches: int = 0


@dataclass(slots=True)
class Matcher:
    """Runs the base rules of a rule set."""

    ruleset: Ruleset
    counters: MatchCounters = field(default_factory=MatchCounters)

    def match(self, batch: Batch) -> tuple[Ints, Ints]:
        """Event numbers and base rule numbers of all matches, by event and then by rule."""
        count = len(batch)
        self.counters.events += count
        if not count:
            return _NONE, _NONE
        rows, atoms = self._hits(batch)
        candidates = self._candidates(rows, atoms, count)
        self.counters.candidates += candidates[0].size
        found = self._evaluate(batch, (rows, atoms), candidates)
        self.counters.matches += found[0].size
        return found

    def _hits(self, batch: Batch) -> tuple[Ints, Ints]:
        """Distinct pairs (event, atom), sorted by event."""
        rules = self.ruleset
        total = max(len(rules.atom_leaf), 1)
        codes: list[Ints] = []
        present = batch.fields()
        for name, scanner in rules.scanners.items():
            if name not in present:
                continue
            numbers, texts = _texts(batch.column(name))
            if texts:
                text_rows, patterns = scanner.scan(texts)
                event_rows = text_rows if numbers is None else numbers[text_rows]
                codes.append(event_rows * total + rules.atoms_of_field[name][patterns])
        for name, entry in rules.index.items():
            if name in present:
                codes.append(_metadata_hits(batch.encoded(name), entry, total))
        if not codes:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        distinct = different(np.concatenate(codes))
        return np.divmod(distinct, total)

    def _candidates(self, rows: Ints, atoms: Ints, count: int) -> tuple[Ints, Ints]:
        """Pairs (event, rule) of which every gate is hit, with the rules that have no gate for every event."""
        rules = self.ruleset
        size = max(len(rules.base), 1)
        gate_total = max(rules.rule_of_gate.size, 1)
        gate_rows, gates = rules.gates_of_atom.expand(rows, atoms)
        passed = different(gate_rows * gate_total + gates)
        gate_rows, gates = np.divmod(passed, gate_total)
        pairs, hits = np.unique(gate_rows * size + rules.rule_of_gate[gates], return_counts=True)
        pairs = pairs[hits == rules.gates_needed[pairs % size]]
        if rules.dense:
            dense = np.array(rules.dense, dtype=np.int64)
            everywhere = (np.arange(count)[:, None] * size + dense[None, :]).ravel()
            pairs = np.sort(np.concatenate((pairs, everywhere)))
        return np.divmod(pairs, size)

    def _evaluate(self, batch: Batch, hits: tuple[Ints, Ints], candidates: tuple[Ints, Ints]) -> tuple[Ints, Ints]:
        """The candidates that hold.

        Rules that say no more than their gates are settled; those with many candidates are asked for all of them at
        once, the rest one by one.
        """
        rows, rules = candidates
        kept = self.ruleset.exact[rules]
        asked = np.flatnonzero(~kept)
        counts = np.bincount(rules[asked], minlength=len(self.ruleset.base))
        common = np.flatnonzero(counts >= _MANY)
        confirm = self._confirmer(batch)
        if common.size:
            view = View(batch, *hits, self.ruleset.doubtful_atoms, confirm)
            is_common = counts[rules[asked]] >= _MANY
            for rule in common.tolist():
                own = asked[rules[asked] == rule]
                kept[own] = self.ruleset.holds_for_many[rule](view, rows[own])
            asked = asked[~is_common]
        if asked.size:
            kept[asked] = self._hold(batch, hits, (rows[asked], rules[asked]), confirm)
        return rows[kept], rules[kept]

    def _confirmer(self, batch: Batch) -> Confirm:
        """Asks about a doubtful hit once, however many rules want to know."""
        known: dict[tuple[int, int], bool] = {}

        def confirm(atom: int, row: int) -> bool:
            found = known.get((atom, row))
            if found is None:
                name, number = self.ruleset.place_of_atom[atom]
                texts = texts_of(value_of(batch.row(row), name))
                found = known[atom, row] = self.ruleset.scanners[name].confirm(number, texts)
            return found

        return confirm

    def _hold(
        self, batch: Batch, hits: tuple[Ints, Ints], candidates: tuple[Ints, Ints], confirm: Confirm
    ) -> list[bool]:
        rules = self.ruleset
        rows, atoms = hits
        starts = np.searchsorted(rows, candidates[0]).tolist()
        ends = np.searchsorted(rows, candidates[0], side="right").tolist()
        found: list[bool] = []
        current = -1
        here = Here()
        event: Mapping[str, object] = {}
        for row, rule, start, end in zip(candidates[0].tolist(), candidates[1].tolist(), starts, ends, strict=True):
            if row != current:
                here = Here.of(atoms[start:end].tolist(), confirm, row)
                current, event = row, batch.row(row)
            found.append(rules.holds[rule](here, event))
        return found

    def each_alone(self, batch: Batch, meter: Callable[[], float]) -> dict[int, float]:
        """Seconds that each rule's own conditions take on a batch, beyond the scan that all share."""
        rows, atoms = self._hits(batch)
        candidates = self._candidates(rows, atoms, len(batch))
        spent: dict[int, float] = {}
        for rule in np.unique(candidates[1]).tolist():
            own = candidates[1] == rule
            begun = meter()
            self._evaluate(batch, (rows, atoms), (candidates[0][own], candidates[1][own]))
            spent[rule] = meter() - begun
        return spent

    def spans(self, rule: int, event: Mapping[str, object]) -> tuple[tuple[str, int, int], ...]:
        """Where the rule's patterns lie in the event: field and character offsets, never the text."""
        found: list[tuple[str, int, int]] = []
        for atom in self.ruleset.text_atoms[rule]:
            leaf = self.ruleset.atom_leaf[atom]
            for text in texts_of(event.get(leaf.field)):
                span = locate(leaf.pattern, text) if hasattr(leaf, "pattern") else None
                if span:
                    found.append((leaf.field, *span))
                    break
            if len(found) >= _SHOWN_MATCHES:
                break
        return tuple(dict.fromkeys(found))


def texts_in(batch: Batch, name: str) -> list[str]:
    """The texts of one field."""
    return _texts(batch.column(name))[1]


def _texts(column: Sequence[object]) -> tuple[Ints | None, list[str]]:
    """The texts of a column with their event numbers; None for the numbers when each event has exactly one."""
    if all(type(value) is str for value in column):
        return None, column  # type: ignore[return-value]  # just checked
    numbers: list[int] = []
    texts: list[str] = []
    for number, value in enumerate(column):
        if value is None:
            continue
        text = value if type(value) is str else text_of(value)
        if isinstance(text, str):
            numbers.append(number)
            texts.append(text)
        elif text:
            numbers += [number] * len(text)
            texts += text
    return np.array(numbers, dtype=np.int64), texts


def _metadata_hits(encoded: tuple[Ints, Sequence[object]], entry: FieldIndex, total: int) -> Ints:
    """Codes of (event, atom) for one field: what each different value satisfies, spread over the events that have it."""
    numbers, values = encoded
    per_value = Spread.of([_atoms_for(value, entry) for value in values])
    rows, atoms = per_value.expand(np.arange(numbers.size), numbers)
    return rows * total + atoms


def _atoms_for(value: object, entry: FieldIndex) -> tuple[int, ...]:
    if value is None or value == []:
        return ()
    if not entry.folded and not entry.cased:
        return entry.exists
    word = value if isinstance(value, str) and len(value) <= _MEMO_CHARS else None
    if word is not None and word in entry.memo:
        return entry.memo[word]
    atoms = list(entry.exists)
    for one in texts_of(value):
        atoms += entry.folded.get(fold(one), ()) if entry.folded else ()
        atoms += entry.cased.get(valid(one), ()) if entry.cased else ()
    found = tuple(dict.fromkeys(atoms))
    if word is not None:
        if len(entry.memo) >= _MEMO_SIZE:
            entry.memo.clear()
        entry.memo[word] = found
    return found
