"""Opens a file of telemetry and hands out its lines within bounds; a file may be packed by gzip."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

from caiso.connect.telemetry.files.record import Misread
from caiso.errors import DomainError

MAX_LINE: Final = 16 << 20
_GZIP: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"
_BITE: Final = 1 << 20


class UnableToReadFile(DomainError):
    """A file that cannot be opened or unpacked."""


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file's bytes, unpacked; raises ``UnableToReadFile``, also in the middle of a damaged archive."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            if not packed:
                yield raw
                return
            with gzip.open(raw, "rb") as stream:
                yield cast("BinaryIO", stream)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnableToReadFile(f"{path}: cannot be read: {reason}") from error


def lines(stream: BinaryIO, *, most: int = MAX_LINE) -> Iterator[tuple[int, bytes] | Misread]:
    """(number from 1, line) of every line that is not blank; one that is too long is named and skipped."""
    number, rest, skipping = 0, b"", False
    while bite := stream.read(_BITE):
        pieces = (rest + bite).split(b"\n")
        rest = pieces.pop()
        for piece in pieces:
            number += 1
            if skipping:
                skipping = False
                continue
            yield from _line(number, piece, most)
        if len(rest) > most and not skipping:
            yield Misread(number + 1, f"the line is longer than {most} bytes")
            skipping = True
        if skipping:
            rest = b""
    if rest and not skipping:
        yield from _line(number + 1, rest, most)


def _line(number: int, line: bytes, most: int) -> Iterator[tuple[int, bytes] | Misread]:
    line = (line.removeprefix(_BOM) if number == 1 else line).strip()
    if len(line) > most:
        yield Misread(number, f"the line is longer than {most} bytes")
    elif line:
        yield number, line


def head(stream: BinaryIO, size: int) -> bytes:
    """The beginning of a stream, which is then rewound."""
    start = stream.read(size)
    stream.seek(0)
    return start
