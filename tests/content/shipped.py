"""The rules that ship, read and compiled once for all tests of content."""

from __future__ import annotations

from functools import cache

from caiso.engine.detect.loader import load_rules, shipped_rules
from caiso.engine.detect.rule import Rule
from caiso.engine.detect.ruleset import Ruleset, compile_ruleset


@cache
def shipped() -> tuple[Rule, ...]:
    rules, problems = load_rules(shipped_rules())
    assert problems == ()
    return rules


@cache
def compiled() -> Ruleset:
    # RE2 needs no compile time; that all back ends agree is tested beside the engine.
    return compile_ruleset(shipped(), backend="re2")
