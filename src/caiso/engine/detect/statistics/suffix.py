"""Adversarial suffix: a stretch of a prompt whose characters follow each other as in an optimised suffix (GCG).

Perplexity filters (Alon and Kamfonas 2023, Jain et al. 2023) flag whatever is improbable as prose, code and other
languages included. Here two kinds of text compete for each window of characters: strings of random tokens, as the
optimiser of Zou et al. 2023 leaves them, against the most probable of prose, code, markup, encoded data and other
languages, all as tables of which class of character follows which two. Readable suffixes (AutoDAN) are not seen.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import resources
from typing import Annotated, ClassVar, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from caiso.engine.detect.correlation.stream import Stream
from caiso.engine.detect.signal import Facts
from caiso.engine.detect.statistics.observer import Columns, Observer, Seen, State, note
from caiso.engine.detect.statistics.settings import FieldName, Settings
from caiso.engine.packs import Between

MODEL: Final = "content/statistics/suffix-model.json"
SCALE: Final = 6  # the tables hold natural logarithms times this
_HEAD: Final = 400  # characters of a long text that are looked at
_TAIL: Final = 1200
_STEP: Final = 10  # characters between the beginnings of two windows
_EVEN: Final = np.uint64(0x00FF00FF00FF00FF)
_TOGETHER: Final = 64  # texts at a time: what is looked at stays in the processor's cache
_LETTERS: Final = (
    "a",
    "b",
    "c",
    "d",
    "e",
    "f",
    "g",
    "h",
    "i",
    "k",
    "l",
    "m",
    "n",
    "o",
    "p",
    "r",
    "s",
    "t",
    "u",
    "v",
    "w",
    "y",
    "jqxz",
)
_UPPER, _DIGIT, _SPACE, _LINE, _LETTER, _OTHER = range(len(_LETTERS), len(_LETTERS) + 6)
_MARKS: Final = (".", ",", "!?", ";:", "\"'`", "([{<", ")]}>", "/\\_-|", "#$%&*+=@^~")
_FIRST_MARK: Final = _OTHER + 1
CLASSES: Final = _FIRST_MARK + len(_MARKS)


@dataclass(frozen=True, kw_only=True)
class SuffixSettings(Settings):
    """``margin`` is by how much, in bits for each character, random tokens explain a window of ``window`` better."""

    value: FieldName = "content.user"
    window: Annotated[int, Between(30, 400)] = 80
    margin: Annotated[float, Between(0.01, 3)] = 0.45
    timespan: timedelta = timedelta(minutes=10)

    naming: ClassVar[tuple[str, ...]] = ("value",)


class SuffixState(State):
    """Nothing is remembered but what was reported."""


class Suffix(Observer[SuffixSettings, SuffixState]):
    """Windows of a prompt that look like optimised tokens."""

    settings_type = SuffixSettings
    state_type = SuffixState

    def columns(self, stream: Stream) -> Columns:
        """The texts of a batch are looked at in one go: a call of NumPy costs more than a prompt."""
        texts = stream.batch.column(self.settings.value)
        rows = [row for row, text in enumerate(texts) if type(text) is str and len(text) > self.settings.window]
        found: list[object] = [None] * len(texts)
        for row, worst in zip(rows, margins_in([str(texts[row]) for row in rows], self.settings.window), strict=True):
            found[row] = worst
        return {"": found}

    def sample(self, columns: Columns, row: int) -> Worst | None:
        return columns[""][row]  # type: ignore[return-value]  # made above

    def observe(self, state: SuffixState, seen: Seen) -> Facts | None:
        settings, worst = self.settings, seen.sample
        if worst.margin < settings.margin:
            return None
        note(state, seen)
        return {
            "margin": f"{worst.margin:.2f} bits a character",
            "limit": settings.margin,
            "where": f"from character {worst.place:,} of {worst.length:,}",
            "usual": "below 0",
        }


class Worst(NamedTuple):
    """The window of a text that random tokens explain best: by how many bits a character, and about where it begins."""

    margin: float
    place: int
    length: int


def margins_in(texts: Sequence[str], window: int) -> list[Worst]:
    """The worst window of each text; of a long one its beginning and its end, where suffixes and prefixes stand."""
    found: list[Worst] = []
    for start in range(0, len(texts), _TOGETHER):
        found += _margins(texts[start : start + _TOGETHER], window)
    return found


def _margins(texts: Sequence[str], window: int) -> list[Worst]:
    shown = [text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]}\n{text[-_TAIL:]}" for text in texts]
    classes, kept = classes_of("".join(shown))
    starts = np.cumsum([0, *(len(text) for text in shown)])
    edges = np.searchsorted(kept, starts)
    counts = np.maximum(np.diff(edges) - 2, 0)
    worst = [Worst(-np.inf, 0, len(text)) for text in texts]
    # Sums over blocks of a few characters, then over as many blocks as make a window.
    blocks = -(-counts // _STEP)
    owner = np.repeat(np.arange(len(shown)), blocks)
    before = np.cumsum(blocks) - blocks
    begins = edges[:-1][owner] + (np.arange(owner.size) - before[owner]) * _STEP
    width = window // _STEP
    if owner.size < width:
        return worst
    packed = _packed_model()[runs_of(classes)]
    for back in (1, 2):  # what begins in one text and ends in the next
        across = edges[1:-1] - back
        packed[across[(across >= 0) & (across < packed.size)]] = 0
    sums = np.concatenate(
        [_lanes(np.add.reduceat(part, begins)) for part in (packed & _EVEN, packed >> 8 & _EVEN)], axis=1
    )
    totals = np.concatenate((np.zeros((1, sums.shape[1]), dtype=np.int64), np.cumsum(sums, axis=0, dtype=np.int64)))
    first = np.arange(owner.size - width + 1)
    first = first[owner[first] == owner[first + width - 1]]
    if not first.size:
        return worst
    spans = totals[first + width] - totals[first]
    chars = np.minimum(begins[first] + width * _STEP, (edges[:-1] + counts)[owner[first]]) - begins[first]
    others = np.maximum.reduce([spans[:, kind] for kind in range(1, spans.shape[1])])
    margins = (spans[:, 0] - others) / (chars * SCALE * math.log(2))
    whose, heads = np.unique(owner[first], return_index=True)
    for text, head, end in zip(whose.tolist(), heads.tolist(), [*heads[1:].tolist(), len(margins)], strict=True):
        place = head + int(margins[head:end].argmax())
        at = int(kept[begins[first[place]]] - starts[text])
        length = len(texts[text])
        if len(shown[text]) < length and at >= _HEAD:
            at += length - len(shown[text])
        worst[text] = Worst(float(margins[place]), at, length)
    return worst


def runs_of(classes: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """Each three characters in a row as one number, a place in the tables."""
    wide = classes.astype(np.int32)
    return (wide[:-2] * CLASSES + wide[1:-1]) * CLASSES + wide[2:]


def model() -> npt.NDArray[np.int8]:
    """The tables: for each run of three classes its logarithm in random tokens, then in each kind of ordinary text."""
    written = json.loads(resources.files("caiso").joinpath(MODEL).read_bytes())
    packed = zlib.decompress(base64.b85decode("".join(written["tables"])))
    return np.ascontiguousarray(np.frombuffer(packed, dtype=np.int8).reshape(len(written["kinds"]), -1).T)


@cache
def _packed_model() -> npt.NDArray[np.uint64]:
    """The tables with the eight logarithms of a run in one number, so that one addition adds them all."""
    tables = model()
    if tables.shape[1] != 8:
        raise ValueError(f"{MODEL} holds {tables.shape[1]} kinds of text, not 8.")
    # An equal shift of all kinds leaves their differences as they are; none is below zero then.
    return np.ascontiguousarray((tables.astype(np.int16) + 128).astype(np.uint8)).view(np.uint64)[:, 0]


def _lanes(packed: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint16]:
    """Four sums that were made together, apart."""
    return packed.view(np.uint16).reshape(-1, 4)


@cache
def _ascii_classes() -> npt.NDArray[np.uint8]:
    table = np.full(129, _OTHER, dtype=np.uint8)
    table[128] = _LETTER
    for place, letters in enumerate(_LETTERS):
        for letter in letters:
            table[ord(letter)] = place
    table[ord("A") : ord("Z") + 1] = _UPPER
    table[ord("0") : ord("9") + 1] = _DIGIT
    table[ord(" ")] = table[ord("\t")] = _SPACE
    table[ord("\n")] = table[ord("\r")] = _LINE
    for place, marks in enumerate(_MARKS):
        for mark in marks:
            table[ord(mark)] = _FIRST_MARK + place
    return table


def classes_of(text: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The class of each character, repeated punctuation and space only once, and where each of these stands."""
    codes = np.frombuffer(text.encode("utf-32-le", "replace"), dtype=np.uint32)
    found = _ascii_classes()[np.minimum(codes, 128)]
    beyond = np.flatnonzero(codes >= 128)
    if beyond.size:
        # Beyond ASCII nearly everything that people write is letters; what is punctuation or a symbol there is few blocks.
        other = codes[beyond]
        symbols = (other >= 0x2000) & (other < 0x2C00) | (other >= 0x1F000) | (other < 0xC0)
        found[beyond[symbols]] = _OTHER
    # A line of dashes, an indent and a shout say no more than their first character.
    again = (found[1:] == found[:-1]) & ((found[1:] >= _FIRST_MARK) | (found[1:] == _SPACE))
    kept = np.flatnonzero(np.concatenate(([True], ~again))) if found.size else np.zeros(0, dtype=np.int64)
    return found[kept], kept
