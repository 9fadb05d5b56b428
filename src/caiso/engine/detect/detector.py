"""The engine as one value: events in, signals out, with state that can be saved and taken up again."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import msgspec

from caiso.engine.detect.condition import value_of
from caiso.engine.detect.correlation import (
    LATENESS_US,
    MAX_ENTRIES,
    MAX_KEYS,
    MAX_SHOWN_EVENTS,
    CorrelationCounters,
    Correlator,
    Entry,
    Firing,
    KeyState,
    Occurrence,
    key_part,
    merged_entity,
)
from caiso.engine.detect.matcher import Batch, Events, Matcher
from caiso.engine.detect.rule import Correlation, Rule
from caiso.engine.detect.ruleset import Ruleset
from caiso.engine.detect.schema import SESSION_ALIAS
from caiso.engine.detect.signal import Signal, entity_of, signal_id
from caiso.errors import DomainError

SNAPSHOT_VERSION: Final = 1
_DEFAULT_DEDUP: Final = (SESSION_ALIAS, "user.id", "gen_ai.agent.name", "service.name", "source.id")


_MAX_PLANS: Final = 10_000
_Plan = list[tuple[Correlator, tuple[str, ...]]]


class UnableToRestore(DomainError):
    """The bytes are not a snapshot of this engine."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much state a correlation may hold, and how late an event may be."""

    lateness_us: int = LATENESS_US
    max_keys: int = MAX_KEYS
    max_entries: int = MAX_ENTRIES


@dataclass(slots=True)
class Metrics:
    """Counts since the first event; kept in snapshots."""

    events: int = 0
    hits: Counter[str] = field(default_factory=Counter)  # matches per base rule, firings per correlation
    signals: Counter[str] = field(default_factory=Counter)
    state_dropped: int = 0  # correlations whose rule changed, so that their state was not taken up


