"""A refused record can be tried again; its accepted neighbours come no second time."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import orjson
import pytest

from caiso.connect.telemetry.content import ContentStore
from caiso.connect.telemetry.keys import KeyRing
from caiso.connect.telemetry.parts import Reject
from caiso.connect.telemetry.pump import Batch, Pump, PumpSettings
from caiso.connect.telemetry.records import LIMITS, Encoding, Envelope, Signal, pack_envelope
from caiso.connect.telemetry.redrive import UnableToRetry, try_again
from caiso.connect.telemetry.wal import WalWriter
from tests.connect.telemetry.samples import NOW_US, span, traces

LATER_US = NOW_US + 60_000_000
STRICT = PumpSettings(limits=replace(LIMITS, attributes=3))


class Bench:
    def __init__(self, data: Path) -> None:
        self.data = data
        self.writer = WalWriter(data / "wal", KeyRing(data / "keys", "wal"))

    def send(self, signal: Signal, encoding: Encoding, body: bytes) -> None:
        self.writer.append([pack_envelope(Envelope("shop", signal, encoding, NOW_US, body))])

    def pump(self, settings: PumpSettings) -> Pump:
        made = Pump(self.data, settings=settings)
        made.recover([], {})
        return made

    def again(self, *rejects: Reject) -> None:
        first = rejects[0]
        try_again(
            ContentStore(self.data), self.writer, request_ref=first.request_ref, request_id=first.request_id,
            places=[reject.place for reject in rejects], now_us=LATER_US,
        )  # fmt: skip


def taken(pump: Pump) -> Batch:
    batch = pump.next_batch()
    assert batch is not None
    batch.wait()
    pump.committed(batch)
    return batch


def flat(number: int, *, wide: bool) -> bytes:
    record = {"gen_ai.operation.name": "chat", "user.id": f"u{number}"}
    return orjson.dumps(record | ({f"x{index}": index for index in range(9)} if wide else {}))


@pytest.mark.parametrize("encoding", [Encoding.PROTOBUF, Encoding.NDJSON])
def test_only_the_refused_records_come_again(tmp_path: Path, encoding: Encoding) -> None:
    bench = Bench(tmp_path)
    if encoding is Encoding.PROTOBUF:
        spans = [
            span({"gen_ai.operation.name": "chat", **({f"x{index}": 1 for index in range(9)} if number == 2 else {})},
                 span_id=number.to_bytes(8, "big"))
            for number in (1, 2, 3)
        ]  # fmt: skip
        bench.send(Signal.TRACES, encoding, traces(spans).SerializeToString())
    else:
        lines = [flat(1, wide=False), b"", flat(2, wide=True), flat(3, wide=False)]
        bench.send(Signal.EVENTS, encoding, b"\n".join(lines))
    pump = bench.pump(STRICT)
    first = taken(pump)
    (reject,) = first.rejects
    assert len(first.events) == 2
    assert "at most 3 are taken" in reject.reason
    bench.again(reject)
    strict_still = taken(pump)
    assert [one.reason for one in strict_still.rejects] == [reject.reason]
    assert strict_still.rejects[0].id != reject.id
    pump._settings = PumpSettings()
    bench.again(reject)
    batch = taken(pump)
    (event,) = batch.events.events()
    assert event["x8"] == 1 or event["x8"] == 8
    assert event["ingest_time"] == LATER_US
    bench.again(reject)  # twice by mistake: the event's id keeps it out
    last = taken(pump)
    assert (len(last.events), last.duplicates) == (0, 1)


def test_a_body_that_is_no_request_is_kept_as_well(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.send(Signal.TRACES, Encoding.PROTOBUF, b"\xff\xff\xff")
    (reject,) = taken(bench.pump(PumpSettings())).rejects
    assert reject.request_ref


def test_what_is_gone_says_so(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.send(Signal.EVENTS, Encoding.NDJSON, b"no json")
    (reject,) = taken(bench.pump(PumpSettings())).rejects
    ContentStore(tmp_path).drop_before(date(2100, 1, 1))
    with pytest.raises(UnableToRetry, match="retention"):
        bench.again(reject)
    with pytest.raises(UnableToRetry, match="too large"):
        try_again(
            ContentStore(tmp_path), bench.writer, request_ref="", request_id="", places=[0], now_us=LATER_US
        )  # fmt: skip
