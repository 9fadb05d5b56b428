"""Words with which a pack's dataclass narrows its fields: patterns, ranges, lengths, durations."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

_DURATION = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
DURATION_PATTERN = r"^(\d{1,6}[smhdw])+$"


@dataclass(frozen=True, slots=True)
class Matches:
    """A text must match `pattern` in full; `expected` says it in words."""

    pattern: str
    expected: str


@dataclass(frozen=True, slots=True)
class Between:
    """A number must lie in the closed range."""

    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Length:
    """A text or list must have between `least` and `most` characters or items."""

    least: int = 0
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Doc:
    """What a field means; shown by editors through the JSON Schema."""

    text: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A mistake that a dataclass finds in itself: where (keys and indexes from it) and what."""

    at: tuple[str | int, ...]
    message: str


Slug = Annotated[
    str, Matches(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*", "small letters, digits and single - _ . between them"), Length(1, 80)
]
Words = Annotated[str, Length(1, 4000)]
Title = Annotated[str, Length(1, 200)]
AtlasTechnique = Annotated[str, Matches(r"AML\.T\d{4}(?:\.\d{3})?", "an ATLAS technique id such as AML.T0051.000")]


def parse_duration(text: str) -> timedelta:
    """Read `90s`, `15m`, `24h`, `7d`, `2w` or a run of these; raises ValueError."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(text)
    total = timedelta()
    for number, unit in parts:
        total += timedelta(**{_UNITS[unit]: int(number)})
    return total


def duration_text(duration: timedelta) -> str:
    """The shortest of our words for a duration: `7d`, `36h`, `90s`."""
    seconds = int(duration.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
