"""A conversation asked for by its id alone reads only the parts that can hold it."""

from __future__ import annotations

from pathlib import Path

import pytest

from caiso.connect.telemetry import parts
from caiso.connect.telemetry.parts import PartInfo
from caiso.connect.telemetry.reader import EventReader
from caiso.connect.telemetry.table import to_table
from caiso.connect.telemetry.threads import beside, may_hold, without_threads

HOUR = "2026-11-18T00"
START = 1_795_000_000_000_000


def events(*threads: str, number: int = 0) -> list[dict[str, object]]:
    return [
        {
            "event.id": f"{number * 100 + index:032x}",
            "time": START + number * 1_000_000 + index,
            "trace_id": f"trace-of-{thread}",
            "gen_ai.conversation.id": thread,
            "aisoc.session": f"session-of-{thread}",
        }
        for index, thread in enumerate(threads)
    ]


def write(root: Path, number: int, *threads: str) -> PartInfo:
    root.mkdir(exist_ok=True)
    return parts.write_part(root, number, to_table(events(*threads, number=number)), hour=HOUR, ranges=[])


def test_only_parts_that_hold_the_thread_are_read(tmp_path: Path) -> None:
    root = tmp_path / "events"
    infos = [write(root, number, f"c{number}", "shared") for number in range(1, 6)]
    # A part that cannot be read shows that it was not opened.
    for info in infos[2:]:
        (root / info.path).write_bytes(b"not a part")
    with EventReader(root) as reader:
        assert len(reader.conversation(infos, "c1")) == 1
        assert len(reader.conversation(infos, "trace-of-c2")) == 1
        assert len(reader.conversation(infos, "session-of-c2")) == 1
        assert reader.conversation(infos, "nowhere") == []
        with pytest.raises(Exception, match=r"(?i)parquet"):
            reader.conversation(infos, "shared")


def test_a_part_of_an_older_version_is_read_until_it_is_indexed(tmp_path: Path) -> None:
    root = tmp_path / "events"
    old, new = write(root, 1, "c1"), write(root, 2, "c2")
    beside(root / old.path).unlink()
    assert may_hold(root / old.path, "c1")
    assert may_hold(root / old.path, "elsewhere")
    assert without_threads(root, [old.path, new.path]) == [old.path]
    parts.index_threads(root, old.path)
    assert may_hold(root / old.path, "c1")
    assert not may_hold(root / old.path, "elsewhere")
    assert without_threads(root, [old.path, new.path]) == []


@pytest.mark.parametrize(
    "damage", [b"", b"caiso threads 1\n\x00", b"something else\n\x00\x00\x00\x00", b"caiso threads 2\n"]
)
def test_a_damaged_index_never_hides_events(tmp_path: Path, damage: bytes) -> None:
    root = tmp_path / "events"
    info = write(root, 1, "c1")
    beside(root / info.path).write_bytes(damage)
    assert may_hold(root / info.path, "c1")
    with EventReader(root) as reader:
        assert len(reader.conversation([info], "c1")) == 1


def test_joined_parts_hold_the_threads_of_all(tmp_path: Path) -> None:
    root = tmp_path / "events"
    infos = [write(root, number, f"c{number}") for number in range(1, 4)]
    joined = parts.compact(root, infos, snapshot=3)
    assert all(may_hold(root / joined.path, f"c{number}") for number in range(1, 4))
    assert not may_hold(root / joined.path, "c9")
    parts.remove(root, [info.path for info in infos])
    assert sorted(path.suffix for path in (root / f"hour={HOUR}").iterdir()) == [".parquet", ".threads"]


def test_events_without_a_thread_leave_nothing_to_find(tmp_path: Path) -> None:
    root = tmp_path / "events"
    root.mkdir()
    bare = [{"event.id": "1" * 32, "time": START}, {"event.id": "2" * 32, "time": START, "trace_id": ""}]
    info = parts.write_part(root, 1, to_table(bare), hour=HOUR, ranges=[])
    assert not may_hold(root / info.path, "")
    assert not may_hold(root / info.path, "c1")


def test_odd_ids_are_found(tmp_path: Path) -> None:
    root = tmp_path / "events"
    odd = ["../../etc", "ключ", "a" * 5000, "😀", "'; DROP TABLE", "x\x00y"]
    info = write(root, 1, *odd)
    assert all(may_hold(root / info.path, name) for name in odd)


def test_a_half_written_index_is_cleared_away(tmp_path: Path) -> None:
    root = tmp_path / "events"
    info = write(root, 1, "c1")
    (root / info.path).with_name(".part-0000000002.threads.tmp").write_bytes(b"half")
    parts.clean(root, known=[info.path])
    assert sorted(path.name for path in (root / f"hour={HOUR}").iterdir()) == [
        "part-0000000001.parquet",
        "part-0000000001.threads",
    ]
