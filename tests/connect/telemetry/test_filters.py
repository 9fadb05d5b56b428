"""Conditions as SQL and as a rule: both find the same events, and what cannot be asked is named."""

from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caiso.connect.telemetry.query.dataset import SOURCE, view_sql
from caiso.connect.telemetry.query.filters import (
    OPERATORS,
    Filter,
    FilterCondition,
    filter_rule,
    filter_sql,
    known_fields,
    read_filter,
    words,
)
from caiso.connect.telemetry.query.jobs import UnableToAsk
from caiso.connect.telemetry.table import to_table
from caiso.connect.telemetry.trial.check import run_check
from caiso.connect.telemetry.trial.jobs import CheckJob, RuleSources, RuleText
from caiso.connect.telemetry.trial.rules import load_sources
from caiso.engine.detect.detector import Detector
from caiso.engine.detect.ruleset import compile_ruleset


def wanted(*conditions: tuple[str, str, str], any_of: bool = False) -> Filter:
    return Filter([FilterCondition(*one) for one in conditions], any_of)


def by_sql(events: list[dict[str, Any]], asked: Filter) -> set[str]:
    sql, values = filter_sql(asked)
    link = duckdb.connect(":memory:")
    link.register(SOURCE, to_table(events))
    link.execute(view_sql())
    answer = link.execute(f'SELECT "event.id" FROM ({sql})', values)
    return {row[0] for row in answer.fetchall()}


def by_rule(events: list[dict[str, Any]], asked: Filter) -> set[str]:
    text = RuleText("hunt.yaml", filter_rule(asked, slug="hunt", title="Hunt"))
    rules, problems = load_sources(RuleSources([], [text]))
    assert [str(problem) for problem in problems] == []
    signals = Detector(compile_ruleset(rules)).process(events)
    return {name for signal in signals for name in signal.event_ids}


EVENTS: list[dict[str, Any]] = [
    {
        "event.kind": "tool",
        "service.name": "Claims-Copilot",
        "user.id": "kim",
        "gen_ai.tool.name": "sql",
        "team": "a*b",
    },
    {
        "event.kind": "tool",
        "service.name": "claims-mail",
        "user.id": "Kim.Lee",
        "gen_ai.tool.name": "shell",
        "rows": 20,
    },
    {"event.kind": "inference", "service.name": "care", "gen_ai.usage.input_tokens": 700, "content.missing": True},
    {
        "event.kind": "inference",
        "service.name": "care",
        "user.id": "ana",
        "gen_ai.request.temperature": 0.5,
        "team": "axb",
    },
    {"event.kind": "health", "service.name": "mo\\no", "rows": 3, "retries": 7},
]
for number, one in enumerate(EVENTS):
    one |= {
        "event.id": f"e{number}",
        "source.id": "s",
        "time": 1_790_000_000_000_000 + number,
        "aisoc.session": f"c{number}",
    }


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (wanted(("service.name", "is", "claims-copilot")), "0"),
        (wanted(("service.name", "is_not", "care")), "014"),
        (wanted(("service.name", "one_of", "care, claims-mail")), "123"),
        (wanted(("service.name", "contains", "CLAIMS")), "01"),
        (wanted(("service.name", "not_contains", "claims")), "234"),
        (wanted(("service.name", "starts", "claims-c")), "0"),
        (wanted(("service.name", "ends", "mail")), "1"),
        (wanted(("service.name", "regex", "^c[a-z]+$")), "23"),
        (wanted(("service.name", "contains", "\\n")), "4"),
        (wanted(("team", "is", "a*b")), "0"),
        (wanted(("team", "contains", "a?b")), ""),
        (wanted(("retries", "is", "7")), "4"),
        (wanted(("retries", "gte", "7")), "4"),
        (wanted(("rows", "gt", "3")), "1"),
        (wanted(("rows", "lte", "3")), "4"),
        (wanted(("rows", "one_of", "3, 20")), "14"),
        (wanted(("gen_ai.request.temperature", "lt", "0.75")), "3"),
        (wanted(("content.missing", "is", "true")), "2"),
        (wanted(("user.id", "exists", "")), "013"),
        (wanted(("user.id", "missing", "")), "24"),
        (wanted(("event.kind", "is", "tool"), ("user.id", "contains", "kim")), "01"),
        (wanted(("event.kind", "is", "health"), ("user.id", "is", "ana"), any_of=True), "34"),
    ],
)
def test_sql_and_rule_find_the_same_events(asked: Filter, found: str) -> None:
    expected = {f"e{number}" for number in found}
    assert by_sql(EVENTS, asked) == expected, words(asked)
    assert by_rule(EVENTS, asked) == expected, words(asked)


