"""The shipped organisation holds what the framework counts, and its findings come out of the computation."""

from collections import Counter
from dataclasses import replace
from datetime import date
from functools import cache

import pytest

from caiso.engine.coverage.crossover import crossover
from caiso.engine.coverage.deficiencies import deficiencies
from caiso.engine.coverage.organisation.catalogue import Deficiency
from caiso.engine.coverage.organisation.loading import (
    CONTENT_FOLDER,
    ORGANISATION,
    built_in,
    default_organisation,
    find_scenario,
)
from caiso.engine.coverage.organisation.model import Assignment
from caiso.engine.coverage.scenario import Difference, try_scenario
from caiso.engine.coverage.segregation import dependencies
from caiso.engine.coverage.states import Coverage, coverage
from caiso.engine.packs import CONTENT, load_folder

TODAY = date(2026, 11, 22)


@cache
def three_officers() -> Coverage:
    return coverage(built_in("three-officers"), as_of=TODAY)


@cache
def scenario(name: str) -> Difference:
    organisation = built_in("three-officers")
    return try_scenario(organisation, find_scenario(organisation, name), as_of=TODAY)


def test_every_fragment_loads_without_a_problem() -> None:
    packs, problems = load_folder(ORGANISATION, CONTENT_FOLDER)
    assert problems == ()
    assert len(packs) >= 8


@pytest.mark.parametrize(
    ("family", "count"),
    [
        ("ai", 7),
        ("technology", 7),
        ("security", 8),
        ("strategic", 6),
        ("operational", 6),
        ("technical", 6),
        ("grc", 6),
        ("collaboration", 6),
    ],
)
def test_a_family_of_duties_has_the_frameworks_count(family: str, count: int) -> None:
    assert sum(1 for duty in default_organisation().duties if duty.family == family) == count


def test_the_native_duties_are_the_ones_of_the_table() -> None:
    by_family: dict[str, list[str]] = {}
    for duty in default_organisation().duties:
        by_family.setdefault(duty.family, []).append(duty.id)
    assert by_family["ai"] == [
        "ai-strategy",
        "ai-governance",
        "ai-innovation",
        "ai-talent",
        "responsible-ai",
        "ai-education",
        "ai-outside-engagement",
    ]
    assert by_family["technology"] == [
        "technology-strategy",
        "technology-architecture",
        "technology-innovation",
        "technology-standards",
        "technology-talent",
        "technology-vendors",
        "technology-thought-leadership",
    ]
    assert by_family["security"] == [
        "security-strategy",
        "security-governance",
        "security-risk",
        "security-architecture",
        "security-operations",
        "security-compliance",
        "security-awareness",
        "security-incidents",
    ]


def test_exactly_the_thirty_duties_of_the_caiso_are_ai_security() -> None:
    families = {duty.family for duty in default_organisation().duties if duty.ai_security}
    assert families == {"strategic", "operational", "technical", "grc", "collaboration"}
    assert sum(duty.ai_security for duty in default_organisation().duties) == 30


def test_each_officer_has_a_focus_in_governance_risk_and_compliance() -> None:
    focuses = {(focus.role, focus.area) for focus in default_organisation().focuses}
    assert len(default_organisation().focuses) == 9
    assert focuses == {
        (role, area) for role in ("caio", "cto", "ciso") for area in ("governance", "risk", "compliance")
    }


def test_the_framework_names_four_crossovers_and_fifteen_deficiencies() -> None:
    content = default_organisation()
    assert {item.roles for item in content.crossovers} == {
        ("caio", "cto"),
        ("cto", "ciso"),
        ("caio", "ciso"),
        ("caio", "cto", "ciso"),
    }
    assert Counter(item.role for item in content.deficiencies) == {"caio": 5, "cto": 5, "ciso": 5}


def test_the_definition_and_the_scorecard_have_the_frameworks_counts() -> None:
    content = default_organisation()
    assert len(content.definition) == 7
    assert Counter(item.group for item in content.scorecard) == {
        "technical": 7,
        "leadership": 7,
        "business": 7,
        "qualification": 7,
        "attribute": 7,
    }


def test_the_reporting_content_has_the_frameworks_counts() -> None:
    content = default_organisation()
    assert Counter(item.line for item in content.advantages) == {"primary": 5, "dotted": 5}
    assert Counter(item.primary for item in content.alternatives) == {True: 1, False: 3}
    assert len(content.criteria) == 11
    assert len(content.authority_checks) == 6
    lines = {(points.criterion, points.superior) for points in content.points}
    assert lines == {(c.id, s) for c in content.criteria for s in ("ciso", "cto", "cro", "ceo", "caio")}


def test_duties_name_controls_that_ship() -> None:
    shipped = {path.stem for path in (CONTENT / "controls").glob("*.yaml")}
    named = {control for duty in default_organisation().duties for control in duty.controls}
    assert named
    assert named <= shipped


def test_every_competence_has_an_anchor_for_each_level() -> None:
    for competence in default_organisation().competences:
        assert len(set(competence.anchors)) == 5


def test_with_three_officers_no_ai_security_duty_is_covered() -> None:
    counts = three_officers().ai_security.counts
    assert counts["unowned"] + counts["unqualified"] == 30
    assert counts["unowned"] > 0
    assert counts["unqualified"] > 0


