"""Counting legal periods: each rule of Regulation 1182/71 by example, and all of them by search."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caiso.engine.clocks import Counting, Unit, WorkCalendar, end_of_period

BERLIN = ZoneInfo("Europe/Berlin")
KOLKATA = ZoneInfo("Asia/Kolkata")
DAY = timedelta(days=1)
EU = Counting.EU_1182_71


def calendar(*holidays: str, zone: ZoneInfo = BERLIN) -> WorkCalendar:
    return WorkCalendar(zone, frozenset(map(date.fromisoformat, holidays)))


def end(start: str, amount: int, unit: Unit, *holidays: str, zone: ZoneInfo = BERLIN, counting: Counting = EU) -> str:
    moment = datetime.fromisoformat(start).replace(tzinfo=zone)
    period = end_of_period(moment, amount, unit, counting=counting, calendar=calendar(*holidays, zone=zone))
    return period.deadline.astimezone(zone).replace(tzinfo=None).isoformat(" ")


@pytest.mark.parametrize(
    ("start", "amount", "unit", "holidays", "expected"),
    [
        # Art. 3(1): the hour of the event does not count, even when the event falls on its first instant.
        ("2026-11-18 10:15", 72, Unit.HOURS, (), "2026-11-21 11:00:00"),
        ("2026-11-18 10:00", 24, Unit.HOURS, (), "2026-11-19 11:00:00"),
        # Art. 3(3): hours run through weekends and holidays.
        ("2026-12-24 23:59", 24, Unit.HOURS, ("2026-12-25",), "2026-12-26 00:00:00"),
        # Art. 3(2)(b): days end with the last hour of the last day.
        ("2026-11-02 00:00", 10, Unit.CALENDAR_DAYS, (), "2026-11-12 23:59:59"),
        ("2026-11-02 23:59", 15, Unit.CALENDAR_DAYS, (), "2026-11-17 23:59:59"),
        # Art. 3(4): a last day that is a Sunday, Saturday or holiday moves to the next working day.
        ("2026-11-06 12:00", 15, Unit.CALENDAR_DAYS, (), "2026-11-23 23:59:59"),
        ("2026-12-15 12:00", 10, Unit.CALENDAR_DAYS, ("2026-12-25",), "2026-12-28 23:59:59"),
        # Art. 3(5): two days from a Friday include Monday and Tuesday.
        ("2026-11-20 12:00", 2, Unit.CALENDAR_DAYS, (), "2026-11-24 23:59:59"),
        ("2026-12-23 12:00", 2, Unit.CALENDAR_DAYS, ("2026-12-25",), "2026-12-28 23:59:59"),
        # Art. 3(2)(c): a month ends on the same date, or on the month's last day.
        ("2026-11-16 12:00", 1, Unit.MONTHS, (), "2026-12-16 23:59:59"),
        ("2027-01-31 12:00", 1, Unit.MONTHS, (), "2027-03-01 23:59:59"),
        ("2026-01-30 12:00", 1, Unit.MONTHS, (), "2026-03-02 23:59:59"),
        ("2026-12-15 12:00", 1, Unit.MONTHS, (), "2027-01-15 23:59:59"),
        # Working days skip what is not worked.
        ("2026-12-23 12:00", 4, Unit.BUSINESS_DAYS, ("2026-12-25",), "2026-12-30 23:59:59"),
    ],
)
def test_periods_end_as_the_regulation_says(
    start: str, amount: int, unit: Unit, holidays: tuple[str, ...], expected: str
) -> None:
    assert end(start, amount, unit, *holidays) == expected


def test_a_change_of_the_clocks_neither_adds_nor_takes_an_hour() -> None:
    assert end("2026-03-28 10:30", 72, Unit.HOURS) == "2026-03-31 12:00:00"
    assert end("2026-10-24 10:30", 24, Unit.HOURS) == "2026-10-25 10:00:00"


def test_hours_are_those_of_local_clocks_also_at_half_hour_offsets() -> None:
    assert end("2026-11-18 10:15", 24, Unit.HOURS, zone=KOLKATA) == "2026-11-19 11:00:00"


def test_the_day_is_that_of_the_place() -> None:
    moment = datetime(2026, 11, 2, 23, 30, tzinfo=UTC)
    for zone, expected in ((UTC, "2026-11-12"), (BERLIN, "2026-11-13")):
        period = end_of_period(moment, 10, Unit.CALENDAR_DAYS, counting=EU, calendar=WorkCalendar(zone))
        assert period.deadline.astimezone(zone).date().isoformat() == expected


def test_elapsed_counting_moves_nothing() -> None:
    assert end("2026-11-20 12:10", 24, Unit.HOURS, counting=Counting.ELAPSED) == "2026-11-21 12:10:00"
    assert end("2026-11-20 12:10", 2, Unit.CALENDAR_DAYS, counting=Counting.ELAPSED) == "2026-11-22 23:59:59"


def test_the_disputed_stretch_of_72_hours_is_shown_and_not_used() -> None:
    friday = datetime(2026, 11, 20, 18, tzinfo=BERLIN)
    period = end_of_period(friday, 72, Unit.HOURS, counting=EU, calendar=calendar())
    assert period.deadline.astimezone(BERLIN).isoformat() == "2026-11-23T19:00:00+01:00"
    assert period.later_reading is not None
    assert period.later_reading.astimezone(BERLIN).isoformat() == "2026-11-24T23:59:59+01:00"
    monday = datetime(2026, 11, 16, 18, tzinfo=BERLIN)
    assert end_of_period(monday, 72, Unit.HOURS, counting=EU, calendar=calendar()).later_reading is None


MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - made aware by `timezones`
ZONES = st.sampled_from([ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu")])
HOLIDAYS = st.frozensets(st.dates(date(2024, 1, 1), date(2031, 1, 31)), max_size=400)


@given(MOMENTS, st.integers(1, 400), ZONES)
def test_hours_end_within_the_hour_after_the_plain_reading(start: datetime, amount: int, zone: ZoneInfo) -> None:
    period = end_of_period(start, amount, Unit.HOURS, counting=EU, calendar=WorkCalendar(zone))
    assert timedelta() < period.deadline - (start + timedelta(hours=amount)) <= timedelta(hours=1)
    local = period.deadline.astimezone(zone)
    assert (local.second, local.microsecond) == (0, 0)


@given(MOMENTS, st.integers(1, 90), ZONES, HOLIDAYS)
def test_days_end_on_the_first_day_that_keeps_every_rule(
    start: datetime, amount: int, zone: ZoneInfo, holidays: frozenset[date]
) -> None:
    work = WorkCalendar(zone, holidays)
    period = end_of_period(start, amount, Unit.CALENDAR_DAYS, counting=EU, calendar=work)
    first = start.astimezone(zone).date()

    def allowed(day: date) -> bool:
        worked = sum(work.works(first + n * DAY) for n in range(1, (day - first).days + 1))
        return work.works(day) and (amount < 2 or worked >= 2)

    day = first + amount * DAY
    while not allowed(day):
        day += DAY
    local = period.deadline.astimezone(zone)
    assert local.date() == day
    assert local.time().isoformat() == "23:59:59"


@given(MOMENTS, st.integers(1, 24), ZONES, HOLIDAYS, st.sampled_from([Unit.MONTHS, Unit.CALENDAR_DAYS, Unit.HOURS]))
def test_the_cautious_reading_is_never_later(
    start: datetime, amount: int, zone: ZoneInfo, holidays: frozenset[date], unit: Unit
) -> None:
    work = WorkCalendar(zone, holidays)
    period = end_of_period(start, amount, unit, counting=EU, calendar=work)
    assert start < period.safe.replace(microsecond=0) + timedelta(seconds=1)
    assert period.safe.replace(microsecond=0) <= period.deadline


WORK = st.builds(WorkCalendar, ZONES, HOLIDAYS)


@given(MOMENTS, st.integers(1, 12), st.integers(0, 60 * 24 * 40), WORK, st.sampled_from(list(Unit)))
def test_a_later_event_never_ends_earlier(
    start: datetime, amount: int, minutes: int, work: WorkCalendar, unit: Unit
) -> None:
    later = start + timedelta(minutes=minutes)
    first = end_of_period(start, amount, unit, counting=EU, calendar=work)
    second = end_of_period(later, amount, unit, counting=EU, calendar=work)
    assert first.deadline <= second.deadline
