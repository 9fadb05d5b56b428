"""Counts legal periods: Regulation (EEC, Euratom) No 1182/71 and plain elapsed time.

The regulation applies to acts of the Union unless they say otherwise (Art. 1). Its rules, as implemented here:

- Art. 3(1): the hour, or the day, during which the event falls is not counted.
- Art. 3(2)(a): a period in hours begins with the first counted hour and ends with the last hour.
- Art. 3(2)(b): a period in days ends with the last hour of its last day.
- Art. 3(2)(c): a period in months ends with the last hour of the day of the same date as the event; where the last
  month has no such day, on that month's last day.
- Art. 3(3): holidays and weekends count, unless the period is in working days.
- Art. 3(4): a period not in hours whose last day is a holiday, Saturday or Sunday ends with the last hour of the
  following working day.
- Art. 3(5): a period of two days or more includes at least two working days. For days and months that moves the
  end. Whether it also stretches a period that an act expresses in hours (72 hours) is disputed: the deadline that
  we steer by does not use it, and `later_reading` shows what it would give.

Working days are all days but holidays, Saturdays and Sundays (Art. 2(2)); the holidays are those of the place where
the action is taken (Art. 2(1)), so they are an input, as is the time zone.
"""

import calendar as months
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from caiso.engine.clocks.rules import Counting, Unit

_DAY = timedelta(days=1)
_SATURDAY = 5
_LAST_SECOND = time(23, 59, 59)


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """Which days are worked at the place of the report; `zone` says where days begin and end."""

    zone: tzinfo
    holidays: frozenset[date] = frozenset()

    def works(self, day: date) -> bool:
        return day.weekday() < _SATURDAY and day not in self.holidays

    def next_working_day(self, day: date) -> date:
        """The day itself when it is worked, else the first one after it."""
        while not self.works(day):
            day += _DAY
        return day

    def end_of(self, day: date) -> datetime:
        """The last second of a day, in UTC."""
        return datetime.combine(day, _LAST_SECOND, tzinfo=self.zone).astimezone(UTC)

    def day_of(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()


@dataclass(frozen=True, slots=True)
class Period:
    """When a period ends: `deadline`, the cautious `safe` end by plain elapsed time, and a disputed later reading."""

    deadline: datetime
    safe: datetime
    later_reading: datetime | None = None


def end_of_period(start: datetime, amount: int, unit: Unit, *, counting: Counting, calendar: WorkCalendar) -> Period:
    """The end of `amount` units after the event at `start`; all times are returned in UTC."""
    start = start.astimezone(UTC)
    if unit is Unit.HOURS:
        return _hours(start, amount, counting, calendar)
    day = calendar.day_of(start)
    if unit is Unit.BUSINESS_DAYS:
        last = _add_working_days(day, amount, calendar)
        return Period(calendar.end_of(last), calendar.end_of(last))
    last = _add_months(day, amount) if unit is Unit.MONTHS else day + amount * _DAY
    safe = _same_time(start, last, calendar)
    if counting is Counting.ELAPSED:
        return Period(calendar.end_of(last), safe)
    if unit is Unit.MONTHS or amount >= 2:
        last = max(last, _add_working_days(day, 2, calendar))
    return Period(calendar.end_of(calendar.next_working_day(last)), safe)


def _hours(start: datetime, amount: int, counting: Counting, calendar: WorkCalendar) -> Period:
    safe = start + timedelta(hours=amount)
    if counting is Counting.ELAPSED:
        return Period(safe, safe)
    deadline = _next_hour(start, calendar.zone) + timedelta(hours=amount)
    if amount < 48:
        return Period(deadline, safe)
    two_working_days = calendar.end_of(_add_working_days(calendar.day_of(start), 2, calendar))
    return Period(deadline, safe, two_working_days if two_working_days > deadline else None)


def _next_hour(moment: datetime, zone: tzinfo) -> datetime:
    """The first full hour of local clocks after the hour in which `moment` lies; elapsed time, so a change of the
    clocks neither adds nor takes an hour."""
    local = moment.astimezone(zone)
    into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return moment - into + timedelta(hours=1)


def _add_working_days(day: date, amount: int, calendar: WorkCalendar) -> date:
    while amount:
        day += _DAY
        amount -= calendar.works(day)
    return day


def _add_months(day: date, amount: int) -> date:
    index = day.year * 12 + day.month - 1 + amount
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, months.monthrange(year, month + 1)[1]))


def _same_time(start: datetime, last: date, calendar: WorkCalendar) -> datetime:
    """The event's clock time on the last day: never later than the end of that day."""
    local = start.astimezone(calendar.zone)
    return datetime.combine(last, local.timetz()).astimezone(UTC)
