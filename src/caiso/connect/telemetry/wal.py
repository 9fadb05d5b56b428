"""The write-ahead log: encrypted frames in numbered segments, one folder per writing process, group-committed.

A segment starts with a header that names its key, and holds frames ``magic, length, checksum, nonce, ciphertext``.
The place of a frame is authenticated with it, so that frames cannot be moved or repeated unseen. A writer never
appends to a segment after it has begun the next one, also across restarts; therefore what a reader finds torn at
the end of a segment that has a successor is final, and the rest of it was never acknowledged.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import struct
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from caiso.connect.telemetry.keys import KeyRing, UnableToUseKey, make_folder, sync_folder
from caiso.errors import DomainError

_HEADER: Final = struct.Struct(">8sHH4x")
_FRAME: Final = struct.Struct(">4sII")
_MAGIC: Final = b"CAISOWAL"
_FRAME_MAGIC: Final = b"\xf5WF\x01"
_VERSION: Final = 1
_NONCE: Final = 12
_TAG: Final = 16
_MAX_FRAME: Final = 64 * 1024 * 1024
_BACKLOG_SECONDS: Final = 0.5  # how long a measured backlog is believed


class Backlogged(DomainError):
    """Too much waits to be read; the sender should come back later."""


class UnableToAppend(DomainError):
    """The log could not be made durable; nothing was acknowledged."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in one writer's log; (0, 0) is before everything."""

    segment: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """One appended payload, where it begins and where the next one does."""

    writer: str
    start: Position
    end: Position
    payload: bytes


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that could not be read back although something follows them."""

    writer: str
    start: Position
    reason: str
    torn: bool = False  # at the very end of a segment: what a killed writer had not acknowledged


def _segment_path(folder: Path, number: int) -> Path:
    return folder / f"{number:08d}.wal"


def segment_numbers(folder: Path) -> list[int]:
    """Return the numbers of a writer's segments, ascending."""
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []
    return sorted(int(name[:-4]) for name in names if name.endswith(".wal") and name[:-4].isdigit())


def backlog_bytes(root: Path) -> int:
    """Return how many bytes of log wait below a folder."""
    total = 0
    try:
        writers = list(os.scandir(root))
    except FileNotFoundError:
        return 0
    for writer in writers:
        try:
            with os.scandir(writer.path) as entries:
                total += sum(entry.stat().st_size for entry in entries if entry.name.endswith(".wal"))
        except (NotADirectoryError, FileNotFoundError):
            continue  # trimmed while we looked
    return total


