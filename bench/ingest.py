"""Measures ingest end to end on one machine: OTLP requests over loopback, durable at the edge, normalised into parts.

Three processes: this one sends, one runs the edge under uvicorn, one runs the pump. Prints JSON: events per second of
wall time and of processor time for edge and pump, and the 99th percentile of request and of arrival-to-part time.

    python -m bench.ingest --json --quick
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import multiprocessing
import os
import platform
import random
import re
import resource
import socket
import statistics
import struct
import sys
import tempfile
import threading
import time
from itertools import product
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

# Eight thousand words: of a few dozen, every text would repeat what every other says, and rules about that fired all the time.
_SYLLABLES = (
    "be", "co", "di", "fe", "gu", "hal", "in", "jo", "ka", "len", "mi", "nor", "op", "pa", "qui", "ro", "sen", "tu", "ver", "zo",
)  # fmt: skip
WORDS = ["".join(parts) for parts in product(_SYLLABLES, repeat=3)]
TURNS, PEOPLE = 8, 200_000
_IDS = (
    re.compile(rb"gen_ai\.conversation\.id\x12.\x0a.(c\d{9})", re.DOTALL),
    re.compile(rb"user\.id\x12.\x0a.(u\d{6})", re.DOTALL),
    re.compile(rb"client\.address\x12.\x0a.(2001:db8::[0-9a-f]{4}:[0-9a-f]{4})", re.DOTALL),
)


def request_body(number: int, spans: int, chance: random.Random) -> bytes:
    """One export request of chat and tool spans with about 1.5 kB of text each, 21 attributes."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    _put(group.resource.attributes, {"service.name": f"service-{number % 7}", "deployment.environment.name": "prod"})
    scoped = group.scope_spans.add()
    scoped.scope.name = "bench"
    for index in range(spans):
        span = scoped.spans.add()
        span.trace_id = chance.randbytes(16)
        span.span_id = chance.randbytes(8)
        span.start_time_unix_nano = time.time_ns()
        span.end_time_unix_nano = span.start_time_unix_nano + 900_000_000
        tool = index % 5 == 4
        span.name = "execute_tool search" if tool else "chat model"
        _put(span.attributes, _tool(chance) if tool else _chat(chance))
    return request.SerializeToString()


class Template:
    """A request that can be sent again and again as if it were new, with the same texts.

    Spans get other ids and the time of now; each eight of them are a new conversation of one of 200,000 people, at that
    person's address.
    """

    def __init__(self, body: bytes) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        self._body = bytearray(body)
        self._places: list[tuple[int, ...]] = []
        for span in ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans:
            trace = body.index(span.trace_id)
            start = body.index(b"\x39" + struct.pack("<Q", span.start_time_unix_nano), trace) + 1
            end = body.index(b"\x41" + struct.pack("<Q", span.end_time_unix_nano), start) + 1
            ids = (found.start(1) for found in (pattern.search(body, end) for pattern in _IDS) if found)
            self._places.append((trace, body.index(span.span_id, trace), start, end, *ids))

    def fresh(self, chance: random.Random) -> bytes:
        """The body for one request."""
        body, now = self._body, time.time_ns()
        ids = chance.randbytes(24 * len(self._places))
        begun, done = struct.pack("<Q", now), struct.pack("<Q", now + 900_000_000)
        for number, (trace, span, start, end, *texts) in enumerate(self._places):
            if number % TURNS == 0:
                person = chance.randrange(PEOPLE)
                named = [each.encode() for each in _named(chance.randrange(10**9), person)]
            body[trace : trace + 16] = ids[24 * number : 24 * number + 16]
            body[span : span + 8] = ids[24 * number + 16 : 24 * number + 24]
            body[start : start + 8], body[end : end + 8] = begun, done
            for place, text in zip(texts, named, strict=True):
                body[place : place + len(text)] = text
        return bytes(body)


