"""The engine's memory as bytes: MessagePack of plain data, its version checked, never anything that could run."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from caiso.errors import DomainError

SNAPSHOT_VERSION: Final = 6
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


def write_snapshot(snapshot: Snapshot) -> bytes:
    """Return the bytes of a snapshot."""
    return msgspec.msgpack.encode(snapshot)


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
