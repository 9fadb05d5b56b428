"""Query similarity: a client that asks many slight variants of one input searches for an adversarial example.

Each query is compared with those before it (``closeness``). Exact repetitions are retries and are not counted. The
share of near ones within a window is judged against what is usual for the model, and for the client itself once it is
known for days, so that a camera or a sensor whose inputs change slowly does not look like an attack when it sends more of
them; nor does a client whose answer stays the same and as sure as it was, because a search moves one or the other. Noise inputs far from each other evade it (OARS).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar

import msgspec

from caiso.engine.detect.signal import Facts
from caiso.engine.detect.statistics.closeness import Past
from caiso.engine.detect.statistics.memory import Shares, Usual
from caiso.engine.detect.statistics.observer import Seen, State, note
from caiso.engine.detect.statistics.peers import AmongPeers, AmongPeersSettings, Answers, habit
from caiso.engine.detect.statistics.settings import Chance, Fields, Share
from caiso.engine.detect.statistics.values import span_text
from caiso.engine.packs import Between


@dataclass(frozen=True, kw_only=True)
class SimilaritySettings(AmongPeersSettings):
    """The first of the ``value`` fields that an event has is compared."""

    value: Fields = ("input.features", "input.fingerprint")
    peers: Fields = ()
    window: Annotated[int, Between(10, 1_000)] = 60
    least: Annotated[int, Between(5, 1_000)] = 25
    share: Share = 0.5
    usual: Share = 0.02  # no less is expected
    assumed: Share = 0.1  # while too little is known of the peers
    chance: Chance = 1e-8
    remembered: Annotated[int, Between(20, 2_000)] = 300
    timespan: timedelta = timedelta(hours=6)
    keys: Annotated[int, Between(1, 5_000)] = 500

    naming: ClassVar[tuple[str, ...]] = ("value", "peers")


class SimilarityState(State):
    """One client's queries and which of them were near an earlier one."""

    past: Past | None = None
    window: Shares | None = None
    own: Usual | None = None
    repeated: int = 0
    begun: int = 0
    answers: Answers = msgspec.field(default_factory=Answers)


class Similarity(AmongPeers[SimilaritySettings, SimilarityState]):
    """The share of a client's queries that are near an earlier one."""

    settings_type = SimilaritySettings
    state_type = SimilarityState

    def begin(self, seen: Seen) -> SimilarityState:
        return SimilarityState(
            newest=seen.time_us, past=Past(self.settings.remembered), window=Shares(), own=Usual(), begun=seen.time_us
        )

    def observe(self, state: SimilarityState, seen: Seen) -> Facts | None:
        settings, query = self.settings, seen.sample.query
        past, window = state.past, state.window
        assert past is not None  # noqa: S101 - begin sets it
        assert window is not None  # noqa: S101
        assert state.own is not None  # noqa: S101
        if past.repeats(query):
            state.repeated += 1
            return None
        state.answers.take(seen.sample.answer)
        population = self.population(seen.sample.peers)
        nearness, _ = past.nearest(query, population.spread)
        past.keep(query)
        near = nearness >= 1
        if not near:
            population.vary(query)
        population.usual.add(near)
        state.own.add(near)
        window.add(seen.time_us, near, most=settings.window, since=seen.time_us - self.span_us)
        if not near:
            return None
        note(state, seen)
        if window.hits < settings.least or window.hits < settings.share * window.count:
            return None
        if state.answers.stand_still():
            return None
        known = habit(state.begun, min(window.times))
        expected = population.usual.expected(
            window, state.own, least=settings.usual, assumed=settings.assumed, known=known
        )
        chance = window.chance(expected.share)
        if chance > settings.chance:
            return None
        return {
            "near-identical queries": f"{window.hits} of the last {window.count}",
            "usual": expected.text,
            "by chance": f"{chance:.0e}",
            "within": span_text(max(window.times) - min(window.times)),
            "exact repetitions": state.repeated,
        }
