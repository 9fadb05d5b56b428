"""Query similarity: a client that asks many slight variants of one input searches for an adversarial example.

Each query is compared with those before it (``closeness``). Exact repetitions are retries and are not counted. The
share of near ones within a window is judged against what is usual for the model, so that a camera or a sensor whose
inputs change slowly does not look like an attack once it is known. Noise inputs far from each other evade it (OARS).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, ClassVar

import msgspec

from caiso.engine.detect.signal import Facts
from caiso.engine.detect.statistics.closeness import Past, Query, query_of
from caiso.engine.detect.statistics.memory import Shares, Spread, Usual
from caiso.engine.detect.statistics.observer import Columns, Observer, Seen, State, note
from caiso.engine.detect.statistics.settings import Chance, Fields, Settings, Share
from caiso.engine.detect.statistics.sheet import Sheet
from caiso.engine.detect.statistics.values import span_text
from caiso.engine.packs import Between

_MOST_PEERS = 500


@dataclass(frozen=True, kw_only=True)
class SimilaritySettings(Settings):
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


class Sample(msgspec.Struct):
    """The query and whose peer the client is."""

    query: Query
    peers: str


class Population(msgspec.Struct):
    """What is usual for a model: how its inputs vary, and how often one is near another."""

    usual: Usual
    spread: Spread | None = None

    def vary(self, query: Query) -> None:
        """Take in a query that was near no other."""
        if query.vector is None:
            return
        if self.spread is None or self.spread.size != query.vector.size:
            self.spread = Spread(query.vector.size)
        self.spread.add(query.vector)


class Similarity(Observer[SimilaritySettings, SimilarityState]):
    """The share of a client's queries that are near an earlier one."""

    settings_type = SimilaritySettings
    state_type = SimilarityState

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._populations: dict[str, Population] = {}

    def columns(self, stream: Sheet) -> Columns:
        read = {name: stream.parsed(name, query_of) for name in self.settings.value}
        return {**read, "": stream.keys.of(self.settings.peers)}

    def sample(self, columns: Columns, row: int) -> Sample | None:
        for name in self.settings.value:
            query = columns[name][row]
            if isinstance(query, Query):
                return Sample(query, str(columns[""][row] or ""))
        return None

    def begin(self, seen: Seen) -> SimilarityState:
        return SimilarityState(newest=seen.time_us, past=Past(self.settings.remembered), window=Shares(), own=Usual())

    def observe(self, state: SimilarityState, seen: Seen) -> Facts | None:
        settings, query = self.settings, seen.sample.query
        past, window = state.past, state.window
        assert past is not None  # noqa: S101 - begin sets it
        assert window is not None  # noqa: S101
        assert state.own is not None  # noqa: S101
        if past.repeats(query):
            state.repeated += 1
            return None
        population = population_of(self._populations, seen.sample.peers)
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
        expected = population.usual.expected(window, state.own, least=settings.usual, assumed=settings.assumed)
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

    def shared(self) -> Mapping[str, Population]:
        return self._populations

    def take_shared(self, plain: Any) -> None:
        self._populations = msgspec.convert(plain, dict[str, Population])


def population_of(populations: dict[str, Population], peers: str) -> Population:
    """What is known of the peers; the one that was met first goes when there are too many."""
    found = populations.get(peers)
    if found is None:
        if len(populations) >= _MOST_PEERS:
            del populations[next(iter(populations))]
        found = populations[peers] = Population(Usual())
    return found
