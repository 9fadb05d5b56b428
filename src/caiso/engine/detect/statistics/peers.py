"""Queries of a model among those of its other clients: what is usual for it, and how far its inputs vary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from caiso.engine.detect.statistics.closeness import Query, query_of
from caiso.engine.detect.statistics.memory import Spread, Usual
from caiso.engine.detect.statistics.observer import Columns, Observer, State
from caiso.engine.detect.statistics.settings import Fields, Settings
from caiso.engine.detect.statistics.sheet import Sheet
from caiso.engine.detect.statistics.values import number

_MOST_PEERS = 500
_HABIT_US: Final = 2 * 86_400_000_000
_FEW: Final = 40
_MANY: Final = 200
_LABEL: Final = "output.label"
_SCORES: Final = ("output.score", "output.confidence")


def habit(begun: int, now: int) -> int:
    """After how many queries of its own a client's habit counts: few, where it showed over days; nobody warms up for days."""
    return _FEW if now - begun >= _HABIT_US else _MANY


class AmongPeersSettings(Settings):
    """The first of the ``value`` fields that an event has is the query; ``peers`` say whose client it is."""

    value: Fields
    peers: Fields


P = TypeVar("P", bound=AmongPeersSettings)
S = TypeVar("S", bound=State)


class Sample(msgspec.Struct):
    """The query, whose peer the client is, and what the model answered."""

    query: Query
    peers: str
    label: str = ""
    score: float | None = None


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


class AmongPeers(Observer[P, S]):
    """An observer of queries that keeps what is usual for each population of peers."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._populations: dict[str, Population] = {}

    def columns(self, stream: Sheet) -> Columns:
        read = {name: stream.parsed(name, query_of) for name in self.settings.value}
        answers = {name: stream.batch.column(name) for name in (_LABEL, *_SCORES)}
        return {**read, **answers, "": stream.keys.of(self.settings.peers)}

    def sample(self, columns: Columns, row: int) -> Sample | None:
        for name in self.settings.value:
            query = columns[name][row]
            if isinstance(query, Query):
                score = next((columns[field][row] for field in _SCORES if columns[field][row] is not None), None)
                label = str(columns[_LABEL][row] or "")[:80]
                return Sample(query, str(columns[""][row] or ""), label, number(score))
        return None

    def population(self, peers: str) -> Population:
        """What is known of the peers; the one that was met first goes when there are too many."""
        found = self._populations.get(peers)
        if found is None:
            if len(self._populations) >= _MOST_PEERS:
                del self._populations[next(iter(self._populations))]
            found = self._populations[peers] = Population(Usual())
        return found

    def shared(self) -> Mapping[str, Population]:
        return self._populations

    def take_shared(self, plain: Any) -> None:
        self._populations = msgspec.convert(plain, dict[str, Population])