def test_with_three_officers_every_native_duty_is_covered() -> None:
    assert {state.state for state in three_officers().duties if not state.duty.ai_security} == {"covered"}


@pytest.mark.parametrize("known", default_organisation().deficiencies, ids=lambda known: known.id)
def test_a_deficiency_shows_as_an_unqualified_or_unowned_duty(known: Deficiency) -> None:
    finding = next(item for item in deficiencies(three_officers()).findings if item.deficiency.id == known.id)
    assert finding.status == "open"
    assert set(finding.exposed) == set(known.duties)
    for duty in finding.exposed:
        assert three_officers().by_id[duty].state in {"unowned", "unqualified"}
    assert {short.competence for _, short in finding.shortfalls} <= set(known.competences)


def test_a_deficiency_disappears_when_the_role_learns() -> None:
    organisation = built_in("three-officers")
    roles = tuple(
        replace(role, competences={**role.competences, "security-research": 4}) if role.id == "cto" else role
        for role in organisation.roles
    )
    report = deficiencies(coverage(replace(organisation, roles=roles), as_of=TODAY))
    statuses = {finding.deficiency.id: finding.status for finding in report.findings}
    assert statuses.pop("cto-ai-security-research") == "absent"
    assert set(statuses.values()) == {"open"}


def test_adding_a_caiso_leaves_no_ai_security_duty_unowned_or_unqualified() -> None:
    counts = scenario("add-caiso").after.ai_security.counts
    assert counts["unowned"] == counts["unqualified"] == counts["contested"] == 0
    assert counts["covered"] >= 20


def test_adding_a_caiso_closes_all_fifteen_deficiencies() -> None:
    after = scenario("add-caiso").deficiencies_after
    assert [finding.status for finding in after.findings] == ["closed"] * 15
    assert all(finding.covered_by == ("caiso",) for finding in after.findings)


def test_adding_a_caiso_loses_nothing_that_was_covered() -> None:
    difference = scenario("add-caiso")
    before = {state.duty.id for state in difference.before.duties if state.state == "covered"}
    after = {state.duty.id for state in difference.after.duties if state.state == "covered"}
    assert difference.lost == ()
    assert before <= after


def test_adding_a_caiso_reports_the_load_it_creates_instead_of_turning_everything_green() -> None:
    difference = scenario("add-caiso")
    (overload,) = difference.overloads_created
    assert overload.name == "caiso-holder"
    assert overload.after_hours > overload.capacity_hours
    assert difference.newly_unstaffed
    assert all("past capacity" in change.reason for change in difference.newly_unstaffed)


def test_adding_a_caiso_reports_that_all_of_it_hangs_on_one_person() -> None:
    (dependency,) = scenario("add-caiso").dependencies_created
    assert dependency.person == "caiso-holder"
    assert len(dependency.ai_security) == 30


def test_adding_a_caiso_reports_the_conflicts_of_duties_it_creates() -> None:
    created = {(conflict.name, conflict.rule) for conflict in scenario("add-caiso").conflicts_created}
    assert created == {
        ("caiso", "builder-assures"),
        ("caiso", "requester-approves"),
        ("caiso", "attacker-rates"),
    }


def test_a_team_around_the_caiso_covers_everything_without_overload() -> None:
    difference = scenario("add-caiso-and-team")
    assert difference.after.total.counts["covered"] == 52
    assert difference.overloads_created == ()
    assert difference.cost.annual_difference > scenario("add-caiso").cost.annual_difference


def test_letting_the_ciso_do_it_overloads_the_ciso_and_loses_duties() -> None:
    difference = scenario("extend-ciso")
    assert [load.name for load in difference.overloads_created] == ["ciso-holder"]
    assert {change.before for change in difference.lost} == {"covered"}


def test_a_second_owner_left_in_place_is_contested() -> None:
    organisation = built_in("three-officers")
    second = Assignment("security-risk", "caio", "A")
    view = coverage(replace(organisation, assignments=(*organisation.assignments, second)), as_of=TODAY)
    assert view.by_id["security-risk"].state == "contested"


def test_the_four_crossovers_are_found_and_none_is_contested() -> None:
    report = crossover(three_officers().snapshot)
    assert len(report.findings) == 4
    for finding in report.findings:
        assert finding.found, finding.missing
        assert finding.duties
    assert all(overlap.contested == () for overlap in report.overlaps)


def test_a_crossover_is_not_found_when_a_role_gives_up_the_topic() -> None:
    organisation = built_in("three-officers")
    kept = tuple(item for item in organisation.assignments if item.duty != "technology-standards")
    report = crossover(coverage(replace(organisation, assignments=kept), as_of=TODAY).snapshot)
    assert {finding.crossover.id: finding.found for finding in report.findings}["cto-ciso"] is False


def test_coverage_by_the_template_is_marked_as_assumed() -> None:
    assert all(state.assumed for state in three_officers().duties if state.state == "covered")
    assert all(short.person is None for state in three_officers().duties for short in state.shortfalls)


def test_three_officers_depend_on_one_person_each() -> None:
    assert {found.person for found in dependencies(three_officers().snapshot)} == {
        "caio-holder",
        "cto-holder",
        "ciso-holder",
    }
