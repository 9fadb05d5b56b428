# ruff: noqa: RUF001 - look-alike letters and a seeded generator are the point
"""Makes random rules and events that are likely to touch each other, from a seed."""

from __future__ import annotations

import random
from typing import Any

TEXT = ("content.user", "content.output", "content.untrusted")
WORDS = (
    "foo", "Bar", "ignore", "previous", "straße", "STRASSE", "ſend", "Key", "\u212aey", "İd", "ıd", "id", "é", "É",
    "σ", "Σ", "ς", "日本", "a.b", "x*y", "q?r", "\\d", "cat ~/.env", "-run", "/run", "42", "4", "", " ", "\n", "\t",
    "fxyo", "fxo", "axyzc", "abcd", "1abc2", "1ab2", "aéc", "a日本c", "\x1e", "\x0b", "foo\nbar", "ab", "aab", "_", "$", "^", "(", "[x]", "{3}", "|", "\ud800", "\x00", "ǅ", "ß", "ẞ", "µ", "μ",
)  # fmt: skip
REGEXES = (
    "foo", "fo+", "^foo", "foo$", "^foo$", r"\bfoo\b", r"foo.*bar", r"(?:foo|bar)", r"[a-c]{2}", r"\d+", r"\w+é", r"\s\S",
    r"[^a-z]x", r"\Wfoo", r"id|key", "ß", "é.", ".é", r"a.?b", r"a[^b]?b", r"^$", r"x*", r"(?:a|ab)+$", r"日.", r"\x00",
    r"foo\s*$", r"(?:^|\s)bar", r"bar(?:\s|$)", r"a.{1,9}b", r"[^x]{2}o", r"o[^\n]{1,40}r", r"(?:o ?){2,9}b", r"\$", "σ",
    r"[^_ ]+$", r"(?<!a)foo", r"foo(?!bar)", r"(?<=\s)id(?=\n|$)", r"(?:foo\s){0,7}id", "[à-ý]", "foo^bar", "a$b", "r$\n?",
    "[ß-é]?foo", r".", r"f.o", r"a[^b]c", r"\d\D\d", r"^ab.$", r"a[^é]c", r"a[^é]{1,2}c", r"(?:f.o|a.c)\b", r"\S{3}", r"k", r"s", r"I",
)  # fmt: skip


def text(rng: random.Random) -> str:
    """A few words with and without space between them."""
    return rng.choice(("", " ")).join(rng.choice(WORDS) for _ in range(rng.randint(1, 5)))


def event(rng: random.Random, number: int) -> dict[str, Any]:
    """A flat event; fields come and go, and change type now and then."""
    made: dict[str, Any] = {
        "event.id": f"e{number}",
        "event.kind": rng.choice(("inference", "tool")),
        "time": rng.randrange(10**16),
    }
    for name in TEXT:
        if rng.random() < 0.7:
            made[name] = text(rng) if rng.random() < 0.9 else [text(rng) for _ in range(rng.randint(0, 3))]
    optional: dict[str, Any] = {
        "service.name": rng.choice((rng.choice(WORDS), ["foo", rng.choice(WORDS)], 42, True)),
        "user.id": rng.choice(WORDS),
        "rows": rng.choice((0, 1, 4, 42, 42.5, "42", "x", -3, True)),
        "content.missing": rng.choice((True, False, "true")),
        "client.address": rng.choice(("10.0.0.7", "10.1.2.3", "2001:db8::1", "nowhere", "192.168.1.9")),
        "trace_id": None,
    }
    return made | {name: value for name, value in optional.items() if rng.random() < 0.7}


def _item(rng: random.Random) -> tuple[str, Any]:
    """One field with modifiers and a value."""
    kind = rng.randrange(15)
    field = rng.choice((*TEXT, *TEXT, "service.name", "user.id"))
    values = [rng.choice(WORDS) for _ in range(rng.randint(1, 3))]
    value: Any = values if len(values) > 1 else values[0]
    word = rng.choice(("foo", "Key", "straße", "id", "日本"))
    choices: list[tuple[str, Any]] = [
        (field, value),
        (f"{field}|contains", value),
        (f"{field}|contains|all", values),
        (f"{field}|startswith", value),
        (f"{field}|endswith", value),
        (f"{field}|contains|cased", value),
        (f"{field}|re", rng.choice(REGEXES)),
        (f"{field}|re|i", rng.choice(REGEXES)),
        (f"{field}|re|{rng.choice(('s', 'm', 'i|m'))}", rng.choice(REGEXES)),
        (f"rows|{rng.choice(('lt', 'lte', 'gt', 'gte'))}", rng.choice((0, 4, 42, 42.5))),
        (rng.choice(("rows", "content.missing", field)), rng.choice((42, True, False, None))),
        (f"{rng.choice((field, 'rows', 'trace_id'))}|exists", rng.choice((True, False))),
        ("client.address|cidr", rng.choice(("10.0.0.0/8", "2001:db8::/32", "192.168.1.0/24"))),
        (f"{field}|fieldref{rng.choice(('', '|contains', '|startswith', '|endswith'))}", rng.choice((*TEXT, "user.id"))),
        rng.choice(((f"{field}|base64offset|contains", word), (f"{field}|wide|base64offset|contains", word),
                    (f"{field}|base64", word), (f"{field}|utf16be|base64offset|contains", word), (f"{field}|windash|contains", " -run"), (f"{field}|neq", value),
                    ("time|hour", rng.randrange(24)), (f"time|{rng.choice(('hour', 'day', 'week'))}|{rng.choice(('lt', 'gte', 'neq'))}", rng.randrange(24)), (f"{field}|contains", rng.choice((f"{word}*{rng.choice(WORDS)}?", "f?o", "a??c", "?b"))))),
    ]  # fmt: skip
    return choices[kind]


def rule(rng: random.Random, number: int) -> dict[str, Any]:
    """A rule document with one to four detections and a random condition over them."""
    detections: dict[str, Any] = {}
    for index in range(rng.randint(1, 4)):
        shape = rng.random()
        if shape < 0.7:
            detections[f"sel{index}"] = dict(_item(rng) for _ in range(rng.randint(1, 3)))
        elif shape < 0.9:
            detections[f"sel{index}"] = [dict([_item(rng)]) for _ in range(rng.randint(1, 3))]
        else:
            detections[f"sel{index}"] = [word for word in (rng.choice(WORDS) for _ in range(2)) if word.strip()] or [
                "foo"
            ]
    names = list(detections)
    condition = _condition(rng, names, depth=2)
    if rng.random() < 0.2:
        condition = rng.choice(("1 of sel*", "all of sel*", "1 of them", "all of them", "not 1 of sel*"))
    return {
        "title": f"r{number}",
        "name": f"r{number}",
        "logsource": {"product": "ai"},
        "detection": {**detections, "condition": condition},
    }


def _condition(rng: random.Random, names: list[str], *, depth: int) -> str:
    if not depth or rng.random() < 0.3:
        return rng.choice(("", "", "not ")) + rng.choice(names)
    joined = f" {rng.choice(('and', 'or'))} ".join(
        _condition(rng, names, depth=depth - 1) for _ in range(rng.randint(1, 3))
    )
    return f"{rng.choice(('', '', 'not '))}({joined})"
