"""Looks through the texts of many events at once for signs of something hidden; only the few with one are read closely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from caiso.connect.telemetry.meaning.facts import HIDING_ONCE, REVEALED, hidden_text
from caiso.connect.telemetry.meaning.messages import Segment
from caiso.connect.telemetry.normalise import texts_by_field
from caiso.engine.detect.hidden import ANY_SIGN


def rule_texts(rows: Sequence[Sequence[Segment]]) -> dict[str, list[str | None]]:
    """The texts that rules see, by field and row, what they hide among them; ``rows`` are the segments of each event."""
    count = len(rows)
    by_field: dict[str, list[str | None]] = {}
    for row, own in enumerate(rows):
        if own:
            for name, text in texts_by_field(own).items():
                column = by_field.get(name)
                if column is None:
                    column = by_field[name] = [None] * count
                column[row] = text
    hidden = hidden_texts(rows, by_field)
    if hidden:
        by_field[REVEALED] = [hidden.get(row) for row in range(count)]
    return by_field


def hidden_texts(rows: Sequence[Sequence[Segment]], by_field: Mapping[str, Sequence[str | None]]) -> Mapping[int, str]:
    """By place what an event's texts hide, as ``hidden_text`` says it; few events have a sign of it, fewer hide anything.

    ``by_field`` are the texts of the rows as rules see them.
    """
    signs = {row for field in HIDING_ONCE & by_field.keys() for row in _with_sign(by_field[field])}
    return {row: hidden for row in sorted(signs) if (hidden := hidden_text(rows[row]))}


def _with_sign(texts: Sequence[str | None]) -> list[int]:
    try:
        column = pa.array(texts, pa.string())
    except (UnicodeEncodeError, pa.ArrowInvalid):  # half of a character pair, which no store takes
        whole = [None if text is None else text.encode("utf-8", "replace").decode() for text in texts]
        column = pa.array(whole, pa.string())
    found = pc.match_substring_regex(column, ANY_SIGN).fill_null(False)  # noqa: FBT003 - what stands for nothing
    places: list[int] = np.flatnonzero(found.to_numpy(zero_copy_only=False)).tolist()
    return places
