"""Hyperscan databases: kept by content, refused when altered, and slow patterns given to RE2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from caiso.engine.detect import hyperscan_build
from caiso.engine.detect.pattern import compile_pattern

pytest.importorskip("hyperscan")


def hits(databases: hyperscan_build.Databases, text: str) -> set[int]:
    found: set[int] = set()
    hyperscan_build.scan(databases.once, f"\x1e{text}\x1e".encode(), lambda number, *_: found.add(number))
    return found


def test_a_child_process_compiles_and_the_cache_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = [[compile_pattern("foo"), compile_pattern("^bar$")], [compile_pattern("(?i)straße")]]
    first = hyperscan_build.build(sets, cache=tmp_path)
    assert hits(first[0], "foo") == {0}
    assert hits(first[0], "bar") == {1}
    monkeypatch.setattr(hyperscan_build, "_build_checked", None)  # would fail if the cache were not used
    assert hits(hyperscan_build.build(sets, cache=tmp_path)[1], "STRAẞE") == {0}


def test_an_altered_cache_file_is_not_used(tmp_path: Path) -> None:
    sets = [[compile_pattern("foo")]]
    hyperscan_build.build(sets, cache=tmp_path, isolate=False)
    (kept,) = tmp_path.glob("hyperscan-*.bin")
    raw = bytearray(kept.read_bytes())
    raw[-1] ^= 1
    kept.write_bytes(raw)
    assert hits(hyperscan_build.build(sets, cache=tmp_path, isolate=False)[0], "foo") == {0}


def test_a_pattern_that_hyperscan_refuses_is_found_and_left_out() -> None:
    sets = [[compile_pattern("foo"), compile_pattern("bar")]]
    request = [hyperscan_build._request(pattern) for pattern in sets[0]]
    request[1] = ["(?<=a)b", 0]
    assert hyperscan_build._triage(request) == {1}
    refused, blobs = hyperscan_build._build_checked([request], isolate=True)
    assert refused == [{1}]
    assert len(blobs) == 2


def test_a_pattern_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hyperscan_build, "PATTERN_BUDGET_S", 0.3)
    slow = ["(?:[^a]{1,400}b[^c]{1,400}d){1,20}[^e]{200}(?:x|[^y]{1,300}z){5}", 32]
    assert hyperscan_build._triage([["foo", 0], slow, ["bar", 0]]) == {1}


def test_the_child_reads_json_and_imports_nothing_of_the_product() -> None:
    source = Path(hyperscan_build.__file__).with_name("hyperscan_child.py").read_text()
    assert "caiso" not in source
    assert json.dumps({"mode": "build", "sets": []})
