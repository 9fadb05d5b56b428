"""The quick ways to take texts apart give what the plain ones give."""

from __future__ import annotations

import re
from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st

from caiso.connect.telemetry.pieces import CHARS, pieces_of, records_of, words_of
from caiso.connect.telemetry.places import without_places
from caiso.connect.telemetry.retold import lacks, text_behind

ENDS = " \n\t\"'`.,:;!?<>[]{}|\\-•#=\u2028"
WORDS = st.sampled_from(
    [
        "Angebot",
        "İstanbul",
        "ΟΔΟΣ",
        "refund",
        "a",
        "12",
        "4711",
        "snake_case",
        "\\n",
        "x1y22z333",
        "https://",
        "a@b.de",
        "sk-live",
    ]
)
TEXTS = st.lists(WORDS | st.text(ENDS, min_size=1, max_size=3) | st.text(max_size=3), max_size=60).map("".join)

CUT = re.compile(r"[\n\r;|{}\[\]\"<>!?]|[.,:](?=\s|$)|\\[nrt\"]")
TELLING = re.compile(r"[^\W\d_]{5,}|\d{3,}")
PLACE = re.compile(r"(?i)\b[a-z]{2,6}://[^\s\"'<>\\]{1,300}|[\w.+-]{1,64}@[A-Za-z0-9.-]{1,120}(?::[^\s\"'\\]{1,120})?")


def number(text: str) -> int:
    return crc32(text.encode("utf-8", "replace"))


@given(TEXTS)
def test_words_are_runs_of_letters_and_runs_of_digits(text: str) -> None:
    assert words_of(text).keys() == {number(word) for word in TELLING.findall(text.lower())}


@given(TEXTS)
def test_pieces_end_at_punctuation(text: str) -> None:
    parts = (part.strip(" \t'`*-•#,.:=") for part in CUT.split(text[:CHARS].lower()))
    assert [piece for _, piece in pieces_of(text, 1000)] == [part for part in parts if len(part) >= 12]


@given(TEXTS)
def test_places_are_left_out_as_if_looked_for_together(text: str) -> None:
    assert without_places(text) == PLACE.sub("|", text)


@given(TEXTS, TEXTS, TEXTS)
def test_a_history_that_holds_the_question_is_never_passed_over(before: str, asked: str, after: str) -> None:
    history = f"{before}\n{asked}\n{after}"
    if text_behind(history, [of for of, _ in pieces_of(asked, 200)]):
        assert not lacks(history, asked)


@given(TEXTS, TEXTS)
def test_what_is_passed_over_is_what_lies_behind_nothing(history: str, asked: str) -> None:
    if lacks(history, asked):
        assert not text_behind(history, [of for of, _ in pieces_of(asked, 200)])


def test_a_text_without_digits_or_keys_has_no_records() -> None:
    assert not list(records_of("Please send it to the warehouse, we agreed on Friday"))
    assert list(records_of("his number is 4000 1234 5678 9010")) and list(records_of("token ghp_abcdefghijklmnop"))
