"""Small parts become few, without being written again and again."""

import itertools
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caiso.connect.telemetry import joining, parts
from caiso.connect.telemetry.joining import FEWEST, MOST_ROWS, Joiner, JoinJob, JoinReport, join, runs_of
from caiso.connect.telemetry.parts import PartInfo
from caiso.connect.telemetry.table import to_events, to_table

HOUR = "2026-11-22T10"


def info(number: int, rows: int, *, last: int = 0, hour: str = HOUR) -> PartInfo:
    return PartInfo(number, last or number, f"hour={hour}/part-{number:010d}.parquet", hour, rows, rows, 0, 0)


def joined(run: list[PartInfo]) -> PartInfo:
    return info(run[0].number, sum(part.rows for part in run), last=run[-1].last_number, hour=run[0].hour)


@given(st.lists(st.integers(1, 12_000), min_size=1, max_size=600), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_an_event_is_written_a_few_times_and_few_parts_stay(sizes: list[int], between: int) -> None:
    there: list[PartInfo] = []
    written = 0
    for number, rows in enumerate(sizes, 1):
        there.append(info(number, rows))
        if number % between and number != len(sizes):
            continue
        for run in runs_of(there, snapshot=number):
            assert len(run) >= FEWEST
            assert sum(part.rows for part in run) <= MOST_ROWS
            assert all(a.last_number + 1 == b.number for a, b in itertools.pairwise(run))
            first = there.index(run[0])
            assert there[first : first + len(run)] == run
            there[first : first + len(run)] = [joined(run)]
            written += there[first].rows
    assert [part.number for part in there] == [1, *(part.last_number + 1 for part in there[:-1])]
    assert sum(part.rows for part in there) == sum(sizes)
    # Each time that a row is written its part doubles at least: from one row to MOST_ROWS that is eighteen times at most.
    assert written <= 18 * sum(sizes)
    full = sum(sizes) / (MOST_ROWS / 2)
    assert len(there) <= 2 * full + 2 * FEWEST * 8


def test_a_steady_stream_writes_each_event_less_than_four_times() -> None:
    there: list[PartInfo] = []
    written = 0
    for number in range(1, 3601):  # an hour of one part a second, with a look each two minutes
        there.append(info(number, 1000))
        if number % 120 == 0:
            for run in runs_of(there, snapshot=number):
                first = there.index(run[0])
                there[first : first + len(run)] = [joined(run)]
                written += there[first].rows
    assert len(there) < 40
    assert written < 4 * 3_600_000


def test_only_neighbours_of_one_hour_that_a_snapshot_covers_are_joined() -> None:
    own = [info(number, 10) for number in range(1, 9)]
    other = [info(number, 10, hour="2026-11-22T11") for number in range(9, 20)]
    assert runs_of([*own, *other], snapshot=17) == [own, other[:9]]
    assert runs_of(own, snapshot=7) == []
    large = info(1, MOST_ROWS)
    assert runs_of([large, *(info(number, 10) for number in range(2, 10))], snapshot=99)[0][0].number == 2


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "events"


def written(root: Path, count: int, *, first: int = 1) -> list[PartInfo]:
    return [
        parts.write_part(
            root, number, to_table([{"event.id": f"{number:032x}", "time": 1000 - number}]), hour=HOUR, ranges=[]
        )
        for number in range(first, first + count)
    ]


def test_a_process_of_its_own_joins_and_a_broken_part_holds_nothing_else_up(root: Path) -> None:
    good, bad = written(root, 8), written(root, 8, first=9)
    (root / bad[3].path).write_bytes(b"PAR1 not really")
    joiner = Joiner(root)
    try:
        job = JoinJob(str(root), [[part.path for part in run] for run in (bad, good)], 16)
        report = joiner._run(job)
        assert [(old, new.rows) for old, new in report.joined] == [([part.path for part in good], 8)]
        assert "not a part of ours" in report.broken[bad[0].path]
        times = [event["time"] for event in to_events(parts.read_part(root, report.joined[0][1].path))]
        assert times == sorted(times)
        joiner.begin(good, snapshot=8)  # what the job before wrote was never named: it is written anew
        assert [new.number for _, new in joiner.finished(wait=True)] == [1]
        assert joiner.finished() == []
    finally:
        joiner.close()


def test_the_end_of_the_detector_ends_the_job(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forever(*_: object, tell: joining.Tell, **__: object) -> JoinReport:
        while True:
            tell(0, 1, "")
            time.sleep(0.01)

    monkeypatch.setattr(joining, "run_trial", forever)
    joiner = Joiner(root)
    joiner.begin(written(root, 8), snapshot=8)
    assert joiner.finished() == []
    joiner.close()


def test_what_cannot_be_joined_is_told(root: Path) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("os.nice", lambda by: 0)
        report = join(JoinJob(str(root), [[part.path for part in written(root, 3)]], 2))
    assert not report.joined
    assert "newer than the snapshot" in next(iter(report.broken.values()))
