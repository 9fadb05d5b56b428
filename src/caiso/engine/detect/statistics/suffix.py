"""Adversarial suffix: a stretch of a prompt whose characters follow each other as in an optimised suffix (GCG).

Perplexity filters (Alon and Kamfonas 2023, Jain et al. 2023) flag whatever is improbable as prose, code and other
languages included. Here two kinds of text compete for each window of characters: strings of random tokens, as the
optimiser of Zou et al. 2023 leaves them, against the most probable of prose, code, markup, chat, data and other
languages, all as tables of which class of character follows which two. Readable suffixes (AutoDAN) are not seen, and a text
with less than four characters that are neither small letters nor space is not looked at.
"""

from __future__ import annotations

import base64
import json
import math
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import resources
from itertools import accumulate
from typing import Annotated, ClassVar, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from caiso.engine.detect.correlation.occurrence import Firing
from caiso.engine.detect.correlation.stream import Heard
from caiso.engine.detect.signal import Facts
from caiso.engine.detect.statistics.observer import Observer, Seen, State, note
from caiso.engine.detect.statistics.settings import FieldName, Settings
from caiso.engine.detect.statistics.sheet import Pair, Sheet
from caiso.engine.packs import Between

MODEL: Final = "content/statistics/suffix-model.json"
SCALE: Final = 6  # the tables hold natural logarithms times this
_HEAD: Final = 400  # characters of a long text that are looked at
_TAIL: Final = 1200
_STEP: Final = 10  # characters between the beginnings of two windows
_EVEN: Final = np.uint64(0x00FF00FF00FF00FF)
_ODD: Final = np.uint64(8)
_WIDEST: Final = 400  # characters of a window
_TOGETHER: Final = 128  # texts at a time: what is looked at stays in the processor's cache
_PER_BIT: Final = SCALE * math.log(2)
_BUSY: Final = 4  # characters that are neither small letters nor space: text with fewer holds no random tokens
_QUIET: Final = b"abcdefghijklmnopqrstuvwxyz \t\r\n"
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


Ints = npt.NDArray[np.int64]
_ALONE: Final[Ints] = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class SuffixSettings(Settings):
    """``margin`` is by how much, in bits for each character, random tokens explain a window of ``window`` better."""

    value: FieldName = "content.user"
    window: Annotated[int, Between(30, _WIDEST)] = 80
    margin: Annotated[float, Between(0.01, 3)] = 0.45
    timespan: timedelta = timedelta(minutes=10)

    naming: ClassVar[tuple[str, ...]] = ("value",)


class SuffixState(State):
    """Nothing is remembered but what was reported."""


class Suffix(Observer[SuffixSettings, SuffixState]):
    """Windows of a prompt that look like optimised tokens."""

    settings_type = SuffixSettings
    state_type = SuffixState

    def follow(self, stream: Sheet, heard: Heard, pairs: Sequence[Pair], keys: Sequence[str | None]) -> list[Firing]:
        """The texts of a batch are looked at in one go; of what is below the limit nothing is remembered."""
        settings, texts = self.settings, heard.of(stream.batch.column(self.settings.value))
        long = [
            place
            for place, (key, text) in enumerate(zip(keys, texts, strict=True))
            if key is not None and type(text) is str and len(text) > settings.window
        ]
        self.counters.ungrouped += (ungrouped := list(keys).count(None))
        self.counters.unusable += len(keys) - ungrouped - len(long)
        firings: list[Firing] = []
        found = margins_in([str(texts[place]) for place in long], settings.window, least=settings.margin)
        for place, worst in zip(long, found, strict=True):
            if worst is not None and _is_glued(str(texts[place]), worst, settings.window):
                self.look(keys[place], heard.rows[place], pairs[place], worst, firings)
        return firings

    def observe(self, state: SuffixState, seen: Seen) -> Facts | None:
        settings, worst = self.settings, seen.sample
        note(state, seen)
        return {
            "margin": f"{worst.margin:.2f} bits a character",
            "limit": settings.margin,
            "where": f"from character {worst.place:,} of {worst.length:,}",
            "usual": "below 0",
        }


