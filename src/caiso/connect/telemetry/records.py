"""The shapes that pass between the edge, the write-ahead log and the normaliser, and the bounds that hold for all."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from caiso.errors import DomainError

_SOURCE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class UnableToNameSource(DomainError):
    """A source id that could not stand in a file name."""


class UnableToDecode(DomainError):
    """A whole request that cannot be read; nothing of it was kept."""


class UnableToAccept(DomainError):
    """One record that is refused; its neighbours go on."""


class Signal(StrEnum):
    """What a request carries; the value is its path below ``/v1/``."""

    TRACES = "traces"
    LOGS = "logs"
    EVENTS = "events"


class Encoding(StrEnum):
    """How a request's body is written."""

    PROTOBUF = "protobuf"
    JSON = "json"
    NDJSON = "ndjson"


@dataclass(frozen=True, slots=True)
class Source:
    """Who sends telemetry, as known from a token."""

    id: str
    name: str = ""
    bytes_per_second: int = 0  # 0: no limit of its own

    def __post_init__(self) -> None:
        if not _SOURCE_ID.fullmatch(self.id):
            raise UnableToNameSource(f"source id {self.id!r} is not 1 to 64 letters, digits, dashes or underscores")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on hostile input; what exceeds them is refused by name, never cut."""

    body_bytes: int = 16 * 1024 * 1024  # as sent
    inflated_bytes: int = 16 * 1024 * 1024  # parsed, two-byte values take twenty times their size in memory
    records: int = 50_000  # in one request
    total_attributes: int = 500_000  # in one request
    record_bytes: int = 4 * 1024 * 1024
    attributes: int = 1024  # OpenInference writes one attribute per message field
    key_chars: int = 256
    text_chars: int = 1024 * 1024
    depth: int = 12
    items: int = 65_536  # values inside one attribute; a picture's features are an array of doubles
    span_events: int = 512
    check_sizes: bool = True  # measure each record and text; switched off where the body is smaller than any bound


LIMITS = Limits()


class RawRecord(msgspec.Struct, gc=False):
    """One span, log record or NDJSON line before its names mean anything.

    Ids are lower-case hex, times nanoseconds since the epoch (0: not sent).
    """

    signal: Signal
    attributes: dict[str, object]
    resource: dict[str, object]
    name: str = ""
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    start_ns: int = 0
    end_ns: int = 0
    body: object = None
    events: list[SpanEvent] = []
    scope: str = ""
    status: str = ""  # "error" or empty
    severity: int = 0


class SpanEvent(msgspec.Struct, gc=False):
    """A named, timed note inside a span; older conventions carry messages in these."""

    name: str
    attributes: dict[str, object]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that was not taken: where it stood, why, and the beginning of it for the reject log."""

    index: int
    reason: str
    excerpt: str = field(default="", repr=False)  # may hold content: store it encrypted


class Envelope(msgspec.Struct, gc=False, array_like=True):
    """One accepted request as it lies in the write-ahead log."""

    source_id: str
    signal: Signal
    encoding: Encoding
    ingest_us: int
    body: bytes
    only: list[int] | None = None  # places of the records that are meant, where a refused one is tried again
    # Set where a file is replayed: its records move by so much, and count as having arrived at their own time.
    shift_us: int | None = None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Envelope)


def pack_envelope(envelope: Envelope) -> bytes:
    """Return the bytes that go into one frame of the write-ahead log."""
    return _encoder.encode(envelope)


def unpack_envelope(data: bytes) -> Envelope:
    """Read a frame back; raises ``UnableToDecode`` for what this version did not write."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise UnableToDecode(f"write-ahead log frame: {error}") from error
