"""The figures of the statistical rules are those of the rules that ship."""

from pathlib import Path

from bench.statistics import logic_digest, shipped

from caiso.engine.detect.rule import Statistic
from caiso.web.soc.figures import error_rates

PAGE = Path(__file__).parents[2] / "docs" / "detection-statistics.md"
AGAIN = "measure again: python -m bench.statistics --json --docs"


def test_every_statistical_rule_was_measured_as_it_ships() -> None:
    rules = {rule.id: rule for rule in shipped()}
    emitting = {name for name, rule in rules.items() if isinstance(rule.logic, Statistic) and rule.emits}
    figures = error_rates()
    assert emitting <= set(figures), AGAIN
    assert {name: row.digest for name, row in figures.items()} == {
        name: logic_digest(rules[name]) for name in figures
    }, AGAIN


def test_the_page_shows_every_rule_that_was_measured() -> None:
    page = PAGE.read_text()
    assert [name for name in error_rates() if f"| {name} |" not in page] == [], AGAIN


def test_what_is_said_of_a_rule_names_both_errors() -> None:
    for name, row in error_rates().items():
        assert f"of {row.attacks} generated attacks were found" in row.words, name
        assert "ordinary" in row.words and row.evaded_by, name
