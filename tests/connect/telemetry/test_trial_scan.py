"""Rules over stored events: the same finds as live, within the asker's feeds, content decrypted only where he may."""

from datetime import date
from pathlib import Path

import msgspec
import pytest

from caiso.connect.telemetry.content import ContentStore
from caiso.connect.telemetry.meaning.messages import Segment
from caiso.connect.telemetry.parts import write_part
from caiso.connect.telemetry.table import Event, to_table
from caiso.connect.telemetry.trial.jobs import PartFile, RuleSources, RuleText, ScanJob, ScanReport
from caiso.connect.telemetry.trial.parent import UnableToTry, run_trial
from caiso.connect.telemetry.trial.scan import run_scan

RULE = """title: Secret word
name: secret-word
logsource: {product: ai}
detection: {a: {content.user|contains: 'open sesame'}, condition: a}
caiso: {dedup: [user.id]}
---
title: Shell
name: shell
logsource: {product: ai}
detection: {a: {gen_ai.tool.name: shell}, condition: a}
"""
T0 = 1_790_000_000_000_000
HOUR = 3_600_000_000
DAY = date(2026, 9, 21)


class Store:
    """Parts and content of a data directory, written as the detector writes them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "events").mkdir()
        self.content = ContentStore(root)
        self.parts: list[PartFile] = []
        self._number = 0

    def add(self, *events: Event, day: date = DAY) -> None:
        for event in events:
            self._number += 1
            event.setdefault("event.id", f"e{self._number}")
            event.setdefault("source.id", "src")
            event.setdefault("service.name", "app")
            text = event.pop("said", "")
            if text:
                segments = [Segment("content.user", str(text), role="user")]
                event["content.ref"] = self.content.append("src", day, [(str(event["event.id"]), segments)])[0]
        table = to_table(events)
        part = write_part(self.root / "events", len(self.parts) + 1, table, hour="2026-09-21T14", ranges=())
        self.parts.append(PartFile(part.path, part.rows))

    def job(self, **more: object) -> ScanJob:
        values: dict[str, object] = {
            "rules": RuleSources([], [RuleText("workbench/x.yaml", RULE)]),
            "wanted": ["secret-word", "shell"],
            "data": str(self.root),
            "parts": self.parts,
            "start_us": T0 - HOUR,
            "end_us": T0 + 24 * HOUR,
            "feeds": None,
            "content_feeds": None,
        }
        return msgspec.convert(msgspec.to_builtins(values | more), ScanJob)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def said(text: str, *, at: int = 0, user: str = "kim", **more: object) -> Event:
    return {"time": T0 + at, "event.kind": "inference", "user.id": user, "said": text, **more}


def test_finds_carry_ids_and_offsets_and_no_text(store: Store) -> None:
    store.add(said("please, open sesame now"), said("good morning"), {"time": T0 + 5, "gen_ai.tool.name": "shell"})
    report = run_scan(store.job())
    assert (report.events, report.with_content, report.signals, report.by_rule) == (
        3, 2, 2, {"secret-word": 1, "shell": 1},
    )  # fmt: skip
    hit = next(one for one in report.found if one.rule == "secret-word")
    assert (hit.event_ids, hit.spans) == (["e1"], [("content.user", 8, 19)])
    assert "sesame" not in msgspec.json.encode(report).decode()


def test_alerts_are_grouped_as_the_live_path_groups_them(store: Store) -> None:
    store.add(*(said("open sesame", at=n * 60_000_000) for n in range(5)), said("open sesame", at=6 * HOUR))
    store.add(said("open sesame", at=HOUR, user="ann"))
    report = run_scan(store.job())
    assert (report.signals, report.alerts) == (7, 3)  # kim at once and again after a quiet time, ann once
    assert sum(report.alerts_by_day.values()) == 3


def test_period_and_feeds_leave_out_what_lies_outside(store: Store) -> None:
    store.add(said("open sesame"), said("open sesame", at=-2 * HOUR), said("open sesame", at=24 * HOUR))
    store.add(said("open sesame", user="other", **{"service.name": "theirs"}))
    assert run_scan(store.job()).events == 2
    mine = run_scan(store.job(feeds=[("src", "app")]))
    assert (mine.events, [one.event_ids for one in mine.found]) == (1, [["e1"]])
    assert run_scan(store.job(feeds=[])).events == 0


def test_text_is_decrypted_only_in_feeds_whose_content_the_asker_may_read(store: Store) -> None:
    store.add(said("open sesame"), said("open sesame", user="other", **{"service.name": "theirs"}))
    nothing = run_scan(store.job(content_feeds=[]))
    assert (nothing.events, nothing.with_content, nothing.signals) == (2, 0, 0)
    some = run_scan(store.job(content_feeds=[("src", "theirs")]))
    assert (some.with_content, [one.event_ids for one in some.found]) == (1, [["e2"]])


def test_pair_cannot_be_cut_differently(store: Store) -> None:
    store.add(said("open sesame", **{"source.id": "src", "service.name": "app"}))
    assert run_scan(store.job(feeds=[("srca", "pp")])).events == 0


def test_text_past_its_retention_stays_away_and_is_counted(store: Store) -> None:
    store.add(said("open sesame"), day=date(2026, 9, 1))
    store.add(said("open sesame", user="ann"))
    store.content.drop("src", date(2026, 9, 1))
    report = run_scan(store.job())
    assert (report.with_content, report.content_gone, report.signals) == (1, 1, 1)


def test_damaged_blob_costs_only_its_own_event(store: Store) -> None:
    store.add(said("open sesame"), said("open sesame", user="ann"))
    pack = next((store.root / "content").rglob("*.pack"))
    data = bytearray(pack.read_bytes())
    data[14] ^= 0xFF
    pack.write_bytes(data)
    report = run_scan(store.job())
    assert [one.event_ids for one in report.found] == [["e2"]]


def test_kept_finds_are_bounded_and_counts_are_not(store: Store) -> None:
    store.add(*({"time": T0 + n, "gen_ai.tool.name": "shell"} for n in range(500)))
    report = run_scan(store.job(keep=20))
    assert (len(report.found), report.signals) == (20, 500)


def test_scan_in_a_process_of_its_own_says_the_same_and_tells_progress(store: Store) -> None:
    store.add(said("open sesame"))
    there = run_trial(store.job(), ScanReport, tell=lambda *now: None)
    here = run_scan(store.job())
    assert msgspec.structs.replace(there, cpu_us=None) == msgspec.structs.replace(here, cpu_us=None)


def test_missing_part_is_named(store: Store) -> None:
    store.add(said("x"))
    gone = store.job(parts=[PartFile("hour=2026-09-21T14/part-0000000099.parquet", 1)])
    with pytest.raises(UnableToTry, match="part-0000000099"):
        run_trial(gone, ScanReport, tell=lambda *now: None)


def test_rule_that_cannot_be_read_is_refused_with_its_line(store: Store) -> None:
    broken = RuleSources([], [RuleText("workbench/x.yaml", "title: x\nname: x\nlevel: wat\n")])
    with pytest.raises(UnableToTry, match=r"workbench/x\.yaml:3"):
        run_trial(store.job(rules=msgspec.to_builtins(broken)), ScanReport, tell=lambda *now: None)
