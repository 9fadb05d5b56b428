"""`caiso organisation` works on a file alone and prints JSON alone."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from caiso.cli.main import run

STATES = {"covered", "unowned", "contested", "unstaffed", "unqualified"}
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    def caiso(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["caiso", "organisation", *arguments])
        try:
            run()
            code = 0
        except SystemExit as left:
            code = int(left.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return caiso


@pytest.fixture
def as_json(call: Call) -> Callable[..., Any]:
    def parsed(*arguments: str) -> Any:
        code, out, err = call(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)

    return parsed


def test_coverage_of_three_officers(as_json: Callable[..., Any]) -> None:
    found = as_json("coverage", "--org", "three-officers", "--as-of", "2026-11-22")
    assert len(found["duties"]) == found["totals"]["duties"] == 52
    for duty in found["duties"]:
        assert duty["state"] in STATES
        assert {"id", "family", "accountable", "shortfalls"} <= set(duty)
    assert found["totals"]["ai_security"]["covered"] == 0
    assert (found["as_of"], found["difference"]) == ("2026-11-22", None)


def test_coverage_after_adding_a_caiso(as_json: Callable[..., Any]) -> None:
    found = as_json("coverage", "--scenario", "add-caiso")
    security = [duty["state"] for duty in found["duties"] if duty["ai_security"]]
    assert len(security) == 30
    assert not {"unowned", "unqualified"} & set(security)
    difference = found["difference"]
    assert difference["lost"] == []
    assert difference["overloads_created"][0]["id"] == "caiso-holder"
    assert difference["dependencies_created"]
    assert difference["conflicts_created"]
    assert len(difference["deficiencies"]["open_before"]) == 15
    assert difference["deficiencies"]["open_after"] == []


def test_crossover_finds_the_four(as_json: Callable[..., Any]) -> None:
    found = as_json("crossover")
    assert [crossover["found"] for crossover in found["crossovers"]] == [True] * 4
    assert len(as_json("crossover", "--role", "caio", "--role", "cto")["overlaps"]) == 1


def test_crossover_after_a_scenario(as_json: Callable[..., Any]) -> None:
    found = as_json("crossover", "--scenario", "add-caiso", "--role", "caiso", "--role", "ciso")
    assert found["roles"] == ["caiso", "ciso"]
    assert {len(region["duties"]) for region in found["regions"] if region["roles"] == ["caiso"]} == {30}


def test_deficiencies_finds_the_fifteen_and_sees_them_closed(as_json: Callable[..., Any]) -> None:
    before = as_json("deficiencies")["totals"]
    after = as_json("deficiencies", "--scenario", "add-caiso")["totals"]
    assert (before["open"], after["open"], after["closed"]) == (15, 0, 15)


def test_advise_ranks_four_with_reasons_from_a_profile_file(as_json: Callable[..., Any], tmp_path: Path) -> None:
    profile = tmp_path / "profile.yaml"
    profile.write_text("security_in: technology\n")
    ranking = as_json("advise", "--profile", str(profile))["ranking"]
    assert [entry["place"] for entry in ranking] == [1, 2, 3, 4]
    assert ranking[0]["id"] == "cto-solid"
    assert all(part["reasons"] for entry in ranking for part in entry["criteria"])
    moved = as_json("advise", "--weight", "independence=10", "--weight", "integrated-operations=0")["ranking"]
    assert moved[0]["id"] != "cto-solid"


def test_a_bare_noun_lists_roles_with_their_holders(as_json: Callable[..., Any]) -> None:
    holders = {role["id"]: role["holders"] for role in as_json()}
    assert holders["ciso"] == ["ciso-holder"]
    assert holders["board"] == []


def test_an_organisation_and_a_scenario_of_ones_own(as_json: Callable[..., Any], tmp_path: Path) -> None:
    org, scenario = tmp_path / "org.yaml", tmp_path / "scenario.yaml"
    org.write_text("id: mine\nextends: three-officers\n")
    scenario.write_text(
        "scenario:\n  id: drop\n  title: Drop\n  description: The CISO leaves.\n"
        "  changes:\n    - {op: leave, person: ciso-holder}\n"
    )
    found = as_json("coverage", "--org", str(org), "--scenario", str(scenario))
    assert len(found["difference"]["lost"]) == 8


@pytest.mark.parametrize(
    "command",
    [(), ("coverage",), ("coverage", "--scenario", "add-caiso"), ("crossover",), ("deficiencies",), ("advise",)],
)
def test_without_json_a_person_can_read_it(call: Call, command: tuple[str, ...]) -> None:
    code, out, _ = call(*command)
    assert code == 0
    assert "ciso" in out.lower()
    assert not out.lstrip().startswith(("{", "["))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "id: x\nextends: default\nassignments:\n  - {duty: security-risk, role: cisso, kind: A}\n",
            ':4: role: unknown role "cisso"',
        ),
        ("id: x\nextends: default\nlines:\n  - {from: board, to: ciso}\n", "solid lines form a circle"),
        ("id: x\nroles:\n  - {id: a, title: A, competences: {law: 9}}\n", ":3: competences.law 9 is too large"),
    ],
)
def test_a_bad_organisation_is_refused_with_file_line_and_field(
    call: Call, tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    code, out, err = call("coverage", "--org", str(path), "--json")
    assert (code, out) == (1, "")
    assert "bad.yaml" in err
    assert message in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("coverage", "--org", "nobody"), 1, "three-officers"),
        (("coverage", "--org", "missing.yaml"), 1, "missing.yaml: cannot be read"),
        (("coverage", "--scenario", "nothing"), 1, "add-caiso"),
        (("coverage", "--as-of", "yesterday"), 2, "not a date"),
        (("crossover", "--role", "king"), 2, "unknown role"),
        (("advise", "--weight", "independence"), 2, "not like"),
        (("advise", "--weight", "luck=3"), 1, "unknown criterion"),
    ],
)
def test_a_mistake_is_told_plainly(call: Call, arguments: tuple[str, ...], code: int, message: str) -> None:
    found, out, err = call(*arguments, "--json")
    assert (found, out) == (code, "")
    assert message in err


def test_django_is_never_imported() -> None:
    program = (
        "import sys; sys.argv = ['caiso', 'organisation', 'coverage', '--scenario', 'add-caiso', '--json']\n"
        "from caiso.cli.main import run\nrun_error = None\n"
        "try:\n    run()\nexcept SystemExit as left:\n    assert not left.code\n"
        "assert 'django' not in sys.modules"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
