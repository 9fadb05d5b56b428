"""One sentence that says what the page says."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from caiso.web.reports.queries.lists import Section, number

WEEK = timedelta(days=7)


def headline(sections: Iterable[Section], *, now: datetime) -> str:
    """ "2 things burn, 6 decisions wait, 3 dates fall within a week." """
    by_key = {section.key: section for section in sections}
    parts = []
    if burning := by_key.get("burning"):
        parts.append(number(burning.total, "thing burns", "things burn") if burning.total else "nothing burns")
    decisions = by_key["decide"].total
    parts.append(number(decisions, "decision waits", "decisions wait") if decisions else "no decision waits")
    rows = by_key["due"].rows
    late = sum(1 for row in rows if row.at is not None and row.at < now)
    near = sum(1 for row in rows if row.at is not None and now <= row.at < now + WEEK)
    if late:
        parts.append(f"{late} late")
    parts.append(number(near, "date falls", "dates fall") + " within a week" if near else "nothing is due this week")
    text = ", ".join(parts)
    return f"{text[0].upper()}{text[1:]}."
