"""Control states and framework coverage: worst first, never inflated, always derivable."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caiso.engine.checks import Aggregate, Check, CheckResult, CheckState, Empty, Measure, PassRule, evaluate
from caiso.engine.comply import (
    FRAMEWORKS,
    Control,
    ControlState,
    Declared,
    Family,
    Framework,
    FrameworkStatus,
    Link,
    Relation,
    Requirement,
    RequirementMapping,
    RequirementState,
    ReviewStatus,
    Stage,
    TextMode,
    chain,
    control_kind,
    framework_coverage,
    in_order,
    inverse,
    judge_control,
)
from caiso.engine.packs import load_folder, read_source

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def check(name: str) -> Check:
    return Check(name, name.title(), "users", Measure.COUNT, PassRule.parse(">= 1"), DAY, Empty.UNKNOWN)


def link(requirement: str, relation: Relation, *, reviewed: bool = True, framework: str = "law") -> Link:
    status = ReviewStatus.REVIEWED if reviewed else ReviewStatus.UNREVIEWED
    return Link(framework, "1", requirement, relation, 5, "because", status, "R. Viewer", date(2026, 11, 1))


def control(name: str, *links: Link, checks: tuple[str, ...] = ("one",)) -> Control:
    stages = (Stage.OPERATION,)
    return Control(name, name, "It works.", Family.RISK, stages, "caiso", checks=tuple(map(check, checks)), links=links)


def result(name: str, counted: int, *, age: timedelta = timedelta(), total: int = 5) -> CheckResult:
    return evaluate(check(name), Aggregate(total, counted), now=NOW - age, records=(f"{name}-record",))


def framework(name: str = "law", leaves: str = "A.1 A.2 A.10") -> Framework:
    nodes = tuple(Requirement(leaf, "article", assessable=True) for leaf in leaves.split())
    return Framework(
        id=name, version="1", title=name, publisher="P", status=FrameworkStatus.FINAL, licence="L",
        text_mode=TextMode.IDS_ONLY, source="s", published_on=date(2020, 1, 1), verified_on=date(2026, 1, 1),
        levels=("chapter", "article"), counts={"chapter": 1, "article": len(nodes)},
        requirements=(Requirement("A", "chapter", requirements=nodes),),
    )  # fmt: skip


def test_the_worst_check_decides_and_its_record_is_named() -> None:
    both = control("c", checks=("one", "two"))
    verdict = judge_control(both, [result("one", 1), result("two", 0)], now=NOW)
    assert (verdict.state, verdict.records) == (ControlState.FAILING, ("two-record",))
    assert verdict.reason == "Two: 0 records; required >= 1"
    assert judge_control(both, [result("one", 1), result("two", 2)], now=NOW).state is ControlState.EFFECTIVE


def test_a_check_that_never_ran_leaves_the_control_unknown() -> None:
    both = control("c", checks=("one", "two"))
    verdict = judge_control(both, [result("one", 1)], now=NOW)
    assert (verdict.state, verdict.missing, verdict.reason) == (
        ControlState.UNKNOWN,
        ("two",),
        "not evaluated yet: two",
    )
    assert judge_control(both, [result("one", 0)], now=NOW).state is ControlState.FAILING


def test_results_grow_stale_and_only_the_newest_counts() -> None:
    one = control("c")
    assert judge_control(one, [result("one", 1, age=2 * DAY)], now=NOW).state is ControlState.STALE
    renewed = [result("one", 0, age=2 * DAY), result("one", 1)]
    assert judge_control(one, renewed, now=NOW).state is ControlState.EFFECTIVE


def test_declarations_are_told_apart_from_proof() -> None:
    one, none = control("c"), control("d", checks=())
    good = [result("one", 1)]
    assert judge_control(one, good, now=NOW, declared=Declared.PLANNED).state is ControlState.PLANNED
    assert judge_control(none, [], now=NOW, declared=Declared.IMPLEMENTED).state is ControlState.IMPLEMENTED
    assert judge_control(none, [], now=NOW).state is ControlState.UNKNOWN
    excused = judge_control(one, good, now=NOW, declared=Declared.NOT_APPLICABLE, reason="no such AI here")
    assert (excused.state, excused.reason) == (ControlState.NOT_APPLICABLE, "no such AI here")
    unexplained = judge_control(one, [result("one", 0)], now=NOW, declared=Declared.NOT_APPLICABLE)
    assert unexplained.state is ControlState.FAILING


def coverage_of(states: Mapping[str, ControlState], *controls: Control) -> dict[str, RequirementState]:
    coverage = framework_coverage(framework(), controls, states)
    return {leaf.requirement: leaf.claim for leaf in coverage.requirements}


EFFECTIVE, FAILING = ControlState.EFFECTIVE, ControlState.FAILING


@pytest.mark.parametrize(
    ("relation", "expected"),
    [("equal", "satisfied"), ("superset", "satisfied"), ("subset", "partial"), ("intersects", "partial"),
     ("none", "unassessed")],
)  # fmt: skip
def test_only_a_control_that_covers_it_all_satisfies(relation: str, expected: str) -> None:
    states = coverage_of({"c": EFFECTIVE}, control("c", link("A.1", Relation(relation))))
    assert states == {"A.1": expected, "A.2": "unassessed", "A.10": "unassessed"}


def test_many_partial_contributions_never_satisfy() -> None:
    many = [control(f"c{n}", link("A.1", Relation.SUBSET)) for n in range(9)]
    assert coverage_of({c.id: EFFECTIVE for c in many}, *many)["A.1"] is RequirementState.PARTIAL


def test_a_failing_control_beside_an_effective_one_takes_the_satisfaction_away() -> None:
    good, bad = control("good", link("A.1", Relation.EQUAL)), control("bad", link("A.1", Relation.INTERSECTS))
    states = {"good": EFFECTIVE, "bad": FAILING}
    assert coverage_of(states, good, bad)["A.1"] is RequirementState.PARTIAL
    assert coverage_of({"bad": FAILING}, bad)["A.1"] is RequirementState.FAILING
    unreviewed = control("bad", link("A.1", Relation.INTERSECTS, reviewed=False))
    assert coverage_of(states, good, unreviewed)["A.1"] is RequirementState.PARTIAL


@pytest.mark.parametrize("state", ["planned", "implemented", "unknown", "stale"])
def test_what_is_not_proven_stays_unassessed(state: str) -> None:
    states = coverage_of({"c": ControlState(state)}, control("c", link("A.1", Relation.EQUAL)))
    assert states["A.1"] is RequirementState.UNASSESSED


def test_unreviewed_links_indicate_but_do_not_claim() -> None:
    one = control("c", link("A.1", Relation.EQUAL, reviewed=False))
    leaf = framework_coverage(framework(), [one], {"c": EFFECTIVE}).of("A.1")
    assert leaf is not None
    assert (leaf.claim, leaf.indication) == (RequirementState.UNASSESSED, RequirementState.SATISFIED)


def test_not_applicable_leaves_the_denominator() -> None:
    one = control("c", link("A.1", Relation.EQUAL))
    tally = framework_coverage(framework(), [one], {"c": ControlState.NOT_APPLICABLE}).tally()
    assert (tally.total, tally.applicable, tally.satisfied, tally.unassessed) == (3, 2, 0, 2)


def mapping(source: str, target: str, relation: Relation) -> RequirementMapping:
    (a, b), (c, d) = source.split(":"), target.split(":")
    return RequirementMapping(a, "1", b, c, "1", d, relation, 3, "why", ReviewStatus.REVIEWED)


def test_coverage_follows_mappings_and_tells_the_path() -> None:
    one = control("c", link("X", Relation.SUPERSET, framework="std"))
    coverage = framework_coverage(
        framework(),
        [one],
        {"c": EFFECTIVE},
        mappings=[
            mapping("std:X", "law:A.1", Relation.SUPERSET),
            mapping("law:A.1", "std:X", Relation.EQUAL),
            mapping("std:X", "law:A.2", Relation.SUBSET),
        ],
    )
    leaf, part = coverage.of("A.1"), coverage.of("A.2")
    assert leaf is not None
    assert part is not None
    assert (leaf.claim, part.claim) == (RequirementState.SATISFIED, RequirementState.PARTIAL)
    assert [step.requirement for step in leaf.contributions[0].path] == [("std@1", "X"), ("law@1", "A.1")]
    assert leaf.contributions[0].strength == 3


def _relation_of(left: frozenset[int], right: frozenset[int]) -> Relation:
    if left == right:
        return Relation.EQUAL
    if left > right:
        return Relation.SUPERSET
    if left < right:
        return Relation.SUBSET
    return Relation.INTERSECTS if left & right else Relation.NONE


def _implies(known: Relation, claimed: Relation) -> bool:
    """Whether sets in relation `known` do have the claimed relation when it is read as a promise."""
    promises = {
        Relation.EQUAL: {Relation.EQUAL},
        Relation.SUPERSET: {Relation.EQUAL, Relation.SUPERSET},
        Relation.SUBSET: {Relation.EQUAL, Relation.SUBSET},
        Relation.INTERSECTS: set(Relation) - {Relation.NONE},
        Relation.NONE: set(Relation),
    }
    return known in promises[claimed]


SETS = [frozenset(i for i in range(3) if bits >> i & 1) for bits in range(1, 8)]


def test_chained_relations_hold_for_every_choice_of_sets() -> None:
    tried = 0
    for a, b, c in product(SETS, repeat=3):
        promised = chain(_relation_of(a, b), _relation_of(b, c))
        assert _implies(_relation_of(a, c), promised), (a, b, c, promised)
        assert inverse(_relation_of(a, b)) is _relation_of(b, a)
        tried += promised is not Relation.NONE
    assert tried > 100


@given(st.lists(st.sampled_from(list(Relation)), min_size=1, max_size=5))
def test_a_chain_covers_only_when_every_link_covers(relations: list[Relation]) -> None:
    total = relations[0]
    for relation in relations[1:]:
        total = chain(total, relation)
    assert total.covers == all(relation.covers for relation in relations)


def test_ids_sort_by_their_numbers() -> None:
    ids = ["MEASURE 2.10", "MEASURE 2.9", "A.10.2", "A.9.4", "73(10)", "73(2)"]
    assert sorted(ids, key=in_order) == ["73(2)", "73(10)", "A.9.4", "A.10.2", "MEASURE 2.9", "MEASURE 2.10"]


FRAMEWORK = b"""id: law
version: 1.0
title: A law
publisher: P
status: final
licence: L
text_mode: ids_only
source: s
published_on: 2020-01-01
verified_on: 2026-01-01
levels: [chapter, article]
counts: {chapter: 1, article: 2}
requirements:
  - id: A
    level: chapter
    requirements:
      - {id: A.1, level: article, assessable: true}
      - {id: A.2, level: article, assessable: true}
