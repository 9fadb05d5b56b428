"""Computes which reporting clocks an incident has, from rules and facts; never alarms about what is not law yet."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo

from caiso.engine.clocks.facts import Attributes, IncidentFacts
from caiso.engine.clocks.periods import Period, WorkCalendar, end_of_period
from caiso.engine.clocks.rules import ClockRule, Condition, LegalState

DISCLAIMER = (
    "Not legal advice. Computed from dated rules and the facts given; have counsel confirm before relying on it."
)


class ClockState(StrEnum):
    """`late` was reported after the deadline, `overdue` is not reported and past it; `pending` never alarms."""

    RUNNING = "running"
    MET = "met"
    LATE = "late"
    OVERDUE = "overdue"
    PENDING = "pending"
    WAITING_FOR_FACT = "waiting_for_fact"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class Clock:
    """One duty's state for one incident; all times UTC.

    `deadline_at` counts as the law does, `safe_at` is the cautious plain reading (never later), `later_reading_at` a
    disputed extension; `projected_at` is the deadline if the stage before is sent at its own deadline.
    """

    rule: ClockRule
    state: ClockState
    why: str
    started_at: datetime | None = None
    deadline_at: datetime | None = None
    safe_at: datetime | None = None
    later_reading_at: datetime | None = None
    projected_at: datetime | None = None
    at_once_since: datetime | None = None
    notified_at: datetime | None = None
    missing: tuple[str, ...] = ()


def compute(
    rules: Iterable[ClockRule], facts: IncidentFacts, as_of: datetime, tz: tzinfo | None = None
) -> tuple[Clock, ...]:
    """Every rule's clock as of a moment; facts after it are not known yet. `tz` overrides the facts' time zone.

    Ordered by urgency: deadlines first, then what waits, then pending and not applicable.
    """
    calendar = WorkCalendar(tz or ZoneInfo(facts.time_zone), frozenset(facts.holidays))
    clocks: dict[str, Clock] = {}
    for rule in rules:
        clocks[rule.id] = _clock(rule, facts, as_of=as_of, calendar=calendar, earlier=clocks)
    return tuple(sorted(clocks.values(), key=_urgency))


_ORDER = (
    ClockState.OVERDUE,
    ClockState.RUNNING,
    ClockState.WAITING_FOR_FACT,
    ClockState.LATE,
    ClockState.MET,
    ClockState.PENDING,
    ClockState.NOT_APPLICABLE,
)


def _urgency(clock: Clock) -> tuple[int, bool, float, str]:
    deadline = clock.deadline_at or clock.projected_at
    return (_ORDER.index(clock.state), deadline is None, deadline.timestamp() if deadline else 0.0, clock.rule.id)


def _clock(
    rule: ClockRule,
    facts: IncidentFacts,
    *,
    as_of: datetime,
    calendar: WorkCalendar,
    earlier: Mapping[str, Clock],
) -> Clock:
    applies, deciding = _applies(rule, facts.attributes)
    if applies is False:
        return Clock(rule, ClockState.NOT_APPLICABLE, f"does not apply: {_words(deciding)}")
    trigger = facts.at(rule.trigger_fact, as_of=as_of)
    outside = _outside_the_law(rule, trigger, as_of, calendar)
    if outside is not None:
        return outside
    if applies is None:
        missing = tuple(dict.fromkeys(condition.field for condition in deciding))
        return Clock(rule, ClockState.WAITING_FOR_FACT, f"not determined yet: {', '.join(missing)}", missing=missing)
    if trigger is None:
        return _waiting(rule, rule.trigger_fact)
    start = facts.at(rule.start_event, as_of=as_of)
    if start is None:
        return _waiting(rule, rule.start_event, projected_at=_projected(rule, earlier, calendar))
    return _running(rule, facts, start=start, as_of=as_of, calendar=calendar)


def _applies(rule: ClockRule, attributes: Attributes) -> tuple[bool | None, Sequence[Condition]]:
    """Three-valued: False beats unknown among all, True beats unknown among any; with the conditions that decided."""
    answers = [(condition.holds(attributes), condition) for condition in rule.applies_when]
    refused = [condition for answer, condition in answers if answer is False]
    if refused:
        return False, refused
    unknown = [condition for answer, condition in answers if answer is None]
    if rule.applies_when_any:
        choices = [(condition.holds(attributes), condition) for condition in rule.applies_when_any]
        if all(answer is False for answer, _ in choices):
            return False, [condition for _, condition in choices]
        if not any(answer for answer, _ in choices):
            unknown += [condition for answer, condition in choices if answer is None]
    return (None, unknown) if unknown else (True, ())


def _outside_the_law(
    rule: ClockRule, trigger: datetime | None, as_of: datetime, calendar: WorkCalendar
) -> Clock | None:
    today = calendar.day_of(as_of)
    if rule.legal_state is LegalState.PROPOSED:
        return Clock(rule, ClockState.PENDING, f"only proposed, not law ({rule.article})")
    if today < rule.applies_from:
        reading = f" Our reading: {rule.inference}" if rule.inference else ""
        return Clock(rule, ClockState.PENDING, f"applies from {rule.applies_from.isoformat()}.{reading}")
    if trigger is None:
        ended = _ended(rule, today)
        return Clock(rule, ClockState.NOT_APPLICABLE, ended) if ended else None
    day = calendar.day_of(trigger)
    if day < rule.applies_from:
        why = f"{rule.trigger_fact} on {day.isoformat()}, before the rule applied from {rule.applies_from.isoformat()}"
        return Clock(rule, ClockState.NOT_APPLICABLE, why)
    ended = _ended(rule, day)
    return Clock(rule, ClockState.NOT_APPLICABLE, ended) if ended else None


def _ended(rule: ClockRule, day: date) -> str:
    if rule.applies_to is not None and day > rule.applies_to:
        return f"no longer applies since {rule.applies_to.isoformat()}"
    if rule.applies_to is None and rule.legal_state is LegalState.REPEALED:
        return "repealed"
    return ""


def _waiting(rule: ClockRule, name: str, *, projected_at: datetime | None = None) -> Clock:
    why = f"starts with the fact {name}, which nobody has recorded"
    return Clock(rule, ClockState.WAITING_FOR_FACT, why, projected_at=projected_at, missing=(name,))


def _projected(rule: ClockRule, earlier: Mapping[str, Clock], calendar: WorkCalendar) -> datetime | None:
    before = earlier.get(rule.depends_on or "")
    latest = before and (before.deadline_at or before.projected_at)
    period = _period(rule, latest, calendar) if latest else None
    return period.deadline if period else None


def _period(rule: ClockRule, start: datetime, calendar: WorkCalendar) -> Period | None:
    if rule.amount is None or rule.unit is None:
        return None
    return end_of_period(start, rule.amount, rule.unit, counting=rule.counting, calendar=calendar)


def _running(
    rule: ClockRule, facts: IncidentFacts, *, start: datetime, as_of: datetime, calendar: WorkCalendar
) -> Clock:
    period = _capped(rule, _period(rule, start, calendar), facts, start=start, as_of=as_of, calendar=calendar)
    notified = facts.at(f"notified.{rule.id}", as_of=as_of)
    at_once = facts.at(rule.immediately_after, as_of=as_of) if rule.immediately_after else None
    state = _state(period, notified, as_of)
    return Clock(
        rule=rule,
        state=state,
        why=_why(rule, state, start, period, calendar.zone) + (_AT_ONCE if at_once and notified is None else ""),
        started_at=start,
        deadline_at=period.deadline if period else None,
        safe_at=period.safe if period else None,
        later_reading_at=period.later_reading if period else None,
        at_once_since=at_once,
        notified_at=notified,
    )


def _capped(
    rule: ClockRule,
    period: Period | None,
    facts: IncidentFacts,
    *,
    start: datetime,
    as_of: datetime,
    calendar: WorkCalendar,
) -> Period | None:
    """The period cut by the rule's outer limit, unless the period began after that limit had passed."""
    cap = rule.no_later_than
    outer = facts.at(cap.start_event, as_of=as_of) if cap else None
    if cap is None or outer is None or period is None:
        return period
    limit = end_of_period(outer, cap.amount, cap.unit, counting=rule.counting, calendar=calendar)
    if limit.deadline < start:
        return period
    return Period(min(period.deadline, limit.deadline), min(period.safe, max(limit.safe, start)), period.later_reading)


