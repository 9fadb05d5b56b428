"""Telemetry that lies in files, given to the log as if it had been sent: the detector reads it like everything else.

Each record keeps its own time, or is moved by a distance that its request carries. Its id is computed from what stands in the file,
therefore the same file again adds nothing, whenever and however it is replayed into the same source. Lines that are equal byte for byte
are different records; they get the number of their repetition, so that it does not matter which request they travel in.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from caiso.connect.telemetry.decode.shapes import REPEAT
from caiso.connect.telemetry.files.read import read_file
from caiso.connect.telemetry.files.record import Misread, Placed
from caiso.connect.telemetry.otlp import decode_request
from caiso.connect.telemetry.records import LIMITS, Encoding, Limits, RawRecord, Signal, UnableToDecode

MOST_LINES: Final = 512
MOST_BYTES: Final = 1 << 20
_REMEMBERED: Final = 200_000  # lines in which an equal one is looked for; equal ones stand close together in a log
_END: Final = re.compile(rb"\}\s*\Z")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that is refused: its file, its line (0: the file has none, or as a whole) and why."""

    file: str
    line: int
    reason: str


@dataclass(slots=True)
class Parcel:
    """One request for the log, with the times of its records and those of them that will be refused."""

    signal: Signal
    encoding: Encoding
    body: bytes = b""
    records: int = 0
    first_us: int = 0  # 0: no record has a time
    last_us: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    sent: bool = True  # False where nothing of it can be read at all

    def join(self, body: bytes) -> None:
        """Add a line."""
        self.body = b"\n".join((self.body, body)) if self.body else body

    def see(self, start_ns: int) -> None:
        """Take note of a record's time."""
        self.records += 1
        if start_ns:
            us = start_ns // 1000
            self.first_us = min(self.first_us or us, us)
            self.last_us = max(self.last_us, us)


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def parcels(path: Path, *, span_us: int = 0, limits: Limits = LIMITS) -> Iterator[Parcel]:
    """A file as requests, in order; lines travel together, but not when more than ``span_us`` lies between (0: whatever lies between).

    Raises ``UnableToReadFile``.
    """
    repeats: OrderedDict[bytes, int] = OrderedDict()
    gathered: Parcel | None = None
    for placed in read_file(path, limits=limits):
        one = _parcel(placed, str(path), repeats, limits)
        if gathered is not None and not _fits(gathered, one, span_us):
            yield gathered
            gathered = None
        if one.encoding is not Encoding.NDJSON or not one.sent:
            yield one
        elif gathered is None:
            gathered = one
        else:
            gathered.join(one.body)
            gathered.records += one.records
            gathered.first_us = min(gathered.first_us or one.first_us, one.first_us or gathered.first_us)
            gathered.last_us = max(gathered.last_us, one.last_us)
            gathered.rejected += one.rejected
    if gathered is not None:
        yield gathered


def _fits(gathered: Parcel, one: Parcel, span_us: int) -> bool:
    if one.encoding is not Encoding.NDJSON or not one.sent:
        return False  # the order of the file is kept
    if gathered.records >= MOST_LINES or len(gathered.body) + len(one.body) > MOST_BYTES:
        return False
    return not span_us or not one.first_us or abs(one.first_us - gathered.first_us) <= span_us


def _parcel(placed: Placed | Misread, file: str, repeats: OrderedDict[bytes, int], limits: Limits) -> Parcel:
    if isinstance(placed, Misread):
        rejected = [Rejected(file, placed.line, placed.reason)]
        return Parcel(Signal.EVENTS, Encoding.NDJSON, records=1, rejected=rejected, sent=False)
    request = placed.request
    body = _numbered(request.body, repeats) if request.encoding is Encoding.NDJSON else request.body
    parcel = Parcel(request.signal, request.encoding, body)
    try:
        for number, item in enumerate(decode_request(request.signal, request.encoding, request.body, limits), 1):
            if isinstance(item, RawRecord):
                parcel.see(item.start_ns)
            else:
                parcel.records += 1
                where = "" if request.encoding is Encoding.NDJSON else f"record {number}: "
                parcel.rejected.append(Rejected(file, placed.line, f"{where}{item.reason}"))
    except UnableToDecode as error:
        parcel.records, parcel.sent = parcel.records + 1, False
        parcel.rejected.append(Rejected(file, placed.line, str(error)))
    return parcel


def _numbered(line: bytes, repeats: OrderedDict[bytes, int]) -> bytes:
    """The line as it is; one that stood there before with the number of its repetition."""
    key = hashlib.blake2b(line, digest_size=12).digest()
    count = repeats[key] = repeats.pop(key, 0) + 1
    if len(repeats) > _REMEMBERED:
        repeats.popitem(last=False)
    return line if count == 1 else _END.sub(b',"%s":%d}' % (REPEAT.encode(), count), line, count=1)
