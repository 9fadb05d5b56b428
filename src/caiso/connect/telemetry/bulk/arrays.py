"""Small steps between NumPy and Arrow that the columnar normaliser is made of."""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def valid(array: pa.Array) -> Flags:
    """Where an array has a value."""
    found: Flags = pc.is_valid(array).to_numpy(zero_copy_only=False)
    return found


def codes_of(array: pa.Array) -> tuple[Ints, list[Any]]:
    """Each value as a number, and what the numbers stand for; a missing value is one of them (None)."""
    encoded = array.dictionary_encode(null_encoding="encode")
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), encoded.dictionary.to_pylist()


def hex_of(ids: pa.Array) -> pa.Array:
    """Binary ids as lower-case hexadecimal text; an empty one as empty text."""
    _, places, data = ids.buffers()
    offsets = np.frombuffer(places, dtype=np.int32)[ids.offset : ids.offset + len(ids) + 1]
    raw = memoryview(data)[int(offsets[0]) : int(offsets[-1])] if data is not None else b""
    doubled = (offsets - offsets[0]) * 2
    return pa.StringArray.from_buffers(len(ids), pa.py_buffer(doubled), pa.py_buffer(hexlify(raw)))


def spread(values: pa.Array, rows: Ints, places: Ints, count: int) -> pa.Array:
    """A column of ``count`` rows that has ``values[places]`` in ``rows`` and nothing elsewhere."""
    wanted = np.full(count, -1, dtype=np.int64)
    wanted[rows] = places
    return values.take(pa.array(wanted, mask=wanted < 0))


def filled(column: pa.Array, constants: Sequence[object], codes: Ints, arrow: pa.DataType) -> pa.Array:
    """A column whose gaps are filled by a constant for each code; None leaves the gap."""
    if all(constant is None for constant in constants):
        return column
    return pc.coalesce(column, pa.array(constants, arrow).take(pa.array(codes)))


def maps(rows: Ints, keys: pa.Array, values: pa.Array, count: int, kind: pa.MapType) -> pa.MapArray:
    """A map column of pairs whose rows ascend."""
    offsets = np.zeros(count + 1, dtype=np.int32)
    np.cumsum(np.bincount(rows, minlength=count), out=offsets[1:])
    return pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), keys, values, type=kind)
