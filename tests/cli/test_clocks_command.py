"""`caiso clocks`: a schema to write facts by, deadlines as JSON, and never without the disclaimer."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from caiso.cli.clocks import UnableToReadOption, app
from caiso.engine.packs import PackError

FACTS = {
    "incident": "INC-7",
    "time_zone": "Europe/Berlin",
    "attributes": {
        "personal_data": True,
        "nis2_entity": "essential",
        "significant_nis2": True,
        "ai_act_role": "provider",
        "ai_system_class": "high_risk_annex_iii",
        "serious_incident": True,
    },
    "facts": {"detected": "2026-11-17T08:00:00Z", "aware": "2026-11-17T09:30:00Z"},
}


def run(*arguments: str, stdin: str | None = None) -> str:
    result = CliRunner().invoke(app, arguments, input=stdin, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def compute(path: Path, *more: str) -> dict[str, Any]:
    arguments = ("compute", "--facts", str(path), "--as-of", "2026-11-18T12:00:00Z", "--json", *more)
    parsed: dict[str, Any] = json.loads(run(*arguments))
    return parsed


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    path = tmp_path / "facts.json"
    path.write_text(json.dumps(FACTS))
    return path


def test_the_schema_accepts_the_example_and_refuses_a_wrong_word() -> None:
    schema = json.loads(run("schema", "--json"))
    assert json.loads(run("schema")) == schema
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert validator.is_valid(FACTS)
    assert not validator.is_valid({**FACTS, "attributes": {"nis2_entity": "big"}})
    assert "Not legal advice" in schema["$comment"]


def test_facts_become_deadlines_with_their_reason(facts: Path) -> None:
    answer = compute(facts)
    assert answer["disclaimer"].startswith("Not legal advice")
    clocks = {clock["rule"]: clock for clock in answer["clocks"]}
    assert clocks["nis2-23-warning"]["state"] == "overdue"
    assert clocks["gdpr-33-authority"]["deadline_at"] == "2026-11-20T10:00:00+00:00"
    assert clocks["ai-act-73-general"]["state"] == "pending"
    assert clocks["ai-act-73-general"]["deadline_at"] is None
    assert clocks["ai-act-73-general"]["applies_from"] == "2027-12-02"
    assert clocks["ai-act-73-general"]["inference"]
    assert answer["clocks"][0]["rule"] == "nis2-23-warning"


def test_facts_come_from_standard_input_too(facts: Path) -> None:
    answer = run("compute", "--facts", "-", "--as-of", "2026-11-18T12:00:00Z", "--json", stdin=facts.read_text())
    assert json.loads(answer) == compute(facts)


def test_the_time_zone_can_be_given(facts: Path) -> None:
    early = {clock["rule"]: clock["why"] for clock in compute(facts, "--tz", "America/New_York")["clocks"]}
    assert "2026-11-17T04:30-05:00" in early["gdpr-33-authority"]


def test_help_and_table_say_that_it_is_not_legal_advice(facts: Path) -> None:
    for arguments in (["--help"], ["compute", "--help"]):
        assert "Not legal advice" in run(*arguments)
    result = CliRunner().invoke(app, ["compute", "--facts", str(facts)])
    assert "gdpr-33-authority" in result.stdout
    assert "Not legal advice" in result.stderr


def test_rules_are_listed_with_their_legal_state() -> None:
    rules = {rule["rule"]: rule for rule in json.loads(run("--json"))["rules"]}
    assert rules["gdpr-33-authority"]["period"] == "72 hours"
    assert rules["ai-act-73-general"]["legal_state"] == "pending"


@pytest.mark.parametrize(
    ("option", "value"), [("--as-of", "yesterday"), ("--as-of", "2026-11-18T12:00:00"), ("--tz", "Mars/Olympus")]
)
def test_an_option_that_cannot_be_read_is_refused(facts: Path, option: str, value: str) -> None:
    with pytest.raises(UnableToReadOption, match=r"Mars|time with zone"):
        run("compute", "--facts", str(facts), option, value)


def test_a_missing_or_wrong_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UnableToReadOption, match=r"none\.json: cannot be read"):
        run("compute", "--facts", str(tmp_path / "none.json"))
    (tmp_path / "bad.json").write_text('{"facts": {"aware": "soon"}}')
    with pytest.raises(PackError, match=r'bad\.json:1: facts\.aware "soon" is not a time with zone'):
        run("compute", "--facts", str(tmp_path / "bad.json"))
