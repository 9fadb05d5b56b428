"""OTLP in protobuf: one request, or requests one after the other with their length in front, as collectors write them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from caiso.connect.telemetry.files.record import Misread, Placed, Request
from caiso.connect.telemetry.otlp import check_request
from caiso.connect.telemetry.records import LIMITS, Encoding, Limits, Signal, UnableToDecode

_LENGTH: Final = struct.Struct(">I")


def read_protobuf(stream: BinaryIO, *, size: int, limits: Limits = LIMITS) -> Iterator[Placed | Misread]:
    """Each request of the file; ``size`` is the file's length as unpacked, or an upper bound of it."""
    start = stream.read(_LENGTH.size)
    stream.seek(0)
    length = _LENGTH.unpack(start)[0] if len(start) == _LENGTH.size else 0
    # A request begins with the tag of its first field (0x0A); read as a length that would be 160 MB.
    if 0 < length <= limits.inflated_bytes and length + _LENGTH.size <= size:
        yield from _framed(stream, limits)
        return
    body = stream.read(limits.inflated_bytes + 1)
    if len(body) > limits.inflated_bytes:
        yield Misread(0, f"a single protobuf request of more than {limits.inflated_bytes} bytes is not read")
        return
    yield _placed(body, limits)


def _framed(stream: BinaryIO, limits: Limits) -> Iterator[Placed | Misread]:
    number = 0
    while start := stream.read(_LENGTH.size):
        number += 1
        length = _LENGTH.unpack(start)[0] if len(start) == _LENGTH.size else limits.inflated_bytes + 1
        body = stream.read(length) if length <= limits.inflated_bytes else b""
        if length > limits.inflated_bytes or len(body) < length:
            yield Misread(number, "the file ends inside a request, or is no OTLP file")
            return
        yield _placed(body, limits, line=number)


def _placed(body: bytes, limits: Limits, *, line: int = 0) -> Placed | Misread:
    """Traces and logs share their outer form; whichever reading refuses fewer records is right."""
    best: tuple[int, int, Signal] | None = None
    for signal in (Signal.TRACES, Signal.LOGS):
        try:
            total, refused = check_request(signal, Encoding.PROTOBUF, body, limits)
        except UnableToDecode:
            continue
        if total and (best is None or (len(refused), -total) < best[:2]):
            best = (len(refused), -total, signal)
    if best is None or best[0] == -best[1]:
        return Misread(line, "is neither JSON nor an OTLP request in protobuf")
    return Placed(Request(best[2], Encoding.PROTOBUF, body), line, "otlp-protobuf")
