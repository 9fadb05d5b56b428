"""What must hold for every organisation, not only for those we thought of."""

from dataclasses import replace
from datetime import date
from itertools import permutations
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from caiso.engine.coverage.advisor import CriterionScore, rank
from caiso.engine.coverage.crossover import crossover
from caiso.engine.coverage.organisation import Organisation, dump, parse_organisation
from caiso.engine.coverage.organisation.catalogue import Alternative
from caiso.engine.coverage.organisation.model import Delegate, Holding, Period, Person, Skill, active
from caiso.engine.coverage.organisation.whole import with_real_roles
from caiso.engine.coverage.snapshot import Snapshot
from caiso.engine.coverage.states import RANK, STATES, coverage
from tests.engine.coverage.organisations import COMPETENCES, PEOPLE, ROLES, TODAY, organisations

SOME = settings(max_examples=50, deadline=None)


@SOME
@given(organisations(), st.sampled_from(ROLES))
def test_adding_an_accountable_qualified_holder_never_lowers_coverage(organisation: Organisation, role: str) -> None:
    skills = tuple(Skill(name, 4, "manager", TODAY) for name in COMPETENCES)
    richer = replace(
        organisation,
        people=(*organisation.people, Person("new", "New", skills=skills)),
        holdings=(*organisation.holdings, Holding("new", role)),
    )
    before, after = coverage(organisation, as_of=TODAY), coverage(richer, as_of=TODAY)
    for duty, state in before.by_id.items():
        assert RANK[after.by_id[duty].state] >= RANK[state.state]
    for system, counts in before.systems.items():
        assert after.systems[system].counts["covered"] >= counts.counts["covered"]


@SOME
@given(organisations(), st.sampled_from(PEOPLE))
def test_removing_a_person_never_raises_coverage(organisation: Organisation, person: str) -> None:
    poorer = replace(
        organisation,
        people=tuple(known for known in organisation.people if known.id != person),
        holdings=tuple(held for held in organisation.holdings if held.person != person),
    )
    before, after = coverage(organisation, as_of=TODAY), coverage(poorer, as_of=TODAY)
    for duty, state in before.by_id.items():
        assert RANK[after.by_id[duty].state] <= RANK[state.state]


@SOME
@given(organisations(), st.sampled_from(PEOPLE), st.sampled_from(ROLES))
def test_taking_the_only_role_of_somebody_never_raises_coverage(
    organisation: Organisation, person: str, role: str
) -> None:
    others = tuple(held for held in organisation.holdings if held.person != person)
    richer = replace(organisation, holdings=(*others, Holding(person, role)))
    before = coverage(richer, as_of=TODAY)
    after = coverage(replace(organisation, holdings=others), as_of=TODAY)
    for duty, state in before.by_id.items():
        assert RANK[after.by_id[duty].state] <= RANK[state.state]
    assert after.total.counts["covered"] <= before.total.counts["covered"]


@SOME
@given(organisations(), st.sampled_from(PEOPLE))
def test_being_away_never_raises_coverage_and_a_delegate_never_lowers_it(
    organisation: Organisation, person: str
) -> None:
    here = replace(organisation, delegates=())
    away = replace(
        here,
        people=tuple(replace(one, absences=(Period(),)) if one.id == person else one for one in organisation.people),
    )
    # Somebody free, who was attested everything, stands in for every role of who is away.
    able = Person("new", "New", skills=tuple(Skill(name, 4, "manager", TODAY) for name in COMPETENCES))
    helped = replace(
        away, people=(*away.people, able), delegates=tuple(Delegate(person, "new", role) for role in ROLES)
    )
    states = [coverage(one, as_of=TODAY).by_id for one in (away, here, helped)]
    for duty, state in states[0].items():
        assert RANK[state.state] <= RANK[states[1][duty].state]
        assert RANK[state.state] <= RANK[states[2][duty].state]


@SOME
@given(organisations(), st.sampled_from([date(2026, 11, 20), date(2026, 11, 24), date(2027, 6, 1)]))
def test_what_lies_outside_its_dates_counts_for_nothing(organisation: Organisation, day: date) -> None:
    dated: dict[str, Any] = {
        name: tuple(one for one in getattr(organisation, name) if active(one, day))
        for name in ("holdings", "assignments", "delegates")
    }
    told = coverage(organisation, as_of=day)
    needed = coverage(replace(organisation, **dated), as_of=day)
    assert [(one.state, one.accountable) for one in told.duties] == [
        (one.state, one.accountable) for one in needed.duties
    ]


@SOME
@given(organisations())
def test_the_first_state_that_holds_is_the_state(organisation: Organisation) -> None:
    """Every scope judged again from the records, in the order in which the states come."""
    view = coverage(organisation, as_of=TODAY)
    snapshot = view.snapshot
    for state in view.duties:
        for scope in state.scopes:
            owners = {
                one.role
                for one in organisation.assignments
                if (one.duty, one.kind, one.scope) == (state.duty.id, "A", scope.scope)
                and active(one, TODAY)
                and one.role in snapshot.roles
            }
            assert set(scope.accountable) == owners
            if len(owners) != 1:
                assert scope.state == ("contested" if owners else "unowned")
                continue
            (role,) = owners
            here = {seat.answers_for(state.duty.id) for seat in snapshot.seats.get(role, ())} - {None}
            if not here or state.duty.id in view.loads[role].beyond:
                assert scope.state == "unstaffed"
            else:
                assert scope.state == ("unqualified" if scope.shortfalls else "covered")


