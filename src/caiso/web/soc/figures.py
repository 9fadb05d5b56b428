"""What was measured of the shipped statistical rules: how often they find an attack, how often they cry wolf."""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import orjson

FIGURES = "content/statistics/error-rates.json"


@dataclass(frozen=True)
class ErrorRates:
    """Of one rule, at the threshold that ships."""

    digest: str  # of what the rule did when it was measured
    detected: float
    attacks: int
    wrong: str  # how often it fired on what is ordinary
    median_events: int | None
    evaded_by: str

    @property
    def words(self) -> str:
        """One sentence for the page."""
        first = f"{self.detected:.0%} of {self.attacks} generated attacks were found"
        after = f", half of them within {self.median_events:,} events" if self.median_events is not None else ""
        return f"{first}{after}; {self.wrong}."


@cache
def error_rates() -> dict[str, ErrorRates]:
    """{rule: what was measured}; made by the benchmark, never typed."""
    file = resources.files("caiso").joinpath(FIGURES)
    if not file.is_file():
        return {}
    written: dict[str, Any] = orjson.loads(file.read_bytes())
    names = ErrorRates.__dataclass_fields__
    return {slug: ErrorRates(**{name: row[name] for name in names}) for slug, row in written["rules"].items()}
