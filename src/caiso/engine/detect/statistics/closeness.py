"""When two inputs are nearly the same: by shared hashed windows, by distance, by fingerprint or by words.

Long vectors and texts are compared by sketches of the hashes of their windows (Blacklight, Li et al. 2022); short
vectors by distance, in units of how much inputs of that model usually vary (stateful defence, Chen et al. 2020);
fingerprints that the sender made bit by bit when they are hexadecimal, else hash by hash.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from caiso.engine.detect.statistics.memory import Rows, Spread, middle
from caiso.engine.detect.statistics.values import Vector, hash64, hash_bytes, loaded, shingles, vector, words

WINDOW: Final = 20
LONG_VECTOR: Final = 256  # elements from which windows are hashed
BINS: Final = 64  # of a sketch
KNOWN_SPREAD: Final = 60  # unrelated inputs after which a model's usual spread is known
NEAR: Final = 0.1  # of the distance that two unrelated inputs have
TINY: Final = 0.02  # of a standard deviation
RELATIVE: Final = 0.05  # mean change of a value, where the usual spread is not known

_WORDS: Final = 3  # in a row
_HEX: Final = re.compile(r"(?:0x)?([0-9a-fA-F]{8,128})")
_SEPARATED: Final = re.compile(r"[\s,;|]+")
_LEVELS: Final = 5  # quantisation: a fifth of the range, as the paper's 50 of 255
_MOST_WINDOWS: Final = 16_384
_EMPTY: Final = (1 << 32) - 1
_BIT_ROW: Final = 17  # a width and 512 bits
_POWERS: Final = np.array([hash64(f"window {n}") | 1 for n in range(WINDOW)], dtype=np.uint64)

Sketch = npt.NDArray[np.uint32]
Hashes = npt.NDArray[np.uint64]


class Query(msgspec.Struct):
    """One input as it is compared: a vector, or a sketch, or the bits of a fingerprint; ``near`` is the share to agree on."""

    exact: int
    vector: Any = None
    sketch: Any = None
    near: float = 0.0
    bits: int = 0
    width: int = 0


def query_of(value: object) -> Query | None:
    """What an event's value says about the input; None when nothing."""
    value = loaded(value)
    if isinstance(value, list | tuple):
        if value and all(isinstance(item, str) for item in value):
            return _given([str(item) for item in value])
        found = vector(value)
        return None if found is None else _of_vector(found)
    if isinstance(value, int) and not isinstance(value, bool):
        return Query(value & ((1 << 63) - 1), bits=value & ((1 << 64) - 1), width=64)
    return _of_text(value) if isinstance(value, str) and value else None


def _of_vector(found: Vector) -> Query:
    exact = hash_bytes(found.tobytes())
    if found.size < LONG_VECTOR:
        return Query(exact, vector=found)
    return Query(exact, sketch=sketch_of(_window_hashes(found)), near=0.15)


def _of_text(value: str) -> Query:
    found = _HEX.fullmatch(value)
    if found:
        return Query(hash64(found[1].lower()), bits=int(found[1], 16), width=4 * len(found[1]))
    parts = [part for part in _SEPARATED.split(value[:20_000]) if part]
    if len(parts) >= 8 and all(_HEX.fullmatch(part) for part in parts):
        return _given(parts)
    tokens = words(value)
    if len(tokens) < 8:
        return Query(hash64(value[:20_000]))
    hashes = shingles(tokens, _WORDS)
    return Query(hash64(" ".join(tokens)), sketch=sketch_of(_array(hashes)), near=0.55)


def _given(parts: Sequence[str]) -> Query:
    hashes = {hash64(part) for part in parts}
    return Query(hash64(",".join(map(str, sorted(hashes)))), sketch=sketch_of(_array(hashes)), near=0.25)


def _array(hashes: Iterable[int]) -> Hashes:
    return np.fromiter(hashes, dtype=np.uint64)


def sketch_of(hashes: Hashes) -> Sketch:
    """One-permutation MinHash: the smallest hash in each of 64 bins; the share of equal bins estimates the overlap."""
    result = np.full(BINS, _EMPTY, dtype=np.uint32)
    bins, rest = (hashes >> np.uint64(58)).astype(np.int64), (hashes & np.uint64(_EMPTY - 1)).astype(np.uint32)
    np.minimum.at(result, bins, rest)
    return result


