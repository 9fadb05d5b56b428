"""Loads the shipped clock rules, reads fact files, and writes clocks as plain data."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from caiso.engine.clocks.compute import DISCLAIMER, Clock
from caiso.engine.clocks.facts import IncidentFacts
from caiso.engine.clocks.rules import CLOCK_FOLDER, CLOCKS, ClockRule, Regime
from caiso.engine.packs import (
    Pack,
    PackError,
    PackProblem,
    Reader,
    UnableToCompose,
    compose,
    load_folder,
    model_schema,
)


@dataclass(frozen=True, slots=True)
class ClockLibrary:
    """Every regime that loaded, with what is wrong with the others."""

    regimes: tuple[Pack[Regime], ...]
    problems: tuple[PackProblem, ...]

    @property
    def rules(self) -> tuple[ClockRule, ...]:
        return tuple(rule for pack in self.regimes for rule in pack.value.rules)

    def trusted(self) -> "ClockLibrary":
        """Itself, or PackError naming every problem."""
        if self.problems:
            raise PackError(self.problems)
        return self


def load_clocks(*folders: Path) -> ClockLibrary:
    """The shipped rules, then those of the users' content folders (each with `clocks/` inside)."""
    existing = [folder / "clocks" for folder in folders if (folder / "clocks").is_dir()]
    return ClockLibrary(*load_folder(CLOCKS, CLOCK_FOLDER, *existing))


def parse_facts(source: bytes, *, path: Path) -> IncidentFacts:
    """Read facts from JSON or YAML; raises PackError with file and line of every mistake."""
    try:
        root = compose(source)
    except UnableToCompose as error:
        raise PackError(PackProblem(path, line, message) for line, message in error.faults) from error
    reader = Reader()
    facts = reader.read(IncidentFacts, root)
    if facts is None:
        raise PackError(PackProblem(path, line, message) for line, message in sorted(set(reader.faults)))
    return facts


def facts_schema() -> dict[str, object]:
    """The JSON Schema of a facts file."""
    schema: dict[str, object] = {"title": "Facts of an incident, for its reporting clocks", "$comment": DISCLAIMER}
    return schema | model_schema(IncidentFacts)


def as_data(clocks: Iterable[Clock], facts: IncidentFacts, *, as_of: datetime) -> dict[str, object]:
    """Clocks as JSON-ready data with the disclaimer that must travel with them."""
    return {
        "disclaimer": DISCLAIMER,
        "incident": facts.incident,
        "as_of": as_of.isoformat(),
        "time_zone": facts.time_zone,
        "clocks": [_clock(clock) for clock in clocks],
    }


def _clock(clock: Clock) -> dict[str, object]:
    rule = clock.rule
    return {
        "rule": rule.id,
        "title": rule.title,
        "stage": rule.stage,
        "state": clock.state.value,
        "deadline_at": _time(clock.deadline_at),
        "safe_at": _time(clock.safe_at),
        "later_reading_at": _time(clock.later_reading_at),
        "projected_at": _time(clock.projected_at),
        "started_at": _time(clock.started_at),
        "notified_at": _time(clock.notified_at),
        "at_once_since": _time(clock.at_once_since),
        "why": clock.why,
        "missing": list(clock.missing),
        "recipient": rule.recipient,
        "fields": list(rule.fields),
        "article": rule.article,
        "legal_state": rule.legal_state.value,
        "applies_from": rule.applies_from.isoformat(),
        "applies_to": rule.applies_to.isoformat() if rule.applies_to else None,
        "inference": rule.inference,
        "note": rule.note,
        "source": rule.source,
        "verified_on": rule.verified_on.isoformat(),
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
