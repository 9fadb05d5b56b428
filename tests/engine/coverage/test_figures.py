"""Figures place every role and every shared duty once, and no text escapes them."""

from dataclasses import replace
from itertools import combinations, pairwise
from xml.etree import ElementTree

import pytest
from bench.organisation import large_organisation

from caiso.engine.coverage.crossover import carried_duties
from caiso.engine.coverage.deficiencies import deficiencies
from caiso.engine.coverage.figures import chart_svg, euler, euler_svg, heat_svg, layout_chart, upset, upset_svg
from caiso.engine.coverage.figures.chart import Box, Chart
from caiso.engine.coverage.figures.sets import UnableToDraw, exact_regions
from caiso.engine.coverage.organisation import built_in
from caiso.engine.coverage.organisation.model import Person, ReportingLine
from caiso.engine.coverage.scenario import try_scenario
from caiso.engine.coverage.snapshot import Snapshot
from caiso.engine.coverage.states import coverage
from tests.engine.coverage.organisations import TODAY

SVG = "{http://www.w3.org/2000/svg}"


def chart(scenario: int = 1) -> Chart:
    base = built_in("three-officers")
    return layout_chart(try_scenario(base, base.scenarios[scenario], as_of=TODAY).after.snapshot)


def overlap(one: Box, other: Box) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


@pytest.mark.parametrize("widest", [0.0, 2400.0, 1e9])
def test_boxes_of_a_large_chart_never_overlap_and_lie_inside(widest: float) -> None:
    snapshot = Snapshot(large_organisation(people=200), TODAY)
    found = layout_chart(snapshot, widest=widest)
    assert {box.role for box in found.boxes} == set(snapshot.roles)
    assert not [pair for pair in combinations(found.boxes, 2) if overlap(*pair)]
    assert all(
        box.x >= 0 and box.x + box.width <= found.width and box.y + box.height <= found.height for box in found.boxes
    )


def test_150_roles_fit_the_width_that_is_asked_for() -> None:
    assert layout_chart(Snapshot(large_organisation(people=200), TODAY)).width <= 2400


def test_everybody_stands_below_their_superior_and_every_line_touches_both() -> None:
    found = chart()
    boxes = {box.role: box for box in found.boxes}
    assert {link.kind for link in found.links} == {"solid", "dotted"}
    for link in found.links:
        if link.kind == "solid":
            assert boxes[link.from_].y > boxes[link.to].y
        for role in (link.from_, link.to):
            box = boxes[role]
            assert any(
                box.x - 11 <= x <= box.x + box.width + 1 and box.y - 1 <= y <= box.y + box.height + 1
                for x, y in (link.points[0], link.points[-1])
            )


def passes_through(points: tuple[tuple[float, float], ...], box: Box) -> bool:
    """Sampled densely along the way: an independent look at what the layout computes exactly."""
    for (x1, y1), (x2, y2) in pairwise(points):
        for step in range(401):
            x, y = x1 + (x2 - x1) * step / 400, y1 + (y2 - y1) * step / 400
            if box.x + 0.5 < x < box.x + box.width - 0.5 and box.y + 0.5 < y < box.y + box.height - 0.5:
                return True
    return False


@pytest.mark.parametrize("scenario", [0, 1, 2])
def test_no_dotted_line_passes_behind_a_role_that_it_does_not_concern(scenario: int) -> None:
    found = chart(scenario)
    dotted = [link for link in found.links if link.kind == "dotted"]
    assert dotted
    for link in dotted:
        assert not [box.role for box in found.boxes if passes_through(link.points, box)], (link.from_, link.to)


def test_in_a_large_chart_nearly_all_dotted_lines_find_a_way_round() -> None:
    base = large_organisation(people=200)
    lines = tuple(ReportingLine(f"r{number}", f"r{number % 7}", "dotted") for number in range(40, 60))
    found = layout_chart(Snapshot(replace(base, lines=(*base.lines, *lines)), TODAY))
    dotted = [link for link in found.links if link.kind == "dotted"]
    behind = [link for link in dotted if any(passes_through(link.points, box) for box in found.boxes)]
    assert (len(dotted), len(behind)) == (21, 0)


