"""Silo, skill, process and tool measures count what is on record and say what is not."""

from dataclasses import replace
from datetime import date

import pytest

from caiso.engine.coverage.organisation.catalogue import Capability, ScorecardItem, Training
from caiso.engine.coverage.organisation.model import AiSystem, Assignment, Duty, Person, Skill, Unit
from caiso.engine.coverage.organisation.records import (
    Process,
    RequirementLink,
    RiskAcceptance,
    ScorecardEvidence,
    TeamNeed,
    Tool,
)
from caiso.engine.coverage.silos import doubled_processes, joint_signing, regulation_pairs, tool_report
from caiso.engine.coverage.skills import (
    UnableToScore,
    compare_candidates,
    courses_for,
    scorecard,
    skill_matrix,
    team_gaps,
)
from caiso.engine.coverage.snapshot import Snapshot
from tests.engine.coverage.organisations import TODAY, plain

TRAININGS = (
    Training("basics", "Basics", "law", 0, 2, cost=100, hours=10),
    Training("seminar", "Seminar", "law", 1, 2, cost=40, hours=5),
    Training("expert", "Expert", "law", 2, 3, cost=300, hours=40),
    Training("leap", "Leap", "law", 0, 3, cost=1000, hours=80),
)


def knows(name: str, level: int | None, *, unit: str = "team") -> Person:
    skills = () if level is None else (Skill("law", level, "manager", date(2026, 1, 1)),)
    return Person(name, name.title(), unit=unit, skills=skills)


def test_joint_signing_counts_only_systems_for_which_it_can_be_said() -> None:
    systems = (
        AiSystem("both", "Both", security_owner="chief", ai_owner="lead"),
        AiSystem("one", "One", security_owner="chief", ai_owner="lead"),
        AiSystem("none", "None", security_owner="chief", ai_owner="lead"),
        AiSystem("ownerless", "Ownerless", security_owner="chief"),
    )
    acceptances = (
        RiskAcceptance("r1", "both", date(2026, 1, 1), ("chief",)),
        RiskAcceptance("r2", "both", date(2026, 2, 1), ("chief", "lead")),
        RiskAcceptance("r3", "both", date(2027, 2, 1), ("lead",)),
        RiskAcceptance("r4", "one", date(2026, 1, 1), ("lead",)),
        RiskAcceptance("r5", "ownerless", date(2026, 1, 1), ("chief",)),
    )
    found = joint_signing(Snapshot(plain(systems=systems, acceptances=acceptances), TODAY))
    assert (found.known, found.share) == (2, 0.5)
    by_system = {signature.system: signature for signature in found.signatures}
    assert by_system["both"].acceptance == "r2"
    assert by_system["one"].reason == "not signed by chief"
    assert by_system["none"].both is None
    assert joint_signing(Snapshot(plain(), TODAY)).share is None


def test_who_answers_for_the_risks_of_a_system_is_its_owner_for_security_where_nobody_is_named() -> None:
    duties = (Duty("ai-risk-treatment", "Treat", "Treats.", "technical"),)
    base = plain(
        duties=duties,
        systems=(AiSystem("bot", "Bot", unit="bank", ai_owner="lead"),),
        units=(Unit("bank", "Bank"),),
        assignments=(
            Assignment("ai-risk-treatment", "chief", "A"),
            Assignment("ai-risk-treatment", "deputy", "A", unit="bank"),
        ),
        acceptances=(RiskAcceptance("a", "bot", TODAY, ("lead", "chief")),),
    )
    (signature,) = joint_signing(Snapshot(base, TODAY)).signatures
    assert (signature.both, signature.reason) == (False, "not signed by deputy")
    signed = replace(base, acceptances=(RiskAcceptance("a", "bot", TODAY, ("lead", "deputy")),))
    assert joint_signing(Snapshot(signed, TODAY)).share == 1
    contested = replace(base, assignments=(*base.assignments, replace(base.assignments[1], role="clerk")))
    assert joint_signing(Snapshot(contested, TODAY)).share is None


def test_a_team_gap_weighs_people_and_leaves_out_who_is_not_attested() -> None:
    people = (knows("ada", 1), knows("ben", 0), knows("cem", 3), knows("dua", None), knows("eve", 0, unit="other"))
    organisation = plain(
        units=(Unit("team", "Team"), Unit("other", "Other")),
        people=people,
        needs=(TeamNeed("law", 3, "team"),),
        trainings=TRAININGS,
    )
    (gap,) = team_gaps(organisation, as_of=TODAY)
    assert (gap.people, gap.attested, gap.not_attested, gap.missing_levels) == (4, 3, 1, 5)
    assert gap.gap == pytest.approx(5 / 3)
    assert {(course.training, course.people, course.cost) for course in gap.courses} == {
        ("seminar", 1, 40),
        ("basics", 1, 100),
        ("expert", 2, 600),
    }


def test_only_as_many_people_are_meant_as_need_it() -> None:
    organisation = plain(
        units=(Unit("team", "Team"),),
        people=(knows("ada", 3), knows("ben", 0)),
        needs=(TeamNeed("law", 3, "team", people=1),),
    )
    assert team_gaps(organisation, as_of=TODAY)[0].missing_levels == 0


