"""The registers of the base app: my tasks, people, the audit trail."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse

from caiso.web.base import queries
from caiso.web.base.access import Viewer, visible
from caiso.web.base.models import Person, Task, User
from caiso.web.base.register import Action, Choice, Column, Flag, Moment, Reference, Register, Text, declare
from caiso.web.base.register.markup import NONE
from caiso.web.base.services import people as services
from caiso.web.base.services import workplace


def _units_to_staff(viewer: Viewer) -> Any:
    return visible(queries.units(), viewer, "organisation.edit", lookup="path")


def _create_person(*, values: Mapping[str, Any], actor: User, now: datetime) -> Person:
    wanted = {name: values[name] for name in ("name", "email", "unit") if values.get(name)}
    return services.create_person(**wanted, actor=actor, now=now)


TASK_STATE = Choice(Task.State.choices, tones={"open": "info", "done": "good", "dropped": "neutral"})


def _people(viewer: Viewer) -> Any:
    return visible(queries.people().filter(is_active=True), viewer)


def _units(viewer: Viewer) -> Any:
    return visible(queries.units(), viewer, lookup="path")


MY_TASKS = declare(
    Register(
        name="tasks",
        one="Task",
        many="My tasks",
        icon="checklist",
        rows=lambda viewer: visible(queries.my_tasks(viewer.user), viewer),
        columns=(
            Column("title", "Task", Text(), link=True, search=True, note=lambda task: task.detail[:140]),
            Column("assignee", "Person", Reference(_people), edit=True, lookup="assignee", sort=False),
            Column("state", "State", TASK_STATE, filter=True, edit=True, required=True),
            Column("due_at", "Due", Moment(due=True), filter=True, edit=True),
            Column("unit", "Unit", Reference(_units), filter=True, shown=False, sort=False),
            Column("created_at", "Given", Moment(), filter=True, shown=False),
            Column("done_at", "Finished", Moment(), filter=True, shown=False),
        ),
        edit_permission="task.edit",
        update=workplace.update_task,
        actions=(Action("done", "Mark done", workplace.complete_tasks, "task.edit"),),
        url=lambda task: task.subject_url,
        sort="state,due_at",
        views=(("Open", "state=open"), ("Done", "state=done")),
        live="tasks",
        empty_title="Nothing waits for you",
        empty_text="Tasks given to you, or to a role that you hold, appear here with their due time.",
    )
)

PEOPLE = declare(
    Register(
        name="people",
        one="Person",
        many="People",
        icon="users",
        rows=lambda viewer: visible(queries.people(), viewer),
        columns=(
            Column(
                "name",
                "Name",
                Text(longest=200),
                link=True,
                search=True,
                edit=True,
                required=True,
                note=lambda person: person.email,
            ),
            Column("email", "E-mail", Text(longest=254, mono=True), search=True, filter=True, edit=True, shown=False),
            Column("unit", "Unit", Reference(_units_to_staff), filter=True, edit=True, required=True, sort=False),
            Column("has_login", "Login", Flag("Yes", "None"), value=lambda person: person.user_id is not None),
            Column("is_active", "State", Flag("Active", "Left"), filter=True, edit=True),
        ),
        edit_permission="organisation.edit",
        update=services.change_person,
        create=_create_person,
        key="slug",
        url=lambda person: reverse("person", args=[person.slug]),
        sort="name",
        empty_title="No people yet",
        empty_text="People are the answer to “who answers for this?”. Add them one by one or import a CSV file.",
    )
)

AUDIT = declare(
    Register(
        name="audit",
        one="Record",
        many="Audit trail",
        icon="history",
        rows=queries.audit_in_sight,
        columns=(
            Column("at", "When", Moment(), filter=True),
            Column("actor_label", "Who", Text(), search=True, filter=True),
            Column("verb", "Deed", Text(mono=True), search=True, filter=True),
            Column(
                "subject_label",
                "Record",
                Text(),
                search=True,
                link=True,
                note=lambda row: f"{row.subject_type} {row.subject_id}",
            ),
            Column("subject_type", "Kind", Text(), filter=True, shown=False),
            Column("changes", "Changes", Text(), value=lambda row: _changes_in_words(row.changes)),
            Column("sequence", "Sealed as", Text(mono=True), shown=False),
        ),
        permission="audit.view",
        sort="-at",
        live="audit",
        empty_title="Nothing is recorded yet",
        empty_text="Every write, export, login and reading of sensitive content appears here.",
    )
)


def _changes_in_words(changes: dict[str, Any] | None) -> str:
    words = (f"{name}: {_short(pair[0])} → {_short(pair[1])}" for name, pair in (changes or {}).items())
    return "; ".join(words)[:300]


def _short(value: Any) -> str:
    return NONE if value in (None, "") else str(value)[:60]
