"""Takes texts apart into pieces, words and records, as numbers: by them it is told whether one text repeats another."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from typing import Final
from zlib import crc32

from caiso.connect.telemetry.places import MAIL, Numbers, has_digits, number_of

PIECES: Final = 64  # of a text
CHARS: Final = 4_000
LEAST: Final = 12  # characters of a piece
_RUNS: Final = 4  # that are decoded
_WORD = re.compile(r"[^\W\d_]{5,}|\d{3,}")
_WORD_LEAST: Final = 5
_NUMBER = re.compile(r"[0-9]{3,}")
_LETTERS: Final = "".join(chr(code) if chr(code).isalpha() else " " for code in range(128))
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{20,8000}={0,2}")
_URL_SAFE: Final = str.maketrans("+/", "-_")
# One set of characters comes first, what makes each of them a cut behind it: so the next of them is found ten times as fast.
_CUT = re.compile(r"[\n\r;|{}\[\]\"<>!?.,:\\](?:(?<=[\n\r;|{}\[\]\"<>!?])|(?<=[.,:])(?=\s|$)|(?<=\\)[nrt\"])")
AROUND: Final = " \t'`*-•#,.:="
_BROUGHT = re.compile(r"\b[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}\b|\+[0-9]{1,3}[ /-]?[0-9][0-9 /-]{6,14}[0-9]|\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b"
                      r"|\b(?:[0-9]{4}[ -]?){3}[0-9]{4}\b|\b(?:AKIA|ghp_|sk[_-]|xox[abp]-|hvs\.)[A-Za-z0-9_-]{10,60}")  # fmt: skip
_KEYS: Final = ("ghp_", "sk_", "sk-", "xox", "hvs.")  # one of these, or two digits, is in all of them


def words_of(text: str) -> Numbers:
    """Numbers of the words of a text that say something."""
    different = dict.fromkeys(_telling(text.lower()))
    return dict.fromkeys([crc32(word.encode("utf-8", "replace")) for word in different])


def _telling(lowered: str) -> list[str]:
    """Words of five letters and more, numbers of three digits and more."""
    if not lowered.isascii():
        return _WORD.findall(lowered)
    # The same of nearly all texts, in a third of the time.
    words = [word for word in lowered.translate(_LETTERS).split() if len(word) >= _WORD_LEAST]
    return words + _NUMBER.findall(lowered) if any(map(lowered.__contains__, "0123456789")) else words


def pieces_of(text: str, most: int = PIECES) -> Iterator[tuple[int, str]]:
    """Pieces of a text that are long enough to be told apart, with their numbers."""
    left = most
    for part in _CUT.split(text[:CHARS].lower()):
        piece = part.strip(AROUND)
        if len(piece) >= LEAST:
            yield crc32(" ".join(piece.split()).encode("utf-8", "replace")), piece
            left -= 1
            if not left:
                return


def numbers_of(text: str) -> Iterator[tuple[int, int]]:
    """Their numbers and lengths."""
    for number, piece in pieces_of(text):
        yield number, len(piece)


def records_of(text: str) -> Iterator[int]:
    """Numbers of the mail addresses, accounts, telephones and keys in a text."""
    text = text[:CHARS]
    if has_digits(text) or any(map(text.__contains__, _KEYS)):
        for found in _BROUGHT.findall(text)[:PIECES]:
            yield number_of("".join(found.split()))
    if "@" in text:
        for local, domain in MAIL.findall(text)[:PIECES]:
            if local != "git":
                yield number_of(f"{local}@{domain}")


def decoded(text: str) -> Iterator[str]:
    """What the long runs of letters and digits in a text hold, where that is text again."""
    for run in _ENCODED.findall(text)[:_RUNS]:
        for read in (bytes.fromhex, _from_base64):
            try:
                plain = read(run).decode()
            except ValueError:
                continue
            yield plain
            break


def _from_base64(run: str) -> bytes:
    bare = run.rstrip("=").translate(_URL_SAFE)
    return urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
