"""What the base app adds to the frame: navigation items, search providers, live topics."""

from collections.abc import Iterable

from django.urls import reverse

from caiso.web.base import live, navigation, queries, search
from caiso.web.base.access import Viewer, visible
from caiso.web.base.models import AuditRecord, Notification, Task


def register_frame() -> None:
    """Called once, when the apps are loaded."""
    navigation.add(
        navigation.Item(
            "My tasks",
            "tasks_list",
            "checklist",
            order=20,
            key="t",
            count=lambda viewer: queries.open_task_count(viewer.user),
        ),
        navigation.Item("People", "people_list", "users", "Organisation", order=40, key="w", group="People"),
        navigation.Item(
            "Audit trail", "audit_list", "history", "Administration", "audit.view", order=90, group="Audit"
        ),
    )
    search.register("people", "People", _find_people)
    search.register("tasks", "My tasks", _find_tasks)
    live.register(live.Topic("notifications", _newest_notification))
    live.register(live.Topic("tasks", _newest_task))
    live.register(live.Topic("audit", _newest_audit, "audit.view"))


def _find_people(viewer: Viewer, text: str, limit: int) -> Iterable[search.Result]:
    for person in visible(queries.people(), viewer).filter(name__icontains=text)[:limit]:
        yield search.Result(person.name, reverse("person", args=[person.slug]), str(person.unit), "user")


def _find_tasks(viewer: Viewer, text: str, limit: int) -> Iterable[search.Result]:
    for task in visible(queries.my_tasks(viewer.user), viewer).filter(title__icontains=text)[:limit]:
        address = task.subject_url if task.subject_url.startswith("/") else reverse("tasks_list")
        yield search.Result(task.title, address, task.get_state_display(), "checklist")


def _newest_notification(viewer: Viewer | None) -> object:
    rows = Notification.objects.filter(user=viewer.user) if viewer else Notification.objects.all()
    return rows.order_by("-pk").values_list("pk", flat=True).first()


def _newest_task(viewer: Viewer | None) -> object:
    if viewer is None:
        # A finished task changes no id; the audit trail sees every write of a task.
        return Task.objects.order_by("-pk").values_list("pk", flat=True).first(), queries.newest_of("Task", None)
    mine = (
        visible(queries.my_tasks(viewer.user), viewer).order_by("pk").values_list("pk", "state", "due_at", "assignee")
    )
    return hash(tuple(mine))


def _newest_audit(viewer: Viewer | None) -> object:
    rows = AuditRecord.objects.all() if viewer is None else visible(AuditRecord.objects.all(), viewer, "audit.view")
    return rows.order_by("-pk").values_list("pk", flat=True).first()
