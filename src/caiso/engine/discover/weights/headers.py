"""Headers of safetensors, GGUF, ONNX and HDF5 files."""

from __future__ import annotations

import json
import struct
from typing import BinaryIO

_HEADER = 16_000_000
_GGUF_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_GGUF_KEYS = ("general.architecture", "general.name", "general.license", "general.basename", "general.size_label")


def read_safetensors(stream: BinaryIO, size: int) -> dict[str, object]:
    """Tensor count, dtypes, parameters and the author's metadata; raises ValueError for a broken header."""
    head = stream.read(8)
    if len(head) < 8:
        raise ValueError("header too short")
    length = struct.unpack("<Q", head)[0]
    if length > min(_HEADER, size):
        raise ValueError("header length beyond the file")
    try:
        header = json.loads(stream.read(length))
    except (ValueError, RecursionError) as error:
        raise ValueError("header is not JSON") from error
    if not isinstance(header, dict):
        raise ValueError("header is not an object")  # noqa: TRY004 - a wrong file is a value error here
    metadata = header.pop("__metadata__", {})
    parameters = 0
    kinds: set[str] = set()
    for entry in header.values():
        if isinstance(entry, dict):
            kinds.add(str(entry.get("dtype"))[:12])
            parameters += _product(entry.get("shape"))
    notes = (
        {str(key)[:60]: str(value)[:200] for key, value in list(metadata.items())[:20]}
        if isinstance(metadata, dict)
        else {}
    )
    return {"tensors": len(header), "dtypes": sorted(kinds)[:10], "parameters": parameters, "metadata": notes}


def _product(shape: object) -> int:
    total = 1
    for side in shape if isinstance(shape, list) else []:
        total *= side if isinstance(side, int) and 0 <= side < 1 << 40 else 0
    return min(total, 1 << 60)


def read_gguf(stream: BinaryIO) -> dict[str, object]:
    """Architecture, name and licence from the key-value section; raises ValueError for a broken one."""
    if stream.read(4) != b"GGUF":
        raise ValueError("not GGUF")
    version, tensors, count = struct.unpack("<IQQ", _exact(stream, 20))
    if version not in (2, 3) or count > 100_000:
        raise ValueError("unknown GGUF version or too many keys")
    found: dict[str, object] = {"gguf_version": version, "tensors": tensors}
    for _ in range(min(count, 200)):
        key = _gguf_string(stream).decode("utf-8", "replace")
        value = _gguf_value(stream, struct.unpack("<I", _exact(stream, 4))[0], 0)
        if key in _GGUF_KEYS and isinstance(value, str):
            found[key.removeprefix("general.")] = value[:200]
    return found


def _gguf_string(stream: BinaryIO) -> bytes:
    length = struct.unpack("<Q", _exact(stream, 8))[0]
    if length > 1_000_000:
        raise ValueError("text in the header is too long")
    return _exact(stream, length)


def _gguf_value(stream: BinaryIO, kind: int, depth: int) -> object:
    if kind == 8:
        return _gguf_string(stream).decode("utf-8", "replace")
    if kind == 9:
        inner, length = struct.unpack("<IQ", _exact(stream, 12))
        if depth > 2 or length > 2_000_000:
            raise ValueError("list in the header is too long")
        if inner in _GGUF_SIZES:
            _exact(stream, _GGUF_SIZES[inner] * length)
        else:
            for _ in range(length):
                _gguf_value(stream, inner, depth + 1)
        return None
    if kind not in _GGUF_SIZES:
        raise ValueError("unknown value kind in the header")
    _exact(stream, _GGUF_SIZES[kind])
    return None


def _exact(stream: BinaryIO, length: int) -> bytes:
    if length > _HEADER:
        raise ValueError("header too long")
    data = stream.read(length)
    if len(data) != length:
        raise ValueError("header ends early")
    return data


def read_onnx(stream: BinaryIO) -> dict[str, object]:
    """IR version and producer: the first fields of the ModelProto message."""
    data = stream.read(4096)
    found: dict[str, object] = {}
    position = 0
    names = {2: "producer", 3: "producer_version", 4: "domain"}
    while position < len(data):
        tag, position = _varint(data, position)
        field, wire = tag >> 3, tag & 7
        if wire == 0:
            value, position = _varint(data, position)
            if field == 1:
                found["ir_version"] = value
        elif wire == 2 and field in names:
            length, position = _varint(data, position)
            found[names[field]] = data[position : position + length].decode("utf-8", "replace")[:100]
            position += length
        else:
            break
    if "ir_version" not in found:
        raise ValueError("not ONNX")
    return found


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(data) and shift < 64:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, position
        shift += 7
    return value, len(data)
