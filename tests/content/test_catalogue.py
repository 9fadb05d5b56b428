"""The catalogue: every entry has its rules and traces, attacks are found, benign twins stay quiet, the page is true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from re import _constants as op  # type: ignore[attr-defined]  # the parser module of re has no public name
from re import _parser as sre  # type: ignore[attr-defined]
from typing import Any

import pytest
import re2
import yaml
from scripts.detections import PLAYBOOKS, detections_page, entries, sets
from scripts.reference import DOCS

from caiso.engine.detect.condition import TextMatch, leaves
from caiso.engine.detect.loader import shipped_rules
from caiso.engine.detect.rule import Correlation, Statistic
from caiso.engine.detect.ruleset import compile_ruleset
from caiso.engine.detect.techniques import atlas_techniques
from tests.content.shipped import compiled, shipped
from tests.content.traces import LOUD, Trace, play, read_traces

SETS = tuple(each["set"] for each in sets())
HELD_OUT = "sixth"  # for recall; see sets.yaml
# Known misses: citations need the documents of another event (entry 16); hexadecimal digits that a blank breaks (entry 3).
# Of the tenth and eleventh: a leak of one harmless sentence a turn, in another language or spelt with hyphens; citations that only
# another event, or the annotations of an answer, resolve; an address that only the network's peer tells;
# an application that falls silent while its gateway goes on.
# Of the eighth and ninth: an order inside a query string, a bare statement of what a summary should say, and the like.
MISSED = {"first": {16: 2}, "second": {16: 1}, "third": {3: 1}, "eighth": {2: 1}, "ninth": {1: 1, 2: 2, 4: 1, 8: 2}}
MISSED |= {"tenth": {9: 1, 16: 2, 39: 1}, "eleventh": {9: 2, 35: 1}}
LARGEST_PROGRAM = 10_000  # of RE2: beyond, its automaton leaves memory and the slow path begins


@cache
def loud_rules(which: str) -> dict[tuple[int, bool, str], frozenset[str]]:
    """For each trace of a set the rules that speak at medium level or above."""
    found = {}
    for trace in read_traces(which):
        signals = play(trace, compiled())
        found[key(trace)] = frozenset(s.rule_id for s in signals if s.severity in LOUD) - frozenset(trace.allows)
    return found


def key(trace: Trace) -> tuple[int, bool, str]:
    return trace.entry, trace.attack, trace.name


def test_all_sixty_entries_are_there() -> None:
    assert [entry["entry"] for entry in entries()] == list(range(1, 61))


def test_every_entry_names_a_technique_of_the_release_that_ships() -> None:
    assert {entry["technique"] for entry in entries()} <= atlas_techniques().keys()


def test_no_entry_is_without_rules() -> None:
    assert [entry["entry"] for entry in entries() if not entry.get("rules")] == []


def test_every_rule_of_an_entry_ships_and_one_carries_its_technique() -> None:
    known = {rule.id: rule for rule in shipped()}
    for entry in entries():
        own = [known[name] for name in entry.get("rules", ())]
        assert all(rule.emits for rule in own), entry
        assert not own or any(entry["technique"] in rule.techniques for rule in own), entry


def test_every_rule_that_raises_signals_belongs_to_an_entry_or_says_why_not() -> None:
    listed = {name for entry in entries() for name in entry.get("rules", ())}
    beyond = {"cascading-failure", "content-missing"}  # failures that spread, and telemetry without text
    beyond |= {rule.id for rule in shipped() if rule.emits and rule.path.name.startswith("gateway")}  # of a proxy's log
    assert {rule.id for rule in shipped() if rule.emits} - listed == beyond


def test_every_response_is_a_playbook_that_ships() -> None:
    assert {rule.response for rule in shipped() if rule.emits} <= set(PLAYBOOKS)


def test_the_page_of_detections_is_up_to_date() -> None:
    assert (DOCS / "detections.md").read_text() == detections_page(), "run make docs"


def test_every_entry_has_five_attacks_and_five_twins_and_a_second_set_where_it_is_not_statistical() -> None:
    statistical = {rule.id for rule in shipped() if isinstance(rule.logic, Statistic)}
    for which, least in (("first", 5), ("second", 2)):
        count = Counter((trace.entry, trace.attack) for trace in read_traces(which))
        for entry in entries():
            if not statistical.issuperset(entry["rules"]):
                assert count[entry["entry"], True] >= least, (which, entry)
                assert count[entry["entry"], False] >= least, (which, entry)


def test_traces_have_names_of_their_own() -> None:
    for which in SETS:
        assert [name for name, times in Counter(map(key, read_traces(which))).items() if times > 1] == []


@pytest.mark.parametrize("which", [which for which in SETS if which != HELD_OUT])
def test_attacks_are_found(which: str) -> None:
    missed = [name for name, loud in loud_rules(which).items() if name[1] and not loud]
    counts = Counter(entry for entry, _, _ in missed)
    allowed = MISSED.get(which, {})
    assert {entry: times for entry, times in counts.items() if times > allowed.get(entry, 0)} == {}, missed


@pytest.mark.parametrize("which", SETS)
def test_benign_twins_stay_quiet(which: str) -> None:
    assert {name: loud for name, loud in loud_rules(which).items() if not name[1] and loud} == {}


def test_attacks_of_an_entry_are_found_by_rules_of_that_entry() -> None:
    own = {entry["entry"]: set(entry.get("rules", ())) for entry in entries()}
    found = loud_rules("first") | loud_rules("second")
    attacks = [(name, loud) for name, loud in found.items() if name[1] and loud]
    strange = [name for name, loud in attacks if not loud & own[name[0]]]
    assert len(strange) <= len(attacks) // 20, strange


def patterns(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, part in value.items():
            if isinstance(name, str) and "|re" in name:
                yield from part if isinstance(part, list) else [part]
            else:
                yield from patterns(part)
    elif isinstance(value, list):
        for part in value:
            yield from patterns(part)


def first_letters(nodes: list[Any]) -> set[int]:
    """The characters with which a pattern may begin, as far as they are spelt out."""
    for number, (kind, value) in enumerate(nodes):
        if kind is op.LITERAL:
            return {value}
        if kind is op.SUBPATTERN:
            return first_letters(list(value[3]))
        if kind is op.BRANCH:
            return set().union(*(first_letters(list(branch)) for branch in value[1]))
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT):
            inner = first_letters(list(value[2]))
            return inner | first_letters(nodes[number + 1 :]) if value[0] == 0 else inner
        if kind is not op.AT:
            return set()
    return set()


def edges(nodes: list[Any]) -> Iterator[set[int]]:
    """What may follow each word boundary in a pattern."""
    for number, (kind, value) in enumerate(nodes):
        if kind is op.AT and value is op.AT_BOUNDARY:
            yield first_letters(nodes[number + 1 :])
        elif kind is op.SUBPATTERN:
            yield from edges(list(value[3]))
        elif kind is op.BRANCH:
            for branch in value[1]:
                yield from edges(list(branch))
        elif kind in (op.MAX_REPEAT, op.MIN_REPEAT):
            yield from edges(list(value[2]))


def test_no_word_boundary_stands_before_a_letter_beyond_ascii() -> None:
    # Boundaries are ASCII in every back end, so such an alternative could match only inside a word.
    wrong = []
    for path in sorted(shipped_rules().glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            for expression in patterns(document.get("detection")):
                letters = set().union(set(), *edges(list(sre.parse(expression))))
                strange = {chr(code) for code in letters if code > 127 and chr(code).isalpha()}
                wrong += [(document["name"], expression[:60], strange)] if strange else []
    assert wrong == []


def test_no_pattern_outgrows_the_automaton_that_bounds_its_time() -> None:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 64 << 20
    large = {}
    for rule in shipped():
        for leaf in () if isinstance(rule.logic, Correlation | Statistic) else leaves(rule.logic):
            if isinstance(leaf, TextMatch):
                size = re2.compile(leaf.pattern.re2, options).programsize
                if size > LARGEST_PROGRAM:
                    large[rule.id, leaf.pattern.re2[:60]] = size
    assert large == {}


@pytest.mark.slow
def test_hyperscan_takes_every_pattern() -> None:
    scanners = compile_ruleset(shipped(), backend="hyperscan").scanners
    assert {name: scanner.databases.refused for name, scanner in scanners.items() if scanner.databases.refused} == {}
