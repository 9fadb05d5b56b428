"""The engine as one value: events in, signals out, with state that can be saved and taken up again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np

from caiso.engine.detect.batch import Batch, Events, event_time
from caiso.engine.detect.condition import value_of
from caiso.engine.detect.correlation import (
    LIMITS,
    Correlator,
    Firing,
    Limits,
    Occurrences,
    correlator_for,
    key_part,
)
from caiso.engine.detect.correlation.clocks import SourceClocks
from caiso.engine.detect.correlation.keys import Rosters
from caiso.engine.detect.costs import Costs
from caiso.engine.detect.matcher import Ints, Matcher
from caiso.engine.detect.rule import Correlation, Rule, Statistic
from caiso.engine.detect.ruleset import Ruleset
from caiso.engine.detect.schema import SESSION_ALIAS
from caiso.engine.detect.signal import GROUP_KEY_CHARS, Signal, bounded_facts, bounded_key, entity_of, signal_id
from caiso.engine.detect.snapshot import SNAPSHOT_VERSION, OneByOne, UnableToRestore, pieces_of, read_snapshot
from caiso.engine.detect.statistics import Observer, Sheet, observer_for

MAX_SHOWN_EVENTS: Final = 200
_DEFAULT_DEDUP: Final = (SESSION_ALIAS, "user.id", "gen_ai.agent.name", "service.name", "source.id")
# Whom an event is about that has none of what its rule tells troubles apart by, such as a log record without a session.
_OTHERWISE: Final = (
    "gen_ai.agent.id", "writer", "user.id", "api_key.id", "artifact.uri", "model.id", "dataset.id", "config.target",
    "server.address", "service.name", "source.id",
)  # fmt: skip

__all__ = ["Detector", "Limits", "Metrics", "UnableToRestore", "group_key"]

Joining = Correlator | Observer[Any, Any]  # what listens to matches: both are fed, saved and counted in the same way


@dataclass(slots=True)
class Metrics:
    """Counts since the first event; kept in snapshots."""

    events: int = 0
    hits: Counter[str] = field(default_factory=Counter)  # matches per base rule, firings per correlation
    signals: Counter[str] = field(default_factory=Counter)
    state_dropped: int = 0  # correlations whose rule changed, so that their state was not taken up


class Detector:
    """Runs a rule set over a stream. Equal streams give equal signals, however they are cut into batches."""

    def __init__(self, ruleset: Ruleset, *, limits: Limits = LIMITS) -> None:
        self.ruleset = ruleset
        self.metrics = Metrics()
        self.beside = b""  # what was kept with the snapshot that it was restored from
        self.costs: Costs | None = None  # set by who wants to know what each rule costs
        self._matcher = Matcher(ruleset)
        self._clocks = SourceClocks()
        self._occurrences = Occurrences()
        self._rosters = Rosters()
        self._names = [rule.id for rule in ruleset.base]
        self._loud = np.array([rule.emits for rule in ruleset.base], dtype=np.bool_)
        self._correlators: dict[str, Joining] = {}
        for rule in ruleset.correlations:
            correlator = self._correlators[rule.id] = _joining(rule, limits)
            correlator.listen(self._names, self._occurrences)
        self._waiting = any(correlator.logic.waits for correlator in self._correlators.values())
        groups = [correlator.logic.group_by for correlator in self._correlators.values()]
        self._grouped = frozenset(fields[0] for fields in groups if len(fields) == 1)
        self._heard = np.zeros(len(self._names), dtype=np.bool_)
        self._shows: dict[str, frozenset[int]] = {}  # by correlation: its base rules that can say where they matched
        for name, correlator in self._correlators.items():
            self._heard |= correlator.base.marks
            self._shows[name] = frozenset(number for number in correlator.base.numbers if ruleset.text_atoms[number])

    def process(self, events: Sequence[Mapping[str, object]] | Batch) -> list[Signal]:
        """The signals that these events raise, in order of arrival."""
        batch: Batch = Events(events) if isinstance(events, Sequence) else events
        rows, rules = self._matcher.match(batch)
        if self.costs is not None and self.costs.is_due(batch):
            self.costs.measure(self._matcher, batch)
        self.metrics.events += len(batch)
        for number, count in enumerate(np.bincount(rules, minlength=len(self._names)).tolist()):
            if count:
                self.metrics.hits[self._names[number]] += count
        loud = self._loud[rules]
        found = [
            (row, -1, self._signal(rule, batch.row(row)))
            for row, rule in zip(rows[loud].tolist(), rules[loud].tolist(), strict=True)
        ]
        found += self.correlate(batch, (rows, rules))
        # At one event single-event rules come first, then correlations in the order in which they feed each other.
        found.sort(key=lambda item: (item[0], item[1]))
        return [signal for _, _, signal in found]

    def correlate(self, batch: Batch, matches: tuple[Ints, Ints]) -> list[tuple[int, int, Signal]]:
        """Feeds correlations in feeding order, so that one firing can complete another on the same event.

        ``matches``: row and base rule number of every match, by row. Returns (row, order of the correlation, signal).
        """
        found: list[tuple[int, int, Signal]] = []
        if not self._correlators:
            return found
        stream = Sheet(batch, matches, self._names, self._clocks, self._rosters)
        stream.note(self._occurrences, self._heard, self._grouped)
        if self._waiting:
            _ = stream.marks  # how time went on within the batch, before it is taken in as a whole
        self._clocks.advance(batch, lambda: stream.times, stream.newest)
        costs = self.costs
        if costs is not None:
            costs.listened += len(batch)
        for order, (name, correlator) in enumerate(self._correlators.items()):
            begun = costs.meter() if costs is not None else 0.0
            firings = correlator.feed(stream)
            if costs is not None:
                costs.listening[name] += costs.meter() - begun
            if not firings:
                continue
            self.metrics.hits[name] += len(firings)
            stream.fired(name, firings)
            if correlator.rule.emits:
                said = self._correlated(correlator.rule, firings, stream)
                found += [(firing.row, order, signal) for firing, signal in zip(firings, said, strict=True)]
        if self._occurrences.is_due:
            self._forget()
        return found

    def _forget(self) -> None:
        """Forget the occurrences that no correlation refers to any more."""
        needed = [numbers for correlator in self._correlators.values() for numbers in correlator.references()]
        self._occurrences.forget(np.concatenate([np.zeros(0, dtype=np.int64), *needed]))

    def _signal(self, number: int, event: Mapping[str, object]) -> Signal:
        rule = self.ruleset.base[number]
        self.metrics.signals[rule.id] += 1
        ids = (str(event.get("event.id", "")),)
        time_us = event_time(event)
        return Signal(
            id=signal_id(rule.id, "", ids),
            rule_id=rule.id,
            rule_title=rule.title,
            severity=rule.severity.value,
            techniques=rule.techniques,
            owasp=rule.owasp,
            state=rule.state.value,
            time_us=time_us,
            first_time_us=time_us,
            event_ids=ids,
            entity=entity_of(event),
            matches=self._matcher.spans(number, event),
            group_key=group_key(rule, event),
        )

    def _correlated(self, rule: Rule, firings: Sequence[Firing], stream: Sheet) -> list[Signal]:
        """The signals of a correlation's firings."""
        self.metrics.signals[rule.id] += len(firings)
        title, severity, state, dedup = rule.title, rule.severity.value, rule.state.value, rule.dedup
        techniques, owasp, before = rule.techniques, rule.owasp, f"{rule.id}|"
        own = self._shows[rule.id]
        found = []
        for firing in firings:
            ids, entity, first_time_us = firing.what
            spans: list[tuple[str, int, int]] = []
            key = before + firing.key
            if firing.by_event and (own or dedup):
                event = stream.batch.row(firing.row)
                for number in stream.matched(firing.row) if own else ():
                    if number in own:
                        spans += self._matcher.spans(number, event)
                if dedup:
                    key = group_key(rule, event)
            if len(key) > GROUP_KEY_CHARS:
                key = bounded_key(key)
            signal = Signal(
                signal_id(rule.id, firing.key, ids),
                rule.id,
                title,
                severity,
                techniques,
                owasp,
                state,
                firing.time_us,
                first_time_us,
                ids[:MAX_SHOWN_EVENTS],
                entity,
                tuple(dict.fromkeys(spans)) if spans else (),
                key,
                bounded_facts(firing.facts),
            )
            found.append(signal)
        return found

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
                name: {**asdict(correlator.counters), "keys": correlator.key_count}
                for name, correlator in self._correlators.items()
            },
        }

    def snapshot(self, beside: bytes = b"") -> bytes:
        """All state as bytes, plain data only; ``beside`` is kept with it for whoever feeds the detector."""
        return b"".join(self.snapshot_pieces(beside))

    def snapshot_pieces(self, beside: bytes = b"") -> Iterator[bytes]:
        """The same piece by piece: a large memory would stand there three times, with its plain data and its bytes."""
        if self._occurrences.is_worth_forgetting:
            self._forget()
        saved = ((name, (_state_digest(one), one.save())) for name, one in self._correlators.items())
        return pieces_of(
            {
                "version": SNAPSHOT_VERSION,
                "events": self.metrics.events,
                "hits": dict(self.metrics.hits),
                "signals": dict(self.metrics.signals),
                "clocks": asdict(self._clocks),
                "occurrences": self._occurrences.save(),
                "correlations": OneByOne(len(self._correlators), saved, keyed=True),
                "beside": beside,
            }
        )

    @classmethod
    def restore(cls, ruleset: Ruleset, snapshot: bytes, *, limits: Limits = LIMITS) -> Detector:
        """A detector that goes on where the snapshot was taken; state of rules that changed since is dropped and counted."""
        saved = read_snapshot(snapshot)
        detector = cls(ruleset, limits=limits)
        detector.beside = saved.beside
        detector.metrics = Metrics(saved.events, Counter(saved.hits), Counter(saved.signals))
        detector._clocks = SourceClocks(**saved.clocks)
        detector._occurrences.load(saved.occurrences)
        for name, (digest, state) in saved.correlations.items():
            correlator = detector._correlators.get(name)
            if correlator is None or _state_digest(correlator) != digest:
                detector.metrics.state_dropped += 1
                continue
            correlator.load(state)
        return detector


