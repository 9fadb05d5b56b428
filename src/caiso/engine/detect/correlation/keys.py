"""Values as keys: which entries belong together, and which values are the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import pairwise, repeat
from operator import itemgetter
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from caiso.engine.detect.batch import Batch, encode
from caiso.engine.detect.condition import value_of
from caiso.engine.detect.schema import is_content
from caiso.engine.detect.text import fold, texts_of

Ints = npt.NDArray[np.int64]
T = TypeVar("T")

_KEY_CHARS: Final = 200
_LONG: Final = 1 << 16  # keys of a roster
_WORDS = re.compile(r"[^\W\d_]+")
_ALIKE_WORDS: Final = 8  # fewer are compared as they stand
_ALIKE_CHARS: Final = 8192
SEPARATOR: Final = "\x1f"


def key_part(name: str, value: object) -> str | None:
    """A value as part of a key; content is reduced to a fingerprint so that no text is kept in state or alerts."""
    texts = texts_of(value)
    if not texts:
        return None
    text = texts[0] if len(texts) == 1 else SEPARATOR.join(sorted(texts))
    if is_content(name) or len(text) > _KEY_CHARS:
        shape = " ".join(fold(text).split())
        return hashlib.blake2b(shape.encode("utf-8", "replace"), digest_size=12).hexdigest() if shape else None
    return text or None


def alike_part(name: str, value: object) -> str | None:
    """The same for content that may differ a little: texts that share most of their runs of words mostly share this.

    It is the least of the hashes of all runs, so two texts have it in common as often as they have runs in common
    (min-hash). Names, numbers and punctuation that differ from copy to copy change few runs.
    """
    if not is_content(name):
        return key_part(name, value)
    words = _WORDS.findall(fold(" ".join(texts_of(value)))[:_ALIKE_CHARS])
    if len(words) < _ALIKE_WORDS:
        return key_part(name, " ".join(words))
    runs = {" ".join(pair) for pair in pairwise(words)}
    least = min(hashlib.blake2b(run.encode("utf-8", "replace"), digest_size=12).digest() for run in runs)
    return least.hex()


def event_key(
    event: Mapping[str, object],
    names: Sequence[str],
    part: Callable[[str, object], str | None] = key_part,
) -> str | None:
    """The key of one event over several fields; None when it lacks one of them."""
    parts = [part(name, value_of(event, name)) for name in names]
    return None if None in parts else SEPARATOR.join(part for part in parts if part is not None)


class Roster:
    """Keys by number, the same from batch to batch: who knows what a number is to it need not look at the text."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._numbers: dict[str, int] = {}

    def numbers_of(self, keys: Sequence[str]) -> Ints:
        """The numbers of keys; a key without one gets one."""
        found = np.fromiter(map(self._numbers.get, keys, repeat(-1)), dtype=np.int64, count=len(keys))
        for place in np.flatnonzero(found < 0).tolist():
            found[place] = self._numbers[keys[place]] = len(self.names)
            self.names.append(keys[place])
        return found


class Rosters:
    """A roster for each way of grouping. One that has grown long is begun anew: it says nothing that is not elsewhere."""

    def __init__(self) -> None:
        self._rosters: dict[tuple[str, ...], Roster] = {}

    def of(self, names: tuple[str, ...]) -> Roster:
        """The roster of the keys over some fields."""
        found = self._rosters.get(names)
        if found is None or len(found.names) > _LONG:
            found = self._rosters[names] = Roster()
        return found


class Keys:
    """The keys of one batch, made once for all correlations that group by the same fields."""

    def __init__(self, batch: Batch, rosters: Rosters) -> None:
        self._batch = batch
        self._rosters = rosters
        self._parts: dict[str, Sequence[str | None]] = {}
        self._keys: dict[tuple[str, ...], Sequence[str | None]] = {}
        self._made: dict[Hashable, Sequence[str | None]] = {}
        self._numbered: dict[tuple[str, ...], tuple[Ints, Roster]] = {}

    def of(self, names: tuple[str, ...]) -> Sequence[str | None]:
        """A key for every row, None where a field is missing."""
        found = self._keys.get(names)
        if found is None:
            parts = [self.parts(name) for name in names]
            if len(parts) == 1:
                found = parts[0]
            elif not parts:
                found = [""] * len(self._batch)
            else:
                found = [None if None in row else SEPARATOR.join(row) for row in zip(*parts, strict=True)]
            self._keys[names] = found
        return found

    def once(self, name: Hashable, make: Callable[[], Sequence[str | None]]) -> Sequence[str | None]:
        """Keys that somebody makes in a way of its own, made once for all who ask under the same name."""
        found = self._made.get(name)
        if found is None:
            found = self._made[name] = make()
        return found

    def numbered(self, names: tuple[str, ...]) -> tuple[Ints, Roster]:
        """The key of every row as a number into the roster of such keys, -1 where a field is missing."""
        found = self._numbered.get(names)
        if found is None:
            roster = self._rosters.of(names)
            places, texts = self.numbered_at(names, None)
            found = self._numbered[names] = np.append(roster.numbers_of(texts), -1)[places], roster
        return found

    def numbered_at(self, names: tuple[str, ...], rows: Sequence[int] | None) -> tuple[Ints, list[str]]:
        """The keys of some rows, or of all, as numbers into the different ones, -1 where a field is missing."""
        if len(names) != 1:
            return _numbered(self.of(names) if rows is None else picked(self.of(names), rows))
        if rows is None:
            places, values = self._batch.encoded(names[0])
        else:
            places, values = encode(picked(self._batch.column(names[0]), rows))
        numbers, texts = _numbered(_parts(names[0], values))  # of different values, which are few
        return numbers[places], texts

    def parts(self, name: str) -> Sequence[str | None]:
        """One field's values as parts of a key; most are short texts and stay what they are."""
        if name not in self._parts:
            self._parts[name] = _parts(name, self._batch.column(name))
        return self._parts[name]


def picked(column: Sequence[T], places: Sequence[int]) -> Sequence[T]:
    """The values of a column at some places, without a step in Python for each."""
    return itemgetter(*places)(column) if len(places) > 1 else [column[place] for place in places]


def _numbered(column: Sequence[str | None]) -> tuple[Ints, list[str]]:
    """Texts as numbers into the different ones, -1 for None."""
    texts = [text for text in dict.fromkeys(column) if text is not None]
    places: dict[str | None, int] = {text: number for number, text in enumerate(texts)}
    places[None] = -1
    return np.fromiter(map(places.__getitem__, column), dtype=np.int64, count=len(column)), texts


def _parts(name: str, column: Sequence[object]) -> Sequence[str | None]:
    if is_content(name):
        return [_part(name, value) for value in column]
    if _all_short(column):
        return column  # type: ignore[return-value]  # just checked
    return [value if type(value) is str and 0 < len(value) <= _KEY_CHARS else _part(name, value) for value in column]


def _all_short(column: Sequence[object]) -> bool:
    """Whether every value is a text that can stand in a key as it is; said without looking at them in Python."""
    if set(map(type, column)) != {str}:
        return False
    lengths = list(map(len, column))  # type: ignore[arg-type]  # texts
    return min(lengths) > 0 and max(lengths) <= _KEY_CHARS


def _part(name: str, value: object) -> str | None:
    return None if value is None or value == [] else key_part(name, value)
