"""Snapshots of the detector's memory: encrypted, written aside and renamed, each named after the part it follows."""

from __future__ import annotations

import os
import re
import secrets
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

from caiso.connect.telemetry.keys import KeyRing, UnableToUseKey, make_folder, sync_folder

_NAME = re.compile(r"snapshot-(\d{10})\.bin")
_HEADER: Final = struct.Struct(">8sHH12s")
_MAGIC: Final = b"CAISOSTA"
_PIECE: Final = 4 << 20
_KEPT: Final = 2  # the one before stays, should the newest turn out to be unreadable


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The detector's memory after part ``part``; ``label`` names the rules that it belongs to."""

    part: int
    label: str
    payload: bytes


class StateStore:
    """Snapshots below the ``state/`` folder."""

    def __init__(self, folder: Path, keys: KeyRing) -> None:
        self._folder = folder
        self._keys = keys

    def save(self, part: int, label: str, payload: Iterable[bytes]) -> None:
        """Write a snapshot durably and drop all but the newest ones; nothing is left of one whose payload raises."""
        make_folder(self._folder)
        key = self._keys.current()
        nonce = secrets.token_bytes(12)
        name = label.encode()
        final = self._folder / f"snapshot-{part:010d}.bin"
        temporary = self._folder / f".{final.name}.tmp"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(_HEADER.pack(_MAGIC, 1, key.number, nonce))
                # Piece by piece: a snapshot of hundreds of megabytes would stand in memory several times.
                sealing = Cipher(AES(key.secret), GCM(nonce)).encryptor()
                sealing.authenticate_additional_data(str(part).encode())
                file.write(sealing.update(struct.pack(">H", len(name)) + name))
                for piece in payload:
                    view = memoryview(piece)
                    for begin in range(0, len(view), _PIECE):
                        file.write(sealing.update(view[begin : begin + _PIECE]))
                file.write(sealing.finalize() + sealing.tag)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(final)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(self._folder)
        for number in self._numbers()[:-_KEPT]:
            (self._folder / f"snapshot-{number:010d}.bin").unlink()

    def newest(self, *, upto: int) -> tuple[Snapshot | None, list[str]]:
        """Return the newest readable snapshot at or before a part, and the names of those that were not readable."""
        broken: list[str] = []
        for number in reversed([number for number in self._numbers() if number <= upto]):
            path = self._folder / f"snapshot-{number:010d}.bin"
            try:
                return self._read(path, number), broken
            except (ValueError, InvalidTag, UnableToUseKey, struct.error, OSError):
                broken.append(path.name)
        return None, broken

    def _read(self, path: Path, number: int) -> Snapshot:
        data = path.read_bytes()
        magic, version, key_number, nonce = _HEADER.unpack_from(data)
        if magic != _MAGIC or version != 1:
            raise ValueError(path.name)
        plain = AESGCM(self._keys.secret(key_number)).decrypt(nonce, data[_HEADER.size :], str(number).encode())
        (size,) = struct.unpack_from(">H", plain)
        return Snapshot(number, plain[2 : 2 + size].decode(), plain[2 + size :])

    def _numbers(self) -> list[int]:
        if not self._folder.is_dir():
            return []
        found = (_NAME.fullmatch(path.name) for path in self._folder.iterdir())
        return sorted(int(match[1]) for match in found if match)
