"""The engine's memory as bytes: MessagePack of plain data, its version checked, never anything that could run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from caiso.engine.detect.correlation.occurrence import KINDS, Held, Occurrence
from caiso.errors import DomainError

SNAPSHOT_VERSION: Final = 2


class UnableToRestore(DomainError):
    """The bytes are not a snapshot of this engine."""


class Snapshot(msgspec.Struct):
    """Everything that a detector remembers."""

    events: int
    hits: dict[str, int]
    signals: dict[str, int]
    clocks: dict[str, Any]
    kinds: tuple[str, ...]  # of the values that entries hold after the event's id
    correlations: dict[str, tuple[str, dict[str, Any]]]  # rule -> digest of what its state depends on, state
    version: int = SNAPSHOT_VERSION


def reader_of(kinds: Sequence[str]) -> Callable[[list[Any]], Held]:
    """A function that makes what is held of what MessagePack gave; ``kinds``: of whom the snapshot's entries speak."""
    places = [kinds.index(kind) + 1 if kind in kinds else None for kind in KINDS]
    same = tuple(kinds) == KINDS

    def taken(item: list[Any]) -> Held:
        if isinstance(item[0], list):
            return Occurrence(tuple(item[0]), item[1], item[2])
        return tuple(item) if same else (item[0], *(None if place is None else item[place] for place in places))

    return taken


def write_snapshot(snapshot: Snapshot) -> bytes:
    """Return the bytes of a snapshot."""
    return msgspec.msgpack.encode(snapshot)


def read_snapshot(data: bytes) -> Snapshot:
    """Return what the bytes hold; raises ``UnableToRestore``."""
    try:
        version = msgspec.msgpack.decode(data, type=_Versioned).version
        if version != SNAPSHOT_VERSION:
            raise UnableToRestore(f"snapshot version {version}, expected {SNAPSHOT_VERSION}")
        return msgspec.msgpack.decode(data, type=Snapshot)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnableToRestore(f"not a snapshot of the detection engine: {error}") from None


class _Versioned(msgspec.Struct):
    version: int
