"""Takes texts apart into pieces, words and records, as numbers: by them it is told whether one text repeats another."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from typing import Final
from zlib import crc32

from caiso.connect.telemetry.places import MAIL, Numbers, number_of

PIECES: Final = 64  # of a text
CHARS: Final = 4_000
LEAST: Final = 12  # characters of a piece
_RUNS: Final = 4  # that are decoded
_WORD = re.compile(r"[^\W\d_]{5,}|\d{3,}")
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{20,8000}={0,2}")
_URL_SAFE: Final = str.maketrans("+/", "-_")
_CUT = re.compile(r"[\n\r;|{}\[\]\"<>!?]|[.,:](?=\s|$)|\\[nrt\"]")
_AROUND: Final = " \t'`*-•#,.:="
_BROUGHT = re.compile(r"\b[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}\b|\+[0-9]{1,3}[ /-]?[0-9][0-9 /-]{6,14}[0-9]|\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b"
                      r"|\b(?:[0-9]{4}[ -]?){3}[0-9]{4}\b|\b(?:AKIA|ghp_|sk[_-]|xox[abp]-|hvs\.)[A-Za-z0-9_-]{10,60}")  # fmt: skip
_MAY_BRING = re.compile(r"[0-9]{2}|ghp_|sk[_-]|xox[abp]-|hvs\.")  # one of these is in all of them, and soon looked for


def words_of(text: str) -> Numbers:
    """Numbers of the words of a text that say something."""
    different = dict.fromkeys(_WORD.findall(text.lower()))
    return dict.fromkeys([crc32(word.encode("utf-8", "replace")) for word in different])


def pieces_of(text: str, most: int = PIECES) -> Iterator[tuple[int, str]]:
    """Pieces of a text that are long enough to be told apart, with their numbers."""
    left = most
    for part in _CUT.split(text[:CHARS].lower()):
        piece = part.strip(_AROUND)
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
    if _MAY_BRING.search(text):
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
