"""Where the figures have been going: the kept figures of the last days, summed over the viewer's units."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Sum

from caiso.web.base.access import Viewer, visible
from caiso.web.reports.models import PostureFigure
from caiso.web.soc import queries as soc

DAYS = 30
SEVERITIES = ("critical", "high", "medium", "low", "informational")
Figure = PostureFigure.Figure


@dataclass(frozen=True)
class Trend:
    """One figure over the days, oldest first: (part, whole), None where nothing was kept."""

    days: tuple[tuple[int, int] | None, ...]

    @property
    def shares(self) -> tuple[float | None, ...]:
        """Percent of the whole; None on days without a whole."""
        return tuple(round(100 * one[0] / one[1], 1) if one and one[1] else None for one in self.days)

    @property
    def wholes(self) -> tuple[float | None, ...]:
        """The whole alone."""
        return tuple(float(one[1]) if one else None for one in self.days)


def trends(viewer: Viewer, *, now: datetime, days: int = DAYS) -> Mapping[str, Trend]:
    """Figure -> its last days, from one question to the database."""
    first = now.date() - timedelta(days=days - 1)
    rows = visible(PostureFigure.objects.filter(on__gte=first, on__lte=now.date()), viewer).order_by()
    kept: dict[str, dict[date, tuple[int, int]]] = {figure: {} for figure in Figure.values}
    known: set[date] = set()
    for row in rows.values("figure", "on").annotate(parts=Sum("part"), wholes=Sum("whole")):
        kept[row["figure"]][row["on"]] = (row["parts"], row["wholes"])
        known.add(row["on"])
    calendar = [first + timedelta(days=back) for back in range(days)]
    # A day on which figures were kept but not this one had nothing to count, which is zero of zero and not unknown.
    return {
        figure: Trend(tuple(by_day.get(day, (0, 0) if day in known else None) for day in calendar))
        for figure, by_day in kept.items()
    }


def shares_chart(found: Mapping[str, Trend], *, now: datetime, figures: Mapping[str, str]) -> dict[str, Any]:
    """The shares as lines, for the chart; `figures` names those that the viewer may see."""
    series = [{"name": name, "values": list(found[figure].shares)} for figure, name in figures.items()]
    return {"labels": _labels(now, DAYS), "series": series, "minimum": 0, "maximum": 100, "unit": "%"}


def alerts_chart(viewer: Viewer, *, now: datetime) -> dict[str, Any]:
    """New alerts a day by severity, for the chart; a severity without any alert has no series."""
    counts = soc.alerts_per_day_and_severity(viewer, now=now, days=DAYS)
    series = [
        {"name": level.capitalize(), "values": counts[level], "tone": f"level-{level}"}
        for level in SEVERITIES
        if level in counts
    ]
    empty = [{"name": "Alerts", "values": [0] * DAYS}]
    return {"labels": _labels(now, DAYS), "series": series or empty, "minimum": 0}


def _labels(now: datetime, days: int) -> list[str]:
    return [f"{now.date() - timedelta(days=days - 1 - back):%-d %b}" for back in range(days)]
