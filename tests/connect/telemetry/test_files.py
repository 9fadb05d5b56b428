"""Files of telemetry are recognised by their bytes, read within bounds, and what cannot be read is named with its line."""

import gzip
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caiso.connect.telemetry.files.lines import UnableToReadFile, lines
from caiso.connect.telemetry.files.read import read_file
from caiso.connect.telemetry.files.record import Misread, Placed
from caiso.connect.telemetry.records import Encoding, Signal
from tests.connect.telemetry.test_trial import span

TRACES = '{"resourceSpans":[{"scopeSpans":[]}]}'
EVENT = '{"event.kind":"tool","gen_ai.tool.name":"x"}'


def read(path: Path, data: bytes | str) -> list[Placed | Misread]:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return list(read_file(path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "telemetry"


def kinds(found: list[Placed | Misread]) -> list[tuple[int, str]]:
    return [(item.line, item.format if isinstance(item, Placed) else item.reason) for item in found]


def test_lines_of_different_kinds_may_stand_in_one_file(path: Path) -> None:
    found = read(path, f"{TRACES}\n\n{EVENT}\n")
    assert kinds(found) == [(1, "otlp-json"), (3, "events")]
    assert [item.request.signal for item in found if isinstance(item, Placed)] == [Signal.TRACES, Signal.EVENTS]


def test_document_over_several_lines_and_list_of_records_are_read(path: Path) -> None:
    assert kinds(read(path, '{\n "resourceLogs": []\n}')) == [(0, "otlp-json")]
    assert kinds(read(path, f"[{EVENT},\n{TRACES}]")) == [(0, "events"), (0, "otlp-json")]


def test_packed_file_and_byte_order_mark_make_no_difference(path: Path) -> None:
    plain = f"{TRACES}\n{EVENT}\n".encode()
    assert read(path, gzip.compress(plain)) == read(path, plain) == read(path, b"\xef\xbb\xbf" + plain)


def test_protobuf_alone_and_with_lengths_in_front(path: Path) -> None:
    one, two = span("a", "x", seconds=1), span("b", "y", seconds=2)
    assert kinds(read(path, one)) == [(0, "otlp-protobuf")]
    framed = b"".join(struct.pack(">I", len(body)) + body for body in (one, two))
    found = read(path, framed)
    assert kinds(found) == [(1, "otlp-protobuf"), (2, "otlp-protobuf")]
    assert all(isinstance(item, Placed) and item.request.encoding is Encoding.PROTOBUF for item in found)


def test_bad_lines_are_named_and_the_others_go_on(path: Path) -> None:
    found = read(path, f'{EVENT}\n{{"a": \n[1]\n{EVENT}\n"text"\n')
    assert [line for line, _ in kinds(found)] == [1, 2, 3, 4, 5]
    assert [isinstance(item, Misread) for item in found] == [False, True, True, False, True]
    assert "not list" in kinds(found)[2][1]


def test_what_is_nothing_we_know_is_said_once(path: Path) -> None:
    assert kinds(read(path, b"PK\x03\x04 not telemetry")) == [(0, "is neither JSON nor an OTLP request in protobuf")]
    assert read(path, b"") == []


def test_framed_file_that_ends_early_is_named(path: Path) -> None:
    one = span("a", "x", seconds=1)
    found = read(path, struct.pack(">I", len(one)) + one + struct.pack(">I", len(one)) + one[:5])
    assert kinds(found)[1][1].startswith("the file ends inside a request")


def test_line_beyond_the_bound_costs_only_itself() -> None:
    import io

    stream = io.BytesIO(b"a\n" + b"x" * 3_000_000 + b"\nb\n" + b"y" * 200 + b"\nc")
    assert list(lines(stream, most=100)) == [
        (1, b"a"), Misread(2, "the line is longer than 100 bytes"), (3, b"b"),
        Misread(4, "the line is longer than 100 bytes"), (5, b"c"),
    ]  # fmt: skip


def test_damaged_archive_and_missing_file_are_refused_by_name(path: Path) -> None:
    packed = gzip.compress(f"{EVENT}\n".encode() * 5000)
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(UnableToReadFile, match="telemetry: cannot be read"):
        list(read_file(path))
    with pytest.raises(UnableToReadFile, match="No such file"):
        list(read_file(path.with_name("none")))


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed"
    path.write_bytes(data)
    try:
        found = list(read_file(path))
    except UnableToReadFile:
        return
    assert all(isinstance(item, Placed | Misread) for item in found)
