"""A search over events leaves out the parts that cannot hold its text, and none that can."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from caiso.connect.telemetry import parts, wording
from caiso.connect.telemetry.parts import PartInfo
from caiso.connect.telemetry.reader import EventFilter, EventReader
from caiso.connect.telemetry.table import SCHEMA, to_table
from caiso.connect.telemetry.trial.parent import WORDING, run_trial
from caiso.connect.telemetry.wording import Words, index_words
from caiso.connect.telemetry.words import SEARCHED, Wanted, WordsJob, WordsReport, beside, head

HOUR = "2026-11-18T00"
START = 1_795_000_000_000_000
ODD = (
    "Claims-Copilot", "it's", 'a "quoted" = b, {c}', "x\\y", "KELVIN \u212a", "\u0130stanbul", "STRASSE \u1e9e", "ключ Ω",
    "😀 emoji", "line\nbreak\ttab", "x\x00y", "100% _wild_", "é e\u0301", "\uffff", " ", "a" * 3000 + "b" * 3000,
)  # fmt: skip


def write(root: Path, number: int, *events: dict[str, object]) -> PartInfo:
    root.mkdir(exist_ok=True)
    rows = [
        {"event.id": f"{number}-{index}", "time": START + number * 1_000_000 + index, **event}
        for index, event in enumerate(events)
    ]
    return parts.write_part(root, number, to_table(rows), hour=HOUR, ranges=[])


def index(root: Path, *infos: PartInfo) -> WordsReport:
    return index_words(WordsJob(str(root), [info.path for info in infos]))


def found(root: Path, infos: list[PartInfo], text: str) -> list[str]:
    with EventReader(root) as reader:
        return [str(event["event.id"]) for event in reader.page(infos, EventFilter(text=text)).events]


def test_searched_columns_are_columns_of_events() -> None:
    assert set(SEARCHED) <= set(SCHEMA.names)


def test_only_parts_that_can_hold_the_text_are_read(tmp_path: Path) -> None:
    root = tmp_path / "events"
    infos = [
        write(root, number, {"user.id": f"user-{'abcdef'[number]}", "app.note": "Shared"}) for number in range(1, 5)
    ]
    assert index(root, *infos).indexed == [info.path for info in infos]
    # A part that cannot be read shows that it was not opened.
    for info in infos[1:]:
        (root / info.path).write_bytes(b"not a part")
    wanted = EventFilter(text="USER-B")
    with EventReader(root) as reader:
        assert [event["event.id"] for event in reader.page(infos, wanted).events] == ["1-0"]
        assert reader.count(infos, wanted) == 1
        assert reader.values(infos, "user.id", wanted) == [("user-b", 1)]
        assert len(reader.counts(infos, wanted, interval_us=60_000_000)) == 1
        assert reader.page(infos, EventFilter(text="nowhere")).events == []
        with pytest.raises(duckdb.Error):
            reader.page(infos, EventFilter(text="shared"))


def test_whatever_a_search_finds_without_the_index_it_finds_with_it(tmp_path: Path) -> None:
    root, chance = tmp_path / "events", random.Random(3)  # noqa: S311 - not a secret
    infos = [
        write(root, number, {"user.id": text, "app.note": text, "app.count": number, "app.list": [text, 1], "app.key " + text[:9]: "v"})
        for number, text in enumerate(ODD, start=1)
    ]  # fmt: skip
    with EventReader(root) as reader:
        texts = [text for info in infos for some in reader.searched_texts(info.path) for text in some]
    asked = {"nowhere", "app.count=3", "3", "{", "=", ", "}
    for text in chance.sample(texts, 40):
        for _ in range(3):
            begin = chance.randrange(len(text))
            asked.add(text[begin : begin + chance.randrange(1, 12)])

    def finds() -> dict[str, list[object]]:
        with EventReader(root) as reader:
            return {
                text: [event["event.id"] for event in reader.page(infos, EventFilter(text=text)).events]
                for text in sorted(asked)
            }

    before = finds()
    assert index(root, *infos).broken == {}
    assert finds() == before
    assert sum(map(bool, before.values())) > 60


@pytest.mark.parametrize("damage", [b"", b"caiso words", b"something else\n" * 200, head(10), head(10) + b"\x00" * 127])
def test_a_damaged_index_never_hides_events(tmp_path: Path, damage: bytes) -> None:
    root = tmp_path / "events"
    info = write(root, 1, {"user.id": "amara"})
    beside(root / info.path).write_bytes(damage)
    assert found(root, [info], "amara") == ["1-0"]


def test_an_index_of_another_version_never_hides_events(tmp_path: Path) -> None:
    root = tmp_path / "events"
    info = write(root, 1, {"user.id": "amara"})
    empty = head(10) + b"\x00" * 128
    file = beside(root / info.path)
    file.write_bytes(empty)
    assert found(root, [info], "amara") == []  # it is believed
    label = empty.split()[2]
    file.write_bytes(empty.replace(label, b"0" * len(label)))
    assert found(root, [info], "amara") == ["1-0"]
    file.write_bytes(empty.replace(b" 10\n", b" 99\n"))
    assert found(root, [info], "amara") == ["1-0"]


def test_a_part_of_an_older_schema_is_indexed(tmp_path: Path) -> None:
    root = tmp_path / "events"
    info = write(root, 1, {"user.id": "amara", "gen_ai.agent.name": "helper"})
    table = pq.read_table(root / info.path, partitioning=None).drop_columns(["gen_ai.agent.name", "others"])
    pq.write_table(table, root / info.path)
    assert index(root, info).indexed == [info.path]
    assert Wanted("amara").may_be_in(root / info.path)
    assert not Wanted("helper").may_be_in(root / info.path)


def test_large_parts_take_larger_sets_and_stay_selective(tmp_path: Path) -> None:
    chance = random.Random(5)  # noqa: S311 - not a secret
    small, large = tmp_path / "small.parquet", tmp_path / "large.parquet"
    for part, count in ((small, 10), (large, 40_000)):
        words = Words()
        words.add([f"{chance.getrandbits(128):032x}" for _ in range(count)])
        words.write(part)
    assert beside(small).stat().st_size < 2_000
    assert 100_000 < beside(large).stat().st_size < 2**21 + 100
    absent = [f"zone-{number}" for number in range(200)]
    assert sum(Wanted(text).may_be_in(large) for text in absent) <= 2


def test_texts_longer_than_a_piece_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wording, "_PIECE", 7)
    words, text = Words(), "the quick brown fox jumps over the lazy dog"
    words.add([text])
    words.write(tmp_path / "part.parquet")
    for begin in range(len(text)):
        assert Wanted(text[begin:]).may_be_in(tmp_path / "part.parquet")


def test_parts_that_went_or_broke_are_told_apart(tmp_path: Path) -> None:
    root = tmp_path / "events"
    gone, broken, whole = (write(root, number, {"user.id": "amara"}) for number in (1, 2, 3))
    parts.remove(root, [gone.path])
    (root / broken.path).write_bytes(b"not a part")
    report = index(root, gone, broken, whole)
    assert report.indexed == [whole.path]
    assert list(report.broken) == [broken.path]
    assert not beside(root / gone.path).exists()


def test_a_folder_that_goes_while_its_part_is_indexed_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "events"
    infos = [write(root, number, {"user.id": "amara"}) for number in (1, 2)]
    texts = EventReader.searched_texts

    def gone(reader: EventReader, path: str) -> Iterator[list[str]]:
        yield from texts(reader, path)
        shutil.rmtree(root / f"hour={HOUR}")

    monkeypatch.setattr(EventReader, "searched_texts", gone)
    assert index(root, *infos) == WordsReport([], {})


def test_nothing_outside_the_folder_is_read(tmp_path: Path) -> None:
    root = tmp_path / "events"
    write(root, 1, {"user.id": "amara"})
    with pytest.raises(Exception, match="not the path of a part"):
        index_words(WordsJob(str(root), ["../secret.parquet"]))


def test_the_index_goes_with_its_part(tmp_path: Path) -> None:
    root = tmp_path / "events"
    one, two = write(root, 1, {"user.id": "amara"}), write(root, 2, {"user.id": "amara"})
    index(root, one, two)
    parts.remove(root, [one.path])
    (root / two.path).unlink()  # as if it went while it was indexed
    parts.clean(root, known=[])
    assert list((root / f"hour={HOUR}").iterdir()) == []


def test_a_process_of_its_own_makes_the_index(tmp_path: Path) -> None:
    root = tmp_path / "events"
    info = write(root, 1, {"user.id": "amara"})
    job = WordsJob(str(root), [info.path])
    report = run_trial(job, WordsReport, tell=lambda done, total, note: None, child=WORDING)
    assert report == WordsReport([info.path], {})
    assert not Wanted("nowhere").may_be_in(root / info.path)
