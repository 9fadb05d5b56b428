"""One trace against the rules: what fired on the attack, what on the twin, and why nothing did."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from caiso.engine.detect.detector import Detector
from caiso.engine.detect.rule import Correlation, DeployState, Rule
from caiso.engine.detect.rule_tests import needed_fields
from caiso.engine.detect.ruleset import Ruleset
from caiso.engine.detect.signal import Signal
from caiso.engine.drill.packs import Trace
from caiso.engine.drill.score import Outcome

Event = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that fired, and why that does or does not reach an analyst."""

    rule: str
    state: str
    silenced: str = ""  # why no alert comes of it although the rule is live

    @property
    def alerts(self) -> bool:
        return self.state == DeployState.LIVE and not self.silenced


@dataclass(frozen=True, slots=True)
class Stage:
    """What a drill is played against: the rules in their states, and how telemetry becomes events.

    ``events_of`` gives a side's events as the detector would see them; ``silenced`` says why a live rule's signal
    would raise no alert (a suppression), or nothing.
    """

    rules: Sequence[Rule]
    ruleset: Ruleset
    events_of: Callable[[Trace, str], Sequence[Event]]
    silenced: Callable[[Signal], str] = lambda signal: ""

    def rule(self, name: str) -> Rule | None:
        return next((rule for rule in self.rules if rule.id == name), None)


@dataclass(frozen=True, slots=True)
class TraceResult:
    """How one trace went; `why` is a sentence unless it is covered, `missing` the fields that would open a rule's eyes."""

    trace: Trace
    outcome: Outcome
    attack: tuple[Fired, ...]
    twin: tuple[Fired, ...]
    why: str = ""
    missing: tuple[str, ...] = ()

    @property
    def seen_by(self) -> tuple[str, ...]:
        """The rules that would have alerted on the attack."""
        return tuple(fired.rule for fired in self.attack if fired.alerts)

    @property
    def noise(self) -> tuple[str, ...]:
        """The rules that would have alerted on ordinary work."""
        return tuple(fired.rule for fired in self.twin if fired.alerts)


def play(trace: Trace, stage: Stage) -> TraceResult:
    """Both sides on an engine of their own, so that neither sees the other's state."""
    events = stage.events_of(trace, "attack")
    attack, hits = _run(events, stage)
    twin, _ = _run(stage.events_of(trace, "twin"), stage)
    noise = [fired.rule for fired in twin if fired.alerts]
    seen = [fired for fired in attack if fired.alerts and (not trace.expects or fired.rule in trace.expects)]
    if seen and not noise:
        return TraceResult(trace, Outcome.COVERED, attack, twin)
    if seen or noise:
        told = f"{_listed(noise)} fired on the benign twin too"
        if not seen:
            told = f"{_listed(noise)} fired on the benign twin, and no expected rule on the attack"
        return TraceResult(trace, Outcome.NOISY, attack, twin, told)
    outcome, why, missing = _explain(trace, stage, attack, hits, events)
    return TraceResult(trace, outcome, attack, twin, why, missing)


def _run(events: Sequence[Event], stage: Stage) -> tuple[tuple[Fired, ...], Mapping[str, int]]:
    detector = Detector(stage.ruleset)
    fired: dict[str, Fired] = {}
    for signal in detector.process(events):
        one = Fired(signal.rule_id, signal.state, stage.silenced(signal) if signal.state == DeployState.LIVE else "")
        if signal.rule_id not in fired or one.alerts:
            fired[signal.rule_id] = one
    return tuple(fired.values()), detector.metrics.hits


def _explain(
    trace: Trace, stage: Stage, attack: Sequence[Fired], hits: Mapping[str, int], events: Sequence[Event]
) -> tuple[Outcome, str, tuple[str, ...]]:
    """Why nothing alerted: the nearest rule decides, the one that fired quietly first."""
    quiet = [fired for fired in attack if not trace.expects or fired.rule in trace.expects]
    for fired in quiet:
        if fired.silenced:
            return Outcome.MISSED, f"{fired.rule} fired, but {fired.silenced}", ()
        return Outcome.MISSED, f"{fired.rule} fired, but it is in {fired.state}: no alert comes of it", ()
    wanted = _candidates(trace, stage)
    if not wanted:
        named = f"; {_listed(trace.expects)} not loaded" if trace.expects else ""
        return Outcome.MISSED, f"no rule watches for {_listed(trace.techniques) or 'this'}{named}", ()
    sent = {name for event in events for name in event}
    gaps = {rule.id: sorted(set(needed_fields(stage.rules, rule)) - sent) for rule in wanted}
    if all(gaps.values()):
        nearest = min(gaps, key=lambda name: len(gaps[name]))
        return Outcome.BLIND, f"{nearest} needs {_listed(gaps[nearest])}, which did not arrive", tuple(gaps[nearest])
    return Outcome.MISSED, "; ".join(_stayed_silent(rule, hits) for rule in wanted[:3]), ()


def _candidates(trace: Trace, stage: Stage) -> list[Rule]:
    """The rules that should have seen it: the expected ones, else those that claim one of its techniques."""
    if trace.expects:
        return [rule for name in trace.expects if (rule := stage.rule(name)) is not None]
    return [rule for rule in stage.rules if rule.emits and not set(rule.techniques).isdisjoint(trace.techniques)]


def _stayed_silent(rule: Rule, hits: Mapping[str, int]) -> str:
    if not isinstance(rule.logic, Correlation):
        return f"{rule.id} did not match"
    met = [name for name in rule.logic.rules if hits.get(name)]
    unmet = [name for name in rule.logic.rules if not hits.get(name)]
    held = [name for name in rule.logic.unless if hits.get(name)]
    if held and not unmet:
        return f"{rule.id} was held back by {_listed(held)}"
    if not unmet:
        return f"{rule.id} saw {_listed(met)}, but not often, near or ordered enough"
    return f"{rule.id} did not see {_listed(unmet)}" + (f" (it saw {_listed(met)})" if met else "")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
