# ruff: noqa: S311 - seeded on purpose
"""Every back end gives the matches that a slow, separate evaluator gives."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sigma.rule import SigmaRule

from caiso.engine.detect.batch import Batch, Columns, Events
from caiso.engine.detect.loader import read_rules
from caiso.engine.detect.matcher import Matcher
from caiso.engine.detect.ruleset import compile_ruleset
from caiso.engine.detect.sigma_policy import POLICY
from tests.engine.detect import random_rules, reference

BACKENDS = ("hyperscan", "re2", "re")
HERE = Path("made.yaml")


def matches(matcher: Matcher, events: list[dict[str, Any]] | Batch) -> list[tuple[int, int]]:
    batch = Events(events) if isinstance(events, list) else events
    rows, rules = matcher.match(batch)
    return list(zip(rows.tolist(), rules.tolist(), strict=True))


def disagreements(seed: int, *, rules: int, events: int) -> tuple[int, list[Any]]:
    """Pairs compared, and those on which a back end differs from the reference."""
    rng = random.Random(seed)
    documents = [random_rules.rule(rng, number) for number in range(rules)]
    text = "\n---\n".join(json.dumps(document) for document in documents)
    loaded, problems = read_rules(text.encode("utf-8", "surrogatepass").replace(b"\xed\xa0\x80", b"?"), path=HERE)
    stream = [random_rules.event(rng, number) for number in range(events)]
    by_name = {document["name"]: document for document in documents}
    expected = {}
    for rule in loaded:
        sigma = SigmaRule.from_dict(by_name[rule.id], **POLICY)
        expected[rule.id] = {number for number, event in enumerate(stream) if reference.holds(sigma, event)}
    assert len(loaded) > rules // 2, problems
    found: list[Any] = []
    for backend in BACKENDS:
        ruleset = compile_ruleset(loaded, backend=backend, isolate=False)
        for size in (17, events):  # in a large batch common rules are asked about all events at once
            got: dict[str, set[int]] = {rule.id: set() for rule in loaded}
            for start in range(0, events, size):
                for row, number in matches(Matcher(ruleset), stream[start : start + size]):
                    got[ruleset.base[number].id].add(start + row)
            for name, rows in expected.items():
                for row in rows ^ got[name]:
                    found.append((backend, size, row in rows, by_name[name]["detection"], stream[row]))
    return len(loaded) * events * len(BACKENDS) * 2, found


@pytest.mark.parametrize("seed", range(4))
def test_all_back_ends_agree_with_the_reference(seed: int) -> None:
    compared, found = disagreements(seed, rules=16, events=50)
    assert compared > 1000
    assert found == []


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_all_back_ends_agree_with_the_reference_over_millions_of_pairs() -> None:
    compared = 0
    seed = 1000
    while compared < 2_000_000:
        more, found = disagreements(seed, rules=60, events=200)
        assert found == [], f"seed {seed}"
        compared += more
        seed += 1


def one_rule(detection: dict[str, Any]) -> Any:
    document = {"title": "t", "name": "t", "logsource": {"product": "ai"}, "detection": detection}
    loaded, problems = read_rules(json.dumps(document).encode(), path=HERE)
    assert problems == ()
    return loaded


def rows_of(detection: dict[str, Any], events: list[dict[str, Any]], backend: str) -> list[int]:
    ruleset = compile_ruleset(one_rule(detection), backend=backend, isolate=False)  # type: ignore[arg-type]
    return [row for row, _ in matches(Matcher(ruleset), events)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("detection", "expected"),
    [
        ({"a": {"content.user|contains": "foo"}, "condition": "not a"}, [1, 2, 3]),
        ({"a": {"content.user": None}, "condition": "a"}, [2, 3]),
        ({"a": {"content.user|exists": False}, "condition": "a"}, [2, 3]),
        ({"a": {"rows|gt": 3}, "b": {"content.user|contains": "foo"}, "condition": "a and not b"}, [3]),
        ({"a": {"content.user|re": "^fo"}, "condition": "a"}, [0]),
        ({"a": {"content.user|contains": "o\nb"}, "condition": "a"}, []),
        ({"a": {"service.name|fieldref": "user.id"}, "condition": "a"}, [1]),
    ],
)
def test_rules_without_a_positive_text_hit_are_not_lost(
    detection: dict[str, Any], expected: list[int], backend: str
) -> None:
    events: list[dict[str, Any]] = [
        {"content.user": "foo", "rows": 9},
        {"content.user": "bar", "service.name": "Kim", "user.id": "kim"},
        {"service.name": "foo"},
        {"rows": 9, "content.output": "foo"},
    ]
    assert rows_of(detection, events, backend) == expected


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_match_never_crosses_from_one_event_to_the_next(backend: str) -> None:
    events = [{"content.user": "foo"}, {"content.user": "bar"}, {"content.user": "foo bar"}]
    for expression in ("foo.?bar", "foo[^x]*bar", "(?s)foo.*bar", r"foo\W?bar", "foo[^a-z]{1,30}bar", "o$.?b"):
        assert rows_of({"a": {"content.user|re": expression}, "condition": "a"}, events, backend) == (
            [] if "$" in expression else [2]
        )


def test_a_text_that_matches_everywhere_is_scanned_in_bounded_steps() -> None:
    ruleset = compile_ruleset(one_rule({"a": {"content.user|re": "[ab]{2}"}, "condition": "a"}), isolate=False)
    events = [{"content.user": "ab" * 50_000}, {"content.user": "none"}, {"content.user": "xab"}]
    assert [row for row, _ in matches(Matcher(ruleset), events)] == [0, 2]
    assert ruleset.scanners["content.user"].counters.floods == (1 if ruleset.backend == "hyperscan" else 0)


def test_an_arrow_table_gives_the_same_matches_as_mappings() -> None:
    rng = random.Random(5)
    loaded, _ = read_rules(json.dumps(random_rules.rule(rng, 1)).encode("utf-8", "replace"), path=HERE)
    detection = {"a": {"content.user|contains": "foo"}, "b": {"rows|gte": 4}, "condition": "a or b"}
    ruleset = compile_ruleset([*loaded, *one_rule(detection)], isolate=False)
    events = [
        {"content.user": random_rules.text(rng).encode("utf-8", "replace").decode(), "rows": rng.randrange(8)}
        for _ in range(50)
    ]
    matcher = Matcher(ruleset)
    assert matches(matcher, Columns.of_table(pa.Table.from_pylist(events))) == matches(matcher, events)


def test_offsets_point_at_the_match_in_characters() -> None:
    ruleset = compile_ruleset(one_rule({"a": {"content.user|contains": "größe"}, "condition": "a"}), isolate=False)
    event = {"content.user": "日本 GRÖßE ok"}
    assert Matcher(ruleset).spans(0, event) == (("content.user", 3, 8),)


@pytest.mark.parametrize("network", ["10.0.0.0/8", "2001:db8::/32"])
def test_an_address_is_in_a_network_however_it_is_written_and_however_often_it_comes(network: str) -> None:
    document = {
        "title": "inside", "name": "inside", "logsource": {"product": "ai"},
        "detection": {"s": {"client.address|cidr": network}, "condition": "s"},
    }  # fmt: skip
    rules, problems = read_rules(json.dumps(document).encode(), path=HERE)
    assert problems == ()
    inside, outside = ("10.2.3.4", "192.0.2.1") if "." in network else ("2001:db8::9", "2001:db9::9")
    written = [
        inside,
        outside,
        f" {inside}\n",
        inside + 80 * " ",
        outside + 80 * " ",
        inside + 80 * "1",
        "no address",
        "",
    ]
    events = [{"client.address": value} for value in written * 2]
    found = [row % len(written) for row, _ in matches(Matcher(compile_ruleset(rules, isolate=False)), events)]
    assert found == [0, 2, 3] * 2
