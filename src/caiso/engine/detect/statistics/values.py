"""What events carry, as the methods take it: numbers, vectors, fingerprints, label counts, documents and words."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from caiso.engine.detect.condition import number_of

Vector = npt.NDArray[np.float32]

MAX_ELEMENTS: Final = 65_536
MAX_JSON: Final = 2_000_000
LARGEST: Final = 1e18  # a number beyond it is a mistake, or meant to break a sum of squares
REDUCED: Final = 64  # what longer vectors are reduced to where distances between them are kept
_WORD: Final = re.compile(r"\w+")


def number(value: object) -> float | None:
    """A number that one can calculate with, or None."""
    found = number_of(value)
    return float(found) if found is not None and -LARGEST <= found <= LARGEST else None


def loaded(value: object) -> object:
    """A JSON text as what it holds; anything else, and text that is no JSON, as it is."""
    if isinstance(value, str) and value[:1] in ("[", "{") and len(value) <= MAX_JSON:
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def vector(value: object) -> Vector | None:
    """A list of finite numbers, or the text of one."""
    value = loaded(value)
    if not isinstance(value, list | tuple) or not 0 < len(value) <= MAX_ELEMENTS:
        return None
    try:
        with np.errstate(over="ignore"):
            found = np.asarray(value, dtype=np.float32)
    except (TypeError, ValueError, OverflowError):
        return None
    if found.ndim != 1 or not (np.abs(found) <= LARGEST).all():  # which is false for what is no number, too
        return None
    return found


def reduced(full: Vector) -> Vector:
    """The vector, or its projection on few random directions, which keeps distances to within a fifth or so."""
    return full if full.size <= REDUCED else _directions(full.size) @ full


@lru_cache(maxsize=8)
def _directions(size: int) -> Vector:
    """Plus and minus one by a fixed hash: no generator whose stream a later version could change."""
    bits = np.frombuffer(hashlib.shake_256(b"caiso projection").digest(size * REDUCED // 8 + 1), dtype=np.uint8)
    signs = np.unpackbits(bits)[: size * REDUCED].reshape(REDUCED, size)
    return (signs.astype(np.float32) * 2 - 1) / np.float32(math.sqrt(REDUCED))


def counts_of(value: object, *, most: int) -> dict[str, float] | None:
    """Label counts, as a mapping or its JSON; the ``most`` largest labels stay, others are counted together."""
    value = loaded(value)
    if isinstance(value, list):  # [{"label": …, "count": …}]
        value = {str(item.get("label")): item.get("count") for item in value if isinstance(item, dict)}
    if not isinstance(value, dict):
        return None
    found = {
        str(label)[:80]: count for label, given in value.items() if (count := number(given)) is not None and count >= 0
    }
    if not found or not sum(found.values()):
        return None
    kept = sorted(found, key=lambda label: (-found[label], label))[:most]
    result = {label: found[label] for label in kept}
    rest = sum(count for label, count in found.items() if label not in result)
    return result | {"(other)": rest} if rest else result


def documents(value: object, *, most: int) -> list[Mapping[str, Any]]:
    """The first retrieved documents, best first, as they came."""
    value = loaded(value)
    if not isinstance(value, list):
        return []
    return [item for item in value[:most] if isinstance(item, dict)]


def hash64(text: str) -> int:
    """A stable 64-bit hash of a text."""
    return hash_bytes(text.encode("utf-8", "replace"))


def hash_bytes(data: bytes) -> int:
    """A stable 64-bit hash."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


def words(text: str, *, most: int = 4000) -> list[str]:
    """The words of a text in small letters, digits made equal."""
    found = _WORD.findall(text[: most * 12].lower())[:most]
    return ["0" if word.isdigit() else word for word in found]


def shingles(tokens: Sequence[str], size: int) -> set[int]:
    """Hashes of each run of ``size`` words; of fewer words, of all of them."""
    if len(tokens) <= size:
        return {hash64(" ".join(tokens))} if tokens else set()
    return {hash64(" ".join(tokens[start : start + size])) for start in range(len(tokens) - size + 1)}


def numbers_text(value: float) -> str:
    """A number as a person writes it: 1,214 or 0.37."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def span_text(microseconds: float) -> str:
    """A duration in words: 90 s, 10 min, 3 h, 2 days."""
    seconds = microseconds / 1_000_000
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size * (2 if unit == "days" else 1):
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
