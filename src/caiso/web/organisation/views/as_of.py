"""The day that a page shows: today, unless the reader asks for another."""

from dataclasses import dataclass
from datetime import date

from django.contrib import messages
from django.utils import timezone

from caiso.web.base.guard import PageRequest


@dataclass(frozen=True)
class Day:
    """The day asked for; what is kept of a page in its address says it only when it is not today."""

    on: date
    today: date

    @property
    def is_today(self) -> bool:
        return self.on == self.today

    @property
    def query(self) -> str:
        """For links that stay on the day."""
        return "" if self.is_today else f"as_of={self.on.isoformat()}"


def day_asked(request: PageRequest) -> Day:
    """The day in the address; one that cannot be read is said, and today is shown."""
    today = timezone.now().date()
    text = request.GET.get("as_of", "")
    if not text:
        return Day(today, today)
    try:
        return Day(date.fromisoformat(text), today)
    except ValueError:
        messages.error(request, "That is not a day such as 2026-11-22; today is shown.")
        return Day(today, today)
