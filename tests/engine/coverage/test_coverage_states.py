"""Each state has its cause, and the first that holds wins."""

from dataclasses import replace
from datetime import date

from caiso.engine.coverage.organisation.model import (
    AiSystem,
    Assignment,
    Delegate,
    Duty,
    Holding,
    Period,
    Person,
    Role,
    Skill,
    Unit,
)
from caiso.engine.coverage.routing import route
from caiso.engine.coverage.snapshot import Snapshot
from caiso.engine.coverage.states import change_days, coverage, history, state_for_system
from tests.engine.coverage.organisations import TODAY, plain

AWAY = (Period(date(2026, 11, 1), date(2026, 11, 30)),)


def state(**parts: object) -> str:
    return coverage(plain(**parts), as_of=TODAY).by_id["guard"].state


def test_a_staffed_and_qualified_owner_covers() -> None:
    assert state() == "covered"


def test_a_duty_without_an_accountable_role_is_unowned() -> None:
    assert state(assignments=(Assignment("guard", "chief", "R"),)) == "unowned"


def test_two_accountable_roles_in_one_scope_are_contested() -> None:
    both = (Assignment("guard", "chief", "A"), Assignment("guard", "deputy", "A"))
    assert state(assignments=both) == "contested"


def test_two_accountable_roles_in_different_scopes_are_not_contested() -> None:
    parts = {
        "systems": (AiSystem("bot", "Bot"),),
        "assignments": (Assignment("guard", "chief", "A"), Assignment("guard", "deputy", "A", system="bot")),
        "holdings": (Holding("ada", "chief"), Holding("ada", "deputy")),
    }
    assert state(**parts) == "covered"


def test_a_vacant_owner_is_unstaffed_even_if_unqualified_too() -> None:
    vacant = {"holdings": (), "roles": (Role("chief", "Chief"),)}
    assert state(**vacant) == "unstaffed"


def test_an_owner_past_capacity_is_unstaffed_for_what_does_not_fit() -> None:
    duties = (
        Duty("guard", "Guard", "Guards.", "security", effort_hours=30, priority=2),
        Duty("watch", "Watch", "Watches.", "security", effort_hours=30, priority=1),
    )
    view = coverage(
        plain(duties=duties, assignments=tuple(Assignment(duty.id, "chief", "A") for duty in duties)), as_of=TODAY
    )
    assert view.by_id["watch"].state == "covered"
    assert view.by_id["guard"].state == "unstaffed"
    assert "60 h a week of 40 h" in view.by_id["guard"].worst.reasons[0]


def test_work_done_by_a_staffed_role_leaves_the_owner_the_oversight() -> None:
    parts = {
        "duties": (Duty("guard", "Guard", "Guards.", "security", effort_hours=80),),
        "people": (Person("ada", "Ada"), Person("ben", "Ben")),
        "assignments": (Assignment("guard", "chief", "A"), Assignment("guard", "clerk", "R")),
    }
    alone = coverage(plain(**parts), as_of=TODAY)
    helped = coverage(plain(**parts, holdings=(Holding("ada", "chief"), Holding("ben", "clerk"))), as_of=TODAY)
    assert alone.loads["chief"].demand_hours == 80
    assert helped.loads["chief"].demand_hours == 20
    assert helped.loads["clerk"].demand_hours == 60


def test_a_missing_competence_is_unqualified_with_levels() -> None:
    view = coverage(plain(roles=(Role("chief", "Chief", competences={"law": 0}),)), as_of=TODAY)
    (short,) = view.by_id["guard"].shortfalls
    assert (view.by_id["guard"].state, short.needed, short.held, short.levels) == ("unqualified", 2, 0, 2)
    assert short.assumed


def test_nothing_is_said_about_a_person_until_attested() -> None:
    unattested = Person("ada", "Ada", skills=(Skill("law", 0),))
    later = Person("ada", "Ada", skills=(Skill("law", 0, "manager", date(2026, 12, 1)),))
    for person in (unattested, later):
        found = coverage(plain(people=(person,)), as_of=TODAY).by_id["guard"]
        assert (found.state, found.assumed) == ("covered", True)


def test_an_attested_level_replaces_the_assumption_both_ways() -> None:
    weak = Person("ada", "Ada", skills=(Skill("law", 1, "manager", TODAY),))
    found = coverage(plain(people=(weak,)), as_of=TODAY).by_id["guard"]
    assert found.state == "unqualified"
    assert found.shortfalls[0].person == "ada"
    strong = Person("ada", "Ada", skills=(Skill("law", 3, "manager", TODAY),))
    roles = (Role("chief", "Chief"),)
    covered = coverage(plain(people=(strong,), roles=roles), as_of=TODAY).by_id["guard"]
    assert (covered.state, covered.assumed) == ("covered", False)


def test_an_absent_holder_is_covered_by_a_delegate_and_unstaffed_without() -> None:
    people = (Person("ada", "Ada", absences=AWAY), Person("ben", "Ben"))
    assert state(people=people) == "unstaffed"
    assert state(people=people, delegates=(Delegate("ada", "ben", "chief"),)) == "covered"
    assert state(people=people, delegates=(Delegate("ada", "ben", "chief", until_on=date(2026, 11, 1)),)) == "unstaffed"


