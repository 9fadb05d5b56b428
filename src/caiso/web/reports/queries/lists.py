"""The shape of the page's lists, and how several kinds of rows become one list of what matters most."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db.models import Model, QuerySet
from django.urls import reverse
from django.utils.http import urlencode

ROWS = 6
M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Row:
    """One thing that matters, with where to act on it; `left` is what its deadline leaves."""

    title: str
    url: str
    note: str = ""
    tone: str = "neutral"
    level: str = ""
    at: datetime | None = None
    left: str = ""


@dataclass(frozen=True)
class Section:
    """A list of the page; `total` may be more than the rows shown, and `url` is where all of them are."""

    key: str
    title: str
    rows: tuple[Row, ...]
    total: int
    url: str
    calm: str


def section(key: str, title: str, rows: Iterable[Row], *, total: int, url: str, calm: str) -> Section:
    """The first rows of what was found, with how many there are."""
    found = tuple(rows)
    return Section(key, title, found[:ROWS], max(total, len(found)), url, calm)


def first(found: "QuerySet[M]", rows: Sequence[Row]) -> "QuerySet[M] | tuple[M, ...]":
    """The first of what was found, as far as the section still has room for them; nothing is asked where it has none."""
    room = ROWS - len(rows)
    return found[:room] if room > 0 else ()


def link(route: str, **query: str | int | list[str]) -> str:
    """The address of a list with a filter."""
    listed = urlencode(query, doseq=True)
    return reverse(route) + (f"?{listed}" if listed else "")


def left(deadline: datetime | None, *, now: datetime) -> str:
    """ "40 min left", "23 h left", "5 days left", "2 days late": as exact as the time that is left makes it matter."""
    if deadline is None:
        return ""
    seconds = abs((deadline - now).total_seconds())
    word = "left" if deadline > now else "late"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {word}"
    return f"{int(seconds // 3600)} h {word}" if seconds < 48 * 3600 else f"{int(seconds // 86400)} days {word}"


def number(count: int, one: str, many: str = "") -> str:
    """ "1 alert", "3 alerts"."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
