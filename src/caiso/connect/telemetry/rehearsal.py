"""Telemetry taken through the real decoders and the real normaliser in memory: what a drill or a sample would look like.

Nothing is written anywhere. Every record counts as having arrived at its own time, so that one of any age keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from caiso.connect.telemetry.files.record import Request
from caiso.connect.telemetry.normalise import merge_content, normalise
from caiso.connect.telemetry.otlp import decode_request
from caiso.connect.telemetry.records import LIMITS, Limits, RawRecord, Refusal, UnableToAccept

SOURCE: Final = "rehearsal"
_ARRIVES_US: Final = 1_000_000


@dataclass(slots=True)
class Rehearsed:
    """Events with their content in the order of their time, and the records that were refused, by name."""

    events: list[dict[str, object]] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


def rehearse(requests: Iterable[Request], *, source_id: str = SOURCE, limits: Limits = LIMITS) -> Rehearsed:
    """What the detector would see of these requests; raises ``UnableToDecode`` for a body that is none of its kind."""
    result = Rehearsed()
    for request in requests:
        for index, item in enumerate(decode_request(request.signal, request.encoding, request.body, limits)):
            if isinstance(item, Refusal):
                result.refused.append(item)
                continue
            try:
                found = normalise(item, source_id=source_id, ingest_us=_arrival_us(item))
            except UnableToAccept as error:
                result.refused.append(Refusal(index, str(error)))
            else:
                result.events.append(merge_content(found.event, found.segments))
    result.events.sort(key=_time)
    return result


def _arrival_us(record: RawRecord) -> int:
    return max(record.start_ns, record.end_ns) // 1000 + _ARRIVES_US


def _time(event: dict[str, object]) -> int:
    value = event.get("time")
    return value if isinstance(value, int) else 0