class Detector:
    """Runs a rule set over a stream. Equal streams give equal signals, however they are cut into batches."""

    def __init__(self, ruleset: Ruleset, *, limits: Limits = Limits()) -> None:
        self.ruleset = ruleset
        self.metrics = Metrics()
        self._matcher = Matcher(ruleset)
        self._number = 0
        self._correlators = {
            rule.id: Correlator(rule, rule.logic, limits.lateness_us, limits.max_keys, limits.max_entries)
            for rule in ruleset.correlations
            if isinstance(rule.logic, Correlation)
        }
        self._heard = {name for correlator in self._correlators.values() for name in correlator.logic.heard}
        self._plans: dict[tuple[str, ...], _Plan] = {}

    def process(self, events: Sequence[Mapping[str, object]] | Batch) -> list[Signal]:
        """The signals that these events raise, in order of arrival."""
        batch: Batch = Events(events) if isinstance(events, Sequence) else events
        found = self._matcher.match(batch)
        start = self._number
        self._number += len(batch)
        self.metrics.events += len(batch)
        signals: list[Signal] = []
        for row, pairs in groupby(found, key=itemgetter(0)):
            self._event(batch.row(row), start + row, [rule for _, rule in pairs], signals)
        return signals

    def _event(self, event: Mapping[str, object], number: int, matched: list[int], signals: list[Signal]) -> None:
        base = self.ruleset.base
        names = tuple([base[rule].id for rule in matched])
        self.metrics.hits.update(names)
        loud = [rule for rule in matched if base[rule].emits]
        listening = not self._heard.isdisjoint(names)
        if not loud and not listening:
            return
        time_us = event_time(event)
        occurrence = Occurrence(time_us, number, (str(event.get("event.id", "")),), entity_of(event), event, time_us)
        for rule in loud:
            signals.append(self._signal(base[rule], occurrence, rule))
        if listening:
            self._correlate(occurrence, names, matched, signals)

    def _correlate(
        self, occurrence: Occurrence, names: tuple[str, ...], matched: list[int], signals: list[Signal]
    ) -> None:
        """Feeds correlations in feeding order, so that one firing can complete another on the same event."""
        plan = self._plans.get(names)
        if plan is None:
            plan = self._plan(names)
        fired: dict[str, Occurrence] = {}
        for correlator, heard in plan:
            inputs = [(occurrence, heard)] if heard else []
            if fired:
                inputs += [(fired[name], (name,)) for name in correlator.logic.heard if name in fired]
            for source, own in inputs:
                firing = correlator.feed(source, own)
                if firing is None:
                    continue
                rule = correlator.rule
                self.metrics.hits[rule.id] += 1
                signal = self._correlated(rule, firing, occurrence, [base for base in matched if self._is(base, heard)])
                fired[rule.id] = Occurrence(
                    signal.time_us, occurrence.number, signal.event_ids, signal.entity, occurrence.event,
                    signal.first_time_us,
                )  # fmt: skip
                if rule.emits:
                    self.metrics.signals[rule.id] += 1
                    signals.append(signal)

    def _plan(self, names: tuple[str, ...]) -> _Plan:
        """Which correlations these matches concern, directly or through another's firing, with what each of them hears."""
        plan: _Plan = []
        reached = set(names)
        for name, correlator in self._correlators.items():
            if not reached.isdisjoint(correlator.logic.heard):
                reached.add(name)
                plan.append((correlator, tuple(heard for heard in correlator.logic.heard if heard in names)))
        if len(self._plans) < _MAX_PLANS:
            self._plans[names] = plan
        return plan

    def _is(self, base: int, names: tuple[str, ...]) -> bool:
        return self.ruleset.base[base].id in names

    def _signal(self, rule: Rule, occurrence: Occurrence, number: int) -> Signal:
        self.metrics.signals[rule.id] += 1
        key = group_key(rule, occurrence.event)
        return Signal(
            id=signal_id(rule.id, "", occurrence.event_ids),
            rule_id=rule.id,
            rule_title=rule.title,
            severity=rule.severity.value,
            techniques=rule.techniques,
            owasp=rule.owasp,
            state=rule.state.value,
            time_us=occurrence.time_us,
            first_time_us=occurrence.time_us,
            event_ids=occurrence.event_ids,
            entity=occurrence.entity,
            matches=self._matcher.spans(number, occurrence.event),
            group_key=key,
        )

    def _correlated(self, rule: Rule, firing: Firing, occurrence: Occurrence, matched: list[int]) -> Signal:
        ids = tuple(dict.fromkeys(name for entry in firing.entries for name in entry.event_ids))
        spans = [span for number in matched for span in self._matcher.spans(number, occurrence.event)]
        return Signal(
            id=signal_id(rule.id, firing.key, ids),
            rule_id=rule.id,
            rule_title=rule.title,
            severity=rule.severity.value,
            techniques=rule.techniques,
            owasp=rule.owasp,
            state=rule.state.value,
            time_us=max(entry.time_us for entry in firing.entries),
            first_time_us=min(entry.first_time_us for entry in firing.entries),
            event_ids=ids[:MAX_SHOWN_EVENTS],
            entity=merged_entity(firing.entries),
            matches=tuple(dict.fromkeys(spans)),
            group_key=group_key(rule, occurrence.event) if rule.dedup else f"{rule.id}|{firing.key}",
        )

    def counters(self) -> dict[str, Any]:
        """Everything worth a gauge: work done, slow paths, what correlations had to forget."""
        return {
            "events": self.metrics.events,
            "hits": dict(self.metrics.hits),
            "signals": dict(self.metrics.signals),
            "state_dropped": self.metrics.state_dropped,
            "candidates": self._matcher.counters.candidates,
            "matches": self._matcher.counters.matches,
            "scan_floods": sum(scanner.counters.floods for scanner in self.ruleset.scanners.values()),
            "correlations": {
                name: {**asdict(correlator.counters), "keys": len(correlator.keys)}
                for name, correlator in self._correlators.items()
            },
        }

    def snapshot(self) -> bytes:
        """All state as bytes, plain data only."""
        return msgspec.msgpack.encode(
            _Snapshot(
                version=SNAPSHOT_VERSION,
                number=self._number,
                events=self.metrics.events,
                hits=dict(self.metrics.hits),
                signals=dict(self.metrics.signals),
                correlations={
                    name: _CorrelatorState(
                        digest=_state_digest(correlator, self.ruleset),
                        newest=correlator.newest,
                        counters=asdict(correlator.counters),
                        keys=[
                            (
                                key,
                                (state.newest, state.quiet_from, state.quiet_until),
                                state.excused,
                                [_plain(kept) for kept in state.entries],
                            )
                            for key, state in correlator.keys.items()
                        ],
                    )
                    for name, correlator in self._correlators.items()
                },
            )
        )

    @classmethod
    def restore(cls, ruleset: Ruleset, snapshot: bytes, *, limits: Limits = Limits()) -> Detector:
        """A detector that goes on where the snapshot was taken; state of rules that changed since is dropped and counted."""
        try:
            saved = msgspec.msgpack.decode(snapshot, type=_Snapshot)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise UnableToRestore(f"not a snapshot of the detection engine: {error}") from None
        if saved.version != SNAPSHOT_VERSION:
            raise UnableToRestore(f"snapshot version {saved.version}, expected {SNAPSHOT_VERSION}")
        detector = cls(ruleset, limits=limits)
        detector._number = saved.number
        detector.metrics = Metrics(saved.events, Counter(saved.hits), Counter(saved.signals))
        for name, state in saved.correlations.items():
            correlator = detector._correlators.get(name)
            if correlator is None or _state_digest(correlator, ruleset) != state.digest:
                detector.metrics.state_dropped += 1
                continue
            correlator.newest = state.newest
            correlator.counters = CorrelationCounters(**state.counters)
            correlator.keys = OrderedDict(
                (key, KeyState(*times, [Entry(*entry) for entry in entries], excused))
                for key, times, excused, entries in state.keys
            )
        return detector