def test_a_circle_of_lines_from_elsewhere_does_not_hang_the_layout() -> None:
    base = built_in("three-officers")
    lines = tuple(replace(line, from_="board", to="ceo") for line in base.lines[:1]) + base.lines
    assert layout_chart(Snapshot(replace(base, lines=lines), TODAY)).boxes


SETS = {"a": set("abcdef"), "b": set("defgh"), "c": set("fhxyz")}


@pytest.mark.parametrize("names", ["ab", "abc"])
def test_an_euler_figure_writes_every_item_in_the_field_it_belongs_to(names: str) -> None:
    sets = {name: SETS[name] for name in names}
    figure = euler(sets)
    fields = {field.names: field.items for field in figure.fields if field.items}
    assert fields == exact_regions(sets)
    for field in figure.fields:
        inside = {shape.name for shape in figure.shapes if shape.distance(field.x, field.y) < 0}
        assert inside == set(field.names)


def test_areas_of_two_sets_follow_their_counts() -> None:
    figure = euler({"a": set(range(40)), "b": set(range(30, 40))})  # type: ignore[dict-item]
    large, small = figure.shapes
    assert figure.proportional
    assert (small.rx / large.rx) ** 2 == pytest.approx(0.25)
    # All of b lies in a, so the small circle must lie inside the large one.
    assert ((large.cx - small.cx) ** 2 + (large.cy - small.cy) ** 2) ** 0.5 <= large.rx - small.rx + 1


def test_four_sets_have_all_fifteen_fields() -> None:
    figure = euler({name: {f"{name}-only", "all"} for name in "abcd"})
    assert len(figure.fields) == 15
    assert {field.names: field.items for field in figure.fields}[tuple("abcd")] == ("all",)


def test_sets_that_share_nothing_are_drawn_apart() -> None:
    figure = euler({"a": {"1"}, "b": {"2"}, "c": {"3"}})
    assert {field.names for field in figure.fields} == {("a",), ("b",), ("c",)}


@pytest.mark.parametrize("count", [1, 5])
def test_other_numbers_of_sets_are_refused(count: int) -> None:
    with pytest.raises(UnableToDraw, match="2 to 4"):
        euler({str(place): {"x"} for place in range(count)})


def test_upset_counts_exact_intersections_largest_first() -> None:
    figure = upset(SETS)
    assert figure.sets == (("a", 6), ("b", 5), ("c", 5))
    assert figure.columns[0] == (("a",), ("a", "b", "c"))
    assert sum(len(items) for _, items in figure.columns) == len(set().union(*SETS.values()))


def test_hostile_names_are_escaped_in_every_figure() -> None:
    bad = '"><script>alert(1)</script>\x00&'
    base = built_in("three-officers")
    people = tuple(Person(person.id, bad) for person in base.people)
    duties = tuple(replace(duty, id=bad) if duty.id == "ai-threat-research" else duty for duty in base.duties)
    roles = tuple(replace(role, title=bad) for role in base.roles)
    view = coverage(replace(base, people=people, roles=roles, duties=duties, deficiencies=()), as_of=TODAY)
    sets = {bad: {bad, "x"}, "other": {bad}}
    drawn = [
        chart_svg(layout_chart(view.snapshot)),
        euler_svg(euler(sets)),
        upset_svg(upset(sets)),
        heat_svg(deficiencies(view)),
    ]
    for text in drawn:
        tree = ElementTree.fromstring(text)  # noqa: S314 - our own output
        assert not list(tree.iter(f"{SVG}script"))
        assert not list(tree.iter("script"))


def test_the_drawn_figures_hold_what_was_computed() -> None:
    base = built_in("three-officers")
    view = coverage(base, as_of=TODAY)
    held = carried_duties(view.snapshot)
    tree = ElementTree.fromstring(euler_svg(euler({role: held[role] for role in ("caio", "cto", "ciso")})))  # noqa: S314
    assert len(list(tree.iter(f"{SVG}ellipse"))) == 3
    heat = ElementTree.fromstring(heat_svg(deficiencies(view)))  # noqa: S314
    assert len(list(heat.iter(f"{SVG}rect"))) == 3 * 30 + 1
    assert "vacant" in chart_svg(chart())
