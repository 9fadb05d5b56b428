from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from caiso.connect.telemetry.keys import KeyRing, UnableToUseKey, create_key, read_key
from caiso.connect.telemetry.wal import (
    Backlogged,
    Damage,
    Frame,
    Position,
    UnableToAppend,
    WalReader,
    WalWriter,
    segment_numbers,
)


class Bench:
    def __init__(self, root: Path) -> None:
        self.root = root / "wal"
        self.keys = KeyRing(root / "keys", "wal")
        self.damage: list[Damage] = []
        self.reader = WalReader(self.root, self.keys, on_damage=self.damage.append)

    def writer(self, **options: int) -> WalWriter:
        return WalWriter(self.root, self.keys, **options)

    def read(self, writer: str = "edge-1", start: Position | None = None, max_bytes: int = 1 << 30) -> list[Frame]:
        return self.reader.read(writer, start or Position(), max_bytes=max_bytes)[0]

    def segment(self, number: int = 1) -> Path:
        return self.root / "edge-1" / f"{number:08d}.wal"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def payloads(count: int, size: int = 100) -> list[bytes]:
    return [f"{number}:".encode() + b"x" * size for number in range(count)]


def test_what_was_appended_is_read_in_order_over_segments(bench: Bench) -> None:
    writer = bench.writer(segment_bytes=1000)
    sent = payloads(50)
    for payload in sent:
        writer.append([payload])
    assert len(segment_numbers(bench.root / "edge-1")) > 5
    assert [frame.payload for frame in bench.read()] == sent


@pytest.mark.parametrize("max_bytes", [1, 150, 1000])
def test_reading_in_bites_gives_every_frame_once(bench: Bench, max_bytes: int) -> None:
    writer = bench.writer(segment_bytes=700)
    sent = payloads(30)
    writer.append(sent[:7])
    for payload in sent[7:]:
        writer.append([payload])
    found: list[bytes] = []
    place = Position()
    while True:
        frames, following = bench.reader.read("edge-1", place, max_bytes=max_bytes)
        if following == place:
            break
        found += [frame.payload for frame in frames]
        if frames:
            assert frames[-1].end <= following
        place = following
    assert found == sent
    assert bench.damage == []


def test_a_torn_tail_hides_nothing_before_or_after_it(bench: Bench) -> None:
    writer = bench.writer()
    writer.append(payloads(3))
    writer.close()
    whole = bench.segment().read_bytes()
    for cut in range(len(whole) - 1, 16, -1):
        bench.segment().write_bytes(whole[:cut])
        frames = bench.read()
        assert [frame.payload for frame in frames] == payloads(3)[: len(frames)]
        assert len(frames) < 3
    again = bench.writer()  # the same folder, a new segment
    again.append([b"after"])
    assert [frame.payload for frame in bench.read()] == [b"after"]
    assert bench.damage
    assert all(damage.torn for damage in bench.damage)


def test_a_half_written_frame_is_read_once_it_is_whole(bench: Bench) -> None:
    writer = bench.writer()
    writer.append(payloads(2))
    whole = bench.segment().read_bytes()
    bench.segment().write_bytes(whole[:-5])
    frames, place = bench.reader.read("edge-1", Position(), max_bytes=1 << 20)
    assert len(frames) == 1
    bench.segment().write_bytes(whole)
    frames, _ = bench.reader.read("edge-1", place, max_bytes=1 << 20)
    assert [frame.payload for frame in frames] == payloads(2)[1:]
    assert bench.damage == []


def test_a_damaged_frame_is_named_and_the_others_are_read(bench: Bench) -> None:
    writer = bench.writer()
    places = writer.append(payloads(5))
    data = bytearray(bench.segment().read_bytes())
    data[places[2].offset + 40] ^= 1
    bench.segment().write_bytes(bytes(data))
    assert [frame.payload for frame in bench.read()] == [p for n, p in enumerate(payloads(5)) if n != 2]
    assert [(damage.start, damage.torn) for damage in bench.damage] == [(places[2], False)]


