from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caiso.connect.telemetry import parts
from caiso.connect.telemetry.parts import Range, Reject, UnableToReadPart, UnableToWritePart
from caiso.connect.telemetry.table import SCHEMA, to_events, to_table
from caiso.connect.telemetry.threads import may_hold
from caiso.connect.telemetry.wal import Position

RANGES = [Range("edge-1", Position(1, 16), Position(2, 400)), Range("edge-2", Position(), Position(1, 90))]
HOUR = "2026-11-22T22"


def event(number: int, **fields: object) -> parts.Event:
    return {"event.id": f"{number:032x}", "time": number, "event.kind": "tool", "source.id": "shop", **fields}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "events"
    folder.mkdir()
    return folder


VALUES = st.recursive(
    st.text(max_size=20)
    | st.integers(-(2**63), 2**63 - 1)
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(SCHEMA.names[:-4])
            | st.text(min_size=1, max_size=8).filter(lambda name: name != "attributes"),
            VALUES,
            max_size=8,
        ),
        max_size=5,
    )
)
def test_events_come_back_exactly_with_the_types_that_they_had(events: list[parts.Event]) -> None:
    found = to_events(to_table(events))
    assert found == events
    assert [{k: type(v) for k, v in e.items()} for e in found] == [{k: type(v) for k, v in e.items()} for e in events]


def test_a_part_tells_what_it_holds(root: Path) -> None:
    rejects = [Reject("r1", "shop", "traces", 5, 3, "span id", "shop/2026-11-22/0/10")]
    events = [event(7), event(3, **{"unknown.list": [1, {"a": 0.5}]})]
    written = parts.write_part(root, 12, to_table(events), hour=HOUR, ranges=RANGES, rejects=rejects, duplicates=4)
    found = parts.read_info(root, written.path)
    assert found == written
    assert (found.number, found.rows, found.first_time_us, found.last_time_us) == (12, 2, 3, 7)
    assert found.ranges == tuple(RANGES)
    assert found.rejects == tuple(rejects)
    assert (found.duplicates, found.kinds) == (4, {"tool": 2})
    assert to_events(parts.read_part(root, written.path)) == events
    assert parts.read_ids(root, written.path) == [f"{7:032x}", f"{3:032x}"]
    assert found.path == "hour=2026-11-22T22/part-0000000012.parquet"


def test_a_number_is_given_once(root: Path) -> None:
    parts.write_part(root, 1, to_table([event(1, trace_id="first")]), hour=HOUR, ranges=RANGES)
    with pytest.raises(UnableToWritePart, match="another detector"):
        parts.write_part(root, 1, to_table([event(2, trace_id="second")]), hour=HOUR, ranges=RANGES)
    written = root / f"hour={HOUR}/part-0000000001.parquet"
    assert to_events(parts.read_part(root, f"hour={HOUR}/{written.name}")) == [event(1, trace_id="first")]
    assert sorted(file.name for file in written.parent.iterdir()) == [written.name, "part-0000000001.threads"]
    assert may_hold(written, "first")


def test_parts_after_a_number_are_listed_in_order_over_hours(root: Path) -> None:
    for number, hour in ((3, "2026-11-22T23"), (1, HOUR), (2, HOUR), (10, "2026-11-23T00")):
        parts.write_part(root, number, to_table([event(number)]), hour=hour, ranges=[])
    assert [part.number for part in parts.list_parts(root, after=1)] == [2, 3, 10]
    assert parts.list_parts(root / "nothing", after=0) == []


def test_compaction_keeps_every_event_and_orders_them_by_time(root: Path) -> None:
    infos = [
        parts.write_part(root, n, to_table([event(100 - n), event(n)]), hour=HOUR, ranges=RANGES) for n in (1, 2, 3)
    ]
    compacted = parts.compact(root, infos, snapshot=3)
    assert (compacted.number, compacted.last_number, compacted.rows) == (1, 3, 6)
    times = [e["time"] for e in to_events(parts.read_part(root, compacted.path))]
    assert times == [1, 2, 3, 97, 98, 99]
    assert all((root / info.path).exists() for info in infos)  # readers may still hold their list
    assert parts.remove(root, [info.path for info in infos]) == 3
    assert parts.list_parts(root, after=0) == []
    assert parts.clean(root, known=[compacted.path]) == []
    assert parts.clean(root, known=[]) == [compacted.path]


def test_parts_of_an_older_version_have_the_columns_that_came_since_empty(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = pa.schema([field for field in SCHEMA if field.name != "content.system_leak"])
    with monkeypatch.context() as patched:
        patched.setattr(parts, "of_today", lambda table: table)
        first = parts.write_part(
            root, 1, to_table([event(1)]).select(older.names), hour=HOUR, ranges=RANGES, rejects=[], duplicates=0
        )
    second = parts.write_part(
        root, 2, to_table([event(2, **{"content.system_leak": 3})]), hour=HOUR, ranges=RANGES, rejects=[], duplicates=0
    )
    assert parts.read_part(root, first.path).schema.names == SCHEMA.names
    compacted = parts.compact(root, [first, second], snapshot=2)
    assert to_events(parts.read_part(root, compacted.path)) == [event(1), event(2, **{"content.system_leak": 3})]


def test_compaction_never_takes_what_a_restart_must_replay(root: Path) -> None:
    infos = [parts.write_part(root, n, to_table([event(n)]), hour=HOUR, ranges=[]) for n in (1, 2, 3)]
    with pytest.raises(UnableToWritePart, match="newer than the snapshot"):
        parts.compact(root, infos, snapshot=2)
    other = parts.write_part(root, 4, to_table([event(4)]), hour="2026-11-22T23", ranges=[])
    with pytest.raises(UnableToWritePart, match="same hour"):
        parts.compact(root, [infos[0], other], snapshot=9)


def test_half_written_files_are_cleaned_and_never_read(root: Path) -> None:
    info = parts.write_part(root, 1, to_table([event(1)]), hour=HOUR, ranges=[])
    half = root / f"hour={HOUR}" / ".part-0000000002.parquet.tmp"
    half.write_bytes(b"PAR1")
    assert [part.number for part in parts.list_parts(root, after=0)] == [1]
    assert parts.clean(root, known=[info.path]) == [f"hour={HOUR}/{half.name}"]


def test_a_foreign_file_is_named_and_a_foreign_path_is_never_removed(root: Path) -> None:
    folder = root / f"hour={HOUR}"
    folder.mkdir()
    (folder / "part-0000000001.parquet").write_bytes(b"not parquet")
    with pytest.raises(UnableToReadPart, match="not a part of ours"):
        parts.list_parts(root, after=0)
    outside = root.parent / "keep.txt"
    outside.write_text("x")
    with pytest.raises(UnableToReadPart, match="not the path"):
        parts.remove(root, ["../keep.txt"])
    assert outside.exists()
    assert parts.remove(root, [f"hour={HOUR}/part-0000000001.parquet"]) == 1
    assert not folder.exists()
