# ruff: noqa: S311 - seeded on purpose
"""Damaged rules by the thousand: rules that compile and match, or problems with a line; never anything else."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from caiso.engine.detect.detector import Detector
from caiso.engine.detect.loader import read_rules, shipped_rules
from caiso.engine.detect.ruleset import compile_ruleset
from tests.engine.detect import random_rules

SCRAPS = (
    b"&a ", b"*a", b"<<: *a\n", b"[", b"]", b"{", b"}", b": ", b"- ", b"\n", b"  ", b"!!python/object:x ", b"!!x ", b"'", b'"', b"|\n", b"\x00",
    b"\xff", b"? ", b"# ", b"---\n", b"null", b"1e999", b"9" * 30, b"|re: ", b"|re|i: ", b"|contains|all", b"|cidr", b"|fieldref", b"|base64offset",
    b"|windash", b"|wide", b"|expand: '%x%'", b"|gte: x", b" and not (", b" 1 of them", b" all of s*", b" or ", b"(a+)+$", b"(?<=a|bb)c", b".{0,99999}",
    b"[\xc3\xa9-z]", b"\\x{110000}", b"timespan: 99999999w", b"timespan: -1m", b"gte: -1", b"group-by: [x, [y]]", b"aliases: {a: 1}",
    "é\u202e\U000e0041".encode(), b"caiso: {state: live}", b"tests: [{fires: true}]", b"tags: [atlas.aml.t0051, owasp.llm01.2025, x]",
)  # fmt: skip


def damaged(source: bytes, rng: random.Random) -> bytes:
    """A rule file with a few places cut, doubled, swapped or joined by scraps."""
    data = bytearray(source)
    for _ in range(rng.randint(1, 3)):
        at, action = rng.randrange(len(data) + 1), rng.randrange(4)
        if action == 0:
            data[at:at] = rng.choice(SCRAPS)
        elif action == 1:
            del data[at : at + rng.randint(1, 40)]
        elif action == 2:
            other = rng.randrange(len(data) + 1)
            data[at:at] = data[other : other + rng.randint(1, 80)]
        else:
            lines = bytes(data).split(b"\n")
            here, there = rng.randrange(len(lines)), rng.randrange(len(lines))
            lines[here], lines[there] = lines[there], lines[here]
            data = bytearray(b"\n".join(lines))
    return bytes(data)


def sources() -> list[bytes]:
    """Every shipped rule document that is not long, so that most time goes to damage and not to reading."""
    files = sorted(shipped_rules().rglob("*.yaml"))
    found = [document for path in files for document in path.read_bytes().split(b"\n---\n") if len(document) < 3_000]
    assert len(found) > 50
    return found


def fuzz(count: int, *, seed: int) -> tuple[int, int]:
    """How many rules were read and how many inputs had a problem; whatever was read also compiles and runs."""
    rng, shipped, path = random.Random(seed), sources(), Path("rule.yaml")
    read = refused = 0
    for _ in range(count):
        if rng.random() < 0.6:
            source = damaged(rng.choice(shipped), rng)
        else:
            source = json.dumps(random_rules.rule(rng, 1)).encode("utf-8", "replace")
            source = damaged(source, rng) if rng.random() < 0.5 else source
        rules, problems = read_rules(source, path=path)
        for problem in problems:
            assert problem.line >= 1
            assert problem.message
            assert problem.message.isprintable()
        refused += bool(problems)
        read += len(rules)
        if rules and rng.random() < 0.1:
            ruleset = compile_ruleset(rules, backend="re2", isolate=False)
            detector = Detector(ruleset)
            detector.process([random_rules.event(rng, number) for number in range(5)])
            Detector.restore(ruleset, detector.snapshot())
    return read, refused


def check(count: int, found: tuple[int, int]) -> None:
    read, refused = found
    assert read > count / 10
    assert refused > count / 5


def test_no_damage_to_a_rule_is_more_than_a_problem_with_a_line() -> None:
    check(600, fuzz(600, seed=random.SystemRandom().randrange(1 << 30)))


@pytest.mark.slow
@pytest.mark.timeout(5400)
def test_two_hundred_thousand_damaged_rules() -> None:
    check(200_000, fuzz(200_000, seed=11))