_AT_ONCE = " The report is due at once; the deadline is only the outer limit."


def _state(period: Period | None, notified: datetime | None, as_of: datetime) -> ClockState:
    if notified is not None:
        in_time = period is None or notified.replace(microsecond=0) <= period.deadline
        return ClockState.MET if in_time else ClockState.LATE
    overdue = period is not None and as_of.replace(microsecond=0) > period.deadline
    return ClockState.OVERDUE if overdue else ClockState.RUNNING


def _why(rule: ClockRule, state: ClockState, start: datetime, period: Period | None, zone: tzinfo) -> str:
    began = start.astimezone(zone).isoformat(timespec="minutes")
    if period is None:
        return f"without undue delay after {rule.start_event} at {began} ({rule.article})"
    unit = (rule.unit or "").replace("_", " ")
    due = period.deadline.astimezone(zone).isoformat(timespec="seconds")
    ending = {
        ClockState.MET: "reported in time",
        ClockState.LATE: "reported too late",
        ClockState.OVERDUE: "not reported",
    }.get(state, "not reported yet")
    cap = rule.no_later_than
    at_most = f", at most {cap.amount} {cap.unit.replace('_', ' ')} after {cap.start_event}," if cap else ""
    return f"{rule.amount} {unit} after {rule.start_event} at {began}{at_most} end at {due} ({rule.article}); {ending}"


def _words(conditions: Iterable[Condition]) -> str:
    parts = []
    for condition in conditions:
        value = ", ".join(condition.value) if isinstance(condition.value, tuple) else str(condition.value).lower()
        parts.append(f"needs {condition.field} {condition.op} {value}")
    return "; ".join(parts)
