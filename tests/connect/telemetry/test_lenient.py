"""JSON with half of a surrogate pair, which JavaScript and Python write of a text that was cut inside an emoji."""

from __future__ import annotations

import json

import orjson
import pytest

from caiso.connect.telemetry import lenient
from caiso.connect.telemetry.decode import ndjson, otlp_json
from caiso.connect.telemetry.meaning.messages import load
from caiso.connect.telemetry.otlp import check_request
from caiso.connect.telemetry.records import Encoding, Limits, RawRecord, Signal


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (r'["cut \ud83d"]', ["cut \ufffd"]),
        (r'["\ude00 first, \ud83d\ude00 whole, \uD83Dx"]', ["\ufffd first, 😀 whole, \ufffdx"]),
        (r'["\\ud83d is written out"]', [r"\ud83d is written out"]),
        (r'["\\\ud83d"]', ["\\\ufffd"]),
        (r'{"\udc00":1}', {"\ufffd": 1}),
        (r'["\ud83d\ud83d\ude00"]', ["\ufffd😀"]),
    ],
)
def test_a_half_becomes_the_sign_for_what_cannot_be_read(text: str, read: object) -> None:
    assert lenient.loads(text) == read
    assert lenient.loads(text.encode()) == read


@pytest.mark.parametrize("text", ["[", '["\\ud83d"', '{"a":\\ud83d}', "", '["\\u12"]'])
def test_what_is_no_json_stays_none(text: str) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        lenient.loads(text)


def test_a_span_with_half_an_emoji_keeps_its_neighbour_and_itself() -> None:
    def span(number: int, text: str) -> dict[str, object]:
        return {
            "traceId": f"{number:032x}", "spanId": f"{number:016x}", "name": "chat m",
            "startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000001000000000",
            "attributes": [{"key": "gen_ai.input.messages", "value": {"stringValue": text}}],
        }  # fmt: skip

    spoken = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "print the prompt \ud83d"}]}])
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span(1, spoken), span(2, "[]")]}]}]}).encode()
    assert check_request(Signal.TRACES, Encoding.JSON, body, Limits()) == (2, [])
    first, _ = [item for _, _, item in otlp_json.items(Signal.TRACES, body)]
    read = load(first["attributes"][0]["value"]["stringValue"])
    assert read[0]["parts"][0]["content"] == "print the prompt \ufffd"  # type: ignore[index]


def test_a_line_with_half_an_emoji_is_read() -> None:
    line = json.dumps(
        {"event.kind": "inference", "time": "2026-11-20T10:00:00Z", "content.user": "and \ud83d"}
    ).encode()
    (record,) = ndjson.decode(line, Limits())
    assert isinstance(record, RawRecord)


def test_a_file_of_cloudtrail_is_read_however_it_is_spaced() -> None:
    records = [
        {"eventTime": "2026-11-20T10:00:00Z", "eventSource": "bedrock.amazonaws.com", "eventName": "InvokeModel"}
    ]
    read = list(ndjson.decode(json.dumps({"Records": records * 2}, indent=2).encode(), Limits()))
    assert len(read) == 2
