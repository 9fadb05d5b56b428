"""docs/organisation.md is true: its examples are read and computed, and it names every collection, key and operation."""

import dataclasses
import re
from datetime import date
from functools import cache
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from caiso.engine.coverage.organisation import Organisation, parse_organisation, parse_scenario, read_profile
from caiso.engine.coverage.organisation.changes import REQUIRED, Change, Operation
from caiso.engine.coverage.organisation.model import Profile
from caiso.engine.coverage.organisation.whole import COLLECTIONS
from caiso.engine.coverage.scenario import try_scenario
from caiso.engine.coverage.states import coverage

PAGE = Path(__file__).parents[2] / "docs" / "organisation.md"
TODAY = date(2026, 11, 22)


@cache
def examples() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.S)


@cache
def rows() -> dict[str, str]:
    """{first cell: the whole line} of every table row."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    return {name: line for line in lines for name in re.findall(r"`([^`]+)`", line.split("|")[1])}


def test_the_example_file_is_read_and_computed() -> None:
    organisation = parse_organisation(examples()[0].encode(), path=Path("mine.yaml"))
    view = coverage(organisation, as_of=TODAY)
    assert view.by_id["aisoc-leadership"].accountable == ("ciso",)
    assert view.snapshot.seats["caio"][0].holding.acting


def test_the_example_scenario_applies_to_the_example_file() -> None:
    organisation = parse_organisation(examples()[0].encode(), path=Path("mine.yaml"))
    scenario = parse_scenario(examples()[1].encode(), path=Path("hire.yaml"))
    difference = try_scenario(organisation, scenario, as_of=TODAY)
    assert difference.after.by_id["model-watch"].state == "covered"
    assert difference.cost.one_off == 75000


def test_the_example_profile_is_read(tmp_path: Path) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text(examples()[2])
    assert read_profile(path).weights == {"independence": 8}
    for name, hint in get_type_hints(Profile).items():
        assert f"`{name}`" in PAGE.read_text() or name in ("sector", "weights")
        assert all(str(value) in PAGE.read_text() for value in get_args(hint) if isinstance(value, str))


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_every_collection_and_every_key_of_it_is_named(collection: str) -> None:
    line = rows()[collection]
    if "what " in line.split("|")[2] and collection not in ("templates",):
        return  # told as a whole: nobody writes these by hand
    model = get_args(get_type_hints(Organisation)[collection])[0]
    missing = [
        field.name.rstrip("_") for field in dataclasses.fields(model) if f"`{field.name.rstrip('_')}`" not in line
    ]
    assert missing == []


@pytest.mark.parametrize("op", get_args(Operation))
def test_every_operation_is_named_with_what_it_needs(op: str) -> None:
    line = rows()[op]
    assert all(f"`{name}`" in line for name in REQUIRED[op])
    told = set(re.findall(r"`([a-z_]+)`", line)) - set(get_args(Operation))
    assert told <= {field.name for field in dataclasses.fields(Change)}
