"""What falls due: one's own tasks, and the dates of the organisation that the viewer answers for."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Q
from django.urls import reverse

from caiso.web.base.access import Viewer, visible, within
from caiso.web.base.guard import opens
from caiso.web.base.models import AccessGrant, ApiToken, Task
from caiso.web.base.queries import my_tasks
from caiso.web.compliance.models import Evidence
from caiso.web.organisation.models import Assignment, Delegate, Holding
from caiso.web.reports.queries.burning import SOON
from caiso.web.reports.queries.lists import ROWS, Row, Section, left, section
from caiso.web.soc import queries as soc
from caiso.web.soc.models import Incident, Suppression

HORIZON = timedelta(days=30)


def due(viewer: Viewer, *, now: datetime) -> Section:
    """The nearest dates first, late ones before all; own tasks without a date at the end."""
    until = now + HORIZON
    found = [row for kind in _KINDS for row in kind(viewer, now, until)]
    found.sort(key=lambda row: (row.at is None, row.at or now))
    late = sum(1 for row in found if row.at is not None and row.at < now)
    title = "What is due" if not late else f"What is due, {late} late"
    return section(
        "due", title, found, total=len(found), url=reverse("tasks_list"), calm="Nothing falls due within 30 days."
    )


def _row(title: str, url: str, note: str, at: datetime | None, *, now: datetime) -> Row:
    if at is None:
        return Row(title, url, note)
    tone = "bad" if at < now else "warn" if at < now + timedelta(days=3) else "neutral"
    return Row(title, url, note, tone, at=at, left=left(at, now=now))


def _tasks(viewer: Viewer, now: datetime, until: datetime) -> Iterator[Row]:
    """Own tasks, and for whoever leads the work those of others in the own units."""
    mine = my_tasks(viewer.user).filter(state=Task.State.OPEN).order_by("due_at", "pk")
    own = {task.pk: task for task in mine[:MOST]}
    led = within(viewer.paths("organisation.edit")) | within(viewer.paths("soc.determine"))
    others = Task.objects.filter(led, state=Task.State.OPEN, due_at__lte=until).select_related("assignee")
    found = [*own.values(), *others.exclude(pk__in=own).order_by("due_at")[:MOST]]
    incidents = _references(found)
    for task in found:
        who = "yours" if task.pk in own else str(task.assignee) if task.assignee else task.role_slug or "nobody's yet"
        of = incidents.get(task.subject_id, "task") if task.subject_type == "Incident" else "task"
        url = task.subject_url if opens(viewer, task.subject_url) else reverse("tasks_list")
        yield _row(task.title, url, f"{of}, {who}", task.due_at, now=now)


def _references(tasks: Sequence[Task]) -> dict[str, str]:
    """The incidents that tasks belong to; every incident has tasks of the same titles."""
    keys = {int(task.subject_id) for task in tasks if task.subject_type == "Incident"}
    return {str(key): name for key, name in Incident.objects.filter(pk__in=keys).values_list("pk", "reference")}


def _clocks(viewer: Viewer, now: datetime, until: datetime) -> Iterator[Row]:
    """Legal deadlines beyond those that burn."""
    if viewer.may("soc.view"):
        later = soc.alarming_clocks(viewer).filter(deadline_at__gt=now + SOON, deadline_at__lte=until)
        for clock in later[:MOST]:
            url = reverse("clock_record", args=[clock.pk])
            yield _row(clock.title, url, f"legal deadline, {clock.incident.reference}", clock.deadline_at, now=now)


def _evidence(viewer: Viewer, now: datetime, until: datetime) -> Iterator[Row]:
    kept = visible(Evidence.objects.filter(is_accepted=True), viewer, "compliance.edit")
    newest = kept.filter(valid_until__lte=until, valid_until__gte=now - HORIZON).select_related("control")
    for one in newest.order_by("valid_until")[:MOST]:
        word = "expired" if one.valid_until and one.valid_until < now else "expires"
        yield _row(
            f"“{one.title}” {word}", one.get_absolute_url(), f"evidence, {one.control}", one.valid_until, now=now
        )


def _organisation(viewer: Viewer, now: datetime, until: datetime) -> Iterator[Row]:
    """Roles, deputies and assignments that end, so that nobody finds out by the gap."""
    first, last = now.date(), until.date()
    units = viewer.paths("organisation.edit")
    ending = {"until_on__gte": first, "until_on__lte": last}
    holdings = Holding.objects.filter(within(units, "role__unit__path"), **ending).select_related("person", "role")
    for one in holdings.order_by("until_on")[:MOST]:
        url = one.role.get_absolute_url()
        yield _row(f"{one.person} ends as {one.role}", url, "role falls vacant", _evening(one.until_on), now=now)
    stand_ins = Delegate.objects.filter(within(units, "role__unit__path"), **ending).select_related("delegate", "role")
    for deputy in stand_ins.order_by("until_on")[:MOST]:
        title = f"{deputy.delegate} stops standing in as {deputy.role}"
        yield _row(title, deputy.role.get_absolute_url(), "absence ends", _evening(deputy.until_on), now=now)
    given = Assignment.objects.filter(within(units, "duty__unit__path"), **ending).select_related("duty", "role")
    for part in given.order_by("until_on")[:MOST]:
        title = f"{part.role} ends for “{part.duty}”"
        yield _row(title, part.duty.get_absolute_url(), "assignment ends", _evening(part.until_on), now=now)


def _watching(viewer: Viewer, now: datetime, until: datetime) -> Iterator[Row]:
    """Suppressions that end: their alerts come back."""
    silent = visible(Suppression.objects.select_related("rule"), viewer, "soc.rules")
    for one in silent.filter(expires_at__gte=now, expires_at__lte=until).order_by("expires_at")[:MOST]:
        url = f"{reverse('rule_record', args=[one.rule_id])}?tab=suppressions"
        yield _row(f"“{one.rule}” is heard again", url, f"suppression, {one.reason}", one.expires_at, now=now)


def _access(viewer: Viewer, now: datetime, until: datetime) -> Iterator[Row]:
    """Keys and access roles that run out."""
    keys = visible(ApiToken.objects.filter(revoked_at=None), viewer, "token.edit")
    for key in keys.filter(expires_at__gte=now, expires_at__lte=until).order_by("expires_at")[:MOST]:
        yield _row(
            f"Key {key.name} expires", reverse("tokens_list"), "its sender falls silent", key.expires_at, now=now
        )
    grants = visible(AccessGrant.objects.select_related("user"), viewer, "admin")
    ending = grants.filter(Q(expires_on__gte=now.date()) & Q(expires_on__lte=until.date()))
    for grant in ending.order_by("expires_on")[:MOST]:
        title = f"{grant.user} stops being {grant.get_role_display()}"
        url = reverse("user_record", args=[grant.user_id])
        yield _row(title, url, "access ends", _evening(grant.expires_on), now=now)


def _evening(day: date | None) -> datetime | None:
    """The end of a day that is included."""
    return datetime.combine(day, time(23, 59), UTC) if day else None


MOST = ROWS * 8  # of each kind; beyond that nobody reads a list on the first page
_KINDS = (_tasks, _clocks, _evidence, _organisation, _watching, _access)
