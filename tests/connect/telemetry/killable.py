"""An edge and a detector loop in one process that the kill test kills; a small SQLite file stands for the database."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

from caiso.connect.telemetry.edge import Edge
from caiso.connect.telemetry.keys import KeyRing
from caiso.connect.telemetry.parts import PartInfo
from caiso.connect.telemetry.pump import Batch, Pump, PumpSettings
from caiso.connect.telemetry.records import Source
from caiso.connect.telemetry.wal import Position, WalWriter

SETTINGS = PumpSettings(batch_bytes=1 << 20)
SEGMENT_BYTES = 48 * 1024  # small, so that rolling and trimming happen all the time


class ThirdAttack:
    """A detector with memory: every third attack text of a conversation is a signal."""

    def __init__(self, state: bytes = b"{}") -> None:
        self.counts: dict[str, int] = json.loads(state)

    def process(self, events: Iterable[dict[str, Any]]) -> list[str]:
        signals = []
        for event in events:
            if "attack" in str(event.get("content.user", "")):
                conversation = str(event["gen_ai.conversation.id"])
                self.counts[conversation] = self.counts.get(conversation, 0) + 1
                if self.counts[conversation] % 3 == 0:
                    signals.append(hashlib.sha256(f"{conversation}/{event['event.id']}".encode()).hexdigest())
        return signals

    def snapshot(self) -> bytes:
        return json.dumps(self.counts).encode()


class Database:
    """Signals, part rows and offsets, committed together."""

    def __init__(self, path: Path) -> None:
        self.link = sqlite3.connect(path, isolation_level=None)
        self.link.execute("PRAGMA journal_mode=WAL")
        self.link.execute("PRAGMA synchronous=FULL")
        self.link.execute("CREATE TABLE IF NOT EXISTS signal (id TEXT PRIMARY KEY)")
        self.link.execute("CREATE TABLE IF NOT EXISTS part (number INTEGER PRIMARY KEY, info TEXT)")
        self.link.execute("CREATE TABLE IF NOT EXISTS place (writer TEXT PRIMARY KEY, segment INTEGER, offset INTEGER)")
        self.link.execute("CREATE TABLE IF NOT EXISTS reject (id TEXT PRIMARY KEY, reason TEXT)")

    def parts(self) -> list[PartInfo]:
        rows = self.link.execute("SELECT info FROM part ORDER BY number")
        return [msgspec.json.decode(info, type=PartInfo) for (info,) in rows]

    def offsets(self) -> dict[str, Position]:
        return {writer: Position(a, b) for writer, a, b in self.link.execute("SELECT * FROM place")}

    def signals(self) -> set[str]:
        return {name for (name,) in self.link.execute("SELECT id FROM signal")}

    def commit(self, batch: Batch, signals: list[str]) -> None:
        self.link.execute("BEGIN IMMEDIATE")
        self.link.executemany("INSERT OR IGNORE INTO signal VALUES (?)", [(name,) for name in signals])
        self.link.executemany("INSERT OR IGNORE INTO reject VALUES (?, ?)", [(r.id, r.reason) for r in batch.rejects])
        if batch.part is not None:
            info = msgspec.json.encode(batch.part).decode()
            self.link.execute("INSERT INTO part VALUES (?, ?)", (batch.part.number, info))
        for writer, place in batch.offsets.items():
            self.link.execute("REPLACE INTO place VALUES (?, ?, ?)", (writer, place.segment, place.offset))
        self.link.execute("COMMIT")


def restart(pump: Pump, database: Database) -> ThirdAttack:
    recovery = pump.recover(database.parts(), database.offsets())
    detector = ThirdAttack(recovery.snapshot.payload if recovery.snapshot else b"{}")
    for _, events in recovery.replay:
        detector.process(events)
    for orphan in recovery.orphans:
        database.commit(orphan, detector.process(orphan.events))
        pump.committed(orphan)
    return detector


def drain(pump: Pump, database: Database, detector: ThirdAttack, *, every: int = 3) -> int:
    """Process until the log is empty; returns how many batches there were."""
    count = 0
    while (batch := pump.next_batch()) is not None:
        count += 1
        database.commit(batch, detector.process(batch.events))
        pump.committed(batch)
        if batch.part is not None and batch.part.number % every == 0:
            pump.snapshot(batch.part.number, detector.snapshot())
    return count


def detect(data: Path, stop: threading.Event) -> None:
    database = Database(data / "caiso.sqlite3")
    pump = Pump(data, settings=SETTINGS)
    detector = restart(pump, database)
    while not stop.is_set() or drain(pump, database, detector):
        drain(pump, database, detector)
        time.sleep(0.002)


async def serve(data: Path) -> None:
    edge = Edge(
        lambda: WalWriter(data / "wal", KeyRing(data / "keys", "wal"), segment_bytes=SEGMENT_BYTES),
        lambda token: Source("shop"),
    )
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(edge, log_level="error", lifespan="on", access_log=False))
    stop = threading.Event()
    thread = threading.Thread(target=detect, args=(data, stop))
    thread.start()
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.01)
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    await serving
    stop.set()
    thread.join()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # uvicorn takes it first and raises it again when it has finished
    asyncio.run(serve(Path(sys.argv[1])))
