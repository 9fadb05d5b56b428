"""What is remembered of a conversation to tell where things of it come from and go to, and what of that a snapshot holds."""

from __future__ import annotations

import msgspec

from caiso.connect.telemetry.places import Numbers


class Talk(msgspec.Struct):
    """What is remembered of one conversation; texts are of this run only, numbers were made of those before."""

    known: Numbers = {}  # places that the user, the instructions or systems within named
    places: dict[int, bool] = {}  # those that content from outside named: whether only as its sender or source
    within: Numbers = {}  # pieces of what was read within
    records: Numbers = {}  # what tells persons and accounts apart in it
    outside: Numbers = {}
    texts: int = 0  # how many came from outside
    named_in: dict[int, int] = {}  # places, and the bits of the texts that named them
    private: dict[int, int] = {}  # pieces of mails and messages, and the bits of the texts that held them
    reads: int = 0  # how many texts were read within
    words: Numbers = {}  # of the first of them
    strange: Numbers = {}  # words of content from outside
    pending: list[str] = []  # tools whose results have not come
    documents: Numbers = {}  # what retrievals gave, under all its names
    said: Numbers = {}  # pieces of what the user said last, where the text is gone
    asked: Numbers = {}  # words of the same
    before: Numbers = {}  # pieces of what was said before it
    at: list[int] = []  # where the screen that it operates is
    thanked: bool = False  # the user said nothing else
    waits: bool = False  # a text from outside waits for the next word
    agreed: Numbers = {}  # names in the question that the user said yes to
    handed: bool = False  # what it is told was handed on by another agent
    recorded: dict[int, int] = {}  # records and pieces of single files and pages, and the bits of these texts
    letter: int = 0  # a number of the last turn that somebody else wrote
    values: Numbers = {}  # of records that were read within, each as it stands there
    visited: Numbers = {}  # places whose pages were read
    seen_within: list[str] = []
    # Arguments, result, whether it cannot be from within, and whether only few may read it.
    seen_outside: list[tuple[str, str, bool, bool]] = []
    user: str = ""
    history: str = ""


class Kept(msgspec.Struct):
    """A conversation as a snapshot holds it."""

    key: str
    known: list[int]
    places: dict[int, bool]
    within: list[int]
    records: list[int]
    outside: list[int]
    reads: int
    words: list[int]
    strange: list[int]
    pending: list[str]
    documents: list[int]
    said: list[int]
    asked: list[int]
    before: list[int]
    at: list[int] = []
    texts: int = 0
    named_in: dict[int, int] = {}
    private: dict[int, int] = {}
    values: list[int] = []
    visited: list[int] = []
    thanked: bool = False
    letter: int = 0
    recorded: dict[int, int] = {}
    agreed: list[int] = []
    handed: bool = False
    waits: bool = False


def restored(one: Kept) -> Talk:
    """A conversation as a snapshot kept it."""
    return Talk(
        known=dict.fromkeys(one.known),
        places=one.places,
        within=dict.fromkeys(one.within),
        records=dict.fromkeys(one.records),
        outside=dict.fromkeys(one.outside),
        reads=one.reads,
        words=dict.fromkeys(one.words),
        strange=dict.fromkeys(one.strange),
        pending=one.pending,
        documents=dict.fromkeys(one.documents),
        said=dict.fromkeys(one.said),
        asked=dict.fromkeys(one.asked),
        before=dict.fromkeys(one.before),
        at=one.at,
        texts=one.texts,
        named_in=one.named_in,
        private=one.private,
        thanked=one.thanked,
        letter=one.letter,
        recorded=one.recorded,
        values=dict.fromkeys(one.values),
        visited=dict.fromkeys(one.visited),
        agreed=dict.fromkeys(one.agreed),
        handed=one.handed,
        waits=one.waits,
    )