def test_a_frame_that_was_moved_is_not_believed(bench: Bench) -> None:
    writer = bench.writer()
    places = writer.append(payloads(3))
    data = bytearray(bench.segment().read_bytes())
    size = places[1].offset - places[0].offset
    first = data[places[0].offset : places[0].offset + size]
    data[places[1].offset : places[1].offset + size] = first  # a valid frame, in another's place
    bench.segment().write_bytes(bytes(data))
    assert [frame.payload for frame in bench.read()] == [payloads(3)[0], payloads(3)[2]]


def test_two_processes_write_to_folders_of_their_own(bench: Bench) -> None:
    first, second = bench.writer(), bench.writer()
    assert {first.name, second.name} == {"edge-1", "edge-2"}
    second.close()
    assert bench.writer().name == "edge-2"
    first.append([b"a"])
    assert bench.reader.writers() == ["edge-1", "edge-2"]


def test_a_restarted_writer_never_touches_an_old_segment(bench: Bench) -> None:
    writer = bench.writer()
    writer.append([b"a"])
    writer.close()
    before = bench.segment().read_bytes()
    again = bench.writer()
    again.append([b"b"])
    assert bench.segment().read_bytes() == before
    assert [frame.payload for frame in bench.read()] == [b"a", b"b"]


def test_trimming_frees_whole_segments_and_numbers_go_on(bench: Bench) -> None:
    writer = bench.writer(segment_bytes=500)
    for payload in payloads(20):
        writer.append([payload])
    _, end = bench.reader.read("edge-1", Position(), max_bytes=1 << 30)
    numbers = segment_numbers(bench.root / "edge-1")
    assert bench.reader.trim({"edge-1": Position(numbers[3], 16)}) > 0
    assert segment_numbers(bench.root / "edge-1") == numbers[3:]
    assert bench.reader.trim({"edge-1": end}) > 0
    assert segment_numbers(bench.root / "edge-1") == numbers[-1:]
    writer.close()
    again = bench.writer()
    again.append([b"new"])
    assert [frame.payload for frame in bench.read(start=end)] == [b"new"]


def test_a_failed_write_acknowledges_nothing_and_the_next_one_works(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = bench.writer()
    writer.append([b"good"])
    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", lambda _: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        with pytest.raises(UnableToAppend, match="Input/output"):
            writer.append([b"lost"])
    writer.append([b"after"])
    assert segment_numbers(bench.root / "edge-1") == [1, 2]
    assert [frame.payload for frame in bench.read()] == [b"good", b"after"]


def test_a_full_backlog_is_refused_until_it_is_trimmed(bench: Bench) -> None:
    writer = bench.writer(segment_bytes=500, backlog_limit=3000)
    with pytest.raises(Backlogged, match="bytes wait"):
        for payload in payloads(100):
            writer.refuse_if_backlogged()
            writer.append([payload])
    _, end = bench.reader.read("edge-1", Position(), max_bytes=1 << 30)
    bench.reader.trim({"edge-1": end})
    writer._measured = (float("-inf"), 0)
    writer.refuse_if_backlogged()


def test_a_rotated_key_writes_the_next_segment_and_old_ones_stay_readable(bench: Bench) -> None:
    writer = bench.writer(segment_bytes=1)
    writer.append([b"old"])
    bench.keys.rotate()
    writer.append([b"new"])
    assert [frame.payload for frame in bench.read()] == [b"old", b"new"]
    (bench.root.parent / "keys" / "wal-0001.key").unlink()
    fresh = WalReader(bench.root, KeyRing(bench.root.parent / "keys", "wal"))
    with pytest.raises(UnableToUseKey, match="wal-0001"):
        fresh.read("edge-1", Position(), max_bytes=1 << 20)


def test_keys_are_created_once_complete_and_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "wal-0001.key"
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(create_key(path))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 16
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [p.name for p in path.parent.iterdir()] == ["wal-0001.key"]


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wal-0001.key"
    create_key(path)
    path.chmod(0o644)
    with pytest.raises(UnableToUseKey, match="chmod 600"):
        read_key(path)
