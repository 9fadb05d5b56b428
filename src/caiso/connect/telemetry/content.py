"""Keeps what people and models wrote: encrypted blobs in one append-only pack per source and day.

Each source and day has a key of its own; deleting the key is the retention, because what it encrypted cannot come
back from any copy of the pack. Only the detector appends; whoever holds a reference and the event's id may read.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from caiso.connect.telemetry.keys import UnableToUseKey, create_key, make_folder, read_key, sync_folder
from caiso.connect.telemetry.meaning.messages import Segment
from caiso.errors import DomainError

_NONCE: Final = 12
_MAX_BLOB: Final = 64 * 1024 * 1024
_PAGE_EVENTS: Final = 64
_PAGE_CHARS: Final = 256 * 1024
_REF = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]{0,63})/(\d{4}-\d{2}-\d{2})/(\d{1,15})/(\d{1,9})/(\d{1,4})")
Item = tuple[str, Sequence[Segment]]  # event id and its segments
_Page = list[tuple[str, list[Segment]]]
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Page)


class ContentGone(DomainError):
    """Content whose key was deleted: its retention has ended."""


class UnableToReadContent(DomainError):
    """A reference that does not fit the event, or a pack that is damaged."""


@dataclass(frozen=True, slots=True)
class _Place:
    source_id: str
    day: str
    offset: int
    length: int


class ContentStore:
    """Encrypted segments by event, below ``content/`` and ``keys/content/`` of a data directory."""

    def __init__(self, data_dir: Path) -> None:
        self._packs = data_dir / "content"
        self._keys = data_dir / "keys" / "content"

    def _pack(self, source_id: str, day: str) -> Path:
        return self._packs / source_id / f"{day}.pack"

    def _key(self, source_id: str, day: str) -> Path:
        return self._keys / source_id / f"{day}.key"

    def append(self, source_id: str, day: date, items: Sequence[Item]) -> list[str]:
        """Encrypt each event's segments and return their references, in order, once all are on disk."""
        name = day.isoformat()
        key_path = self._key(source_id, name)
        # The key is read anew for every batch: a day that was purged must not go on under its deleted key.
        cipher = AESGCM(read_key(key_path) if key_path.exists() else create_key(key_path))
        folder = self._pack(source_id, name).parent
        fresh = not self._pack(source_id, name).exists()
        make_folder(folder)
        refs: list[str] = []
        pieces: list[bytes] = []
        file = os.open(self._pack(source_id, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            offset = os.fstat(file).st_size
            for page in _pages(items):
                nonce = secrets.token_bytes(_NONCE)
                blob = nonce + cipher.encrypt(nonce, _encoder.encode(page), _where(source_id, name, offset))
                refs += [f"{source_id}/{name}/{offset}/{len(blob)}/{index}" for index in range(len(page))]
                pieces.append(blob)
                offset += len(blob)
            view = memoryview(b"".join(pieces))
            while view:
                view = view[os.write(file, view) :]
            os.fdatasync(file)
        finally:
            os.close(file)
        if fresh:
            sync_folder(folder)
            sync_folder(self._packs)
        return refs

    def read(self, ref: str, event_id: str) -> list[Segment]:
        """Return one event's segments; raises ``ContentGone`` after retention, ``UnableToReadContent`` when wrong."""
        return next(self.read_many([(ref, event_id)]))

    def read_many(self, wanted: Iterable[tuple[str, str]]) -> Iterator[list[Segment]]:
        """Yield the segments of (reference, event id) pairs in order; raises as ``read`` does."""
        for found in self.try_many(wanted):
            if isinstance(found, DomainError):
                raise found
            yield found

    def try_many(self, wanted: Iterable[tuple[str, str]]) -> Iterator[list[Segment] | DomainError]:
        """Yield the segments of (reference, event id) pairs in order, or why they cannot be read.

        Each pack is opened once; neighbours in a page are decrypted once.
        """
        opened: dict[tuple[str, str], tuple[AESGCM, BinaryIO] | DomainError] = {}
        last: tuple[_Place, _Page | DomainError] | None = None
        try:
            for ref, event_id in wanted:
                try:
                    place, index = _parse(ref)
                except UnableToReadContent as error:
                    yield error
                    continue
                if last is None or last[0] != place:
                    last = (place, self._page(place, opened))
                yield _own(last[1], index, event_id)
        finally:
            for pack in opened.values():
                if not isinstance(pack, DomainError):
                    pack[1].close()

    def _page(
        self, place: _Place, opened: dict[tuple[str, str], tuple[AESGCM, BinaryIO] | DomainError]
    ) -> _Page | DomainError:
        where = (place.source_id, place.day)
        if where not in opened:
            opened[where] = self._tried(place)
        pack = opened[where]
        if isinstance(pack, DomainError):
            return pack
        cipher, file = pack
        file.seek(place.offset)
        blob = file.read(place.length)
        try:
            plain = cipher.decrypt(blob[:_NONCE], blob[_NONCE:], _where(place.source_id, place.day, place.offset))
            return _decoder.decode(plain)
        except (InvalidTag, ValueError, msgspec.DecodeError):
            return UnableToReadContent(f"the content of {place.source_id} on {place.day} cannot be decrypted")

    def _tried(self, place: _Place) -> tuple[AESGCM, BinaryIO] | DomainError:
        try:
            return self._open(place)
        except (ContentGone, UnableToUseKey) as error:
            return error

    def _open(self, place: _Place) -> tuple[AESGCM, BinaryIO]:
        try:
            cipher = AESGCM(read_key(self._key(place.source_id, place.day)))
            return cipher, self._pack(place.source_id, place.day).open("rb")
        except UnableToUseKey as error:
            if self._key(place.source_id, place.day).exists():
                raise
            raise ContentGone(
                f"the content of {place.source_id} on {place.day} was deleted by its retention"
            ) from error
        except FileNotFoundError as error:
            raise ContentGone(f"the content of {place.source_id} on {place.day} is no longer there") from error

    def days(self) -> list[tuple[str, date]]:
        """Return every (source id, day) that can still be read."""
        found = (path for path in self._keys.glob("*/*.key")) if self._keys.is_dir() else iter(())
        return sorted((path.parent.name, date.fromisoformat(path.stem)) for path in found)

    def drop(self, source_id: str, day: date) -> None:
        """End the retention of one source's day: the key first, because without it the rest is noise."""
        key = self._key(source_id, day.isoformat())
        if key.exists():
            with key.open("r+b") as file:
                file.write(secrets.token_bytes(32))
                file.flush()
                os.fsync(file.fileno())
            key.unlink()
            sync_folder(key.parent)
        self._pack(source_id, day.isoformat()).unlink(missing_ok=True)

    def drop_before(self, day: date, *, source_id: str = "") -> list[tuple[str, date]]:
        """Drop every day before the given one, of one source or of all; returns what was dropped."""
        gone = [(source, kept) for source, kept in self.days() if kept < day and source_id in ("", source)]
        for source, kept in gone:
            self.drop(source, kept)
        return gone


def _pages(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Runs of neighbours, small enough that reading one event does not mean decrypting much."""
    page: list[Item] = []
    size = 0
    for item in items:
        page.append(item)
        size += sum(len(segment.text) for segment in item[1])
        if len(page) >= _PAGE_EVENTS or size >= _PAGE_CHARS:
            yield page
            page, size = [], 0
    if page:
        yield page


def _where(source_id: str, day: str, offset: int) -> bytes:
    """A page's place is authenticated with it, so that pages cannot be moved unseen."""
    return f"{source_id}/{day}/{offset}".encode()


def _parse(ref: str) -> tuple[_Place, int]:
    match = _REF.fullmatch(ref)
    if match is None or int(match[4]) > _MAX_BLOB:
        raise UnableToReadContent(f"{ref[:200]!r} is not a content reference")
    return _Place(match[1], match[2], int(match[3]), int(match[4])), int(match[5])


def _own(page: _Page | DomainError, index: int, event_id: str) -> list[Segment] | DomainError:
    """An event's part of its page; a reference never opens another event's content."""
    if isinstance(page, DomainError):
        return page
    if index >= len(page) or page[index][0] != event_id:
        return UnableToReadContent(f"the content of event {event_id[:64]} is not where its reference points")
    return page[index][1]
