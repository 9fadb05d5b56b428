"""Membership probing: bursts of queries around single records, to learn whether a record was in the training data.

Label-only attacks ask many small variations of a record (Choquette-Choo 2021, Li and Zhang 2021), others ask one record
again and again for its exact confidence. Queries are gathered around the first of their kind; several records with such
a burst, or one with a long one, are a firing. LiRA and other attacks that ask each record once are not seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar, Final

import msgspec

from caiso.engine.detect.signal import Facts
from caiso.engine.detect.statistics.closeness import Past, Query
from caiso.engine.detect.statistics.observer import Seen, State, note
from caiso.engine.detect.statistics.peers import AmongPeers, AmongPeersSettings, Answers, Population, habit
from caiso.engine.detect.statistics.settings import Fields
from caiso.engine.detect.statistics.values import span_text
from caiso.engine.packs import Between

_ALWAYS: Final = 0.8
_LATELY: Final = 1_000


@dataclass(frozen=True, kw_only=True)
class MembershipSettings(AmongPeersSettings):
    """``records`` with ``repeats`` queries each, one record with ``burst`` queries, or ``about`` queries of such records in all."""

    value: Fields = ("input.features", "input.fingerprint")
    peers: Fields = ()
    repeats: Annotated[int, Between(3, 1_000)] = 8
    records: Annotated[int, Between(1, 1_000)] = 3
    burst: Annotated[int, Between(5, 10_000)] = 60
    about: Annotated[int, Between(5, 100_000)] = 100_000
    remembered: Annotated[int, Between(5, 1_000)] = 100
    exact: bool = True  # whether the very same input again counts
    near: bool = True  # whether another input near it counts
    timespan: timedelta = timedelta(hours=1)
    keys: Annotated[int, Between(1, 10_000)] = 1_000

    naming: ClassVar[tuple[str, ...]] = ("value", "peers")

    def mistakes(self) -> Iterable[tuple[str, str]]:
        if self.burst < self.repeats:
            yield "burst", f"burst {self.burst} is less than repeats {self.repeats}"


class Record(msgspec.Struct, array_like=True):
    """One record that is asked about: when, and how often exactly."""

    times: list[int]
    exact: int = 0


class MembershipState(State):
    """The records that one client asks about; ``places`` says which of them a kept query is."""

    past: Past | None = None
    records: dict[int, Record] = {}  # noqa: RUF012 - by a serial number
    of_exact: dict[int, int] = {}  # noqa: RUF012
    of_place: dict[int, int] = {}  # noqa: RUF012
    serial: int = 0
    begun: int = 0
    queries: int = 0  # of days before, those judged now left out
    near: int = 0  # how many of them were about a record that it asked about before
    lately: list[tuple[int, bool]] = []  # noqa: RUF012 - those within the timespan
    answers: Answers = msgspec.field(default_factory=Answers)


class Membership(AmongPeers[MembershipSettings, MembershipState]):
    """How many queries a client asks about single records."""

    settings_type = MembershipSettings
    state_type = MembershipState

    def begin(self, seen: Seen) -> MembershipState:
        return MembershipState(newest=seen.time_us, past=Past(self.settings.remembered), begun=seen.time_us)

    def observe(self, state: MembershipState, seen: Seen) -> Facts | None:
        settings, query = self.settings, seen.sample.query
        population = self.population(seen.sample.peers)
        serial, exact = self._record(state, query, population)
        if exact and not settings.exact:
            return None
        state.answers.take(seen.sample.answer)
        record = state.records.pop(serial)
        state.records[serial] = record  # the record asked about last stands last
        since = seen.time_us - self.span_us
        self._learn(state, seen.time_us, since, again=bool(record.times))
        record.times = [at for at in record.times if at >= since]
        record.times.append(seen.time_us)
        record.exact += exact
        del record.times[: -settings.burst]
        if len(record.times) < settings.repeats:
            return None
        note(state, seen)
        probed = [
            count
            for one in state.records.values()
            if (count := sum(at >= since for at in one.times)) >= settings.repeats
        ]
        if len(probed) < settings.records and max(probed) < settings.burst and sum(probed) < settings.about:
            return None
        if not sum(one.exact for one in state.records.values()) and state.answers.stand_still():
            return None  # a camera before one scene: who probes finds out where the answer turns, or that it differs between records
        if state.queries >= habit(state.begun, since) and state.near >= _ALWAYS * state.queries:
            return None  # a camera, or a sensor: what it sends was always like what it sent before
        return {
            "records asked about": len(probed),
            "queries about them": sum(probed),
            "most about one": max(probed),
            "exact repetitions": sum(one.exact for one in state.records.values()),
            "within": span_text(self.span_us),
            "usual": f"fewer than {settings.repeats} about one",
        }

    @staticmethod
    def _learn(state: MembershipState, now: int, since: int, *, again: bool) -> None:
        """What a client did before the time that is judged is its habit."""
        state.lately.append((now, again))
        old = 0
        while old < len(state.lately) and (state.lately[old][0] < since or len(state.lately) - old > _LATELY):
            state.near += state.lately[old][1]
            old += 1
        state.queries += old
        del state.lately[:old]

    def _record(self, state: MembershipState, query: Query, population: Population) -> tuple[int, bool]:
        """The record that a query is about, a new one where it is near none, and whether it is that very input again."""
        past = state.past
        assert past is not None  # noqa: S101 - begin sets it
        known = state.of_exact.get(query.exact)
        if known is not None and known in state.records:
            return known, True
        nearness, place = past.nearest(query, population.spread) if self.settings.near else (0.0, -1)
        serial = state.of_place.get(place, -1) if nearness >= 1 else -1
        if serial in state.records:
            self._note_exact(state, query, serial)
            return serial, False
        population.vary(query)
        state.serial += 1
        state.records[state.serial] = Record([])
        if len(state.records) > self.settings.remembered:
            del state.records[next(iter(state.records))]
        if query.vector is not None or query.sketch is not None or query.width:
            state.of_place[past.keep(query)] = state.serial
        self._note_exact(state, query, state.serial)
        return state.serial, False

    def _note_exact(self, state: MembershipState, query: Query, serial: int) -> None:
        state.of_exact.pop(query.exact, None)
        state.of_exact[query.exact] = serial
        if len(state.of_exact) > 4 * self.settings.remembered:
            del state.of_exact[next(iter(state.of_exact))]