TEXT = st.text(alphabet="aA*?\\.%_'\" -", min_size=1, max_size=6).filter(str.strip)
TEXT_OPERATORS = st.sampled_from(["is", "is_not", "contains", "not_contains", "starts", "ends", "exists", "missing"])
CONDITION = st.builds(FilterCondition, st.sampled_from(["user.id", "team", "service.name"]), TEXT_OPERATORS, TEXT)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(CONDITION, min_size=1, max_size=3),
    st.booleans(),
    st.lists(st.dictionaries(st.sampled_from(["user.id", "team", "service.name"]), TEXT), min_size=1, max_size=4),
)
def test_any_text_means_the_same_in_both(
    conditions: list[FilterCondition], any_of: bool, made: list[dict[str, str]]
) -> None:
    events = [
        {"event.id": f"e{number}", "event.kind": "tool", "time": number, "aisoc.session": f"c{number}"} | fields
        for number, fields in enumerate(made)
    ]
    asked = Filter(conditions, any_of)
    assert by_sql(events, asked) == by_rule(events, asked)


def test_resource_attributes_are_found_and_the_events_own_goes_first() -> None:
    table = to_table([{"event.id": "a", "zone": "own"}, {"event.id": "b"}])
    shared = ['{"zone": "shared"}'] * 2
    table = table.set_column(table.schema.get_field_index("resource"), "resource", [shared])
    link = duckdb.connect(":memory:")
    link.register(SOURCE, table)
    link.execute(view_sql())
    sql, values = filter_sql(wanted(("zone", "exists", "")))
    rows = link.execute(f'SELECT "event.id", zone FROM ({sql}) ORDER BY 1', values).fetchall()
    assert rows == [("a", "own"), ("b", "shared")]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (wanted(), "at least one condition"),
        (wanted(*[("user.id", "exists", "")] * 21), "at most 20"),
        (wanted(("user.id", "exists", ""), ("x'y", "is", "a")), "condition 2: .*not the name of a field"),
        (wanted(("content.ref", "exists", "")), "cannot be asked for"),
        (wanted(("user.id", "like", "a")), "no operator 'like'"),
        (wanted(("user.id", "is", "  ")), "user.id is what"),
        (wanted(("user.id", "one_of", " , ,")), "user.id is one of what"),
        (wanted(("user.id", "is", "x" * 2001)), "2,001 characters"),
        (wanted(("rows", "is", "many")), "compared with a number"),
        (wanted(("rows", "one_of", "1, many")), "not with 'many'"),
        (wanted(("rows", "gt", "9" * 30)), "compared with a number"),
        (wanted(("user.id", "gt", "3")), "neither more nor less"),
        (wanted(("content.missing", "is", "maybe")), "true or false"),
        (wanted(("user.id", "regex", "(")), "condition 1: .*subpattern"),
        (wanted(("content.user", "contains", "x")), "in no column"),
    ],
)
def test_what_cannot_be_asked_is_named(asked: Filter, why: str) -> None:
    with pytest.raises(UnableToAsk, match=why):
        filter_sql(asked)


def test_search_in_content_becomes_a_rule_on_its_text() -> None:
    asked = wanted(("content.user", "contains", "open sesame"))
    assert asked.reads_content
    assert "content.user|contains: open sesame" in filter_rule(asked, slug="x", title="x")


def test_draft_reads_without_a_mistake_and_keeps_its_promises() -> None:
    asked = wanted(("gen_ai.tool.name", "is", "sql"), ("rows", "gt", "100"), ("user.id", "is_not", "batch"))
    draft = filter_rule(asked, slug="my-hunt", title=words(asked))
    report = run_check(CheckJob(rules=RuleSources([]), path="draft.yaml", text=draft))
    assert (report.problems, report.rule_ids) == ([], ["my-hunt"])
    assert {test.fires: test.passed for test in report.tests} == {True: True, False: True}


@pytest.mark.parametrize(
    "document", [None, [], {"conditions": "x"}, {"conditions": [{"field": 1}]}, {"conditions": [{}]}]
)
def test_anything_else_is_no_filter(document: object) -> None:
    with pytest.raises(UnableToAsk, match="no filter"):
        read_filter(document)


def test_builder_offers_the_schema_and_hides_where_content_lies() -> None:
    fields = known_fields(["team", "bad name!"])
    assert {"service.name", "content.user", "team"} <= set(fields)
    assert not {"content.ref", "bad name!"} & set(fields)
    assert {"is", "contains", "regex", "exists"} <= set(OPERATORS)