def _window_hashes(values: Vector) -> Hashes:
    """Hashes of the windows of the quantised values; flat windows say nothing and are left out."""
    low, high = _range(values)
    levels = np.clip((values - low) / ((high - low) / _LEVELS), 0, _LEVELS).astype(np.uint64)
    count = min(levels.size - WINDOW + 1, _MOST_WINDOWS)
    shifted, hashed = levels + np.uint64(1), np.zeros(count, dtype=np.uint64)
    for place, power in enumerate(_POWERS):
        hashed += shifted[place : place + count] * power
    changes = np.concatenate(([0], np.cumsum(levels[1:] != levels[:-1])))
    hashed = hashed[changes[WINDOW - 1 :][:count] != changes[:count]]
    hashed ^= hashed >> np.uint64(29)
    hashed *= np.uint64(0xBF58476D1CE4E5B9)
    hashed ^= hashed >> np.uint64(32)
    return np.asarray(hashed, dtype=np.uint64)


def _range(values: Vector) -> tuple[float, float]:
    """What the values could be: 0 to 1, -1 to 1, 0 to 255, or what they are."""
    low, high = float(values.min()), float(values.max())
    for least, most in ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)):
        if least - 0.01 <= low and high <= most * 1.01:
            return least, most
    return low, max(high, low + 1e-9)


class Past(msgspec.Struct):
    """The last ``most`` queries of one key, to compare a new one with."""

    most: int
    vectors: Rows | None = None
    sketches: Rows | None = None
    exact: dict[int, int] = {}
    bits: Rows | None = None  # of fingerprints, with their width

    def repeats(self, query: Query) -> int:
        """How often this very input came before; counts it."""
        before = self.exact.pop(query.exact, 0)
        self.exact[query.exact] = before + 1
        if len(self.exact) > self.most:
            del self.exact[next(iter(self.exact))]
        return before

    def nearest(self, query: Query, spread: Spread | None) -> tuple[float, int]:
        """How near the nearest kept query is, from 1 on near, with its place; (0, -1) when nothing is kept."""
        if query.vector is not None:
            return self._by_distance(query.vector, spread)
        if query.sketch is not None:
            return self._by_sketch(query)
        return self._by_bits(query) if query.width else (0.0, -1)

    def keep(self, query: Query) -> int:
        """Remember a query; returns its place."""
        if query.vector is not None:
            if self.vectors is None or self.vectors.size != query.vector.size:
                self.vectors = Rows(query.vector.size, self.most)
            return self.vectors.add(query.vector)
        if query.sketch is not None:
            if self.sketches is None:
                self.sketches = Rows(BINS, self.most, "u4")
            return self.sketches.add(query.sketch)
        if self.bits is None:
            self.bits = Rows(_BIT_ROW, self.most, "u4")
        return self.bits.add(_bit_row(query))

    def _by_distance(self, found: Vector, spread: Spread | None) -> tuple[float, int]:
        if self.vectors is None or self.vectors.size != found.size or not len(self.vectors):
            return 0.0, -1
        kept = self.vectors.all()
        changed = np.abs(kept - found)
        # One detail of a record differs: it was corrected, or is another. Tiny steps are what nobody corrects.
        other = 2 * np.count_nonzero(changed, axis=1) < found.size
        if spread is not None and spread.size == found.size and spread.count >= KNOWN_SPREAD:
            # A dimension that hardly ever varies must not decide alone: its spread counts for a quarter of the usual.
            scale = spread.scale()
            scaled = changed / np.maximum(scale, middle(np.sort(scale)) / 4)
            gaps = np.sqrt(np.einsum("ij,ij->i", scaled, scaled)) / (NEAR * np.sqrt(2 * found.size))
            other &= scaled.max(axis=1) > TINY
        else:
            gaps = (changed / np.maximum(np.maximum(np.abs(kept), np.abs(found)), 1e-9)).mean(axis=1) / RELATIVE
        gaps[other] += 10
        place = int(gaps.argmin())
        return 1 / max(float(gaps[place]), 1e-6), place

    def _by_sketch(self, query: Query) -> tuple[float, int]:
        if self.sketches is None or not len(self.sketches):
            return 0.0, -1
        kept = self.sketches.all()
        filled = (kept != _EMPTY) | (query.sketch != _EMPTY)
        agreed = ((kept == query.sketch) & filled).sum(axis=1) / np.maximum(filled.sum(axis=1), 1)
        place = int(agreed.argmax())
        return float(agreed[place]) / query.near, place

    def _by_bits(self, query: Query) -> tuple[float, int]:
        if self.bits is None or not len(self.bits):
            return 0.0, -1
        kept = self.bits.all()
        gaps = np.bitwise_count(kept[:, 1:] ^ _bit_row(query)[1:]).sum(axis=1)
        gaps = np.where(kept[:, 0] == query.width, gaps, 10_000)
        place = int(gaps.argmin())
        return max(1, query.width // 10) / max(float(gaps[place]), 0.5), place


def _bit_row(query: Query) -> npt.NDArray[np.uint32]:
    written = query.bits.to_bytes(4 * (_BIT_ROW - 1), "big")
    return np.concatenate(([query.width], np.frombuffer(written, dtype=">u4"))).astype(np.uint32)