"""


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ((b"article: 2}", b"article: 3}"), ":12: counts says 3 for article, the file has 2"),
        ((b"id: A.2", b"id: A.1"), ':18: requirement "A.1" stands twice'),
        ((b"A.2, level: article", b"A.2, level: artikel"), ':18: level "artikel" is wrong, expected one of chapter'),
        ((b"    level: chapter", b"    level: chapter\n    assessable: true"), "judged by these"),
    ],
)
def test_a_framework_is_held_to_its_official_counts(change: tuple[bytes, bytes], expected: str) -> None:
    good, _ = read_source(FRAMEWORKS, FRAMEWORK, path=Path("law.yaml"))
    assert good is not None
    assert good.value.key == "law@1.0"
    pack, problems = read_source(FRAMEWORKS, FRAMEWORK.replace(*change), path=Path("law.yaml"))
    assert pack is None
    assert expected in "\n".join(map(str, problems))


CONTROL = """id: mine
title: Mine
statement: It works.
family: risk
lifecycle: [operation]
owner: caiso
links:
  - {framework: law, version: "1", requirement: A.1, relation: equal, strength: 5, rationale: same}
  - {framework: law, version: "1", requirement: A.3, relation: equal, strength: 5, rationale: same}
  - {framework: law, version: "2", requirement: A.1, relation: equal, strength: 5, rationale: same}
