"""What makes two signals of one rule the same trouble."""

from __future__ import annotations

from pathlib import Path

import pytest

from caiso.engine.detect.detector import group_key
from caiso.engine.detect.loader import read_rules
from caiso.engine.detect.rule import Rule

DOCUMENT = b"""
title: granted
name: granted
logsource: {product: ai}
detection: {s: {action: grant}, condition: s}
caiso: {dedup: [aisoc.session, gen_ai.agent.name]}
"""


@pytest.fixture(scope="module")
def rule() -> Rule:
    (found,), problems = read_rules(DOCUMENT, path=Path("made.yaml"))
    assert problems == ()
    return found


def test_events_of_one_conversation_are_one_trouble(rule: Rule) -> None:
    assert group_key(rule, {"aisoc.session": "c", "writer": "a"}) == group_key(
        rule, {"aisoc.session": "c", "writer": "b"}
    )


@pytest.mark.parametrize("name", ["gen_ai.agent.id", "writer", "artifact.uri", "config.target", "service.name"])
def test_records_without_any_of_the_rule_s_fields_are_told_apart_by_whom_they_are_about(rule: Rule, name: str) -> None:
    one, other = group_key(rule, {name: "x"}), group_key(rule, {name: "y"})
    assert one != other
    assert one == group_key(rule, {name: "x"})


def test_a_record_about_nobody_still_has_a_group(rule: Rule) -> None:
    assert group_key(rule, {}) == group_key(rule, {"event.kind": "authz"})