def test_the_cheapest_chain_of_trainings_is_taken() -> None:
    assert [training.id for training in courses_for(TRAININGS, "law", held=0, needed=3)] == ["basics", "expert"]
    assert [training.id for training in courses_for(TRAININGS, "law", held=1, needed=2)] == ["seminar"]
    assert courses_for(TRAININGS, "law", held=0, needed=4) == ()


ITEMS = (
    ScorecardItem("i-law", "chief", "technical", "Law", "Knows law.", competence="law"),
    ScorecardItem("i-degree", "chief", "qualification", "Degree", "Has one.", needed=1),
    ScorecardItem("i-calm", "chief", "attribute", "Calm", "Is calm."),
)
EVIDENCE = (
    ScorecardEvidence("e1", "ada", "i-calm", 4, date(2025, 1, 1), "manager", "Saw it."),
    ScorecardEvidence("e2", "ada", "i-calm", 2, date(2026, 1, 1), "manager", "Saw less of it."),
    ScorecardEvidence("e3", "ben", "i-degree", 1, date(2026, 1, 1), "office", "Saw the paper."),
    ScorecardEvidence("e4", "ben", "i-calm", 3, date(2027, 1, 1), "manager", "Will see it."),
)
SCORED = plain(
    people=(knows("ada", 2), knows("ben", None)), scorecard=ITEMS, scorecard_evidence=EVIDENCE, trainings=TRAININGS
)


def test_a_scorecard_reads_evidence_and_attested_skills_and_leaves_the_rest_unknown() -> None:
    card = scorecard(SCORED, "chief", ["ada"], as_of=TODAY)
    assert {score.item.id: score.level for score in card.items} == {"i-law": 2, "i-degree": None, "i-calm": 2}
    assert (card.unknown, card.share_met(), card.share_met("attribute")) == (1, 0.0, 0.0)
    assert {step.item: step.step for step in card.plan} == {
        "i-law": "train",
        "i-degree": "attest",
        "i-calm": "practise",
    }


def test_a_shared_role_takes_the_best_of_each_and_says_who() -> None:
    card = scorecard(SCORED, "chief", ["ada", "ben"], as_of=TODAY)
    assert {score.item.id: score.person for score in card.items} == {"i-law": "ada", "i-degree": "ben", "i-calm": "ada"}
    assert card.unknown == 0


def test_candidates_are_ordered_by_what_is_met() -> None:
    assert [card.people for card in compare_candidates(SCORED, "chief", ["ada", "ben"], as_of=TODAY)] == [
        ("ben",),
        ("ada",),
    ]


def test_nobody_and_nothing_to_score_are_refused() -> None:
    for people, message in (([], "nobody"), (["eve"], 'unknown person "eve"')):
        with pytest.raises(UnableToScore, match=message):
            scorecard(SCORED, "chief", people, as_of=TODAY)
    with pytest.raises(UnableToScore, match="no scorecard"):
        scorecard(SCORED, "clerk", ["ada"], as_of=TODAY)


def test_the_skill_matrix_shows_attested_levels_only() -> None:
    assert skill_matrix(Snapshot(SCORED, TODAY), ["ada", "ben"]) == {
        "ada": {"law": 2, "code": None},
        "ben": {"law": None, "code": None},
    }


def test_doubled_and_conflicting_processes_are_found_per_system() -> None:
    organisation = plain(
        systems=(AiSystem("bot", "Bot"),),
        processes=(
            Process("general", "General", "assessment", "Art 9", owner="chief", outcome="low"),
            Process("own", "Own", "assessment", "Art 9", system="bot", owner="lead", outcome="high"),
            Process("policy", "Policy", "policy", "Art 9", system="bot"),
            Process("other", "Other", "assessment", "Art 10", system="bot"),
        ),
    )
    (double,) = doubled_processes(organisation)
    assert (double.system, double.processes, double.owners, double.conflicting) == (
        "bot",
        ("general", "own"),
        ("chief", "lead"),
        True,
    )


def test_regulations_that_meet_are_counted_in_either_order() -> None:
    links = (
        RequirementLink("l1", "GDPR", "33", "NIS2", "23", "overlap"),
        RequirementLink("l2", "NIS2", "21", "GDPR", "32", "overlap"),
        RequirementLink("l3", "GDPR", "17", "AI Act", "12", "conflict"),
    )
    pairs = regulation_pairs(links)
    assert [(pair.left, pair.right, len(pair.overlaps), len(pair.conflicts)) for pair in pairs] == [
        ("AI Act", "GDPR", 0, 1),
        ("GDPR", "NIS2", 2, 0),
    ]


def test_the_tool_register_shows_gaps_overlaps_and_cost() -> None:
    organisation = plain(
        capabilities=(Capability("scan", "Scan"), Capability("filter", "Filter"), Capability("log", "Log")),
        tools=(
            Tool("t1", "One", "security", ("scan", "filter"), annual_cost=10, decided_on=TODAY),
            Tool("t2", "Two", "governance", ("scan",), annual_cost=5),
        ),
    )
    report = tool_report(organisation)
    assert (report.gaps, report.overlaps, report.undecided) == (("log",), (("scan", ("t1", "t2")),), ("t2",))
    assert (report.cost["security"], report.cost["governance"]) == (10, 5)
    assert (report.covered, report.capabilities) == (2, 3)
