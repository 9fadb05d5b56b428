"""Sealed columns read like the lists they were made of."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from caiso.engine.detect.correlation.sealed import Few, Many, of_plain, opened, plain, sealed

TEXTS = st.none() | st.text(st.characters(codec=None), max_size=6) | st.sampled_from(["", "a", "\ud800", "é"])


@given(st.lists(TEXTS, max_size=200) | st.lists(st.sampled_from([None, "", "x", "y"]), min_size=64, max_size=500))
def test_a_sealed_column_reads_like_its_list(texts: list[str | None]) -> None:
    column = sealed(texts)
    assert list(column) == list(opened(column)) == texts
    assert [column[place] for place in range(-len(texts), len(texts))] == texts * 2
    assert list(column[3:9]) == texts[3:9]
    assert len(column) == len(texts)
    assert sealed(column) is column


@given(st.lists(st.none() | st.text(max_size=6), max_size=200))
def test_it_comes_back_from_a_snapshot(texts: list[str | None]) -> None:
    saved = msgspec.msgpack.decode(msgspec.msgpack.encode(plain(sealed(texts))))
    assert list(of_plain(saved)) == texts


def test_few_texts_are_kept_once_and_many_behind_one_another() -> None:
    few, many = sealed(["a", None] * 100), sealed([f"id{number}" for number in range(100)])
    assert isinstance(few, Few)
    assert few.values == ["a", None]
    assert isinstance(many, Many)
    assert many.data.startswith(b"id0id1")
