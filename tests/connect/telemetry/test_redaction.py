"""Keys and personal data leave content before it is stored; what only looks like them stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from caiso.connect.telemetry.content import ContentStore
from caiso.connect.telemetry.keys import KeyRing
from caiso.connect.telemetry.meaning.messages import Segment
from caiso.connect.telemetry.pump import Pump
from caiso.connect.telemetry.records import Encoding, Envelope, Signal, pack_envelope
from caiso.connect.telemetry.redaction import KINDS, Redactor, UnableToRedact
from caiso.connect.telemetry.wal import WalWriter
from tests.connect.telemetry.samples import NOW_US, otel_messages, span, traces

SECRET = b"s" * 32
KEY = "sk-proj-" + "a1B2" * 8
PEM = "-----BEGIN RSA PRIVATE KEY-----\\nMIIEow" + "IBAA/" * 20 + "==\\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("key", f"use {KEY} now"),
        ("key", '{"key":"AKIAIOSFODNN7EXAMPLE"}'),
        ("key", "token ghp_" + "x" * 36),
        ("key", "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLWhlcmU"),
        ("private_key", PEM),
        ("card", "card 4111 1111 1111 1111, thanks"),
        ("iban", "to DE89 3704 0044 0532 0130 00 please"),
        ("email", "write to amara.osei+claims@acme.example."),
        ("phone", "call +49 30 901820-0 today"),
        ("us_ssn", "SSN 123-45-6789"),
        ("ip_address", "from 10.12.13.14"),
    ],
)
def test_a_kind_is_found_and_marked(kind: str, text: str) -> None:
    redacted, counts = Redactor([kind], SECRET).redact(text)
    assert counts == {kind: 1}
    assert f"[redacted {kind}" in redacted
    assert text not in redacted
    assert Redactor([kind], SECRET).redact(redacted) == (redacted, {})


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("card", "order 4111 1111 1111 1112 and 0000000000000000"),
        ("iban", "DE00 3704 0044 0532 0130 00"),
        ("key", "the risk-based sk-learn task; eyJ.eyJ"),
        ("email", "@all meet @ noon, a@b"),
        ("us_ssn", "000-12-3456, 2026-11-2600"),
        ("ip_address", "version 1.2.3 and 999.1.1.1"),
        ("phone", "2026-11-22 and +1 2"),
    ],
)
def test_what_only_looks_like_it_stays(kind: str, text: str) -> None:
    assert Redactor([kind], SECRET).redact(text) == (text, {})


def test_a_mark_shows_enough_to_revoke_a_key_and_is_the_same_each_time() -> None:
    redactor = Redactor(["key"], SECRET)
    one, _ = redactor.redact(KEY)
    again, _ = redactor.redact(f"and {KEY}")
    assert one.startswith(f"[redacted key {KEY[:4]}…{KEY[-4:]} #")
    assert one in again
    assert Redactor(["key"], b"t" * 32).redact(KEY)[0] != one


def test_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(UnableToRedact, match="'shoe_size' cannot be redacted, expected one of key, "):
        Redactor(["shoe_size"], SECRET)


@pytest.mark.parametrize(
    "piece", ["eyJ-", "eyJa.", "1 2", "a@a-", "-----BEGIN PRIVATE KEY-----", "AB12 ", "+1 2", "sk-"]
)
def test_hostile_text_is_no_trap(piece: str) -> None:
    redactor = Redactor(KINDS, SECRET)
    text = piece * (200_000 // len(piece))
    assert len(redactor.redact(text)[0]) > 0


def test_what_is_stored_and_what_rules_see_is_redacted(tmp_path: Path) -> None:
    body = traces(
        [span({"gen_ai.operation.name": "chat", "gen_ai.input.messages": otel_messages(("user", f"my key is {KEY}"))})]
    ).SerializeToString()
    writer = WalWriter(tmp_path / "wal", KeyRing(tmp_path / "keys", "wal"))
    for source in ("careful", "open"):
        writer.append([pack_envelope(Envelope(source, Signal.TRACES, Encoding.PROTOBUF, NOW_US, body))])
    pump = Pump(tmp_path)
    pump.recover([], {})
    pump.redactors = {"careful": Redactor(["key"], SECRET)}
    batch = pump.next_batch()
    assert batch is not None
    batch.wait()
    careful, plain = batch.events.events()
    assert KEY not in str(careful["content.user"])
    assert careful["content.redacted"] == "key:1"
    assert KEY in str(plain["content.user"])
    assert "content.redacted" not in plain
    assert batch.part is not None
    (stored, _) = [ContentStore(tmp_path).read(str(ref), str(name)) for ref, name in _refs(tmp_path, batch.part.path)]
    assert stored == [Segment("content.user", str(careful["content.user"]), "user", "", "gen_ai.input.messages")]


def _refs(data: Path, path: str) -> list[tuple[object, object]]:
    from caiso.connect.telemetry.parts import read_part

    table = read_part(data / "events", path)
    return list(zip(table.column("content.ref").to_pylist(), table.column("event.id").to_pylist(), strict=True))
