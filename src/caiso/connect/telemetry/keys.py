"""Keys at rest: 32 random bytes in a file that only its owner reads, created once even by racing processes."""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from caiso.errors import DomainError

KEY_BYTES = 32
_NAME = re.compile(r"(?P<purpose>[a-z]+)-(?P<number>\d{4})\.key")


class UnableToUseKey(DomainError):
    """A key file that is missing, damaged or open to others."""


def sync_folder(folder: Path) -> None:
    """Make a rename, link or removal inside a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> Path:
    """Create a folder that only its owner enters."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def create_key(path: Path) -> bytes:
    """Create a key file atomically and return its bytes; where another process was first, return that one's.

    The file appears under its name only when it is complete and on disk.
    """
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_bytes(KEY_BYTES))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass  # another process was first: its key is the one
    finally:
        temporary.unlink()
    sync_folder(path.parent)
    return read_key(path)


def read_key(path: Path) -> bytes:
    """Return a key's bytes; raises ``UnableToUseKey`` where the file is absent, open to others or of a wrong length."""
    try:
        if path.stat().st_mode & 0o077:
            raise UnableToUseKey(f"{path} may be read by others than its owner; run chmod 600 on it")
        key = path.read_bytes()
    except FileNotFoundError as error:
        raise UnableToUseKey(f"{path} does not exist; what it encrypted cannot be read") from error
    if len(key) != KEY_BYTES:
        raise UnableToUseKey(f"{path} has {len(key)} bytes instead of {KEY_BYTES}")
    return key


@dataclass(frozen=True, slots=True)
class Key:
    """A numbered key; the number is written beside what it encrypts, so that keys can be rotated."""

    number: int
    secret: bytes


class KeyRing:
    """The numbered keys of one purpose: the highest encrypts, all of them decrypt."""

    def __init__(self, folder: Path, purpose: str) -> None:
        self._folder = folder
        self._purpose = purpose
        self._known: dict[int, bytes] = {}

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._purpose}-{number:04d}.key"

    def _numbers(self) -> list[int]:
        if not self._folder.is_dir():
            return []
        found = (_NAME.fullmatch(path.name) for path in self._folder.iterdir())
        return sorted(int(match["number"]) for match in found if match and match["purpose"] == self._purpose)

    def current(self) -> Key:
        """Return the key to encrypt with, creating the first one."""
        numbers = self._numbers()
        if not numbers:
            return Key(1, create_key(self._path(1)))
        return Key(numbers[-1], self.secret(numbers[-1]))

    def secret(self, number: int) -> bytes:
        """Return the bytes of a numbered key."""
        if number not in self._known:
            self._known[number] = read_key(self._path(number))
        return self._known[number]

    def rotate(self) -> Key:
        """Create the next key; what is written from now on uses it."""
        number = (self._numbers() or [0])[-1] + 1
        return Key(number, create_key(self._path(number)))
