"""The occurrences of events in pieces, so that what is old is forgotten without moving what is not."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence, Set
from itertools import repeat
from operator import attrgetter
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from caiso.engine.detect.correlation.keys import picked
from caiso.engine.detect.correlation.sealed import all_different, of_plain, opened, plain, sealed
from caiso.engine.detect.snapshot import OneByOne

_FIRST: Final = attrgetter("first")
FULL: Final = 4096  # rows of a piece that is not added to

Ints = npt.NDArray[np.int64]
Column = Sequence[str | None]


class Piece:
    """Some rows with their numbers, ascending: from ``first`` on without gaps, or those in ``numbers``."""

    __slots__ = ("columns", "first", "ids", "numbers")

    def __init__(
        self, first: int, ids: Sequence[str], columns: Mapping[str, Column], numbers: Ints | None = None
    ) -> None:
        self.first = first
        self.ids = ids
        self.columns = dict(columns)  # a kind that no row has, may have no column
        self.numbers = numbers

    def rows_of(self, numbers: Ints) -> Ints:
        """The rows with these numbers, which are here."""
        return numbers - self.first if self.numbers is None else np.searchsorted(self.numbers, numbers)

    def add(self, ids: Sequence[str], columns: Mapping[str, Column]) -> None:
        """Add rows at the end."""
        before = len(self.ids)
        self.ids = [*self.ids, *ids]
        for kind in self.columns.keys() | columns.keys():
            own = self.columns.get(kind) or repeat(None, before)
            self.columns[kind] = [*own, *(columns.get(kind) or repeat(None, len(ids)))]

    def only(self, numbers: Ints) -> Piece:
        """A piece with some of its rows."""
        rows = self.rows_of(numbers).tolist()
        columns = {kind: picked(opened(column), rows) for kind, column in self.columns.items()}
        kept = {kind: column for kind, column in columns.items() if any(column)}
        ids: Any = opened(self.ids)
        return Piece(int(numbers[0]), picked(ids, rows), kept, numbers)

    def seal(self) -> None:
        """Take less memory; what is added later opens it again."""
        self.ids = all_different(self.ids)
        self.columns = {kind: sealed(column) for kind, column in self.columns.items()}


class Found(NamedTuple):
    """Where rows are: for each the piece that it is in and its place there; ids and columns by piece."""

    which: list[int]
    rows: list[int]
    ids: list[Sequence[str]]
    columns: dict[str, list[Column | None]]


class Pieces:
    """Rows by number, numbers given as they come."""

    def __init__(self) -> None:
        self._pieces: list[Piece] = []
        self.next = 0
        self._count = 0
        # The first number of each piece, ids and columns by piece; where that was asked for since they changed.
        self._looked: tuple[Ints, list[Sequence[str]], dict[str, list[Column | None]]] | None = None

    def __len__(self) -> int:
        return self._count

    def append(self, ids: Sequence[str], columns: Mapping[str, Column]) -> Ints:
        """Take in rows; returns their numbers."""
        first, count = self.next, len(ids)
        self.next += count
        self._count += count
        last = self._pieces[-1] if self._pieces else None
        if last is not None and last.numbers is None and len(last.ids) + count <= FULL:
            last.add(ids, columns)
        else:
            if last is not None:
                last.seal()
            self._pieces.append(Piece(first, ids, columns))
        self._looked = None
        return np.arange(first, self.next)

    def find(self, numbers: Ints) -> Found:
        """Where the rows with these numbers are."""
        if self._looked is None:
            starts = np.array([piece.first for piece in self._pieces], dtype=np.int64)
            kinds = {kind: None for piece in self._pieces for kind in piece.columns}
            columns = {kind: [piece.columns.get(kind) for piece in self._pieces] for kind in kinds}
            self._looked = starts, [piece.ids for piece in self._pieces], columns
        starts, ids, columns = self._looked
        which = np.searchsorted(starts, numbers, side="right") - 1
        rows = numbers - starts[which]
        for place, piece in enumerate(self._pieces):
            if piece.numbers is not None:
                here = which == place
                rows[here] = np.searchsorted(piece.numbers, numbers[here])
        return Found(which.tolist(), rows.tolist(), ids, columns)

    def find_each(self, numbers: Sequence[int]) -> list[tuple[Piece, int]]:
        """The same for a few numbers: the piece and the row of each."""
        pieces = self._pieces
        found = []
        for number in numbers:
            piece = pieces[bisect_right(pieces, number, key=_FIRST) - 1]
            row = number - piece.first if piece.numbers is None else int(piece.numbers.searchsorted(number))
            found.append((piece, row))
        return found

    def forget(self, live: Ints) -> None:
        """Drop the pieces without any of these numbers, which ascend, and what is not among them where that is most."""
        edges = np.searchsorted(live, [piece.first for piece in self._pieces]).tolist()
        kept: list[Piece] = []
        for piece, begin, end in zip(self._pieces, edges, [*edges[1:], len(live)], strict=True):
            if end == begin:
                continue
            if 3 * (end - begin) >= len(piece.ids):
                kept.append(piece)
                continue
            found = piece.only(live[begin:end])
            before = kept[-1] if kept else None
            if before is not None and before.numbers is not None and len(before.ids) + len(found.ids) <= FULL:
                before.numbers = np.concatenate((before.numbers, live[begin:end]))
                before.add(found.ids, found.columns)
            else:
                kept.append(found)
        for piece in kept[:-1]:
            piece.seal()
        self._pieces, self._looked = kept, None
        self._count = sum(len(piece.ids) for piece in kept)

    def save(self) -> OneByOne:
        """Everything as plain data, piece by piece."""
        return OneByOne(len(self._pieces), map(_saved, self._pieces))

    def load(self, saved: Sequence[Mapping[str, Any]], next_number: int, kinds: Set[str]) -> None:
        """Take up what ``save`` gave; of the columns those of ``kinds``."""
        self._pieces = []
        for piece in saved:
            columns = {kind: of_plain(column) for kind, column in piece["columns"].items() if kind in kinds}
            numbers = None if piece["numbers"] is None else np.frombuffer(piece["numbers"], dtype=np.int64)
            ids: Any = of_plain(piece["ids"])
            self._pieces.append(Piece(piece["first"], ids, columns, numbers))
        self.next = next_number
        self._looked = None
        self._count = sum(len(piece.ids) for piece in self._pieces)


def _saved(piece: Piece) -> dict[str, Any]:
    return {
        "first": piece.first,
        "ids": plain(piece.ids),
        "columns": {kind: plain(column) for kind, column in piece.columns.items()},
        "numbers": None if piece.numbers is None else piece.numbers.tobytes(),
    }
