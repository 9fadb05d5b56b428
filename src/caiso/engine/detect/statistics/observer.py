"""One statistic with its memory: what every method shares.

A method sees the matches of its base rules in order of arrival and answers at once, from event time and order alone;
a stream gives the same firings however it is cut into batches, and after a restart. Memory is bounded by the number
of keys, the one that was idle longest going first, and by what a method holds for each.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final, Generic, NamedTuple, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from caiso.engine.detect.correlation.bounds import Limits
from caiso.engine.detect.correlation.keys import SEPARATOR, Keys
from caiso.engine.detect.correlation.occurrence import Firing, Occurrences
from caiso.engine.detect.correlation.stream import Heard, Wanted
from caiso.engine.detect.rule import Rule, Statistic
from caiso.engine.detect.signal import Facts
from caiso.engine.detect.statistics.settings import Settings
from caiso.engine.detect.statistics.sheet import Pair, Sheet

EVIDENCE: Final = 20  # events that a firing names
FORGOTTEN_US: Final = 30 * 86_400_000_000  # a key that was silent for so long begins anew

Plain = dict[str, Any]
Columns = Mapping[str, Sequence[object]]


class Seen(NamedTuple):
    """One match as a method sees it: whose it is, when it happened, where it stands in the batch, and its value."""

    key: str
    time_us: int
    row: int
    held: int
    sample: Any


class State(msgspec.Struct):
    """What is remembered for one key."""

    newest: int
    quiet_until: int = -1
    evidence: list[tuple[int, int]] = []  # times, and numbers of occurrences


S = TypeVar("S", bound=State)
P = TypeVar("P", bound=Settings)


@dataclass(slots=True)
class ObserverCounters:
    """What a statistic could not use or had to forget."""

    late: int = 0
    ungrouped: int = 0
    unusable: int = 0  # without the value that the method needs
    suppressed: int = 0  # more of what was already reported
    evicted_keys: int = 0


class Observer(Generic[P, S]):
    """One statistical rule with its state."""

    settings_type: ClassVar[type[Settings]] = Settings
    state_type: ClassVar[type[State]] = State

    def __init__(self, rule: Rule, logic: Statistic, limits: Limits) -> None:
        self.rule = rule
        self.logic = logic
        self.limits = limits
        self.settings: P = logic.settings  # type: ignore[assignment]  # read as the method's own type
        self.span_us = self.settings.span_us
        self.states: OrderedDict[str, S] = OrderedDict()
        self.counters = ObserverCounters()
        self.slack_us = limits.lateness_us + self.span_us
        self.most_keys = min(self.settings.keys, limits.max_keys)
        self.base = Wanted.among((), frozenset())  # set by ``listen``
        self.occurrences = Occurrences()

    def listen(self, names: Sequence[str], occurrences: Occurrences) -> None:
        """Take the base rules of a rule set, in order of their numbers, and what evidence refers to."""
        self.occurrences = occurrences
        self.base = Wanted.among(names, frozenset(self.logic.rules))

    # -- one batch ----------------------------------------------------------------------------------------------

    def feed(self, stream: Sheet) -> list[Firing]:
        """Take in everything of a batch that this statistic listens to."""
        if not stream.has_any(self.base, self.logic.heard):
            return []
        heard, pairs = stream.hear(self.base, self.logic.heard)
        keys = heard.of(self._keys(stream.keys))
        if heard.moved:  # what no event completed has no value to look at
            keys = [None if place in heard.moved else key for place, key in enumerate(keys)]
        return self.follow(stream, heard, pairs, keys)

    def follow(self, stream: Sheet, heard: Heard, pairs: Sequence[Pair], keys: Sequence[str | None]) -> list[Firing]:
        """Go through what was heard, in order of arrival; ``pairs`` and ``keys`` are as long as ``heard.rows``.

        A method that is asked about every event has a loop of its own here, which does the usual in few steps and
        leaves the rest to ``look``.
        """
        columns = self.columns(stream)
        firings: list[Firing] = []
        sampled = self.sample
        for row, pair, key in zip(heard.rows, pairs, keys, strict=True):
            self.look(key, row, pair, None if key is None else sampled(columns, row), firings)
        return firings

    def look(self, key: str | None, row: int, pair: Pair, sample: Any, firings: list[Firing]) -> None:
        """Take one match in; where it makes the statistic come true, that is added to ``firings``."""
        if key is None:
            self.counters.ungrouped += 1
        elif sample is None:
            self.counters.unusable += 1
        else:
            firing = self._take(Seen(key, pair[0], row, pair[1], sample))
            if firing is not None:
                firings.append(firing)

    def pass_over(self, keys: Sequence[str | None]) -> list[Firing]:
        """Count matches none of which has the value that the method needs."""
        ungrouped = list(keys).count(None)
        self.counters.ungrouped += ungrouped
        self.counters.unusable += len(keys) - ungrouped
        return []

    def _keys(self, keys: Keys) -> Sequence[str | None]:
        """A key for every row; None where a field is missing that must be there."""
        settings = self.settings
        return keys.once(
            ("statistic", self.logic.group_by, settings.client, settings.apart),
            lambda: _keys(keys, self.logic.group_by, settings.client, settings.apart),
        )

    def _take(self, seen: Seen) -> Firing | None:
        key, time_us = seen.key, seen.time_us
        state = self.states.get(key)
        if state is None or time_us - state.newest > FORGOTTEN_US:
            state = self._begin(seen)
        elif time_us < state.newest - self.slack_us:
            self.counters.late += 1
            return None
        self.states.move_to_end(key)
        if time_us > state.newest:
            state.newest = time_us
        facts = self.observe(state, seen)
        if facts is None:
            return None
        if seen.time_us <= state.quiet_until:
            self.counters.suppressed += 1
            return None
        state.quiet_until = seen.time_us + self.settings.quiet_us
        return self._firing(state, seen, facts)

    def _begin(self, seen: Seen) -> S:
        self.states.pop(seen.key, None)
        while len(self.states) >= self.most_keys:
            self.states.popitem(last=False)
            self.counters.evicted_keys += 1
        state = self.states[seen.key] = self.begin(seen)
        return state

    def _firing(self, state: S, seen: Seen, facts: Facts) -> Firing:
        evidence = state.evidence
        if not evidence or evidence[-1][1] != seen.held:
            evidence.append((seen.time_us, seen.held))
        times, held = zip(*evidence[-EVIDENCE:], strict=True)
        state.evidence = []
        what = self.occurrences.joined(held, times)
        return Firing(seen.row, seen.key, max(times), what, self.logic.group_by, facts=facts)

    # -- what a method is ---------------------------------------------------------------------------------------

    def columns(self, stream: Sheet) -> Columns:
        """The columns that ``sample`` looks at."""
        return {name: stream.batch.column(name) for name in self.settings.value_fields}

    def sample(self, columns: Columns, row: int) -> Any:
        """What the method needs of one event; None where it is not there."""
        raise NotImplementedError

    def begin(self, seen: Seen) -> S:
        """The state of a key that is new."""
        return self.state_type(newest=seen.time_us)  # type: ignore[return-value]  # the method's own type

    def observe(self, state: S, seen: Seen) -> Facts | None:
        """Take one match in; what is out of the ordinary, as facts that a page can show, or None."""
        raise NotImplementedError

    @property
    def key_count(self) -> int:
        """How many keys something is remembered for."""
        return len(self.states)

    def references(self) -> list[npt.NDArray[np.int64]]:
        """The numbers of the occurrences that are still needed."""
        held = (number for state in self.states.values() for _, number in state.evidence)
        return [np.fromiter(held, dtype=np.int64)]

    # -- snapshots ----------------------------------------------------------------------------------------------

    def save(self) -> Plain:
        """All state as plain data, the key that was idle longest first."""
        return {"counters": asdict(self.counters), "keys": list(self.states.items()), "shared": self.shared()}

    def load(self, saved: Plain) -> None:
        """Take up what ``save`` gave."""
        self.counters = ObserverCounters(**saved["counters"])
        for key, plain in saved["keys"]:
            self.states[key] = msgspec.convert(plain, self.state_type)  # type: ignore[assignment]
        self.take_shared(saved["shared"])

    def shared(self) -> Any:
        """What a method remembers across keys, as plain data."""
        return None

    def take_shared(self, plain: Any) -> None:
        """Take up what ``shared`` gave."""


def _keys(
    keys: Keys, group_by: tuple[str, ...], client: tuple[str, ...], apart: tuple[str, ...]
) -> Sequence[str | None]:
    found = keys.of(group_by)
    if client:
        clients = keys.parts(client[0])
        for name in client[1:]:
            if None in clients:
                clients = [one or other for one, other in zip(clients, keys.parts(name), strict=True)]
        found = _joined(found, clients) if group_by else clients
    for name in apart:
        found = _joined(found, [part or "" for part in keys.parts(name)])
    return found


def _joined(left: Sequence[str | None], right: Sequence[str | None]) -> list[str | None]:
    return [
        None if one is None or other is None else f"{one}{SEPARATOR}{other}" if one else other
        for one, other in zip(left, right, strict=True)
    ]


def note(state: State, seen: Seen) -> None:
    """Keep an event as evidence; the oldest goes when there are too many."""
    state.evidence.append((seen.time_us, seen.held))
    if len(state.evidence) > EVIDENCE:
        del state.evidence[0]