@SOME
@given(organisations())
def test_every_duty_has_exactly_one_state_and_a_reason(organisation: Organisation) -> None:
    view = coverage(organisation, as_of=TODAY)
    assert [state.duty for state in view.duties] == list(organisation.duties)
    for state in view.duties:
        assert state.state in STATES
        assert all(scope.reasons and scope.records for scope in state.scopes)
        assert (state.state == "covered") == all(scope.state == "covered" for scope in state.scopes)
    assert sum(view.total.counts.values()) == view.total.total == len(organisation.duties)


@SOME
@given(organisations())
def test_nobody_is_asked_for_more_or_less_than_the_roles_are(organisation: Organisation) -> None:
    view = coverage(organisation, as_of=TODAY)
    of_people = sum(load.demand_hours for load in view.people.values())
    of_roles = sum(view.loads[role].demand_hours for role in view.snapshot.seats)
    of_roles += sum(demand.hours for load in view.loads.values() for demand in load.elsewhere)
    assert abs(of_people - of_roles) < 1e-6


@SOME
@given(organisations(), st.lists(st.sampled_from(ROLES), min_size=2, max_size=3, unique=True))
def test_crossover_is_symmetric(organisation: Organisation, roles: list[str]) -> None:
    snapshot = Snapshot(organisation, TODAY)
    reports = [crossover(snapshot, order) for order in permutations(roles)]
    assert all(report == reports[0] for report in reports)
    overlap = reports[0].overlap(*roles)
    assert 0 <= overlap.jaccard <= 1


@SOME
@given(organisations())
def test_the_regions_of_a_crossover_hold_each_duty_once(organisation: Organisation) -> None:
    snapshot = Snapshot(organisation, TODAY)
    report = crossover(snapshot)
    placed = [duty for region in report.regions for duty in region.duties]
    carried = {
        assignment.duty
        for assignments in snapshot.assignments.values()
        for assignment in assignments
        if assignment.kind in "RA"
    }
    assert sorted(placed) == sorted(carried)


points = st.floats(0, 5, allow_nan=False)
weights = st.floats(0, 10, allow_nan=False)
NAMES = ("one", "two", "three", "four")


def alternatives(table: list[list[float]], weighed: list[float]) -> list[tuple[Alternative, list[CriterionScore]]]:
    return [
        (
            Alternative(name, "caiso", name, name, "ciso", primary=name == "one"),
            [CriterionScore(f"c{i}", value, weighed[i], ()) for i, value in enumerate(row)],
        )
        for name, row in zip(NAMES, table, strict=True)
    ]


def places(table: list[list[float]], weighed: list[float]) -> dict[str, int]:
    return {entry.alternative.id: entry.place for entry in rank(alternatives(table, weighed))}


tables = st.lists(st.lists(points, min_size=11, max_size=11), min_size=4, max_size=4)


@SOME
@given(tables, st.lists(weights, min_size=11, max_size=11), st.integers(0, 3), st.integers(0, 10), st.floats(0.125, 5))
def test_more_points_on_a_criterion_never_cost_a_place(
    table: list[list[float]], weighed: list[float], which: int, criterion: int, more: float
) -> None:
    better = [list(row) for row in table]
    better[which][criterion] = min(5.0, better[which][criterion] + more)
    assert places(better, weighed)[NAMES[which]] <= places(table, weighed)[NAMES[which]]


whole_tables = st.lists(st.lists(st.integers(0, 5), min_size=11, max_size=11), min_size=4, max_size=4)


@SOME
@given(whole_tables, st.lists(st.integers(0, 10), min_size=11, max_size=11), st.integers(0, 10), st.integers(1, 10))
def test_more_weight_never_hurts_who_is_ahead_on_that_criterion(
    table: list[list[float]], weighed: list[float], criterion: int, more: int
) -> None:
    heavier = [weight + (more if place == criterion else 0) for place, weight in enumerate(weighed)]
    before, after = places(table, weighed), places(table, heavier)
    for one, row in zip(NAMES, table, strict=True):
        for other, other_row in zip(NAMES, table, strict=True):
            if row[criterion] > other_row[criterion] and before[one] < before[other]:
                assert after[one] < after[other]


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@SOME
@given(organisations(), texts, texts)
def test_an_organisation_survives_yaml_unchanged(organisation: Organisation, title: str, name: str) -> None:
    first = replace(organisation.people[0], name=name)
    told = with_real_roles(replace(organisation, title=title, people=(first, *organisation.people[1:])))
    assert parse_organisation(dump(told).encode(), path=Path("round.yaml")) == told
