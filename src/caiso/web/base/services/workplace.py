"""What people do with their own work: finish and hand over tasks, read notifications, keep views, choose a theme."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from caiso.errors import DomainError
from caiso.web.base.models import Notification, Person, SavedView, Task, User
from caiso.web.base.navigation import SECTIONS
from caiso.web.base.services import audit

THEMES = frozenset({"light", "dark", "system"})
MOST_VIEWS = 50


class UnableToChangeTask(DomainError):
    """The task cannot be changed that way."""


class UnableToSaveView(DomainError):
    """The view cannot be kept under that name."""


class UnableToKeepSection(DomainError):
    """The navigation has no such section."""


class UnableToChooseTheme(DomainError):
    """There is no such theme."""


def notify(user: User, *, title: str, url: str = "", tone: str = "info", now: datetime) -> Notification:
    """Tell one login something; in the transaction of what happened."""
    return Notification.objects.create(user=user, title=title[:300], url=url[:300], tone=tone, created_at=now)


def mark_read(user: User, *, now: datetime, number: int | None = None) -> int:
    """Mark one or all of the login's notifications as read; how many were unread."""
    unread = Notification.objects.filter(user=user, read_at=None)
    return (unread if number is None else unread.filter(pk=number)).update(read_at=now)


def update_task(record: Task, *, changes: Mapping[str, Any], actor: User, now: datetime) -> Task:
    """Change assignee, due time or state of a task; the new assignee is told."""
    if unknown := set(changes) - {"assignee", "due_at", "state", "title", "detail"}:
        raise UnableToChangeTask(f"a task has no changeable {', '.join(sorted(unknown))}")
    before = audit.snapshot(record, changes)
    with transaction.atomic():
        for name, value in changes.items():
            setattr(record, name, value)
        if "state" in changes:
            _follow_state(record, actor=actor, now=now)
        record.save()
        made = audit.changed_fields(before, audit.snapshot(record, changes))
        if made:
            audit.record(actor=actor, verb="task.change", subject=record, changes=made, now=now)
        if "assignee" in made:
            _tell_assignee(record, actor=actor, now=now)
    return record


def complete_tasks(records: Sequence[Task], *, actor: User, now: datetime) -> str:
    """Mark tasks as done."""
    waiting = [task for task in records if task.state == Task.State.OPEN]
    if not waiting:
        raise UnableToChangeTask("none of the selected tasks is open")
    with transaction.atomic():
        for task in waiting:
            update_task(task, changes={"state": Task.State.DONE}, actor=actor, now=now)
    return f"{len(waiting)} {'task' if len(waiting) == 1 else 'tasks'} marked as done."


def _follow_state(task: Task, *, actor: User, now: datetime) -> None:
    is_open = task.state == Task.State.OPEN
    task.done_at = None if is_open else now
    task.done_by = None if is_open else actor


def _tell_assignee(task: Task, *, actor: User, now: datetime) -> None:
    person: Person | None = task.assignee
    if person is not None and person.user is not None and person.user != actor:
        notify(person.user, title=f"{actor} gave you a task: {task.title}", url=task.subject_url or "/tasks/", now=now)


def save_view(register: str, *, name: str, query: str, is_shared: bool, owner: User, now: datetime) -> SavedView:
    """Keep a filter and sort under a name; the same name of the same owner is replaced."""
    name = " ".join(name.split())
    if not name:
        raise UnableToSaveView("give the view a name")
    if len(name) > 80 or len(query) > 1000:
        raise UnableToSaveView("the name has at most 80 characters, the filter at most 1000")
    with transaction.atomic():
        existing = SavedView.objects.filter(register=register, name=name, owner=owner).first()
        if existing is None and SavedView.objects.filter(register=register, owner=owner).count() >= MOST_VIEWS:
            raise UnableToSaveView(f"you have {MOST_VIEWS} views here already; delete one first")
        view = existing or SavedView(register=register, name=name, owner=owner)
        view.query, view.is_shared = query, is_shared
        view.save()
        verb = "view.change" if existing else "view.create"
        audit.record(
            actor=owner,
            verb=verb,
            subject=view,
            changes={"query": [None, query], "is_shared": [None, is_shared]},
            now=now,
        )
    return view


def delete_view(view: SavedView, *, actor: User, now: datetime) -> None:
    """Forget a saved view."""
    with transaction.atomic():
        audit.record(actor=actor, verb="view.delete", subject=view, changes={"query": [view.query, None]}, now=now)
        view.delete()


def choose_theme(user: User, theme: str) -> None:
    """Keep the login's theme: light, dark or as the system says."""
    if theme not in THEMES:
        raise UnableToChooseTheme(f"“{theme[:20]}” is not one of {', '.join(sorted(THEMES))}")
    user.theme = theme
    user.save(update_fields=["theme"])


def keep_section(user: User, section: str, *, is_open: bool) -> None:
    """Remember that the login opened or closed a section of the navigation."""
    if section not in SECTIONS or not section:
        raise UnableToKeepSection(f"the navigation has no section “{section[:40]}”")
    user.navigation = {**user.navigation, section: is_open}
    user.save(update_fields=["navigation"])
