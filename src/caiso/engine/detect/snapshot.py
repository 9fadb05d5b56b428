"""The engine's memory as bytes: MessagePack of plain data, its version checked, never anything that could run."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from caiso.errors import DomainError

SNAPSHOT_VERSION: Final = 6
_HEAD: Final = struct.Struct(">BI")  # MessagePack's longest forms: any reader takes them for few entries, too
_LIST: Final = 0xDD
_MAP: Final = 0xDF
_encode = msgspec.msgpack.encode
READABLE: Final = (4, 5, 6)  # the fourth had all texts one by one, the fifth columns for some kinds only


class UnableToRestore(DomainError):
    """The bytes are not a snapshot of this engine."""


class Snapshot(msgspec.Struct):
    """Everything that a detector remembers."""

    events: int
    hits: dict[str, int]
    signals: dict[str, int]
    clocks: dict[str, Any]
    occurrences: dict[str, Any]  # what the entries of all correlations refer to
    correlations: dict[str, tuple[str, dict[str, Any]]]  # rule -> digest of what its state depends on, state
    version: int = SNAPSHOT_VERSION
    beside: bytes = b""  # what whoever feeds the detector remembers; the engine does not look into it


class OneByOne(NamedTuple):
    """A list whose items, or a mapping whose (key, value) pairs, are made as they are written: never all of them at once."""

    size: int
    items: Iterable[Any]
    keyed: bool = False


def pieces_of(fields: Mapping[str, object]) -> Iterator[bytes]:
    """The bytes of a snapshot with these fields, piece by piece; they may hold ``OneByOne``, alone or in a mapping."""
    yield from _written(OneByOne(len(fields), fields.items(), keyed=True))


def _written(value: object) -> Iterator[bytes]:
    match value:
        case OneByOne(size, items, keyed):
            yield _HEAD.pack(_MAP if keyed else _LIST, size)
            for item in items:
                if keyed:
                    yield _encode(item[0])
                yield from _written(item[1] if keyed else item)
        case dict() if any(isinstance(one, OneByOne) for one in value.values()):
            yield from _written(OneByOne(len(value), value.items(), keyed=True))
        case _:
            yield _encode(value)


def read_snapshot(data: bytes) -> Snapshot:
    """Return what the bytes hold; raises ``UnableToRestore``."""
    try:
        version = msgspec.msgpack.decode(data, type=_Versioned).version
        if version not in READABLE:
            raise UnableToRestore(f"snapshot version {version}, expected {SNAPSHOT_VERSION}")
        return msgspec.msgpack.decode(data, type=Snapshot)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnableToRestore(f"not a snapshot of the detection engine: {error}") from None


class _Versioned(msgspec.Struct):
    version: int
