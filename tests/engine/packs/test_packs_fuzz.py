"""Mutations of real packs by the ten thousand: always a pack or named problems, never anything else."""

import random
import time

import pytest

from caiso.cli.packs import shipped_kinds
from caiso.engine.packs import CONTENT, read_source

SCRAPS = [
    b"&a ",
    b"*a",
    b"[",
    b"]",
    b"{",
    b"}",
    b": ",
    b"- ",
    b"\n",
    b"  ",
    b"!!x ",
    b"'",
    b'"',
    b"|\n",
    b"\x00",
    b"\xff",
]
SCRAPS += [
    b"<<: *a\n",
    b"? ",
    b"# ",
    b"---\n",
    b"null",
    b"1e999",
    b"9" * 30,
    b"now - 99999999d",
    b">= 100%%",
    "é\u202e".encode(),
]


def mutated(source: bytes, chance: random.Random) -> bytes:
    data = bytearray(source)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data) + 1)
        action = chance.randrange(3)
        if action == 0:
            data[at:at] = chance.choice(SCRAPS)
        elif action == 1:
            del data[at : at + chance.randint(1, 40)]
        else:
            other = chance.randrange(len(data) + 1)
            data[at:at] = data[other : other + chance.randint(1, 80)]
    return bytes(data)


@pytest.mark.slow
def test_mutated_packs_never_do_anything_unexpected() -> None:
    chance = random.Random(7)  # noqa: S311 - a repeatable choice, not a secret
    accepted = refused = 0
    started = time.monotonic()
    for kind in shipped_kinds():
        files = [path for path in sorted((CONTENT / kind.folder).glob("*.yaml")) if path.stat().st_size < 12_000]
        for number in range(3_000 if files else 0):
            path = files[number % len(files)]
            pack, problems = read_source(kind, mutated(path.read_bytes(), chance), path=path)
            assert (pack is None) == bool(problems)
            assert all(problem.message.isprintable() for problem in problems)
            accepted += pack is not None
            refused += pack is None
    assert accepted > 100
    assert refused > 1_000
    assert time.monotonic() - started < 240
