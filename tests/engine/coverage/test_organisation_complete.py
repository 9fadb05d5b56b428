"""One file with every field of every record: it is read, written, broken at random, and never crashes anything."""

import copy
import dataclasses
import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from caiso.engine.coverage.advisor import advise
from caiso.engine.coverage.authority import check_authority
from caiso.engine.coverage.crossover import crossover
from caiso.engine.coverage.deficiencies import deficiencies
from caiso.engine.coverage.export import advice_data, coverage_data, crossover_data, deficiencies_data, difference_data
from caiso.engine.coverage.figures import chart_svg, heat_svg, layout_chart
from caiso.engine.coverage.organisation import Organisation, dump, parse_organisation, plain, read_organisation
from caiso.engine.coverage.organisation.whole import COLLECTIONS
from caiso.engine.coverage.scenario import try_scenario
from caiso.engine.coverage.silos import doubled_processes, joint_signing, regulation_pairs, tool_report
from caiso.engine.coverage.skills import team_gaps
from caiso.engine.coverage.states import coverage
from caiso.engine.packs import PackError
from caiso.errors import DomainError
from tests.engine.coverage.organisations import TODAY

COMPLETE = Path(__file__).with_name("complete.yaml")
# What nobody should write, and what somebody will.
STRANGE: tuple[object, ...] = (
    *(None, True, 0, -1, 5, 2**60, 1e308, "", "null", "x" * 300, "two words", "ciso", "2026-01-01"),
    *(date(1, 1, 1), date(9999, 12, 31), [], {}, [[]], {"a": 1}, ["ciso", "ciso"], "\x00", "<script>", "../.."),
)


def test_every_collection_and_every_field_is_in_use() -> None:
    organisation = read_organisation(COMPLETE)
    unused = []
    for name in COLLECTIONS:
        records = getattr(organisation, name)
        for field in dataclasses.fields(records[0]):
            default = field.default_factory() if callable(field.default_factory) else field.default
            if all(getattr(record, field.name) == default for record in records):
                unused.append(f"{name}.{field.name}")
    assert unused == []


def test_it_is_written_and_read_again_unchanged() -> None:
    organisation = read_organisation(COMPLETE)
    assert parse_organisation(dump(organisation).encode(), path=Path("again.yaml")) == organisation


@pytest.mark.parametrize("seed", range(40))
def test_a_broken_file_is_refused_with_lines_or_computes_everything(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - the same files in every run
    broken = {"extends": "three-officers", **_own_part()}
    for _ in range(draw.randint(1, 2)):
        _break(broken, draw)
    source = orjson.dumps(broken, option=orjson.OPT_NON_STR_KEYS)
    try:
        organisation = parse_organisation(source, path=Path("broken.yaml"))
    except PackError as refusal:
        assert all(problem.message and problem.line for problem in refusal.problems)
        return
    assert parse_organisation(dump(organisation).encode(), path=Path("again.yaml")) == organisation
    for result in _everything(organisation):
        orjson.dumps(result)


def _own_part() -> dict[str, Any]:
    """What the file says itself, without the catalogue that it extends."""
    shipped = plain(parse_organisation(b"id: x\nextends: three-officers", path=Path("x.yaml")))
    whole = plain(read_organisation(COMPLETE))
    assert isinstance(whole, dict)
    assert isinstance(shipped, dict)
    return copy.deepcopy(
        {
            name: [one for one in value if one not in shipped.get(name, [])] if isinstance(value, list) else value
            for name, value in whole.items()
        }
    )


def _break(node: Any, draw: random.Random) -> None:
    keys = list(node) if isinstance(node, dict) else list(range(len(node)))
    if not keys:
        return
    key, chance = draw.choice(keys), draw.random()
    if chance < 0.1:
        del node[key]
    elif chance < 0.2 and isinstance(node, list):
        node.append(copy.deepcopy(node[key]))
    elif chance < 0.35 or not isinstance(node[key], dict | list):
        node[key] = draw.choice(STRANGE)
    else:
        _break(node[key], draw)


def _everything(organisation: Organisation) -> Iterator[object]:
    for day in (TODAY, date.min, date.max):
        view = coverage(organisation, as_of=day)
        yield coverage_data(view)
        yield crossover_data(crossover(view.snapshot))
        yield deficiencies_data(deficiencies(view))
        yield [result.reason for role in ("caiso", "ciso") for result in check_authority(view, role)]
        yield chart_svg(layout_chart(view.snapshot)) + heat_svg(deficiencies(view))
        yield joint_signing(view.snapshot).share
    yield [double.requirement for double in doubled_processes(organisation)]
    yield [pair.left for pair in regulation_pairs(organisation.requirement_links)]
    yield tool_report(organisation).gaps
    yield [gap.gap for gap in team_gaps(organisation, as_of=TODAY)]
    try:
        yield advice_data(advise(organisation))
    except DomainError as refusal:
        yield str(refusal)
    for scenario in organisation.scenarios:
        try:
            yield difference_data(try_scenario(organisation, scenario, as_of=TODAY))
        except DomainError as refusal:
            yield str(refusal)
