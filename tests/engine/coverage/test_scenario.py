"""Every change does what it says on a copy, and the difference tells the bad with the good."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from caiso.engine.coverage.apply import UnableToApply, apply
from caiso.engine.coverage.organisation import Change, Organisation, Scenario, built_in
from caiso.engine.coverage.organisation.loading import find_scenario
from caiso.engine.coverage.organisation.model import Assignment, Duty, Holding, Person
from caiso.engine.coverage.scenario import UnableToAdopt, UnableToCompare, adopt, compare, try_scenario
from caiso.engine.coverage.segregation import conflicts
from caiso.engine.coverage.snapshot import Snapshot
from caiso.engine.coverage.states import coverage
from tests.engine.coverage.organisations import TODAY, plain


def scenario(*changes: Change) -> Scenario:
    return Scenario("try", "Try", "Tries.", changes)


def after(organisation: Organisation, *changes: Change) -> Organisation:
    return apply(organisation, scenario(*changes), as_of=TODAY).organisation


def state(organisation: Organisation, duty: str = "guard") -> str:
    return coverage(organisation, as_of=TODAY).by_id[duty].state


def test_assigning_a_second_owner_is_newly_contested_and_broken() -> None:
    difference = try_scenario(plain(), scenario(Change("assign", duty="guard", role="clerk", kind="A")), as_of=TODAY)
    assert [change.duty for change in difference.newly_contested] == ["guard"]
    assert [change.duty for change in difference.lost] == ["guard"]


def test_moving_a_duty_leaves_the_former_owner_consulted() -> None:
    changed = after(plain(), Change("move", duties=("guard",), to="clerk"))
    letters = {(item.role, item.kind) for item in Snapshot(changed, TODAY).assignments["guard"]}
    assert letters == {("clerk", "A"), ("chief", "C")}
    assert state(changed) == "unstaffed"


def test_history_stays_when_a_duty_moves() -> None:
    changed = after(plain(), Change("move", duties=("guard",), to="clerk"))
    assert coverage(changed, as_of=TODAY - timedelta(days=1)).by_id["guard"].accountable == ("chief",)
    assert coverage(changed, as_of=TODAY).by_id["guard"].accountable == ("clerk",)


def test_moving_from_one_role_leaves_the_duties_of_others() -> None:
    duties = (*plain().duties, Duty("watch", "Watch", "Watches.", "security"))
    base = plain(duties=duties, assignments=(Assignment("guard", "chief", "A"), Assignment("watch", "lead", "A")))
    changed = after(base, Change("move", families=("security",), role="lead", to="clerk"))
    view = coverage(changed, as_of=TODAY)
    assert (view.by_id["guard"].accountable, view.by_id["watch"].accountable) == (("chief",), ("clerk",))


def test_unassigning_leaves_a_duty_unowned_and_nothing_to_unassign_is_refused() -> None:
    assert state(after(plain(), Change("unassign", duty="guard", role="chief"))) == "unowned"
    with pytest.raises(UnableToApply, match=r"change 1 \(unassign\): role clerk holds no such letter"):
        after(plain(), Change("unassign", duty="guard", role="clerk"))


def test_hiring_staffs_a_vacant_role_and_leaving_empties_it() -> None:
    vacant = plain(holdings=())
    hired = after(vacant, Change("hire", role="chief", person="new"))
    assert (state(vacant), state(hired)) == ("unstaffed", "covered")
    assert state(after(plain(), Change("leave", person="ada"))) == "unstaffed"


def test_appointing_somebody_counts_a_second_role_against_their_week() -> None:
    changed = after(plain(), Change("appoint", person="ada", role="deputy", acting=True))
    seats = Snapshot(changed, TODAY).seats
    assert [seat.hours for seat in (*seats["chief"], *seats["deputy"])] == [20, 20]
    assert seats["deputy"][0].holding.acting


def test_training_raises_an_assumption_but_never_lowers_it() -> None:
    changed = after(plain(), Change("train", role="chief", competence="law", level=4))
    assert Snapshot(changed, TODAY).level("chief", "law").level == 4
    lower = after(plain(), Change("train", role="chief", competence="law", level=1))
    assert Snapshot(lower, TODAY).level("chief", "law").level == 2


def test_training_a_person_shows_in_the_plan_but_is_not_attested_by_adopting_it() -> None:
    base = replace(plain(), duties=(replace(plain().duties[0], requires={"law": 4}),))
    plan = scenario(Change("train", person="ada", competence="law", level=4, cost=500))
    adoption = adopt(base, plan, as_of=TODAY, decided_by="CEO", reason="Skills are missing.")
    assert adoption.difference.after.by_id["guard"].state == "covered"
    assert state(adoption.organisation) == "unqualified"
    assert adoption.pending == ("attest level 4 in law of ada after the training",)
    assert adoption.difference.cost.one_off == 500


def test_changing_a_solid_line_replaces_it_and_a_circle_is_refused() -> None:
    base = built_in("three-officers")
    changed = after(base, Change("change_line", role="ciso", to="cto"))
    solid = [line.to for line in Snapshot(changed, TODAY).lines if line.from_ == "ciso" and line.kind == "solid"]
    assert solid == ["cto"]
    with pytest.raises(UnableToApply, match="solid lines form a circle"):
        after(base, Change("change_line", role="ceo", to="ciso"))


def test_a_role_can_be_added_from_scratch_changed_and_removed() -> None:
    added = after(plain(), Change("add_role", role="scout", title="Scout", competences={"law": 3}, annual_cost=100))
    assert Snapshot(added, TODAY).roles["scout"].annual_cost == 100
    changed = after(added, Change("change_role", role="scout", hours=10, authority=2))
    assert (
        Snapshot(changed, TODAY).roles["scout"].capacity_hours,
        Snapshot(changed, TODAY).roles["scout"].authority,
    ) == (10, 2)
    assert state(after(plain(), Change("remove_role", role="chief"))) == "unowned"


def test_a_duty_can_ask_for_more_and_be_removed() -> None:
    assert state(after(plain(), Change("change_duty", duty="guard", requires={"code": 4}))) == "unqualified"
    assert after(plain(), Change("remove_duty", duty="guard")).duties == ()
    with pytest.raises(UnableToApply, match="used by the catalogue's deficiencies"):
        after(built_in("three-officers"), Change("remove_duty", duty="ai-risk-assessments"))


def test_a_duty_can_be_added_assigned_and_changed() -> None:
    found = after(
        plain(),
        Change("add_duty", duty="watch", title="Watch", family="technical", requires={"code": 2}, ai_security=True),
        Change("assign", duty="watch", role="chief", kind="A"),
        Change("change_duty", duty="watch", family="grc", stages=("design",), priority=1, description="Looks."),
    )
    duty = next(duty for duty in found.duties if duty.id == "watch")
    assert (duty.family, duty.stages, duty.priority, duty.description) == ("grc", ("design",), 1, "Looks.")
    assert duty.ai_security
    assert coverage(found, as_of=TODAY).by_id["watch"].state == "covered"
    with pytest.raises(UnableToApply, match="duty guard exists already"):
        after(plain(), Change("add_duty", duty="guard", title="Guard", family="grc"))


def test_a_shorter_week_shows_in_the_load() -> None:
    duties = (Duty("guard", "Guard", "Guards.", "security", effort_hours=20),)
    found = try_scenario(plain(duties=duties), scenario(Change("change_person", person="ada", hours=10.0)), as_of=TODAY)
    assert [change.duty for change in found.newly_unstaffed] == ["guard"]
    assert found.after.people["ada"].capacity_hours == 10


def test_a_delegate_ends_the_dependency_on_one_person() -> None:
    base = plain(people=(Person("ada", "Ada"), Person("ben", "Ben")), holdings=())
    alone = try_scenario(base, scenario(Change("appoint", person="ada", role="chief")), as_of=TODAY)
    backed = try_scenario(
        base,
        scenario(
            Change("appoint", person="ada", role="chief"), Change("delegate", person="ada", to="ben", role="chief")
        ),
        as_of=TODAY,
    )
    assert [(found.person, found.duties) for found in alone.dependencies_created] == [("ada", ("guard",))]
    assert backed.dependencies_created == ()


def test_a_conflict_over_the_roles_of_one_person_is_found() -> None:
    duties = (
        Duty("mend", "Mend", "Mends.", "technical", acts=("build:wall",)),
        Duty("count", "Count", "Counts.", "technical", acts=("assure:wall",)),
    )
    rules = built_in("three-officers").conflict_rules
    base = plain(
        duties=duties,
        assignments=(Assignment("mend", "chief", "A"), Assignment("count", "clerk", "A")),
        holdings=(Holding("ada", "chief"), Holding("ada", "clerk")),
        conflict_rules=rules,
    )
    (found,) = conflicts(Snapshot(base, TODAY))
    assert (found.holder, found.name, found.rule) == ("person", "ada", "builder-assures")
    apart = replace(
        base, people=(*base.people, Person("ben", "Ben")), holdings=(Holding("ada", "chief"), Holding("ben", "clerk"))
    )
    assert conflicts(Snapshot(apart, TODAY)) == ()


def test_a_later_change_is_seen_in_the_difference() -> None:
    plan = scenario(Change("hire", role="chief", person="new", on=date(2027, 1, 1)))
    difference = try_scenario(plain(holdings=()), plan, as_of=TODAY)
    assert [change.duty for change in difference.closed] == ["guard"]
    assert coverage(difference.applied.organisation, as_of=TODAY).by_id["guard"].state == "unstaffed"


def test_the_organisation_given_is_not_touched() -> None:
    base = built_in("three-officers")
    copy = replace(base)
    try_scenario(base, find_scenario(base, "add-caiso"), as_of=TODAY)
    assert base == copy


def test_without_taking_over_the_new_role_makes_duties_contested() -> None:
    base = built_in("three-officers")
    plan = scenario(Change("add_role_from_template", role="caiso", take_over=False))
    contested = try_scenario(base, plan, as_of=TODAY).newly_contested
    assert len(contested) == 11


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (Change("hire", role="chef", person="new"), 'unknown role "chef"'),
        (Change("hire", role="chief", person="ada"), "exists already; use appoint"),
        (Change("appoint", role="chief", person="eve"), 'unknown person "eve"'),
        (Change("assign", duty="gard", role="chief", kind="A"), 'unknown duty "gard"'),
        (Change("add_role_from_template", role="chief"), "part of the organisation already"),
        (Change("train", role="chief", competence="magic", level=1), 'unknown competence "magic"'),
        (Change("remove_line", role="chief", to="clerk"), "there is no line"),
        (Change("leave", person="ada", role="clerk"), "holds no such role"),
    ],
)
def test_a_change_that_does_not_fit_is_refused_with_its_place(change: Change, message: str) -> None:
    with pytest.raises(UnableToApply, match=message) as caught:
        after(plain(), Change("change_role", role="chief", hours=30), change)
    assert "scenario try, change 2" in str(caught.value)


def test_up_to_three_scenarios_are_compared() -> None:
    base = built_in("three-officers")
    assert [found.scenario.id for found in compare(base, base.scenarios, as_of=TODAY)] == [
        "add-caiso",
        "add-caiso-and-team",
        "extend-ciso",
    ]
    with pytest.raises(UnableToCompare, match="at most 3"):
        compare(base, [*base.scenarios, scenario()], as_of=TODAY)
    with pytest.raises(UnableToCompare, match="twice"):
        compare(base, [base.scenarios[0], base.scenarios[0]], as_of=TODAY)


def test_adopting_records_who_decided_and_refuses_without_a_reason() -> None:
    base = built_in("three-officers")
    adoption = adopt(base, base.scenarios[0], as_of=TODAY, decided_by="Board", reason="Thirty duties had no owner.")
    assert (adoption.decided_by, adoption.decided_on) == ("Board", TODAY)
    assert "caiso" in Snapshot(adoption.organisation, TODAY).roles
    assert coverage(adoption.organisation, as_of=TODAY).ai_security == adoption.difference.after.ai_security
    with pytest.raises(UnableToAdopt):
        adopt(base, base.scenarios[0], as_of=TODAY, decided_by="Board", reason=" ")
