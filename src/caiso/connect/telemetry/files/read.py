"""Reads one file of telemetry, whatever its format: the first bytes say whether it is text, each line what it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from caiso.connect.telemetry import lenient
from caiso.connect.telemetry.files.lines import MAX_LINE, head, lines, opened
from caiso.connect.telemetry.files.protobuf import read_protobuf
from caiso.connect.telemetry.files.record import Misread, Placed, Request
from caiso.connect.telemetry.records import LIMITS, Encoding, Limits, Signal

_HEAD: Final = 65_536
_OTLP: Final = {"resourceSpans": Signal.TRACES, "resourceLogs": Signal.LOGS}


def read_file(path: Path, *, limits: Limits = LIMITS) -> Iterator[Placed | Misread]:
    """Every request of a file in order; raises ``UnableToReadFile``."""
    with opened(path) as stream:
        yield from read_stream(stream, size=_size(path, stream), limits=limits)


def read_stream(stream: BinaryIO, *, size: int, limits: Limits = LIMITS) -> Iterator[Placed | Misread]:
    """Every request of a stream that can be rewound; ``size`` is its length, or an upper bound of it."""
    start = head(stream, _HEAD)
    if not start:
        return
    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"["):
        yield from read_protobuf(stream, size=size, limits=limits)
    elif _is_one_document(start):
        yield from _document(stream)
    else:
        for item in lines(stream):
            yield item if isinstance(item, Misread) else _line(*item)


def _size(path: Path, stream: BinaryIO) -> int:
    """The length of a plain file; of a packed one nothing is known before it is read."""
    return path.stat().st_size if getattr(stream, "name", None) == str(path) else 1 << 62


def _is_one_document(start: bytes) -> bool:
    """True when the first line is not a whole value: a document that was written over several lines, or a list."""
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    line, ended, _ = text.partition(b"\n")
    if text.startswith(b"["):
        return True
    if not ended and len(start) >= _HEAD:
        return False  # one long line; if it is a whole document, it is one either way
    try:
        lenient.loads(line)
    except orjson.JSONDecodeError:
        return not _looks_like_line(line)
    return False


def _looks_like_line(line: bytes) -> bool:
    """A damaged line of many is still a line: it closes what it opens, roughly."""
    return line.rstrip().endswith(b"}")


def _document(stream: BinaryIO) -> Iterator[Placed | Misread]:
    body = stream.read(MAX_LINE + 1)
    if len(body) > MAX_LINE:
        yield Misread(0, f"a single JSON document of more than {MAX_LINE} bytes is not read; write one record a line")
        return
    try:
        document = lenient.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        yield Misread(body.count(b"\n", 0, max(0, error.pos)) + 1, f"is not valid JSON: {error.msg}")
        return
    for item in document if isinstance(document, list) else [document]:
        yield _placed(item, orjson.dumps(item), 0)


def _line(number: int, line: bytes) -> Placed | Misread:
    try:
        document = lenient.loads(line)
    except orjson.JSONDecodeError as error:
        return Misread(number, f"is not valid JSON: {error.msg}")
    return _placed(document, line, number)


def _placed(document: Any, body: bytes, line: int) -> Placed | Misread:
    if not isinstance(document, dict):
        return Misread(line, f"must be a JSON object, not {type(document).__name__}")
    for key, signal in _OTLP.items():
        if key in document:
            return Placed(Request(signal, Encoding.JSON, body), line, "otlp-json")
    return Placed(Request(Signal.EVENTS, Encoding.NDJSON, body), line, "events")
