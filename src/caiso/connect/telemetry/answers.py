"""What the edge answers: OTLP partial success and Status in the request's own encoding, problem+json for the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import orjson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from caiso.connect.telemetry.records import Encoding, Refusal, Signal

_NAMED: Final = 10  # refusals named in one answer; the rest are counted
_MESSAGE_CHARS: Final = 2000
_PROTOBUF: Final = "application/x-protobuf"
# google.rpc.Code for each status; the OTLP specification wants a Status body with every error.
_CODES: Final = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 408: 4, 413: 8, 415: 3, 429: 8, 503: 14}


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes


def _answer(status: int, kind: str, body: bytes, more: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, {"content-type": kind, "content-length": str(len(body)), **(more or {})}, body)


def accepted(signal: Signal, encoding: Encoding, *, total: int, refused: Sequence[Refusal]) -> Answer:
    """What was taken is durable; what was not is named."""
    if signal is Signal.EVENTS:
        errors = [{"line": refusal.index, "reason": refusal.reason} for refusal in refused[:_NAMED]]
        return _answer(
            200,
            "application/json",
            orjson.dumps({"accepted": total - len(refused), "rejected": len(refused), "errors": errors}),
        )
    message = _message(signal, refused)
    if encoding is Encoding.JSON:
        name = "rejectedSpans" if signal is Signal.TRACES else "rejectedLogRecords"
        partial = {"partialSuccess": {name: str(len(refused)), "errorMessage": message}} if refused else {}
        return _answer(200, "application/json", orjson.dumps(partial))
    response: Any = ExportTraceServiceResponse() if signal is Signal.TRACES else ExportLogsServiceResponse()
    if refused:
        response.partial_success.error_message = message
        if signal is Signal.TRACES:
            response.partial_success.rejected_spans = len(refused)
        else:
            response.partial_success.rejected_log_records = len(refused)
    return _answer(200, _PROTOBUF, response.SerializeToString())


def _message(signal: Signal, refused: Sequence[Refusal]) -> str:
    what = "span" if signal is Signal.TRACES else "log record"
    named = "; ".join(f"{what} {refusal.index}: {refusal.reason}" for refusal in refused[:_NAMED])
    more = f"; and {len(refused) - _NAMED} more" if len(refused) > _NAMED else ""
    return (named + more)[:_MESSAGE_CHARS]


def refusal(
    status: int, reason: str, *, signal: Signal, encoding: Encoding, headers: Mapping[str, str] | None = None
) -> Answer:
    """A refused request, as OTLP Status or as problem+json."""
    if signal is Signal.EVENTS:
        return problem(status, reason, headers)
    if encoding is Encoding.PROTOBUF:
        return _answer(status, _PROTOBUF, _status(_CODES.get(status, 2), reason), headers)
    return _answer(
        status, "application/json", orjson.dumps({"code": _CODES.get(status, 2), "message": reason}), headers
    )


def problem(status: int, reason: str, headers: Mapping[str, str] | None = None) -> Answer:
    """RFC 9457 problem details."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": reason}
    return _answer(status, "application/problem+json", orjson.dumps(body), headers)


def _status(code: int, message: str) -> bytes:
    """A ``google.rpc.Status`` message; two fields do not justify another dependency."""
    text = message.encode()[:_MESSAGE_CHARS]
    return bytes((0x08, code, 0x12)) + _varint(len(text)) + text


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
