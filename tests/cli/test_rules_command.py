"""`caiso rules`: works on files alone, says what is wrong, prints JSON and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from caiso.cli.rules import app

RULE = """title: Good
name: good
level: high
logsource: {product: ai}
detection:
  s: {content.user|contains: foo}
  condition: s
tests:
  - {name: says foo, fires: true, events: [{event.kind: inference, content.user: a foo}]}
  - {name: says bar, fires: false, events: [{event.kind: inference, content.user: a bar}]}
"""


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(words))
    return done.exit_code, done.stdout


def test_the_bare_noun_lists_what_ships_as_json() -> None:
    code, out = run("--json")
    assert code == 0
    assert {"lethal-trifecta", "prompt-override"} <= {rule["id"] for rule in json.loads(out)}


def test_testing_a_folder_reports_failures_and_problems(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(RULE)
    code, out = run("test", str(tmp_path), "--json")
    assert (code, json.loads(out)["failed"]) == (0, [])
    (tmp_path / "good.yaml").write_text(RULE.replace("a foo", "nothing"))
    (tmp_path / "bad.yaml").write_text(RULE.replace("level: high", "level: extreme").replace("name: good", "name: bad"))
    code, out = run("test", str(tmp_path), "--json")
    report = json.loads(out)
    assert code == 1
    assert report["failed"] == [{"rule": "good", "test": "says foo", "fires": True, "fired": False}]
    assert [(problem["line"], Path(problem["file"]).name) for problem in report["problems"]] == [(3, "bad.yaml")]


def test_compiling_names_rules_that_look_at_every_event(tmp_path: Path) -> None:
    (tmp_path / "wide.yaml").write_text(RULE.replace("condition: s", "condition: not s"))
    code, out = run("compile", str(tmp_path), "--cache", str(tmp_path / "cache"), "--json")
    assert code == 0
    assert json.loads(out)["every_event"] == ["good"]
