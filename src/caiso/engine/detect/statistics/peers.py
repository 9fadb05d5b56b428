"""Queries of a model among those of its other clients: what is usual for it, and how far its inputs vary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from caiso.engine.detect.statistics.closeness import Query, query_of
from caiso.engine.detect.statistics.memory import Spread, Usual
from caiso.engine.detect.statistics.observer import Columns, Observer, State
from caiso.engine.detect.statistics.settings import Fields, Settings
from caiso.engine.detect.statistics.sheet import Sheet

_MOST_PEERS = 500
_HABIT_US: Final = 2 * 86_400_000_000
_FEW: Final = 40
_MANY: Final = 200
_LABEL, _SURE_OF, _SCORE = "output.label", "output.confidence", "output.score"
_ANSWERS: Final = 25  # of a client that are remembered
_STILL: Final = 20  # of them tell that nothing moves
_SURE: Final = 0.8  # below, a model is not sure of what it sees
_STIRS: Final = 0.1  # what noise alone does to it


def habit(begun: int, now: int) -> int:
    """After how many queries of its own a client's habit counts: few, where it showed over days; nobody warms up for days."""
    return _FEW if now - begun >= _HABIT_US else _MANY


class AmongPeersSettings(Settings):
    """The first of the ``value`` fields that an event has is the query; ``peers`` say whose client it is."""

    value: Fields
    peers: Fields


P = TypeVar("P", bound=AmongPeersSettings)
S = TypeVar("S", bound=State)


class Answer(NamedTuple):
    """What the model said, and how sure it was."""

    label: str
    sure: float


class Answers(msgspec.Struct):
    """The last answers that one client got, where a sender tells both a label and a number."""

    last: list[tuple[str, float]] = []

    def take(self, answer: Answer | None) -> None:
        if answer is None:
            self.last = []
            return
        self.last.append((answer.label, answer.sure))
        del self.last[:-_ANSWERS]

    def stand_still(self) -> bool:
        """Whether nothing came of the queries: one and the same label, as sure as before, as a camera before a scene gets it."""
        if len(self.last) < _STILL or len({label for label, _ in self.last}) > 1:
            return False
        sure = [value for _, value in self.last]
        return min(sure) >= _SURE and max(sure) - min(sure) <= _STIRS


class Sample(msgspec.Struct):
    """The query, whose peer the client is, and what it was answered."""

    query: Query
    peers: str
    answer: Answer | None = None


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
        answered = {
            _LABEL: stream.batch.column(_LABEL),
            _SURE_OF: stream.amounts(_SURE_OF),
            _SCORE: stream.amounts(_SCORE),
        }
        return {**read, **answered, "": stream.keys.of(self.settings.peers)}

    def sample(self, columns: Columns, row: int) -> Sample | None:
        for name in self.settings.value:
            query = columns[name][row]
            if isinstance(query, Query):
                return Sample(query, str(columns[""][row] or ""), _answer(columns, row))
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


def _answer(columns: Columns, row: int) -> Answer | None:
    label, sure = columns[_LABEL][row], columns[_SURE_OF][row]
    if label is None:
        return None
    found = sure if sure is not None else columns[_SCORE][row]
    return Answer(str(label)[:80], float(found)) if isinstance(found, int | float) else None
