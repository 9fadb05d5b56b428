"""Walks an OTLP protobuf request by hand, so that one record that does not parse does not take its request with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from caiso.connect.telemetry.records import Signal, UnableToDecode

_LENGTH_DELIMITED = 2
_SKIP = {1: 8, 5: 4}  # wire type -> fixed width
_VARINT = 0
_MAX_VARINT = 10


def records(signal: Signal, body: bytes) -> Iterator[tuple[Any, str, Any, str]]:
    """Yield (resource message or None, scope name, record or its bytes, reason) for each record.

    Raises ``UnableToDecode`` when not even the outer structure holds.
    """
    kind: Any = Span if signal is Signal.TRACES else LogRecord
    for number, group in _fields(body):
        if number != 1:
            continue
        fields = list(_fields(group))
        resource, wrong = _first(fields, Resource, "resource")
        for scoped in (value for field, value in fields if field == 2):
            inner = list(_fields(scoped))
            scope, bad_scope = _first(inner, InstrumentationScope, "scope")
            for item in (value for field, value in inner if field == 2):
                record, reason = _parse(item, kind, "record")
                yield resource, scope.name if scope else "", record, wrong or bad_scope or reason


def _first(fields: list[tuple[int, bytes]], kind: Any, what: str) -> tuple[Any, str]:
    for number, value in fields:
        if number == 1:
            message, reason = _parse(value, kind, what)
            return (None if reason else message), reason
    return None, ""


def _parse(value: bytes, kind: Any, what: str) -> tuple[Any, str]:
    try:
        return kind.FromString(value), ""
    except DecodeError:
        return value, f"{what} is not valid protobuf (often text that is not UTF-8, or nesting beyond 100 levels)"


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (field number, bytes) of every length-delimited field; others are skipped."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == _LENGTH_DELIMITED:
            size, at = _varint(data, at)
            if at + size > end:
                raise UnableToDecode("the body is not a valid OTLP protobuf message: it ends too early")
            yield tag >> 3, data[at : at + size]
            at += size
        elif kind == _VARINT:
            _, at = _varint(data, at)
        elif kind in _SKIP:
            at += _SKIP[kind]
        else:
            raise UnableToDecode(f"the body is not a valid OTLP protobuf message: wire type {kind}")
    if at > end:
        raise UnableToDecode("the body is not a valid OTLP protobuf message: it ends too early")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    result = shift = 0
    for _ in range(_MAX_VARINT):
        if at >= len(data):
            raise UnableToDecode("the body is not a valid OTLP protobuf message: it ends too early")
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, at
        shift += 7
    raise UnableToDecode("the body is not a valid OTLP protobuf message: a number is too long")