def test_a_delegate_for_one_duty_answers_for_that_duty_alone() -> None:
    duties = (
        Duty("guard", "Guard", "Guards.", "security", requires={"law": 2}, effort_hours=3),
        Duty("watch", "Watch", "Watches.", "security", effort_hours=2),
    )
    people = (Person("ada", "Ada", absences=AWAY), Person("ben", "Ben"))
    organisation = plain(
        duties=duties,
        people=people,
        assignments=(Assignment("guard", "chief", "A"), Assignment("watch", "chief", "A")),
        delegates=(Delegate("ada", "ben", "chief", duties=("guard",)),),
    )
    view = coverage(organisation, as_of=TODAY)
    assert (view.by_id["guard"].state, view.by_id["watch"].state) == ("covered", "unstaffed")
    assert "delegate:ada:ben:chief" in view.by_id["guard"].worst.records
    assert route(view.snapshot, "watch").recipients == ()
    assert (view.people["ben"].demand_hours, view.people["ben"].capacity_hours) == (3, 40)


def test_who_stands_in_is_judged_by_what_was_attested_of_them_and_asked_for_the_hours() -> None:
    people = (
        Person("ada", "Ada", absences=AWAY, skills=(Skill("law", 4, "manager", TODAY),)),
        Person("ben", "Ben", skills=(Skill("law", 1, "manager", TODAY),)),
    )
    organisation = plain(people=people, delegates=(Delegate("ada", "ben", "chief"),))
    view = coverage(organisation, as_of=TODAY)
    assert view.by_id["guard"].state == "unqualified"
    assert [(short.person, short.held) for short in view.by_id["guard"].shortfalls] == [("ben", 1)]
    assert (view.people["ada"].demand_hours, view.people["ben"].demand_hours) == (0, 1)
    back = replace(organisation, people=(replace(people[0], absences=()), people[1]))
    assert coverage(back, as_of=TODAY).by_id["guard"].state == "covered"


def test_an_acting_holder_counts_and_is_marked() -> None:
    view = coverage(plain(holdings=(Holding("ada", "chief", acting=True),)), as_of=TODAY)
    assert view.by_id["guard"].state == "covered"
    assert view.by_id["guard"].worst.acting


def test_a_template_role_owns_nothing_until_it_is_added() -> None:
    roles = (Role("chief", "Chief", competences={"law": 2}, template=True),)
    assert state(roles=roles) == "unowned"


def test_a_duty_owned_in_one_unit_only_is_unowned_elsewhere() -> None:
    units = (Unit("bank", "Bank"), Unit("shop", "Shop"), Unit("branch", "Branch", parent="bank"))
    one = (Assignment("guard", "chief", "A", unit="bank"),)
    view = coverage(plain(units=units, assignments=one), as_of=TODAY)
    assert view.by_id["guard"].state == "unowned"
    assert {unit: counts.counts["covered"] for unit, counts in view.units.items()} == {
        "bank": 1,
        "shop": 0,
        "branch": 1,
    }
    both = (*one, Assignment("guard", "chief", "A", unit="shop"))
    assert state(units=units, assignments=both) == "covered"


def test_an_ai_system_finds_its_own_owner_before_its_units_before_the_general_one() -> None:
    parts = {
        "duties": (Duty("guard", "Guard", "Guards.", "technical", ai_security=True),),
        "units": (Unit("bank", "Bank"),),
        "systems": (
            AiSystem("bot", "Bot", unit="bank"),
            AiSystem("sorter", "Sorter", unit="bank"),
            AiSystem("toy", "Toy"),
        ),
        "assignments": (
            Assignment("guard", "clerk", "A"),
            Assignment("guard", "deputy", "A", unit="bank"),
            Assignment("guard", "chief", "A", system="bot"),
        ),
    }
    view = coverage(plain(**parts), as_of=TODAY)
    owners = {system: state_for_system(view, "guard", system).accountable for system in ("bot", "sorter", "toy")}
    assert owners == {"bot": ("chief",), "sorter": ("deputy",), "toy": ("clerk",)}
    assert view.systems["bot"].counts["covered"] == 1
    assert view.systems["toy"].counts["unstaffed"] == 1


def test_history_shows_who_held_what_when() -> None:
    organisation = plain(
        people=(Person("ada", "Ada"), Person("ben", "Ben")),
        holdings=(
            Holding("ada", "chief", until_on=date(2026, 3, 31)),
            Holding("ben", "chief", since_on=date(2026, 6, 1)),
        ),
    )
    days = [date(2026, 3, 31), date(2026, 4, 1), date(2026, 6, 1)]
    assert [view.total.counts["covered"] for view in history(organisation, days)] == [1, 0, 1]
    assert change_days(organisation) == (date(2026, 4, 1), date(2026, 6, 1))


def test_totals_by_stage_count_a_duty_in_each_of_its_stages() -> None:
    duty = Duty("guard", "Guard", "Guards.", "security", stages=("design", "operation"))
    stages = coverage(plain(duties=(duty,)), as_of=TODAY).stages
    assert {name: counts.total for name, counts in stages.items()} == {"design": 1, "operation": 1}


def test_an_alert_goes_to_the_holder_or_the_delegate_or_says_where_it_hurts() -> None:
    people = (Person("ada", "Ada", absences=AWAY), Person("ben", "Ben"))
    away = plain(people=people, delegates=(Delegate("ada", "ben", "chief", duties=("guard",)),))
    (recipient,) = route(Snapshot(away, TODAY), "guard").recipients
    assert (recipient.person, recipient.instead_of) == ("ben", "ada")
    (present,) = route(Snapshot(plain(), TODAY), "guard").recipients
    assert (present.person, present.via) == ("ada", "holding:ada:chief")
    assert route(Snapshot(replace(plain(), holdings=()), TODAY), "guard").hurts == "Chief is vacant"
    assert route(Snapshot(plain(assignments=()), TODAY), "guard").hurts == "nobody is accountable for Guard"
