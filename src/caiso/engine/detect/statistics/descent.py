"""Evasion by small steps: a client's score falls from query to query, each a variant of the one before, until the answer turns.

Black-box attacks keep what lowers the score and go on from there (Chen et al. 2020 on stateful defences; testers of stolen cards do it by
hand). Mann and Kendall's test asks whether a client's scores fall over its last queries more than by chance, and by enough. A batch that
was sorted falls as well, but its neighbours are not variants of each other. An attacker who mixes the steps with other queries, or
who asks through many clients, hides the fall. A sensor or camera reports variants of one input as well, and its scores fall when something
happens; whoever has asked for long is therefore not judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Annotated, ClassVar, Final

import msgspec
import numpy as np

from caiso.engine.detect.signal import Facts
from caiso.engine.detect.statistics.closeness import query_of
from caiso.engine.detect.statistics.measures import median, trend
from caiso.engine.detect.statistics.observer import Columns, Observer, Seen, State, note
from caiso.engine.detect.statistics.settings import FieldName, Fields, Settings, Share
from caiso.engine.detect.statistics.values import number, span_text
from caiso.engine.packs import Between

_LONGEST_INPUT: Final = 1_000  # characters; a picture is compared by its fingerprint or not at all
_MOST_VALUES: Final = 256
_SAME: Final = 0.5  # of the values of a variant
_BITS: Final = 10  # one of so many may differ in the fingerprint of a variant


@dataclass(frozen=True, kw_only=True)
class DescentSettings(Settings):
    """``fall`` is the z of the fall, ``loss`` how far the median of the last quarter lies below the first's, ``near`` the share of steps."""

    value: Fields = ("output.score", "output.confidence")
    label: FieldName = "output.label"
    inputs: Fields = ("input.features", "input.fingerprint")
    window: Annotated[int, Between(20, 200)] = 60
    queries: Annotated[int, Between(12, 200)] = 24
    every: Annotated[int, Between(1, 100)] = 4
    fall: Annotated[float, Between(2, 50)] = 5
    loss: Share = 0.3
    near: Share = 0.6
    known: Annotated[int, Between(24, 10_000)] = 200  # queries after which a client is one that always asks
    timespan: timedelta = timedelta(hours=6)
    keys: Annotated[int, Between(1, 5_000)] = 2_000

    naming: ClassVar[tuple[str, ...]] = ("value", "label", "inputs")


class Asked(msgspec.Struct):
    """One query: what was sent, how it was scored and answered."""

    time_us: int
    score: float
    label: str
    sent: str


class DescentState(State):
    """One client's last queries."""

    asked: list[Asked] = []  # noqa: RUF012
    count: int = 0


class Descent(Observer[DescentSettings, DescentState]):
    """A steady fall of the score over variants of one input."""

    settings_type = DescentSettings
    state_type = DescentState

    def begin(self, seen: Seen) -> DescentState:
        return DescentState(newest=seen.time_us)

    def sample(self, columns: Columns, row: int) -> tuple[float, str, str] | None:
        settings = self.settings
        score = next((value for name in settings.value if (value := number(columns[name][row])) is not None), None)
        sent = next((given for name in settings.inputs if (given := columns[name][row])), None)
        if score is None or sent is None:
            return None
        return score, str(columns[settings.label][row] or "")[:80], _text_of(sent)

    def observe(self, state: DescentState, seen: Seen) -> Facts | None:
        settings = self.settings
        score, label, sent = seen.sample
        asked = state.asked
        state.count += 1
        if state.count > settings.known:
            asked.clear()
            return None
        asked.append(Asked(seen.time_us, score, label, sent))
        while len(asked) > settings.window or asked[0].time_us < seen.time_us - self.span_us:
            del asked[0]
        note(state, seen)
        if len(asked) < settings.queries or state.count % settings.every:
            return None
        quarter = len(asked) // 4
        scores = [one.score for one in asked]
        before, now = median(scores[:quarter]), median(scores[-quarter:])
        if before - now < settings.loss or {one.label for one in asked[-quarter:]} <= {
            one.label for one in asked[:quarter]
        }:
            return None
        fall = -trend(scores)
        if fall < settings.fall:
            return None
        near = _near(asked)
        if near < settings.near:
            return None
        return {
            "score": f"{before:.2f} to {now:.2f}",
            "answer": f"{asked[0].label or '(none)'} to {asked[-1].label or '(none)'}",
            "queries": len(asked),
            "variants of the one before": f"{near:.0%}",
            "fall (Mann-Kendall z)": round(fall, 1),
            "within": span_text(seen.time_us - asked[0].time_us),
        }


def _text_of(sent: object) -> str:
    """An input as text, so that it can be kept; empty where it is too long."""
    if isinstance(sent, list | tuple):
        sent = str(list(sent)) if len(sent) <= _MOST_VALUES else ""
    return sent if isinstance(sent, str) and len(sent) <= _LONGEST_INPUT else ""


def _near(asked: list[Asked]) -> float:
    """The share of steps that lead from an input to a variant of it."""
    found = [query_of(one.sent) for one in asked]
    near = 0
    for before, now in pairwise(found):
        if before is None or now is None:
            continue
        if before.vector is not None and now.vector is not None and before.vector.size == now.vector.size:
            near += int(np.count_nonzero(before.vector == now.vector)) >= _SAME * now.vector.size
        elif now.width and before.width == now.width:
            near += (before.bits ^ now.bits).bit_count() * _BITS <= now.width
    return near / (len(found) - 1)