def _named(conversation: int, person: int) -> tuple[str, str, str]:
    """The conversation, the person and the address, each of one length however large the numbers are."""
    return f"c{conversation:09}", f"u{person:06}", f"2001:db8::1{person >> 16:03x}:{person & 65535:04x}"


def _text(chance: random.Random, size: int) -> str:
    return " ".join(chance.choices(WORDS, k=size // 7))


_SYSTEM = [_text(random.Random(number), 200) for number in range(40)]  # an application says the same with each call


def _common(chance: random.Random) -> dict[str, Any]:
    conversation, person, address = _named(chance.randrange(5000), chance.randrange(2000))
    return {
        "gen_ai.conversation.id": conversation,
        "gen_ai.agent.name": "assistant",
        "user.id": person,
        "api_key.id": f"k{chance.randrange(50)}",
        "client.address": address,
        "user_agent.original": "app/1.2 (linux)",
        "app.release": "2026.11",
        "app.region": "eu-west",
        "thread.id": chance.randrange(99),
    }


def _chat(chance: random.Random) -> dict[str, Any]:
    turns = [("system", 200), ("user", 300), ("assistant", 400), ("user", 300)]
    texts = [chance.choice(_SYSTEM), *(_text(chance, size) for _, size in turns[1:])]
    messages = [
        {"role": role, "parts": [{"type": "text", "content": text}]}
        for (role, _), text in zip(turns, texts, strict=True)
    ]
    output = [
        {"role": "assistant", "parts": [{"type": "text", "content": _text(chance, 300)}], "finish_reason": "stop"}
    ]
    return {
        **_common(chance),
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "model-4",
        "gen_ai.response.model": "model-4-0613",
        "gen_ai.response.id": f"r{chance.randrange(10**9)}",
        "gen_ai.usage.input_tokens": chance.randrange(4000),
        "gen_ai.usage.output_tokens": chance.randrange(900),
        "gen_ai.request.temperature": 0.7,
        "gen_ai.request.max_tokens": 1000,
        "server.address": "api.example",
        "gen_ai.input.messages": json.dumps(messages),
        "gen_ai.output.messages": json.dumps(output),
    }


def _tool(chance: random.Random) -> dict[str, Any]:
    return {
        **_common(chance),
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": chance.choice(["search_documents", "http_request", "send_email"]),
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": f"call{chance.randrange(10**9)}",
        "gen_ai.tool.call.arguments": json.dumps({"query": _text(chance, 200), "url": "https://docs.example/a"}),
        "gen_ai.tool.call.result": _text(chance, 1200),
    }


def _put(pairs: Any, attributes: dict[str, Any]) -> None:
    for key, value in attributes.items():
        pair = pairs.add()
        pair.key = key
        if isinstance(value, str):
            pair.value.string_value = value
        elif isinstance(value, int):
            pair.value.int_value = value
        else:
            pair.value.double_value = value


def run_edge(data: Path, pipe: Connection) -> None:
    import uvicorn

    from caiso.connect.telemetry.edge import Edge
    from caiso.connect.telemetry.keys import KeyRing
    from caiso.connect.telemetry.records import Source
    from caiso.connect.telemetry.wal import WalWriter

    edge = Edge(lambda: WalWriter(data / "wal", KeyRing(data / "keys", "wal")), lambda token: Source("bench"))
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))

    async def serve() -> None:
        server = uvicorn.Server(uvicorn.Config(edge, log_level="error", access_log=False))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:
            await asyncio.sleep(0.01)
        pipe.send((listening.getsockname()[1], _cpu()))
        await asyncio.to_thread(pipe.recv)
        pipe.send(_cpu())
        server.should_exit = True
        await serving

    asyncio.run(serve())


