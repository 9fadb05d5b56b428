"""Columns of texts that nothing is added to any more, in a tenth of the memory that as many Python texts take.

Ids, of which hardly any two are alike, stand behind one another in UTF-8; whom events are about is a number into the few
different ones. Either is read like a list; what is read often should be opened first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, overload

import numpy as np
import numpy.typing as npt

Text = str | None
_SHARE: Final = 2  # a text that comes so often on average is kept once
_LEAST: Final = 64  # rows, below which it is not worth it


class Sealed(Sequence[Text]):
    """A column that is read like a list."""

    __slots__ = ()

    def _at(self, place: int) -> Text:
        raise NotImplementedError

    @overload
    def __getitem__(self, place: int) -> Text: ...
    @overload
    def __getitem__(self, place: slice) -> list[Text]: ...
    def __getitem__(self, place: int | slice) -> Text | list[Text]:
        if isinstance(place, slice):
            return list(self)[place]
        return self._at(place)


class Few(Sealed):
    """Numbers into the different texts."""

    __slots__ = ("codes", "values")

    def __init__(self, values: list[Text], codes: npt.NDArray[Any]) -> None:
        self.values = values
        self.codes = codes

    def __len__(self) -> int:
        return len(self.codes)

    def _at(self, place: int) -> Text:
        return self.values[int(self.codes[place])]

    def __iter__(self) -> Iterator[Text]:
        return map(self.values.__getitem__, self.codes.tolist())


class Many(Sealed):
    """Texts behind one another; ``ends`` has where each ends, the complement of that where it is None."""

    __slots__ = ("data", "ends")

    def __init__(self, data: bytes, ends: npt.NDArray[Any]) -> None:
        self.data = data
        self.ends = ends

    def __len__(self) -> int:
        return len(self.ends)

    def _at(self, place: int) -> Text:
        place = range(len(self.ends))[place]
        end = int(self.ends[place])
        begin = int(self.ends[place - 1]) if place else 0
        return None if end < 0 else self.data[begin if begin >= 0 else ~begin : end].decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[Text]:
        begin, data = 0, self.data
        for end in self.ends.tolist():
            if end < 0:
                yield None
                begin = ~end
            else:
                yield data[begin:end].decode("utf-8", "surrogatepass")
                begin = end


def sealed(column: Sequence[Text]) -> Sequence[Text]:
    """The column as it takes the least memory; one that is sealed, or too short for that, as it is."""
    if isinstance(column, Sealed) or len(column) < _LEAST:
        return column
    different = {text: number for number, text in enumerate(dict.fromkeys(column))}
    if len(different) * _SHARE <= len(column):
        codes = np.fromiter(map(different.__getitem__, column), dtype=_kind(len(different)), count=len(column))
        return Few(list(different), codes)
    return _behind_one_another(column, missing=None in different)


def numbered(codes: npt.NDArray[Any], values: Sequence[Text]) -> Sequence[Text]:
    """``sealed`` for a column that is at hand as numbers into texts, of which some may be in no row."""
    present = np.zeros(len(values), dtype=np.bool_)
    present[codes] = True
    used = np.flatnonzero(present)
    if len(used) < len(values):
        codes, values = (np.cumsum(present) - 1)[codes], [values[number] for number in used.tolist()]
    found = Few(list(values), codes.astype(_kind(len(values))))
    return found if len(values) * _SHARE <= len(codes) else _behind_one_another(list(found), missing=None in values)


def all_different(column: Sequence[str]) -> Sequence[str]:
    """``sealed`` for texts of which hardly any two are alike: nobody looks for those that are."""
    if isinstance(column, Sealed) or len(column) < _LEAST:
        return column
    return _behind_one_another(column, missing=False)  # type: ignore[return-value]  # none of them is None


def _kind(count: int) -> type[np.unsignedinteger[Any]]:
    return np.uint8 if count < 1 << 8 else np.uint16 if count < 1 << 16 else np.uint32


def _behind_one_another(column: Sequence[Text], *, missing: bool) -> Many:
    texts: Sequence[str] = [text or "" for text in column] if missing else column  # type: ignore[assignment]
    joined = "".join(texts)
    if joined.isascii():
        data, lengths = joined.encode("ascii"), map(len, texts)
    else:
        whole = [text.encode("utf-8", "surrogatepass") for text in texts]
        data, lengths = b"".join(whole), map(len, whole)
    # 32 bits would hold two gigabytes of a piece's texts, which are bounded, but nothing says so here.
    kind = np.int32 if len(data) < 1 << 31 else np.int64
    ends = np.fromiter(lengths, dtype=kind, count=len(texts)).cumsum(dtype=kind)
    if missing:
        absent = np.fromiter((text is None for text in column), dtype=np.bool_, count=len(texts))
        ends[absent] = ~ends[absent]
    return Many(data, ends)


def opened(column: Sequence[Text]) -> Sequence[Text]:
    """The same as a list, for who reads more than a few of it."""
    return list(column) if isinstance(column, Sealed) else column


def plain(column: Sequence[Text]) -> object:
    """The column as plain data."""
    match column:
        case Few():
            return {"few": column.values, "codes": column.codes.tobytes(), "size": column.codes.itemsize}
        case Many():
            return {"many": column.data, "ends": column.ends.tobytes(), "size": column.ends.itemsize}
        case _:
            return column


def of_plain(saved: Any) -> Sequence[Text]:
    """The reverse of ``plain``."""
    if not isinstance(saved, dict):
        return saved  # type: ignore[no-any-return]
    if "few" in saved:
        return Few(saved["few"], np.frombuffer(saved["codes"], dtype=f"u{saved['size']}"))
    return Many(saved["many"], np.frombuffer(saved["ends"], dtype=f"i{saved['size']}"))
