"""A batch as the statistical methods look at it: what several of them need of it is made once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from typing import Any, TypeVar

from caiso.engine.detect.correlation.stream import Heard, Stream, Wanted
from caiso.engine.detect.statistics.values import LARGEST, number

Pair = tuple[int, int]  # when it happened, and the number of its occurrence
T = TypeVar("T")


class Lazily(Sequence[T]):
    """A column made of another, each value when it is first asked for."""

    def __init__(self, column: Sequence[object], make: Callable[[object], T]) -> None:
        self._column = column
        self._make = make
        self._made: dict[int, T] = {}

    def __len__(self) -> int:
        return len(self._column)

    def __getitem__(self, row: Any) -> Any:
        if row not in self._made:
            self._made[row] = self._make(self._column[row])
        return self._made[row]


class Sheet(Stream):
    """A stream that remembers what was made of its batch."""

    @cached_property
    def _made(self) -> dict[Hashable, Any]:
        return {}

    def once(self, name: Hashable, make: Callable[[], T]) -> T:
        """What somebody makes of the batch, made once for all who ask under the same name."""
        if name not in self._made:
            self._made[name] = make()
        found: T = self._made[name]
        return found

    def hear(self, wanted: Wanted, names: Sequence[str]) -> tuple[Heard, Sequence[Pair]]:
        """What rules over ``names`` hear, and of each place the time with the number of its occurrence."""

        def made() -> tuple[Heard, Sequence[Pair]]:
            heard = self.heard(self.chosen(wanted), names)
            return heard, list(zip(heard.times, heard.held, strict=True))

        if any(name in self._firings for name in names):  # there may be more of these by the time that another asks
            return made()
        return self.once(("heard", *names), made)

    def amounts(self, name: str) -> Sequence[float | None]:
        """A column as numbers that one can calculate with."""
        return self.once(("amounts", name), lambda: _amounts(self.batch.column(name)))

    def parsed(self, name: str, make: Callable[[object], T]) -> Sequence[T]:
        """A column of what ``make`` reads from each value, read when it is asked for."""
        return self.once((make, name), lambda: Lazily(self.batch.column(name), make))

    def is_absent(self, name: str) -> bool:
        """Whether no event of the batch has this field."""
        return name not in self.batch.fields()


def _amounts(column: Sequence[object]) -> Sequence[float | None]:
    kinds = set(map(type, column))
    if kinds == {int} and max(map(abs, column)) <= LARGEST:  # type: ignore[arg-type]  # just checked
        return list(map(float, column))  # type: ignore[arg-type]  # as above
    return [None if value is None else number(value) for value in column]