"""


def test_a_link_to_nothing_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(CONTROL)
    _, problems = load_folder(control_kind([framework()]), tmp_path)
    assert [str(problem).removeprefix(f"{tmp_path}/") for problem in problems] == [
        'mine.yaml:9: law@1 has no requirement "A.3"',
        'mine.yaml:10: framework "law@2" is not known, expected law@1',
    ]


def test_a_check_against_an_unknown_collection_names_its_line(tmp_path: Path) -> None:
    checks = """checks:
  - {id: a, title: A, collection: uzers, measure: count, pass: ">= 1", freshness: 1d, empty: fail}
"""
    (tmp_path / "other.yaml").write_text(CONTROL.split("links:")[0] + checks)
    _, problems = load_folder(control_kind(), tmp_path)
    assert [problem.line for problem in problems] == [1, 8]
    assert "must be the file's name" in problems[0].message
    assert 'collection "uzers" does not exist' in problems[1].message


def test_a_review_without_a_reviewer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(CONTROL.replace("rationale: same}", "rationale: same, status: reviewed}", 1))
    _, problems = load_folder(control_kind(), tmp_path)
    assert "names its reviewer" in problems[0].message
    assert problems[0].line == 8


def test_state_words_of_checks_and_controls_agree() -> None:
    assert {state.value for state in CheckState} <= {state.value for state in ControlState}