def _joining(rule: Rule, limits: Limits) -> Joining:
    """What listens for a rule, its memory empty."""
    if isinstance(rule.logic, Statistic):
        return observer_for(rule, rule.logic, limits)
    if isinstance(rule.logic, Correlation):
        return correlator_for(rule, rule.logic, limits)
    raise TypeError(f"rule {rule.id} listens to no other")


def _state_digest(correlator: Joining) -> str:
    """Changes when the correlation changes; a base rule may be improved without losing what was seen."""
    return f"{correlator.rule.digest}:{','.join(correlator.logic.heard)}"


def group_key(rule: Rule, event: Mapping[str, object]) -> str:
    """What makes two signals of a rule the same trouble: its dedup fields, or the first identity that the event has."""
    own = [(name, key_part(name, value_of(event, name)) or "") for name in rule.dedup]
    if own:
        parts = [f"{name}={value}" for name, value in own]
        if not any(value for _, value in own):
            first = next((name for name in _OTHERWISE if value_of(event, name)), "")
            parts += [f"{first}={key_part(first, value_of(event, first))}"] if first else []
    else:
        first = next((name for name in _DEFAULT_DEDUP if value_of(event, name)), "")
        parts = [f"{first}={key_part(first, value_of(event, first))}"] if first else []
    return bounded_key("|".join((rule.id, *parts)))
