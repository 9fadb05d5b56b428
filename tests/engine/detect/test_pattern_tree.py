"""The part of a pattern that a scanner looks for: rarer than the chain it stands for, and in every match of it."""

from __future__ import annotations

import re
from random import Random

import pytest

from caiso.engine.detect import hyperscan_build
from caiso.engine.detect.pattern import compile_pattern

re2 = pytest.importorskip("re2")

WORDS = ("if", "he", "no", "say", "sends", "reply", "thanks", "x", "ok")
GAPS = ("[^\\n]{0,24}", "[^\\n.]{0,40}", ".{0,60}", "[^\\n]*", "\\S{0,20}", " {1,2}", "")
BETWEEN = (" ", " and ", ". ", "\n", "", " x x x ", "é", "-")


@pytest.mark.parametrize(
    ("expression", "sought"),
    [
        (r"\b(?:if|when)\b[^\n.]{0,24}\b(?:he|she)\b[^\n.]{0,12}\b(?:replies|answers)\b", r"\b(?:replies|answers)\b"),
        (r"\b(?:as[^\n]{0,9}password|plain)\b", r"(?:password\b|\bplain\b)"),
        (r"\b(?:disregard|forget)\b[^\n]{0,40}\binstructions\b", None),
        (r"\bif[^\n]{0,30}she\b", None),
        (r"(?i:a[^\n]{0,9}Secret)", "(?i:Secret)"),
        (r"as[^\n]{0,9}report[^\n]{0,9}password[^\n]{0,9}no", r"report[^\x0a]{0,9}password"),
    ],
)
def test_the_rarest_link_of_a_chain_is_looked_for(expression: str, sought: str | None) -> None:
    pattern = compile_pattern(expression)
    assert pattern.confirm_ascii == (sought is not None or "{0," in expression)
    if sought is not None:
        assert pattern.wide == sought


def _expression(rng: Random, depth: int = 0) -> str:
    parts = []
    for _ in range(rng.randint(1, 4)):
        if depth < 2 and rng.random() < 0.35:
            ways = "|".join(_expression(rng, depth + 1) for _ in range(rng.randint(1, 3)))
            part = rng.choice(("(?:{})", "(?:{})", "(?:{})?", "(?:{}){{1,2}}", "(?i:{})")).format(ways)
        else:
            words = [rng.choice(WORDS) + rng.choice(("", "", "s?", "[sz]")) for _ in range(rng.randint(1, 3))]
            part = words[0] if len(words) == 1 else "(?:" + "|".join(words) + ")"
        edge = rng.choice(("", "\\b"))
        parts.append(edge + part + edge + rng.choice(GAPS))
    start, end = rng.choice((("", ""), ("", ""), ("", ""), ("^", ""), ("", "$"), ("\\A", "")))
    return start + "".join(parts) + end if depth == 0 else "".join(parts)


def _text(rng: Random) -> str:
    return "".join(
        rng.choice(WORDS) + rng.choice(("", "s", "z")) + rng.choice(BETWEEN) for _ in range(rng.randint(1, 9))
    )


def test_whatever_matches_a_pattern_holds_what_is_looked_for() -> None:
    rng = Random(20)  # noqa: S311 - test data
    matched = cut = 0
    for _ in range(2_000):
        expression = _expression(rng)
        pattern = compile_pattern(expression)
        wide = re2.compile(pattern.wide)
        full = re.compile(pattern.python)
        cut += pattern.wide.count("[^") < pattern.python.count("[^\\x0a")
        for _ in range(12):
            text = _text(rng)
            if full.search(text):
                matched += 1
                assert wide.search(text), (expression, pattern.wide, text)
    assert matched > 2_000
    assert cut > 300


def test_a_scanner_sees_every_match_among_joined_rows() -> None:
    pytest.importorskip("hyperscan")
    rng = Random(21)  # noqa: S311 - test data
    patterns = [compile_pattern(_expression(rng)) for _ in range(60)]
    databases = hyperscan_build.build([patterns], cache=None, isolate=False)[0]
    for _ in range(200):
        texts = [_text(rng) for _ in range(3)]
        found: set[int] = set()
        buffer = "\x1e".join(["", *texts, ""]).encode()
        hyperscan_build.scan(databases.every, buffer, lambda number, *_, found=found: found.add(number))
        for number, pattern in enumerate(patterns):
            if not pattern.empty and not pattern.always and number not in databases.refused:
                assert number in found or not any(re.search(pattern.python, text) for text in texts), pattern.python
