"""`caiso scan`: JSON alone on standard output, a table for people, refusals by name, no Django."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from caiso.cli.scan import app
from caiso.connect.source.folder import UnableToReadFolder
from caiso.connect.source.git import UnableToClone

CODE = "from openai import OpenAI\nOpenAI().responses.create(model='gpt-4o')\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(CODE)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_app.py").write_text(CODE.replace("gpt-4o", "gpt-4o-mini"))
    (tmp_path / "bad.yaml").write_text("model: [")
    return tmp_path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_json_is_alone_on_standard_output(tree: Path) -> None:
    payload = json.loads(run(str(tree), "--json"))
    models = {asset["name"]: asset for asset in payload["assets"] if asset["kind"] == "hosted_model"}
    assert {name: asset["status"] for name, asset in models.items()} == {"gpt-4o": "active", "gpt-4o-mini": "test"}
    assert models["gpt-4o"]["evidence"][0]["path"] == "app.py"
    assert models["gpt-4o"]["relations"] == [{"type": "provided_by", "target": "provider:openai"}]
    assert [problem["path"] for problem in payload["errors"]] == ["bad.yaml"]
    assert str(tree) not in json.dumps(payload)


def test_the_table_shows_what_is_active_and_counts_the_rest(tree: Path) -> None:
    text = run(str(tree))
    assert "gpt-4o" in text and "app.py:2" in text and "gpt-4o-mini" not in text
    assert "2 test" in text or "1 test" in text
    assert "gpt-4o-mini" in run(str(tree), "--all")


def test_hostile_names_do_not_reach_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("from agents import Agent\nAgent(name='\\x1b[31mred [bold]x[/bold]')\n")
    text = run(str(tmp_path))
    assert "\x1b[31m" not in text


def test_a_missing_folder_and_a_bad_address_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnableToReadFolder):
        run(str(tmp_path / "none"), "--json")
    with pytest.raises(UnableToClone):
        run("ext::sh -c id", "--json")


def test_the_command_never_imports_django(tree: Path) -> None:
    code = (
        "import sys; from caiso.cli.main import app; sys.argv = ['caiso', 'scan', sys.argv[1], '--json']\n"
        "try: app(prog_name='caiso')\nexcept SystemExit: pass\n"
        "print('django' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tree)], capture_output=True, text=True, check=True)
    assert done.stderr.strip().endswith("False")
    assert json.loads(done.stdout)["summary"]["files"] == 3