_EntryTuple = tuple[int, int, int | str | float, tuple[str, ...], dict[str, str], int]


class _CorrelatorState(msgspec.Struct):
    digest: str
    newest: int
    counters: dict[str, int]
    keys: list[tuple[str, tuple[int, int, int], list[int], list[_EntryTuple]]]


class _Snapshot(msgspec.Struct):
    version: int
    number: int
    events: int
    hits: dict[str, int]
    signals: dict[str, int]
    correlations: dict[str, _CorrelatorState]


def _plain(entry: Entry) -> _EntryTuple:
    return (entry.time_us, entry.number, entry.what, entry.event_ids, dict(entry.entity), entry.first_time_us)


def _state_digest(correlator: Correlator, ruleset: Ruleset) -> str:
    """Changes when the correlation changes; a base rule may be improved without losing what was seen."""
    return f"{correlator.rule.digest}:{','.join(correlator.logic.heard)}"


def event_time(event: Mapping[str, object]) -> int:
    """The event's own time in microseconds; where a clock ran ahead, the time at which the event arrived."""
    names = ("ingest_time", "time") if event.get("time.marked") == "future" else ("time", "ingest_time")
    for name in names:
        value = event.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return int(value)
    return 0


def group_key(rule: Rule, event: Mapping[str, object]) -> str:
    """What makes two signals of a rule the same trouble: its dedup fields, else the first identity that the event has."""
    if rule.dedup:
        parts = [f"{name}={key_part(name, value_of(event, name)) or ''}" for name in rule.dedup]
    else:
        first = next((name for name in _DEFAULT_DEDUP if value_of(event, name)), "")
        parts = [f"{first}={key_part(first, value_of(event, first))}"] if first else []
    return "|".join((rule.id, *parts))
