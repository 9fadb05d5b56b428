"""`caiso check-packs`: names every mistake by file and line, and refuses what it cannot place."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from caiso.cli.packs import app

CONTROL = """id: mine
title: Mine
statement: It works.
family: risk
lifecycle: [operation]
owner: caiso
links:
  - {framework: nist-ai-rmf, version: "1.0", requirement: GOVERN 1.6, relation: subset, strength: 5, rationale: part}
"""


def check(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--json"])


def report(result: Result) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(result.stdout)
    return parsed


def folder_with(tmp_path: Path, text: str, *, kind: str = "controls", name: str = "mine.yaml") -> Path:
    (tmp_path / kind).mkdir(exist_ok=True)
    (tmp_path / kind / name).write_text(text)
    return tmp_path


def test_a_good_folder_of_ones_own_is_counted_beside_the_shipped_packs(tmp_path: Path) -> None:
    shipped = {kind["kind"]: kind["packs"] for kind in report(check())["kinds"]}
    mine = {kind["kind"]: kind["packs"] for kind in report(check(str(folder_with(tmp_path, CONTROL))))["kinds"]}
    assert shipped["controls"] >= 20
    assert shipped["frameworks"] >= 1
    assert mine["controls"] == shipped["controls"] + 1


def test_a_broken_pack_is_named_with_its_line_and_fails_the_command(tmp_path: Path) -> None:
    result = check(str(folder_with(tmp_path, CONTROL.replace("family: risk", "family: rsik"))))
    assert result.exit_code == 1
    (problem,) = [one for one in report(result)["problems"] if str(tmp_path) in one["path"]]
    assert problem["line"] == 4
    assert problem["message"].startswith('family "rsik" is wrong, expected one of accountability')
    assert problem["text"] == f"{problem['path']}:4: {problem['message']}"


def test_without_json_the_mistakes_stand_alone_on_standard_output(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, CONTROL.replace("owner: caiso\n", ""))
    result = CliRunner().invoke(app, [str(folder)])
    assert result.exit_code == 1
    assert f'{folder}/controls/mine.yaml:1: key "owner" is missing\n' in result.stdout
    assert "controls:" in result.stderr


def test_a_link_to_ones_own_framework_is_resolved(tmp_path: Path) -> None:
    framework = """{id: house, version: "1", title: House, publisher: Us, status: final, licence: ours,
text_mode: full, source: here, published_on: 2026-01-01, verified_on: 2026-01-01, levels: [rule],
counts: {rule: 1}, requirements: [{id: R1, level: rule, assessable: true}]}"""
    folder_with(tmp_path, framework, kind="frameworks", name="house.yaml")
    text = CONTROL.replace("nist-ai-rmf", "house").replace('"1.0"', '"1"').replace("GOVERN 1.6", "R1")
    assert [one for one in report(check(str(folder_with(tmp_path, text))))["problems"] if "mine" in one["path"]] == []
    missing = text.replace("R1", "R2")
    found = report(check(str(folder_with(tmp_path, missing))))["problems"]
    assert 'house@1 has no requirement "R2"' in [one["message"] for one in found]


def test_the_same_id_as_a_shipped_pack_names_both_places(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, CONTROL.replace("id: mine", "id: backup-recent"), name="backup-recent.yaml")
    (problem,) = [one for one in report(check(str(folder)))["problems"] if str(tmp_path) in one["path"]]
    assert "already defined at" in problem["message"]
    assert "content/controls/backup-recent.yaml:1" in problem["message"]


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda path: None, "holds no packs"),
        (lambda path: (path / "a.yaml").write_text("id: a"), "stands in no folder of a kind"),
        (lambda path: folder_with(path, "id: a", kind="kontrols"), "holds packs of no known kind"),
        (lambda path: path.rmdir(), "is not a folder"),
    ],
)
def test_a_folder_that_holds_nothing_known_is_a_mistake(tmp_path: Path, prepare: Any, message: str) -> None:
    target = tmp_path / "own"
    target.mkdir()
    prepare(target)
    result = check(str(target))
    assert result.exit_code == 1
    assert any(message in one["message"] for one in report(result)["problems"])


def test_control_characters_of_a_hostile_pack_do_not_reach_the_terminal(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, CONTROL.replace("family: risk", 'family: "\\e[2Jx"'))
    result = CliRunner().invoke(app, [str(folder)])
    assert result.exit_code == 1
    assert "\x1b" not in result.stdout
