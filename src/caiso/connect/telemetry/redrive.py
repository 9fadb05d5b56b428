"""Keeps the requests of refused records for as long as content is kept, and gives them to the log once more.

What was refused may be right after all: a limit was raised, a mistake of ours mended. Only the refused records of a
request are tried again, because the good ones are long accepted.
"""

from __future__ import annotations

import binascii
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

import msgspec

from caiso.connect.telemetry.content import ContentGone, ContentStore, UnableToReadContent
from caiso.connect.telemetry.meaning.messages import Segment
from caiso.connect.telemetry.records import Envelope, UnableToDecode, pack_envelope, unpack_envelope
from caiso.connect.telemetry.wal import WalWriter
from caiso.errors import DomainError

if TYPE_CHECKING:
    from caiso.connect.telemetry.parts import Reject

_FIELD: Final = "request"
_LARGEST: Final = 4 << 20  # bytes of a request that is kept
_MOST: Final = 32 << 20  # bytes that one batch keeps: a sender of rubbish must not fill the disk twice


class UnableToRetry(DomainError):
    """The request of a refused record is not there any more, or never was kept."""


def keep_requests(
    content: ContentStore, requests: Mapping[str, Envelope], rejects: Sequence[Reject], day: date
) -> tuple[Reject, ...]:
    """Store the requests of refused records, encrypted; the rejects come back knowing where."""
    by_source: dict[str, list[tuple[str, list[Segment]]]] = {}
    left = _MOST
    for request_id, envelope in requests.items():
        size = len(envelope.body)
        if size <= min(_LARGEST, left):
            left -= size
            text = b64encode(zlib.compress(pack_envelope(envelope), 1)).decode()
            by_source.setdefault(envelope.source_id, []).append((request_id, [Segment(_FIELD, text)]))
    refs: dict[str, str] = {}
    for source_id, items in by_source.items():
        refs.update(zip((name for name, _ in items), content.append(source_id, day, items), strict=True))
    return tuple(
        msgspec.structs.replace(reject, request_ref=refs[reject.request_id]) if reject.request_id in refs else reject
        for reject in rejects
    )


def try_again(
    content: ContentStore, writer: WalWriter, *, request_ref: str, request_id: str, places: Sequence[int], now_us: int
) -> None:
    """Append the refused records of one request to the log, as arriving now; raises ``UnableToRetry``."""
    if not request_ref:
        raise UnableToRetry("the request was too large to be kept")
    try:
        (segment, *_) = content.read(request_ref, request_id)
        envelope = unpack_envelope(zlib.decompress(b64decode(segment.text)))
    except (ContentGone, UnableToReadContent, UnableToDecode, zlib.error, binascii.Error) as error:
        raise UnableToRetry(f"the request cannot be read: {error}") from error
    only, shift = sorted(set(places)), envelope.shift_us
    again = Envelope(envelope.source_id, envelope.signal, envelope.encoding, now_us, envelope.body, only, shift)
    writer.append([pack_envelope(again)])