def run_pump(data: Path, pipe: Connection, expected: int) -> None:
    from caiso.connect.telemetry.pump import Pump

    pump = Pump(data)
    pump.recover([], {})
    pipe.send("ready")
    pipe.recv()
    before, began = _cpu(), time.perf_counter()
    done = parts = content = 0
    lags: list[float] = []
    while done < expected:
        batch = pump.next_batch()
        if batch is None:
            time.sleep(0.02)
            continue
        now = time.time()
        pump.committed(batch)
        done += len(batch.events)
        lags += [now - int(str(arrived)) / 1e6 for arrived in batch.events.column("ingest_time")]
        if batch.part:
            parts += 1
            content += batch.part.size
            if parts % 10 == 0:
                pump.snapshot(batch.part.number, b"bench")
    pipe.send(
        {
            "cpu": _cpu() - before,
            "wall": time.perf_counter() - began,
            "events": done,
            "parts": parts,
            "lags": lags,
            "parquet": content,
        }
    )


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def send(port: int, bodies: list[bytes], took: list[float]) -> None:
    link = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"authorization": "Bearer bench-token", "content-type": "application/x-protobuf"}
    for body in bodies:
        began = time.perf_counter()
        link.request("POST", "/v1/traces", body, headers)
        answer = link.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"the edge answered {answer.status}")
        took.append(time.perf_counter() - began)


def measure(requests: int, spans: int, connections: int) -> dict[str, Any]:
    chance = random.Random(7)
    bodies = [request_body(number, spans, chance) for number in range(requests)]
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="caiso-bench-") as folder:
        data = Path(folder)
        edge_pipe, edge_end = context.Pipe()
        pump_pipe, pump_end = context.Pipe()
        edge = context.Process(target=run_edge, args=(data, edge_end))
        pump = context.Process(target=run_pump, args=(data, pump_end, requests * spans))
        edge.start()
        pump.start()
        port, edge_before = edge_pipe.recv()
        pump_pipe.recv()
        pump_pipe.send("go")
        took: list[float] = []
        threads = [threading.Thread(target=send, args=(port, bodies[n::connections], took)) for n in range(connections)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        sent = time.perf_counter() - began
        edge_pipe.send("stop")
        edge_cpu = edge_pipe.recv() - edge_before
        found = pump_pipe.recv()
        whole = time.perf_counter() - began
        edge.join()
        pump.join()
    events = requests * spans
    return {
        "events": events,
        "bytes_per_event": round(sum(map(len, bodies)) / events),
        "spans_per_request": spans,
        "connections": connections,
        "acknowledged_events_per_s": round(events / sent),
        "normalised_events_per_s": round(events / whole),
        "edge_events_per_cpu_s": round(events / edge_cpu),
        "pump_events_per_cpu_s": round(events / found["cpu"]),
        "both_events_per_cpu_s": round(events / (edge_cpu + found["cpu"])),
        "request_ms_p50": round(statistics.median(took) * 1000, 2),
        "request_ms_p99": round(_percentile(took, 0.99) * 1000, 2),
        "arrival_to_part_s_p50": round(statistics.median(found["lags"]), 3),
        "arrival_to_part_s_p99": round(_percentile(found["lags"], 0.99), 3),
        "parts": found["parts"],
        "parquet_bytes_per_event": round(found["parquet"] / events),
    }


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="one short run")
    options.add_argument("--json", action="store_true", help="accepted for the runner; the output is always JSON")
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--spans", type=int, default=128)
    options.add_argument("--connections", type=int, default=4)
    chosen = options.parse_args()
    requests = 160 if chosen.quick else 800
    rows = [measure(requests, chosen.spans, chosen.connections) for _ in range(1 if chosen.quick else chosen.runs)]
    ordered = sorted(rows, key=lambda row: int(row["normalised_events_per_s"]))
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "load_1m": round(os.getloadavg()[0], 1)}
    print(json.dumps({"rows": rows, "median": ordered[len(ordered) // 2], "machine": machine}, indent=2))


if __name__ == "__main__":
    main()
