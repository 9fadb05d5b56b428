from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from caiso.connect.telemetry.edge import Edge, EdgeSettings, NotAllowed
from caiso.connect.telemetry.keys import KeyRing
from caiso.connect.telemetry.records import Encoding, Limits, Signal, Source, unpack_envelope
from caiso.connect.telemetry.wal import Position, UnableToAppend, WalReader, WalWriter
from tests.connect.telemetry.samples import NOW_US, json_traces, span, traces

TOKEN = "token-of-shop"
PROTOBUF = {"authorization": f"Bearer {TOKEN}", "content-type": "application/x-protobuf"}
JSON = {**PROTOBUF, "content-type": "application/json"}
NDJSON = {**PROTOBUF, "content-type": "application/x-ndjson"}
GOOD = span({"gen_ai.operation.name": "chat"})


def authenticate(token: str) -> Source | None:
    if token == "token-without-scope":
        raise NotAllowed("this token may not send telemetry")
    return Source("shop") if token == TOKEN else None


class Bench:
    """An edge over a log in a temporary folder."""

    def __init__(self, root: Path, **options: object) -> None:
        self.keys = KeyRing(root / "keys", "wal")
        self.writer = WalWriter(root / "wal", self.keys)
        options.setdefault("authenticate", authenticate)
        self.edge = Edge(self.writer, clock=lambda: NOW_US, **options)  # type: ignore[arg-type]
        self.root = root

    def frames(self) -> list[bytes]:
        reader = WalReader(self.root / "wal", self.keys)
        return [frame.payload for frame in reader.read(self.writer.name, Position(), max_bytes=1 << 30)[0]]

    def run(self, use: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
        async def main() -> None:
            await self.edge.start()
            transport = httpx.ASGITransport(self.edge)
            async with httpx.AsyncClient(transport=transport, base_url="http://edge") as client:
                await use(client)
            await self.edge.stop()

        asyncio.run(main())

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        answers: list[httpx.Response] = []

        async def use(client: httpx.AsyncClient) -> None:
            answers.append(await client.post(path, content=body, headers=headers))

        self.run(use)
        return answers[0]


def test_an_acknowledged_request_is_in_the_log_before_the_answer(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    body = traces([GOOD]).SerializeToString()

    async def use(client: httpx.AsyncClient) -> None:
        answer = await client.post("/v1/traces", content=body, headers=PROTOBUF)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/x-protobuf"
        assert not ExportTraceServiceResponse.FromString(answer.content).HasField("partial_success")
        (payload,) = bench.frames()  # read while the edge still runs
        envelope = unpack_envelope(payload)
        assert (envelope.source_id, envelope.signal, envelope.encoding) == ("shop", Signal.TRACES, Encoding.PROTOBUF)
        assert (envelope.ingest_us, envelope.body) == (NOW_US, body)

    bench.run(use)


def test_the_log_holds_no_clear_text(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.post(
        "/v1/traces", traces([span({"gen_ai.input.messages": "a very secret prompt"})]).SerializeToString(), PROTOBUF
    )
    written = b"".join(path.read_bytes() for path in (tmp_path / "wal").rglob("*.wal"))
    assert len(written) > 100
    assert b"secret" not in written
    assert b"gen_ai" not in written


def test_bad_spans_are_named_and_the_good_ones_go_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    body = traces([GOOD, span(trace_id=bytes(16)), span(span_id=b"short"), span(start_ns=0)]).SerializeToString()
    answer = bench.post("/v1/traces", body, PROTOBUF)
    assert answer.status_code == 200
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert partial.rejected_spans == 3
    assert "span 1: trace id must have 16 bytes and not be zero" in partial.error_message
    assert "span 3: start time is missing" in partial.error_message
    assert len(bench.frames()) == 1
    assert bench.edge.counters.records.labels("traces", "rejected")._value.get() == 3
    assert bench.edge.counters.records.labels("traces", "accepted")._value.get() == 1


def test_a_span_that_is_not_valid_protobuf_does_not_take_its_neighbours_with_it(tmp_path: Path) -> None:
    body = (
        traces([GOOD, span({"k": "BROKEN-TEXT"}), GOOD])
        .SerializeToString()
        .replace(b"BROKEN-TEXT", b"BROKEN-\xff\xfeXT")
    )
    answer = Bench(tmp_path).post("/v1/traces", body, PROTOBUF)
    assert answer.status_code == 200
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert partial.rejected_spans == 1
    assert "span 1" in partial.error_message
    assert "UTF-8" in partial.error_message


def test_json_is_answered_with_json(tmp_path: Path) -> None:
    answer = Bench(tmp_path).post("/v1/traces", json_traces([GOOD, span(span_id=bytes(8))]), JSON)
    assert answer.status_code == 200
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert Bench(tmp_path / "b").post("/v1/traces", json_traces([GOOD]), JSON).json() == {}


def test_lines_are_counted_and_bad_lines_named(tmp_path: Path) -> None:
    body = b'{"event.kind": "registry", "action": "push"}\nnot json\n\n[1]\n{"time": "soon", "a": 1}\n'
    answer = Bench(tmp_path).post("/v1/events", body, NDJSON)
    assert answer.status_code == 200
    told = answer.json()
    assert (told["accepted"], told["rejected"]) == (1, 3)
    assert [error["line"] for error in told["errors"]] == [2, 4, 5]
    assert "ISO 8601" in told["errors"][2]["reason"]


@pytest.mark.parametrize("compression", ["gzip", "deflate"])
def test_compressed_bodies_are_unpacked(tmp_path: Path, compression: str) -> None:
    import zlib

    plain = traces([GOOD]).SerializeToString()
    packed = gzip.compress(plain) if compression == "gzip" else zlib.compress(plain)
    bench = Bench(tmp_path)
    assert bench.post("/v1/traces", packed, {**PROTOBUF, "content-encoding": compression}).status_code == 200
    assert unpack_envelope(bench.frames()[0]).body == plain


def test_a_bomb_is_refused_without_being_unpacked(tmp_path: Path) -> None:
    settings = EdgeSettings(limits=Limits(inflated_bytes=1 << 20))
    answer = Bench(tmp_path, settings=settings).post(
        "/v1/traces", gzip.compress(bytes(64 << 20)), {**PROTOBUF, "content-encoding": "gzip"}
    )
    assert answer.status_code == 413
    assert "1048576 bytes" in Status.FromString(answer.content).message


@pytest.mark.parametrize(
    "request_and_answer",
    [
        ("/v1/traces", {**PROTOBUF, "authorization": ""}, b"", 401, "Bearer"),
        ("/v1/traces", {**PROTOBUF, "authorization": "Bearer token-unknown"}, b"", 401, "revoked"),
        ("/v1/traces", {**PROTOBUF, "authorization": "Bearer token-without-scope"}, b"", 403, "may not send"),
        ("/v1/traces", {**PROTOBUF, "content-type": "text/plain"}, b"", 415, "content type"),
        ("/v1/traces", NDJSON, b"{}", 415, "content type"),
        ("/v1/events", PROTOBUF, b"", 415, "x-ndjson"),
        ("/v1/traces", {**PROTOBUF, "content-encoding": "br"}, b"", 415, "gzip"),
        ("/v1/traces", PROTOBUF, b"\xff\xff\xff", 400, "protobuf"),
        ("/v1/traces", JSON, b"{", 400, "JSON"),
        ("/v1/traces", JSON, b'{"resourceSpans": 5}', 400, "array"),
        ("/v1/traces", {**PROTOBUF, "content-encoding": "gzip"}, b"plain", 400, "gzip"),
        ("/v1/nothing", PROTOBUF, b"", 404, "address"),
    ],
)
def test_refusals_say_why_in_the_requests_own_encoding(tmp_path: Path, request_and_answer: tuple[Any, ...]) -> None:
    path, headers, body, status, told = request_and_answer
    bench = Bench(tmp_path)
    answer = bench.post(path, body, headers)
    assert answer.status_code == status
    if answer.headers["content-type"] == "application/x-protobuf":
        assert told in Status.FromString(answer.content).message
    elif answer.headers["content-type"] == "application/problem+json":
        assert told in answer.json()["detail"]
        assert answer.json()["status"] == status
    else:
        assert told in answer.json()["message"]
    assert bench.frames() == []


def test_only_post_is_answered(tmp_path: Path) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        answer = await client.get("/v1/traces", headers=PROTOBUF)
        assert answer.status_code == 405
        assert answer.headers["allow"] == "POST"

    Bench(tmp_path).run(use)


def test_a_body_over_the_limit_is_refused_announced_or_not(tmp_path: Path) -> None:
    async def pieces():  # type: ignore[no-untyped-def]
        for _ in range(20):
            yield b"x" * 100

    async def use(client: httpx.AsyncClient) -> None:
        assert (await client.post("/v1/traces", content=b"x" * 2000, headers=PROTOBUF)).status_code == 413
        assert (await client.post("/v1/traces", content=pieces(), headers=PROTOBUF)).status_code == 413

    Bench(tmp_path, settings=EdgeSettings(limits=Limits(body_bytes=1000))).run(use)


def test_a_revoked_token_stops_working_within_seconds(tmp_path: Path) -> None:
    known = {TOKEN}
    asked: list[str] = []

    def look_up(token: str) -> Source | None:
        asked.append(token)
        return Source("shop") if token in known else None

    async def use(client: httpx.AsyncClient) -> None:
        body = traces([GOOD]).SerializeToString()
        assert (await client.post("/v1/traces", content=body, headers=PROTOBUF)).status_code == 200
        assert (await client.post("/v1/traces", content=body, headers=PROTOBUF)).status_code == 200
        assert len(asked) == 1  # the second answer came from the cache
        known.clear()
        until = time.monotonic() + 5
        while (await client.post("/v1/traces", content=body, headers=PROTOBUF)).status_code != 401:
            assert time.monotonic() < until
            await asyncio.sleep(0.05)

    Bench(tmp_path, authenticate=look_up, settings=EdgeSettings(token_seconds=0.2)).run(use)


def test_a_token_check_that_fails_is_told_as_temporary(tmp_path: Path) -> None:
    async def broken(token: str) -> Source | None:
        raise RuntimeError("database is away")

    answer = Bench(tmp_path, authenticate=broken).post("/v1/traces", b"", PROTOBUF)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "database" not in Status.FromString(answer.content).message


def test_a_backlog_pushes_back(tmp_path: Path) -> None:
    keys = KeyRing(tmp_path / "keys", "wal")
    bench = Bench(tmp_path)
    bench.writer.close()
    bench.edge = Edge(WalWriter(tmp_path / "wal", keys, backlog_limit=10_000), authenticate, clock=lambda: NOW_US)
    statuses: list[int] = []

    async def use(client: httpx.AsyncClient) -> None:
        body = traces([span({"k": "x" * 4000})]).SerializeToString()
        for _ in range(5):
            answer = await client.post("/v1/traces", content=body, headers=PROTOBUF)
            statuses.append(answer.status_code)
            if answer.status_code == 429:
                assert int(answer.headers["retry-after"]) > 0
                assert Status.FromString(answer.content).code == 8  # RESOURCE_EXHAUSTED

    bench.run(use)
    assert statuses[0] == 200
    assert statuses[-1] == 429
    assert statuses == sorted(statuses)


def test_a_log_that_cannot_be_written_acknowledges_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path)

    def fail(payloads: object) -> list[Position]:
        raise UnableToAppend("no space left on device")

    monkeypatch.setattr(bench.writer, "append", fail)
    answer = bench.post("/v1/traces", traces([GOOD]).SerializeToString(), PROTOBUF)
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    assert bench.edge.counters.failures._value.get() == 1


def test_a_source_with_a_rate_is_held_to_it(tmp_path: Path) -> None:
    def look_up(token: str) -> Source | None:
        return Source("shop", bytes_per_second=1000)

    async def use(client: httpx.AsyncClient) -> None:
        body = traces([span({"k": "x" * 2000})]).SerializeToString()
        assert (await client.post("/v1/traces", content=body, headers=PROTOBUF)).status_code == 200
        answer = await client.post("/v1/traces", content=body, headers=PROTOBUF)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1

    Bench(tmp_path, authenticate=look_up).run(use)


def test_concurrent_requests_share_syncs(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    syncs: list[int] = []

    async def use(client: httpx.AsyncClient) -> None:
        requests = [
            client.post("/v1/traces", content=traces([span({"n": n})]).SerializeToString(), headers=PROTOBUF)
            for n in range(100)
        ]
        assert {answer.status_code for answer in await asyncio.gather(*requests)} == {200}
        assert bench.edge._commit is not None
        syncs.append(bench.edge._commit.syncs)

    bench.run(use)
    assert len(bench.frames()) == 100
    assert syncs[0] < 60


def test_other_paths_go_to_their_routes(tmp_path: Path) -> None:
    async def health(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps({"path": scope["path"]}).encode()})

    async def use(client: httpx.AsyncClient) -> None:
        assert (await client.get("/health")).json() == {"path": "/health"}
        assert (await client.get("/v1/inspect/x")).json() == {"path": "/v1/inspect/x"}

    Bench(tmp_path, routes={"/health": health, "/v1/inspect/": health}).run(use)