# Where pieces of words and code stand side by side without a space: capitals within a word, marks within or in a row.
_GLUED: Final = re.compile(
    r"[a-z\u00df-\u00ff][A-Z]|[A-Z]{3}[a-z]|[\[\]{}<>\\|#$%&*+=@^~_`]|[^\w\s][^\w\s]|[A-Za-z][.!?:;(/\"][A-Za-z]|[)\"'][A-Za-z(]{2}|[A-Za-z]\d|\d[A-Za-z]"
)


# A booking, an order, a part: "AZ641K", "GC-1204". Lists of them are nobody's tokens.
_NUMBER_OF: Final = re.compile(r"\b[A-Z]{1,4}-?[0-9]{2,8}[A-Z]{0,3}\b")


def _is_glued(text: str, worst: Worst, window: int) -> bool:
    """Whether tokens were put together there; rare words of a language that the tables hardly know have spaces between them."""
    around = text[max(0, worst.place - _STEP) : worst.place + window + _STEP]
    return _GLUED.search(_NUMBER_OF.sub(" ", around)) is not None


class Worst(NamedTuple):
    """The window of a text that random tokens explain best: by how many bits a character, and about where it begins."""

    margin: float
    place: int
    length: int


def margins_in(texts: Sequence[str], window: int, *, least: float = -np.inf) -> list[Worst | None]:
    """The worst window of each text, of a long one in its beginning and its end, where suffixes and prefixes stand.

    None where every window is below ``least``, or the text is shorter than one.
    """
    found: list[Worst | None] = [None] * len(texts)
    shown = [text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]}\n{text[-_TAIL:]}" for text in texts]
    places = [place for place, text in enumerate(shown) if len(_bytes(text).translate(None, _QUIET)) >= _BUSY]
    for place, margin, at in _margins(shown, places, window, least):
        length = len(texts[place])
        cut = length - len(shown[place])
        found[place] = Worst(margin, at + cut if cut > 0 and at >= _HEAD else at, length)
    return found


def _margins(
    texts: Sequence[str], places: Sequence[int], window: int, least: float
) -> Iterator[tuple[int, float, int]]:
    """(text, margin, place in it) of the worst window of those texts where it is not below ``least``."""
    for plain in (True, False):  # a single letter beyond ASCII would slow down all that is looked at with it
        chosen = [place for place in places if texts[place].isascii() is plain]
        for start in range(0, len(chosen), _TOGETHER):
            together = chosen[start : start + _TOGETHER]
            for which, margin, at in _windows([texts[place] for place in together], window, least):
                yield together[which], margin, at


