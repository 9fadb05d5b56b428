from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from caiso.connect.telemetry import parts
from caiso.connect.telemetry.keys import KeyRing
from caiso.connect.telemetry.pump import Pump
from caiso.connect.telemetry.records import Encoding, Envelope, Signal, pack_envelope
from caiso.connect.telemetry.table import to_events
from caiso.connect.telemetry.wal import WalWriter, segment_numbers
from tests.connect.telemetry.killable import Database, ThirdAttack, drain, restart
from tests.connect.telemetry.samples import otel_messages, span, traces

ROOT = Path(__file__).parents[3]
SENDERS = 3


class Service:
    """The killable process, started again and again on one data directory."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.process: subprocess.Popen[str] | None = None
        self.port = 0

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.connect.telemetry.killable", str(self.data)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        )

    def wait(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def finish(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=60)


class Sender(threading.Thread):
    """One conversation: a request is repeated until it is acknowledged, then the next one follows."""

    def __init__(self, number: int, service: Service, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.number = number
        self.service = service
        self.stop = stop
        self.acknowledged: list[bytes] = []
        self.spans: list[str] = []
        self.repeats = 0

    def run(self) -> None:
        chance = random.Random(self.number)  # noqa: S311  shapes of traffic
        made = 0
        with httpx.Client(timeout=5) as client:
            while not self.stop.is_set():
                ids = [f"{self.number:04x}{made + n:012x}" for n in range(1, chance.randint(1, 5))]
                made += len(ids)
                body = self._body(ids, chance)
                while not self._send(client, body):
                    self.repeats += 1
                    if self.stop.wait(0.01):
                        return
                self.acknowledged.append(body)
                self.spans += ids

    def _body(self, ids: list[str], chance: random.Random) -> bytes:
        start = time.time_ns() // 1000
        spans = [
            span(
                {
                    "gen_ai.operation.name": "chat",
                    "gen_ai.conversation.id": f"c{self.number}",
                    "gen_ai.input.messages": otel_messages(
                        (
                            "user",
                            f"{'attack' if chance.random() < 0.4 else 'hello'} {name} " + "x" * chance.randint(0, 900),
                        )
                    ),
                },
                span_id=bytes.fromhex(name),
            )
            for name in ids
        ]
        return traces(spans, start_us=start).SerializeToString()

    def _send(self, client: httpx.Client, body: bytes) -> bool:
        if not self.service.port:
            return False
        headers = {"authorization": "Bearer a-token-of-shop", "content-type": "application/x-protobuf"}
        try:
            return (
                client.post(
                    f"http://127.0.0.1:{self.service.port}/v1/traces", content=body, headers=headers
                ).status_code
                == 200
            )
        except httpx.HTTPError:
            return False


def undisturbed(data: Path, senders: list[Sender]) -> tuple[set[str], Counter[str]]:
    """The same requests, one process, no kill."""
    writer = WalWriter(data / "wal", KeyRing(data / "keys", "wal"))
    now = time.time_ns() // 1000
    for sender in senders:
        frames = [Envelope("shop", Signal.TRACES, Encoding.PROTOBUF, now, body) for body in sender.acknowledged]
        writer.append([pack_envelope(frame) for frame in frames])
    writer.close()
    database = Database(data / "caiso.sqlite3")
    pump = Pump(data)
    drain(pump, database, restart(pump, database))
    return database.signals(), stored(data, database)


def stored(data: Path, database: Database) -> Counter[str]:
    found: Counter[str] = Counter()
    for part in database.parts():
        found.update(str(event["event.id"]) for event in to_events(parts.read_part(data / "events", part.path)))
    return found


def survive(tmp_path: Path, kills: int) -> None:
    seed = random.SystemRandom().randrange(1 << 30)
    sys.stderr.write(f"seed {seed}\n")
    chance = random.Random(seed)  # noqa: S311  moments of death
    data = tmp_path / "data"
    service = Service(data)
    stop = threading.Event()
    senders = [Sender(number, service, stop) for number in range(1, SENDERS + 1)]
    for sender in senders:
        sender.start()
    try:
        torment(service, chance, kills)
        stop.set()
        for sender in senders:
            sender.join(timeout=20)
            assert not sender.is_alive()
        service.finish()
    finally:
        stop.set()
        service.kill()  # a failed test leaves nothing running
    verify(data, tmp_path / "calm", senders)


def torment(service: Service, chance: random.Random, kills: int) -> None:
    for kill in range(kills):
        service.start()
        if kill % 4 == 3:  # also in the middle of a recovery
            time.sleep(chance.uniform(0.5, 1.2))
        else:
            service.wait()
            time.sleep(chance.uniform(0.02, 0.5))
        service.kill()
    service.start()
    service.wait()
    time.sleep(0.3)


def verify(data: Path, calm: Path, senders: list[Sender]) -> None:
    database = Database(data / "caiso.sqlite3")
    pump = Pump(data)
    detector = restart(pump, database)
    drain(pump, database, detector)
    sent = Counter(name for sender in senders for name in sender.spans)
    assert max(sent.values()) == 1
    held: Counter[str] = Counter()
    for part in database.parts():
        held.update(str(event["span_id"]) for event in to_events(parts.read_part(data / "events", part.path)))
    assert [name for name in sent if name not in held] == [], "acknowledged and lost"
    assert [name for name, count in held.items() if count > 1] == [], "stored twice"
    # Only a sender's very last request may have been stored without an acknowledgement that arrived.
    assert len(held) - len(sent) <= SENDERS * 5
    signals, ids = undisturbed(calm, senders)
    extra = {name for name in database.signals() if name not in signals}
    assert signals <= database.signals(), "alerts are missing"
    assert len(extra) <= len(held) - len(sent)
    assert set(ids) <= set(stored(data, database))
    numbers = [part.number for part in database.parts()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert sum(sender.repeats for sender in senders) > 0, "no request ever failed: the kills did not hit"
    assert len(senders[0].acknowledged) > 5
    assert sum(len(segment_numbers(folder)) for folder in (data / "wal").iterdir()) < 40
    assert ThirdAttack(detector.snapshot()).counts == detector.counts


def test_no_kill_loses_or_doubles_an_event_or_an_alert(tmp_path: Path) -> None:
    survive(tmp_path, kills=8)


@pytest.mark.slow
def test_thirty_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    survive(tmp_path, kills=30)
