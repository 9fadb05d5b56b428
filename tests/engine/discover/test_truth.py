"""Recall and precision on three public repositories; set CAISO_DISCOVERY_TREES to a folder with T1, T2, T3 checked out."""

import os
from pathlib import Path

import pytest

from caiso.connect.source import folder
from caiso.engine.discover import ScanResult, scan_tree
from tests.engine.discover.truth import ACTIVE, INACTIVE, SOURCES, TESTS, recall_and_precision, score


def scanned(name: str) -> ScanResult:
    trees = os.environ.get("CAISO_DISCOVERY_TREES", "")
    root = Path(trees, name)
    if not trees or not root.is_dir():
        pytest.skip(f"CAISO_DISCOVERY_TREES holds no {name} ({SOURCES[name][0]} at {SOURCES[name][1][:12]})")
    return scan_tree(folder.read(root).files)


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(("status", "truth"), [("active", ACTIVE), ("inactive", INACTIVE), ("test", TESTS)])
def test_every_kind_is_found_and_nothing_else(name: str, status: str, truth: dict[str, set[tuple[str, str]]]) -> None:
    rows = score(scanned(name), status, truth[name])
    for kind, row in rows.items():
        if status == "test" and row[0] + row[1] == 0:
            continue
        recall, precision = recall_and_precision([row])
        assert recall >= 0.9 and precision >= 0.95, (kind, row)


def test_recipes_are_counted_as_published() -> None:
    recipes = [asset for asset in scanned("T3").assets if asset.kind == "recipe"]
    assert len([asset for asset in recipes if asset.status == "active"]) == 22
    assert len([asset for asset in recipes if asset.status == "test"]) == 2
    assert sum(asset.attributes["chat_template"] is True for asset in recipes if asset.status == "active") == 12
