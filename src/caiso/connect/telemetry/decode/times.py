"""Reads a time in any of the forms that senders write."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from caiso.connect.telemetry.records import UnableToAccept


def nanoseconds(value: Any) -> int:
    """Read a time: ISO 8601 text, or a number whose size tells seconds from milli-, micro- and nanoseconds."""
    if value is None:
        return 0
    if isinstance(value, str):
        number = _number(value)
        if number is None:
            return _iso(value)
        value = number
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnableToAccept("time must be ISO 8601 text or a number since 1970")
    for bound, factor in ((1e11, 1_000_000_000), (1e14, 1_000_000), (1e17, 1_000)):
        if 0 <= value < bound:
            # A fraction of seconds since 1970 is good for microseconds; the digits after them are the float's own.
            return value * factor if isinstance(value, int) else round(value * factor / 1000) * 1000
    if 0 <= value < 2**63:
        return int(value)
    raise UnableToAccept(f"time {str(value)[:40]} is out of range")


def _number(value: str) -> float | int | None:
    if len(value) > 40:
        return None
    try:
        return int(value) if value.isascii() and value.isdigit() else float(value)
    except ValueError:
        return None


def _iso(value: str) -> int:
    try:
        moment = datetime.fromisoformat(value[:64])
    except ValueError as error:
        raise UnableToAccept(f"time {value[:40]!r} is neither ISO 8601 nor a number") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    except OverflowError as error:
        raise UnableToAccept(f"time {value[:40]!r} is out of range") from error
    microseconds = (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
    if microseconds < 0:
        raise UnableToAccept(f"time {value[:40]!r} is before 1970")
    return microseconds * 1000
