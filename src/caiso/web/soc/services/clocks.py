"""Reporting clocks of an incident: computed from the facts that named persons determined, never from an alert."""

import dataclasses
import logging
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
from django.db.models import QuerySet

from caiso.engine.clocks import (
    FACT_NAMES,
    Attributes,
    Clock,
    ClockLibrary,
    IncidentFacts,
    compute,
    load_clocks,
    parse_facts,
)
from caiso.engine.packs import PackError
from caiso.errors import DomainError
from caiso.web.base.services import facts
from caiso.web.config.environment import environment
from caiso.web.soc.models import Incident, IncidentClock, IncidentEntry

log = logging.getLogger(__name__)

ATTRIBUTE_NAMES = tuple(field.name for field in dataclasses.fields(Attributes))
ALARMS = ("overdue", "late")


class UnableToUnderstand(DomainError):
    """A fact's name or value is not one that the rules know."""


@lru_cache(maxsize=1)
def clock_library() -> ClockLibrary:
    """Shipped rules and those of CAISO_PACKS."""
    found = load_clocks(*environment().packs)
    for problem in found.problems:
        log.error("clock rule is not used: %s", problem)
    return found


def check_fact(name: str, value: object, *, now: datetime) -> object:
    """The value as it is kept: an ISO 8601 moment for facts, a typed value for attributes of the incident."""
    if name in FACT_NAMES or name.startswith("notified."):
        return _moment(name, value, now=now).isoformat()
    if name not in ATTRIBUTE_NAMES:
        known = ", ".join((*FACT_NAMES, "notified.<rule id>", *ATTRIBUTE_NAMES))
        raise UnableToUnderstand(f'"{name}" is not a fact of an incident; expected one of {known}')
    _read({}, {name: value})
    return value


def facts_of(incident: Incident) -> IncidentFacts:
    """What has been determined about the incident so far."""
    moments: dict[str, object] = {}
    attributes: dict[str, object] = {}
    for fact in incident.facts.filter(is_current=True):
        (attributes if fact.name in ATTRIBUTE_NAMES else moments)[fact.name] = fact.value
    return _read(moments, attributes)


def compute_clocks(incident: Incident, *, now: datetime) -> list[IncidentClock]:
    """Compute every rule's clock and keep it; a clock that starts, is met or passes its deadline enters the timeline."""
    known = {clock.rule: clock for clock in incident.clocks.all()}
    rows, changed = [], False
    for clock in compute(clock_library().rules, facts_of(incident), now):
        before = known.get(clock.rule.id)
        state = before.state if before else ""
        row, is_changed = _row(incident, clock, before, now=now)
        if is_changed:
            row.save()
        rows.append(row)
        changed = changed or is_changed
        _tell(incident, clock, state, now=now)
    gone, _ = incident.clocks.exclude(rule__in=[row.rule for row in rows]).delete()
    incident.clocks.update(computed_at=now)
    if changed or gone:  # the minute's look at an incident that stands still wakes no check
        facts.touched("incident_clocks", now=now)
    return rows


def has_open_incidents() -> bool:
    """Whether any incident's clocks can still move."""
    return Incident.objects.exclude(state=Incident.State.CLOSED).exists()


def compute_open_clocks(*, now: datetime) -> int:
    """Recompute the clocks of incidents that are not closed: a deadline passes without anybody doing anything."""
    incidents: QuerySet[Incident] = Incident.objects.exclude(state=Incident.State.CLOSED)
    for incident in incidents:
        compute_clocks(incident, now=now)
    return len(incidents)


def _moment(name: str, value: object, *, now: datetime) -> datetime:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise UnableToUnderstand(
            f'"{name}" needs a date and time such as 2026-11-22T10:30:00+01:00, not "{value}"'
        ) from None
    if moment.tzinfo is None:
        raise UnableToUnderstand(f'"{name}" needs a time zone, such as 2026-11-22T10:30:00+01:00')
    if moment > now:
        raise UnableToUnderstand(f'"{name}" lies in the future ({moment.isoformat(timespec="minutes")})')
    return moment


def _read(moments: Mapping[str, object], attributes: Mapping[str, object]) -> IncidentFacts:
    """Through the engine's own reader, so that types and choices are refused in one place."""
    document = {"facts": dict(moments), "attributes": dict(attributes), "time_zone": environment().time_zone}
    try:
        return parse_facts(orjson.dumps(document), path=Path("facts"))
    except PackError as error:
        raise UnableToUnderstand("; ".join(problem.message for problem in error.problems)) from error


def _row(
    incident: Incident, clock: Clock, before: IncidentClock | None, *, now: datetime
) -> tuple[IncidentClock, bool]:
    """The clock's row as it is now, and whether anything but the time of computing differs from what is kept."""
    row = before or IncidentClock(incident=incident, rule=clock.rule.id)
    values: dict[str, Any] = {
        "title": clock.rule.title[:200],
        "source": clock.rule.article[:200],
        "recipient": clock.rule.recipient[:200],
        "state": clock.state.value,
        "started_at": clock.started_at,
        "deadline_at": clock.deadline_at,
        "met_at": clock.notified_at,
        "reason": clock.why,
    }
    changed = before is None or any(getattr(before, name) != value for name, value in values.items())
    for name, value in (values | {"computed_at": now}).items():
        setattr(row, name, value)
    return row, changed


def _tell(incident: Incident, clock: Clock, before: str, *, now: datetime) -> None:
    state = clock.state.value
    if state == before or state in {"pending", "not_applicable", "waiting_for_fact"}:
        return
    IncidentEntry.objects.create(
        incident=incident,
        kind=IncidentEntry.Kind.CLOCK,
        text=f"{clock.rule.title}: {clock.state.value.replace('_', ' ')}. {clock.why}",
        at=now,
        author=None,
        author_label="caiso",
    )