class WalWriter:
    """Appends payloads durably; one per process, its folder held by a lock."""

    def __init__(
        self,
        root: Path,
        keys: KeyRing,
        *,
        prefix: str = "edge",
        segment_bytes: int = 32 << 20,
        backlog_limit: int = 2 << 30,
    ) -> None:
        self.root = make_folder(root)
        self._keys = keys
        self._segment_bytes = segment_bytes
        self._backlog_limit = backlog_limit
        self._measured: tuple[float, int] = (float("-inf"), 0)
        self.name, self._lock = _claim(root, prefix)
        self._folder = root / self.name
        self._number = (segment_numbers(self._folder) or [0])[-1]
        self._file = -1
        self._size = 0
        self._cipher: AESGCM | None = None

    def backlog(self) -> int:
        """Bytes that wait in all writers' logs, measured at most twice a second."""
        now = time.monotonic()
        if now - self._measured[0] > _BACKLOG_SECONDS:
            self._measured = (now, backlog_bytes(self.root))
        return self._measured[1]

    def refuse_if_backlogged(self) -> None:
        """Raise ``Backlogged`` when the readers are too far behind."""
        waiting = self.backlog()
        if waiting > self._backlog_limit:
            raise Backlogged(f"{waiting} bytes wait to be processed, at most {self._backlog_limit} may")

    def append(self, payloads: Sequence[bytes]) -> list[Position]:
        """Write payloads and return where each begins, once all are on disk.

        Raises ``UnableToAppend``; then none counts as written and the next append begins a new segment,
        because what a failed write or sync left behind cannot be trusted.
        """
        try:
            if self._file < 0 or self._size >= self._segment_bytes:
                self._roll()
            places, data = self._seal(payloads)
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]
            os.fdatasync(self._file)
        except (OSError, UnableToUseKey) as error:
            self._abandon()
            raise UnableToAppend(f"write-ahead log {self._folder}: {error}") from error
        self._size += len(data)
        self._measured = (self._measured[0], self._measured[1] + len(data))
        return places

    def _seal(self, payloads: Sequence[bytes]) -> tuple[list[Position], bytes]:
        if self._cipher is None:
            raise UnableToUseKey("no key")
        pieces: list[bytes] = []
        places: list[Position] = []
        offset = self._size
        for payload in payloads:
            nonce = secrets.token_bytes(_NONCE)
            sealed = nonce + self._cipher.encrypt(nonce, payload, _place(self.name, self._number, offset))
            pieces += (_FRAME.pack(_FRAME_MAGIC, len(sealed), zlib.crc32(sealed)), sealed)
            places.append(Position(self._number, offset))
            offset += _FRAME.size + len(sealed)
        return places, b"".join(pieces)

    def _roll(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        key = self._keys.current()
        self._number += 1
        path = _segment_path(self._folder, self._number)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        os.write(self._file, _HEADER.pack(_MAGIC, _VERSION, key.number))
        os.fsync(self._file)
        sync_folder(self._folder)
        self._size = _HEADER.size
        self._cipher = AESGCM(key.secret)

    def _abandon(self) -> None:
        if self._file >= 0:
            try:
                os.ftruncate(self._file, max(self._size, _HEADER.size))  # un-acknowledged frames should not be read
            except OSError:
                pass  # a reader then finds them whole or torn, and a client's retry carries the same event ids
            finally:
                os.close(self._file)
                self._file = -1

    def close(self) -> None:
        """Give the folder back."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _claim(root: Path, prefix: str) -> tuple[str, int]:
    """Take the first folder ``prefix-N`` that no living process holds; the lock dies with its process."""
    for number in range(1, 1000):
        folder = make_folder(root / f"{prefix}-{number}")
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return folder.name, descriptor
    raise UnableToAppend(f"{root}: 999 writers are alive")


def _place(writer: str, segment: int, offset: int) -> bytes:
    return f"{writer}/{segment}/{offset}".encode()


class WalReader:
    """Reads frames of all writers from given positions; never writes except to trim."""

    def __init__(self, root: Path, keys: KeyRing, *, on_damage: Callable[[Damage], None] | None = None) -> None:
        self._root = root
        self._keys = keys
        self._on_damage = on_damage or (lambda damage: None)
        self._ciphers: dict[int, AESGCM] = {}

    def writers(self) -> list[str]:
        """Return the names of all writers that ever wrote here."""
        if not self._root.is_dir():
            return []
        return sorted(entry.name for entry in os.scandir(self._root) if entry.is_dir())

    def read(self, writer: str, start: Position, *, max_bytes: int) -> tuple[list[Frame], Position]:
        """Return complete frames from a position on, and where to go on; at least one frame if one is there."""
        frames: list[Frame] = []
        here = start
        left = max_bytes
        while left > 0:
            # The list is taken before the segment is read: one that has a successor in it can no longer grow.
            numbers = segment_numbers(self._root / writer)
            following = [number for number in numbers if number > here.segment]
            if here.segment in numbers:
                before = here
                found, here = self._read_segment(writer, here, left, final=bool(following))
                frames += found
                left -= sum(len(frame.payload) for frame in found)
                if here != before:
                    continue
            if not following:
                break
            here = Position(following[0], 0)
        return frames, here

    def _read_segment(
        self, writer: str, start: Position, max_bytes: int, *, final: bool
    ) -> tuple[list[Frame], Position]:
        try:
            with _segment_path(self._root / writer, start.segment).open("rb") as file:
                header = file.read(_HEADER.size)
                if len(header) < _HEADER.size:
                    return [], start
                file.seek(max(start.offset, _HEADER.size))
                data = file.read(max(max_bytes, _FRAME.size))
                need = _frame_size(data)
                if need > len(data):
                    data += file.read(need - len(data))
                whole = not file.read(1)
        except FileNotFoundError:
            return [], start  # trimmed: everything in it was processed
        cipher = self._cipher(header, writer, start)
        if cipher is None:
            return [], start
        first = Position(start.segment, max(start.offset, _HEADER.size))
        return self._frames(writer, first, data, cipher, ended=final and whole, more=not whole)

    def _frames(
        self, writer: str, start: Position, data: bytes, cipher: AESGCM, *, ended: bool, more: bool
    ) -> tuple[list[Frame], Position]:
        """Open the frames in ``data``; ``ended``: nothing will ever follow it, ``more``: the file goes on after it."""
        frames: list[Frame] = []
        at = 0
        while len(data) - at >= _FRAME.size:
            magic, size, checksum = _FRAME.unpack_from(data, at)
            body = at + _FRAME.size
            here = Position(start.segment, start.offset + at)
            sane = magic == _FRAME_MAGIC and _NONCE + _TAG <= size <= _MAX_FRAME
            if sane and body + size > len(data) and not ended:
                break
            payload = _open(cipher, data[body : body + size], checksum, _place(writer, *_pair(here))) if sane else None
            if payload is None:
                skipped = data.find(_FRAME_MAGIC, at + 1)
                if skipped < 0 and more:
                    skipped = len(data) - len(_FRAME_MAGIC) + 1
                if skipped <= at:
                    if ended:
                        self._on_damage(
                            Damage(writer, here, "no readable frame up to the end of the segment", torn=True)
                        )
                    break
                self._on_damage(Damage(writer, here, f"{skipped - at} bytes are not a readable frame"))
                at = skipped
                continue
            at = body + size
            frames.append(Frame(writer, here, Position(start.segment, start.offset + at), payload))
        else:
            if ended and at < len(data):
                here = Position(start.segment, start.offset + at)
                self._on_damage(Damage(writer, here, "the segment ends inside a frame's header", torn=True))
        return frames, Position(start.segment, start.offset + at)

    def _cipher(self, header: bytes, writer: str, start: Position) -> AESGCM | None:
        magic, version, number = _HEADER.unpack(header)
        if magic != _MAGIC or version != _VERSION:
            self._on_damage(Damage(writer, start, "the segment's header is not readable"))
            return None
        if number not in self._ciphers:
            self._ciphers[number] = AESGCM(self._keys.secret(number))
        return self._ciphers[number]

    def trim(self, durable: dict[str, Position]) -> int:
        """Delete segments that lie wholly before a durable position; returns how many bytes that freed.

        A writer's last segment always stays, because its number tells a restarted writer where to go on.
        """
        freed = 0
        for writer, position in durable.items():
            folder = self._root / writer
            numbers = segment_numbers(folder)
            for number in numbers[:-1]:
                if number < position.segment:
                    path = _segment_path(folder, number)
                    freed += path.stat().st_size
                    path.unlink()
        return freed


def _pair(position: Position) -> tuple[int, int]:
    return position.segment, position.offset


def _frame_size(data: bytes) -> int:
    if len(data) < _FRAME.size:
        return 0
    magic, size, _ = _FRAME.unpack_from(data)
    return _FRAME.size + int(size) if magic == _FRAME_MAGIC and size <= _MAX_FRAME else 0


def _open(cipher: AESGCM, sealed: bytes, checksum: int, place: bytes) -> bytes | None:
    if zlib.crc32(sealed) != checksum:
        return None
    try:
        return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], place)
    except InvalidTag:
        return None
