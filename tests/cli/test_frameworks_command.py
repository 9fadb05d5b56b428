"""`caiso frameworks`: JSON for scripts, counts by level, requirements with their linked controls."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from caiso.cli.frameworks import UnableToFindFramework, UnableToReadSetting, app


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_list_has_counts_by_level() -> None:
    found = {one["key"]: one for one in json.loads(run("--json"))}
    rmf = found["nist-ai-rmf@1.0"]
    assert rmf["counts"] == {"function": 4, "category": 19, "subcategory": 72}
    assert (rmf["assessable"], rmf["status"], rmf["text_mode"]) == (72, "final", "full")


@pytest.mark.parametrize("name", ["nist-ai-rmf", "nist-ai-rmf@1.0"])
def test_one_framework_shows_its_tree_and_the_linked_controls(name: str) -> None:
    shown = json.loads(run("show", name, "--json"))
    govern = shown["requirements"][0]
    first = govern["requirements"][0]["requirements"]
    assert [node["id"] for node in first] == [f"GOVERN 1.{number}" for number in range(1, 8)]
    linked = {link["control"]: link for link in first[5]["controls"]}
    assert linked["inventory-scanned"] == {
        "control": "inventory-scanned", "relation": "subset", "strength": 6, "status": "unreviewed",
    }  # fmt: skip


def test_people_get_a_readable_tree() -> None:
    lines = run("show", "nist-ai-rmf").splitlines()
    assert sum("MEASURE 2." in line for line in lines) == 13
    assert lines.index(next(line for line in lines if "MEASURE 2.10 " in line)) == 1 + lines.index(
        next(line for line in lines if "MEASURE 2.9 " in line)
    )


def test_an_unknown_framework_names_the_known_ones() -> None:
    with pytest.raises(UnableToFindFramework, match=r"expected one of .*nist-ai-rmf@1\.0"):
        run("show", "iso-1")


def test_ones_own_folders_come_from_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "frameworks").mkdir()
    (tmp_path / "frameworks" / "house.yaml").write_text(
        """{id: house, version: "1", title: House, publisher: Us, status: draft, licence: ours, text_mode: full,
source: here, published_on: 2026-01-01, verified_on: 2026-01-01, levels: [rule], counts: {rule: 1},
requirements: [{id: R1, level: rule, assessable: true}]}"""
    )
    monkeypatch.setenv("CAISO_PACKS", json.dumps([str(tmp_path)]))
    assert "house@1" in {one["key"] for one in json.loads(run("--json"))}
    monkeypatch.setenv("CAISO_PACKS", str(tmp_path))
    with pytest.raises(UnableToReadSetting):
        run("--json")