def _windows(texts: Sequence[str], window: int, least: float) -> Iterator[tuple[int, float, int]]:
    starts = np.array(list(accumulate(map(len, texts), initial=0)))
    classes, kept = classes_of("".join(texts), starts[1:-1])
    edges = np.searchsorted(kept, starts)
    begin, sizes = edges[:-1], np.maximum(np.diff(edges) - 2, 0)
    # Sums over blocks of a few characters; each text has one more, from its last block on to where the next text begins.
    blocks, width = -(-sizes // _STEP) + 1, window // _STEP
    whose, firsts = _groups(blocks)
    if classes.size < 3 or whose.size < width:
        return
    places = np.minimum(np.arange(whose.size) * _STEP + (begin - firsts * _STEP)[whose], (begin + sizes)[whose])
    gains = _gains(_sums(classes, places), width)
    # The last window of a text may lack a part of a block.
    found = np.flatnonzero(gains >= least * _PER_BIT * ((width - 1) * _STEP + 1))
    found = found[found + width < (firsts + blocks)[whose[found]]]
    margins = gains[found] / ((places[found + width] - places[found]) * _PER_BIT)
    found, margins = found[margins >= least], margins[margins >= least]
    if not found.size:
        return
    texts_found, heads = np.unique(whose[found], return_index=True)
    for text, head, end in zip(texts_found.tolist(), heads.tolist(), [*heads[1:].tolist(), len(found)], strict=True):
        place = head + int(margins[head:end].argmax())
        yield text, float(margins[place]), int(kept[places[found[place]]] - starts[text])


def _sums(classes: npt.NDArray[np.uint8], places: Ints) -> list[npt.NDArray[np.uint64]]:
    """Sums over the blocks that begin at ``places``: of four kinds of text, and of the four others."""
    packed = np.empty(classes.size + 1, dtype=np.uint64)
    _packed_model().take(runs_of(classes).astype(np.intp), out=packed[:-3], mode="clip")
    packed[-3:] = 0
    return [np.add.reduceat(part, places) for part in (packed & _EVEN, packed >> _ODD & _EVEN)]


def _gains(sums: Sequence[npt.NDArray[np.uint64]], width: int) -> npt.NDArray[np.int32]:
    """By how much random tokens explain each ``width`` blocks in a row better than the best of the others.

    Running sums overflow from one lane into the next, but their differences do not.
    """
    totals = np.zeros((2, sums[0].size + 1), dtype=np.uint64)
    for part, total in zip(sums, totals, strict=True):
        np.cumsum(part, out=total[1:])
    even, odd = (totals[:, width:] - totals[:, :-width]).view(np.uint16).reshape(2, -1, 4)
    gains = even[:, 0].astype(np.int32)
    even[:, 0] = 0
    best = np.maximum(even, odd)
    gains -= np.maximum(np.maximum(best[:, 0], best[:, 1]), np.maximum(best[:, 2], best[:, 3]))
    return gains


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _groups(counts: Ints) -> tuple[Ints, Ints]:
    """Of so many members of each group: the group of every member, and the first member of every group."""
    return np.repeat(np.arange(counts.size), counts), np.cumsum(counts) - counts


def runs_of(classes: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """Each three characters in a row as one number, a place in the tables."""
    wide = classes.astype(np.int32)
    runs = wide[:-2] * CLASSES
    runs += wide[1:-1]
    runs *= CLASSES
    runs += wide[2:]
    return runs


def model() -> npt.NDArray[np.int8]:
    """The tables: for each run of three classes its logarithm in random tokens, then in each kind of ordinary text."""
    written = json.loads(resources.files("caiso").joinpath(MODEL).read_bytes())
    packed = zlib.decompress(base64.b85decode("".join(written["tables"])))
    return np.ascontiguousarray(np.frombuffer(packed, dtype=np.int8).reshape(len(written["kinds"]), -1).T)


@cache
def _packed_model() -> npt.NDArray[np.uint64]:
    """The tables with the eight logarithms of a run in one number, so that one addition adds them all."""
    tables = model().astype(np.int16)
    tables -= tables.min()  # an equal shift of all kinds leaves their differences as they are
    if tables.shape[1] != 8 or int(tables.max()) * _WIDEST > np.iinfo(np.uint16).max:
        raise ValueError(
            f"{MODEL} holds {tables.shape[1]} kinds of text up to {tables.max()}, for which there is no room."
        )
    return np.ascontiguousarray(tables.astype(np.uint8)).view(np.uint64)[:, 0]


@cache
def _ascii_classes() -> npt.NDArray[np.uint8]:
    table = np.full(256, _OTHER, dtype=np.uint8)
    table[128:] = _LETTER
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


def classes_of(text: str, starts: Ints = _ALONE) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The class of each character, repeated punctuation and space only once, and where each of these stands.

    At ``starts`` another text begins.
    """
    if text.isascii():
        found = np.frombuffer(_bytes(text).translate(_ascii_classes().tobytes()), dtype=np.uint8)
    else:
        codes = np.frombuffer(text.encode("utf-32-le", "replace"), dtype=np.uint32)
        found = _ascii_classes()[np.minimum(codes, 128)]
        # Beyond ASCII nearly everything that people write is letters; what is punctuation or a symbol there is few blocks.
        beyond = np.flatnonzero(codes >= 128)
        other = codes[beyond]
        symbols = (other >= 0x2000) & (other < 0x2C00) | (other >= 0x1F000) | (other < 0xC0)
        found[beyond[symbols]] = _OTHER
    # A line of dashes, an indent and a shout say no more than their first character.
    new = np.ones(found.size, dtype=np.bool_)
    new[1:] = (found[1:] != found[:-1]) | ((found[1:] < _FIRST_MARK) & (found[1:] != _SPACE))
    new[starts[starts < new.size]] = True
    kept = np.flatnonzero(new)
    return found[kept], kept
