"""Reads of the base app."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from django.db.models import Q, QuerySet

from caiso.web.base.models import (
    AccessGrant,
    AccessRole,
    AuditRecord,
    Notification,
    Person,
    SavedView,
    Setting,
    Task,
    Unit,
    User,
)


def live_grants(user: User) -> tuple[tuple[str, str], ...]:
    """(role, unit path) of the login's grants that have not expired today."""
    if not user.is_active:
        return ()
    today = datetime.now(UTC).date()
    rows = AccessGrant.objects.filter(Q(expires_on=None) | Q(expires_on__gte=today), user=user)
    return tuple(rows.values_list("role", "unit__path"))


MFA_POLICY = "security.mfa_required"
PRIVILEGED_ROLES = frozenset({AccessRole.ADMINISTRATOR, AccessRole.CAISO, AccessRole.CISO, AccessRole.AISOC_LEAD})


def setting(key: str, default: Any = None) -> Any:
    """A value of the installation that people change in the product."""
    row = Setting.objects.filter(pk=key).first()
    return row.value if row else default


def mfa_is_due(roles: Iterable[str], user: User) -> bool:
    """Whether the policy asks this login for a second factor that it does not have yet."""
    if PRIVILEGED_ROLES.isdisjoint(roles) or not setting(MFA_POLICY, default=False):
        return False
    return not bool(is_mfa_enabled(user))


RolesOf = Callable[[User], Iterable[str]]
_roles_of: list[RolesOf] = []


def register_roles_of(source: RolesOf) -> None:
    """Let the app that knows organisation roles say which a login holds, so that work given to a role finds its holder."""
    _roles_of.append(source)


def held_roles(user: User) -> frozenset[str]:
    """Slugs of the organisation roles that the login's person holds."""
    return frozenset(slug for source in _roles_of for slug in source(user))


def my_tasks(user: User) -> "QuerySet[Task]":
    """Tasks given to the login's person, or to a role that this person holds when nobody is named."""
    mine = Q(assignee__user=user) | Q(assignee=None, role_slug__in=held_roles(user))
    return Task.objects.filter(mine).select_related("unit", "assignee", "done_by")


def open_task_count(user: User) -> int:
    """How many of my tasks wait."""
    return my_tasks(user).filter(state=Task.State.OPEN).count()


def notifications_of(user: User) -> "QuerySet[Notification]":
    """What the login was told, newest first."""
    return Notification.objects.filter(user=user)


def saved_views(register: str, user: User) -> "QuerySet[SavedView]":
    """The login's own views of a register and those that others share."""
    return SavedView.objects.filter(Q(owner=user) | Q(is_shared=True), register=register)


def history(subject_type: str, subject_id: str) -> "QuerySet[AuditRecord]":
    """The audit records of one subject, newest first."""
    return AuditRecord.objects.filter(subject_type=subject_type, subject_id=subject_id)


def people() -> "QuerySet[Person]":
    """Everybody in the organisation, with unit and login."""
    return Person.objects.select_related("unit", "user")


def units() -> "QuerySet[Unit]":
    """The tree of units, parents first."""
    return Unit.objects.select_related("parent")


def tasks_of(person: Person) -> "QuerySet[Task]":
    """Tasks given to a person, open ones first."""
    return Task.objects.filter(assignee=person).select_related("unit").order_by("-state", "due_at", "id")
