"""What tests of security operations share: a data directory of their own, telemetry in its log, a detector that took it."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from caiso.connect.telemetry.keys import KeyRing
from caiso.connect.telemetry.records import Encoding, Envelope, Signal, pack_envelope
from caiso.connect.telemetry.wal import WalWriter
from caiso.web.config.environment import environment
from caiso.web.soc import store
from caiso.web.soc.detector import DetectorRun
from tests.web.conftest import NOW

Send = Callable[..., None]


@pytest.fixture
def data(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data directory of its own for the files; rows are rolled back by the test, compiled rules are shared."""
    compiled = tmp_path_factory.getbasetemp() / "compiled-rules"
    compiled.mkdir(exist_ok=True)
    (tmp_path / "cache").symlink_to(compiled, target_is_directory=True)
    monkeypatch.setattr(environment(), "data", tmp_path)
    store.content_store.cache_clear()
    yield tmp_path
    store.content_store.cache_clear()


def spans(*attributes: dict[str, Any], conversation: str = "conv-1", at: datetime = NOW) -> list[dict[str, Any]]:
    """Spans a second apart, in OTLP/JSON."""
    made = []
    for number, values in enumerate(attributes):
        nanos = int(at.timestamp() * 1e9) + number * 1_000_000_000
        listed = {"gen_ai.conversation.id": conversation, **values}
        made.append(
            {
                "traceId": conversation.encode().hex().ljust(32, "0")[:32],
                "spanId": f"{number + 1:016x}",
                "name": "span",
                "startTimeUnixNano": str(nanos),
                "endTimeUnixNano": str(nanos + 1000),
                "attributes": [
                    {
                        "key": key,
                        "value": {"stringValue": value if isinstance(value, str) else json.dumps(value)},
                    }
                    for key, value in listed.items()
                ],
            }
        )
    return made


def said(role: str, text: str) -> str:
    """One message as senders write it."""
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


@pytest.fixture
def send(data: Path) -> Iterator[Send]:
    """send(spans, service="claims-copilot", source="src1") acknowledges telemetry, as the edge does."""
    writer = WalWriter(data / "wal", KeyRing(data / "keys", "wal"))

    def append(
        made: list[dict[str, Any]], *, service: str = "claims-copilot", source: str = "src1", at: datetime = NOW
    ) -> None:
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
        body = json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": made}]}]}).encode()
        envelope = Envelope(
            signal=Signal.TRACES,
            encoding=Encoding.JSON,
            source_id=source,
            ingest_us=int(at.timestamp() * 1e6),
            body=body,
        )
        writer.append([pack_envelope(envelope)])

    yield append
    writer.close()


def detect(at: datetime = NOW) -> DetectorRun:
    """A detector that took everything that waits."""
    run = DetectorRun(clock=lambda: at)
    assert run.begin()
    run.drain()
    run.end()
    return run
