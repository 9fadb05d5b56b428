"""What burns: legal deadlines first, then loud alerts that nobody has taken, then open incidents."""

from datetime import datetime, timedelta

from django.urls import reverse

from caiso.web.base.access import Viewer
from caiso.web.reports.queries.lists import ROWS, Row, Section, first, left, link, section
from caiso.web.soc import queries as soc
from caiso.web.soc.models import Incident

SOON = timedelta(hours=72)
ORDER = ("critical", "high", "medium", "low", "informational")


def burning(viewer: Viewer, *, now: datetime) -> Section:
    """Clocks that end within three days or are over, alerts of high severity that wait, and incidents by severity."""
    clocks = soc.alarming_clocks(viewer).filter(deadline_at__lte=now + SOON)
    alerts = soc.untaken_loud_alerts(viewer)
    incidents = soc.open_incidents(viewer)
    rows = [
        Row(
            clock.title,
            reverse("clock_record", args=[clock.pk]),
            f"{clock.incident.reference}, {clock.recipient}" if clock.recipient else clock.incident.reference,
            tone="bad" if clock.state == "overdue" else "warn",
            left=left(clock.deadline_at, now=now),
        )
        for clock in clocks[:ROWS]
    ]
    rows += [
        Row(
            alert.title,
            alert.get_absolute_url(),
            f"{alert.asset or alert.service}, nobody has taken it",
            level=alert.severity,
            at=alert.created_at,
        )
        for alert in first(alerts, rows)
    ]
    if len(rows) < ROWS:
        worst = sorted(incidents[: ROWS * 4], key=lambda one: (_rank(one.severity), one.opened_at))
        rows += [_incident(one) for one in worst]
    total = clocks.count() + alerts.count() + soc.open_incident_count(viewer)
    return section(
        "burning", "What is burning", rows, total=total,
        url=link("incidents_list"), calm="Nothing burns.",
    )  # fmt: skip


def _rank(severity: str) -> int:
    return ORDER.index(severity) if severity in ORDER else len(ORDER)


def _incident(incident: Incident) -> Row:
    lead = f"{incident.lead} leads" if incident.lead else "nobody leads"
    note = f"{incident.reference}, {incident.get_state_display().lower()}, {lead}"
    return Row(incident.title, incident.get_absolute_url(), note, level=incident.severity, at=incident.opened_at)
