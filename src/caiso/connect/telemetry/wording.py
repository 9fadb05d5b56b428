"""Makes what lies beside parts for searches: ``python -m caiso.connect.telemetry.wording CPU_SECONDS ADDRESS_BYTES``.

A process of its own, because whoever asks for it would otherwise keep the memory of DuckDB for good.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import numpy.typing as npt

from caiso.connect.telemetry.reader import EventReader
from caiso.connect.telemetry.trial.speak import serve
from caiso.connect.telemetry.words import FEWEST_BITS, LENGTHS, MOST_BITS, SPREAD, WordsJob, WordsReport, beside, head

_FILL: Final = 0.25  # of the places: a word of seven bytes that is not there passes once in thousands
_RUNS: Final = 512  # places that an event may take before sets are made as large as the largest
_PIECE: Final = 1 << 20  # bytes whose runs are looked at together

Tell = Callable[[int, int, str], None]


class Words:
    """The set of a part while it is made."""

    def __init__(self, bits: int = MOST_BITS) -> None:
        """`bits` name a place at most; what is made of few events needs no more than a few."""
        self._bits = bits
        self._there: npt.NDArray[np.bool_] = np.zeros(1 << bits, dtype=np.bool_)

    def add(self, texts: Sequence[str]) -> None:
        """Take the runs of these texts; one across two of them does no harm."""
        data = b"\x00".join(text.encode("utf-8", "surrogatepass") for text in texts)
        for begin in range(0, len(data), _PIECE):
            # With the beginning of the next piece, in which runs of this one end.
            piece = np.frombuffer(data[begin : begin + _PIECE + max(LENGTHS) - 1], dtype=np.uint8).astype(np.uint64)
            for length in LENGTHS:
                if len(piece) >= length:
                    self._there[_places(piece, length, self._bits)] = True

    def write(self, part: Path) -> None:
        """Keep it durably, as small as it may be."""
        there = self._there
        while len(there) > 1 << FEWEST_BITS:
            halved = there[::2] | there[1::2]  # a place is the leading bits of a hash, so that neighbours share one
            if np.count_nonzero(halved) > _FILL * len(halved):
                break
            there = halved
        target = beside(part)
        draft = target.with_name(f".{target.name}.tmp")
        with draft.open("wb") as file:
            file.write(head(len(there).bit_length() - 1) + np.packbits(there, bitorder="little").tobytes())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)


def _places(piece: npt.NDArray[np.uint64], length: int, bits: int) -> npt.NDArray[np.uint64]:
    count = len(piece) - length + 1
    runs = np.full(count, length, dtype=np.uint64)
    for index in range(length):
        runs = (runs << np.uint64(8)) | piece[index : index + count]
    return (runs * np.uint64(SPREAD)) >> np.uint64(64 - bits)


def _bits_for(rows: int) -> int:
    """Places enough for all runs of so many events, so that making the set starts with no more."""
    return min(MOST_BITS, max(FEWEST_BITS, (rows * _RUNS).bit_length()))


def index_words(job: WordsJob, tell: Tell = lambda done, total, note: None) -> WordsReport:
    """Make the sets of the parts; a part that was joined with others meanwhile is left alone."""
    root, indexed, broken = Path(job.root), [], {}
    with EventReader(root, threads=1) as reader:
        for number, path in enumerate(job.paths):
            tell(number, len(job.paths), path)
            try:
                words = Words(_bits_for(reader.rows(path)))
                for texts in reader.searched_texts(path):
                    words.add(texts)
            except duckdb.IOException:
                if (root / path).exists():
                    broken[path] = "cannot be read"
                continue
            except duckdb.Error as error:
                broken[path] = str(error)[:300]
                continue
            try:
                words.write(root / path)
            except FileNotFoundError:  # its folder went with it
                continue
            if not (root / path).exists():  # it went in this very moment, and what lies beside it goes too
                beside(root / path).unlink(missing_ok=True)
                continue
            indexed.append(path)
    return WordsReport(indexed, broken)


if __name__ == "__main__":
    serve(WordsJob, index_words)
