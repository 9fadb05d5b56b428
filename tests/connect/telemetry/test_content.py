from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from caiso.connect.telemetry.content import ContentGone, ContentStore, UnableToReadContent
from caiso.connect.telemetry.meaning.messages import Segment

DAY = date(2026, 11, 22)
HELLO = [
    Segment("content.user", "a secret prompt", "user"),
    Segment("content.output", "Grüße 🙂", "assistant", "", "x"),
]
OTHER = [Segment("content.documents", "other", "tool", "untrusted")]


def test_segments_come_back_as_they_were(tmp_path: Path) -> None:
    store = ContentStore(tmp_path)
    refs = store.append("shop", DAY, [("e1", HELLO), ("e2", OTHER)])
    refs += store.append("shop", DAY, [("e3", HELLO)])
    assert store.read(refs[0], "e1") == HELLO
    assert list(store.read_many(zip(refs, ["e1", "e2", "e3"], strict=True))) == [HELLO, OTHER, HELLO]


def test_nothing_is_in_clear_on_disk(tmp_path: Path) -> None:
    ContentStore(tmp_path).append("shop", DAY, [("e1", HELLO)])
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"secret" not in written
    assert b"content.user" not in written


def test_a_reference_opens_only_for_its_own_event(tmp_path: Path) -> None:
    store = ContentStore(tmp_path)
    first, second = store.append("shop", DAY, [("e1", HELLO), ("e2", OTHER)])
    with pytest.raises(UnableToReadContent, match="not where its reference points"):
        store.read(second, "e1")
    with pytest.raises(UnableToReadContent):
        store.read(first.replace("/0/", "/1/"), "e1")


@pytest.mark.parametrize(
    "ref",
    [
        "",
        "x",
        "../../etc/2026-11-22/0/10",
        "shop/../2026-11-22/0/10",
        "shop/2026-11-22/0/999999999",
        "shop/2026-11-22/-1/5",
    ],
)
def test_a_forged_reference_is_refused(tmp_path: Path, ref: str) -> None:
    with pytest.raises(UnableToReadContent, match="not a content reference"):
        ContentStore(tmp_path).read(ref, "e1")


def test_deleting_the_key_is_the_retention(tmp_path: Path) -> None:
    store = ContentStore(tmp_path)
    (ref,) = store.append("shop", DAY, [("e1", HELLO)])
    (kept,) = store.append("bank", DAY, [("e2", OTHER)])
    pack = (tmp_path / "content" / "shop" / "2026-11-22.pack").read_bytes()
    store.drop("shop", DAY)
    with pytest.raises(ContentGone, match="retention"):
        store.read(ref, "e1")
    (tmp_path / "content" / "shop" / "2026-11-22.pack").write_bytes(pack)  # a copy from somewhere does not help
    with pytest.raises(ContentGone):
        store.read(ref, "e1")
    assert store.read(kept, "e2") == OTHER


def test_days_before_a_date_go_together(tmp_path: Path) -> None:
    store = ContentStore(tmp_path)
    for day in (20, 21, 22):
        store.append("shop", date(2026, 11, day), [("e", OTHER)])
        store.append("bank", date(2026, 11, day), [("e", OTHER)])
    assert store.drop_before(date(2026, 11, 22), source_id="shop") == [
        ("shop", date(2026, 11, 20)),
        ("shop", date(2026, 11, 21)),
    ]
    assert store.days() == [
        ("bank", date(2026, 11, 20)),
        ("bank", date(2026, 11, 21)),
        ("bank", date(2026, 11, 22)),
        ("shop", date(2026, 11, 22)),
    ]
    assert len(store.drop_before(date(2026, 11, 23))) == 4


def test_a_purged_day_goes_on_under_a_new_key(tmp_path: Path) -> None:
    store = ContentStore(tmp_path)
    (old,) = store.append("shop", DAY, [("e1", HELLO)])
    store.drop("shop", DAY)
    (new,) = store.append("shop", DAY, [("e2", OTHER)])
    assert store.read(new, "e2") == OTHER
    with pytest.raises(UnableToReadContent):
        store.read(old, "e1")


def test_a_torn_end_of_a_pack_does_not_shift_what_follows(tmp_path: Path) -> None:
    store = ContentStore(tmp_path)
    (first,) = store.append("shop", DAY, [("e1", HELLO)])
    with (tmp_path / "content" / "shop" / "2026-11-22.pack").open("ab") as file:
        file.write(b"half of a blob that a crash left")
    (second,) = store.append("shop", DAY, [("e2", OTHER)])
    assert list(store.read_many([(first, "e1"), (second, "e2")])) == [HELLO, OTHER]
