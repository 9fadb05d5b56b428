"""Reads of the base app."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from django.db.models import Count, Q, QuerySet

from caiso.web.base.access import GRANTS, Viewer, visible, within
from caiso.web.base.models import (
    AccessGrant,
    AccessRole,
    ApiToken,
    AuditRecord,
    AuditSeal,
    AuditVerification,
    Backup,
    Heartbeat,
    Job,
    Notification,
    Person,
    SavedView,
    Setting,
    Task,
    Unit,
    User,
)

SILENT = timedelta(seconds=30)
MFA_POLICY = "security.mfa_required"
PRIVILEGED_ROLES = frozenset({AccessRole.ADMINISTRATOR, AccessRole.CAISO, AccessRole.CISO, AccessRole.AISOC_LEAD})


def setting(key: str, default: Any = None) -> Any:
    """A value of the installation that people change in the product."""
    row = Setting.objects.filter(pk=key).first()
    return row.value if row else default


def live_administrators(*, on: date) -> "QuerySet[User]":
    """Open logins that administer the whole organisation on that day."""
    live = Q(grants__expires_on=None) | Q(grants__expires_on__gte=on)
    whole = Q(grants__role=AccessRole.ADMINISTRATOR, grants__unit__parent=None, grants__unit__is_demo=False)
    return User.objects.filter(live & whole, is_active=True).distinct()


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


def newest_of(subject_type: str, viewer: Viewer | None, permission: str = "view") -> int | None:
    """The newest audit record about a kind of record within the viewer's units (for everybody, without one)."""
    rows = AuditRecord.objects.filter(subject_type=subject_type)
    rows = rows if viewer is None else visible(rows, viewer, permission)
    return rows.order_by("-pk").values_list("pk", flat=True).first()


def people() -> "QuerySet[Person]":
    """Everybody in the organisation, with unit and login."""
    return Person.objects.select_related("unit", "user")


def units() -> "QuerySet[Unit]":
    """The tree of units, parents first."""
    return Unit.objects.select_related("parent")


def tasks_of(person: Person) -> "QuerySet[Task]":
    """Tasks given to a person, open ones first."""
    return Task.objects.filter(assignee=person).select_related("unit").order_by("-state", "due_at", "id")


def tasks() -> "QuerySet[Task]":
    """Every task, the most urgent first."""
    return Task.objects.select_related("unit", "assignee").order_by("due_at", "id")


def logins_in_sight(viewer: Viewer) -> "QuerySet[User]":
    """Logins that hold a role where the viewer administers; who administers the whole also sees those without a role."""
    held = AccessGrant.objects.filter(within(viewer.paths("admin"))).values("user")
    scope = Q(pk__in=held)
    if sees_whole(viewer, "admin"):
        scope |= Q(grants=None)
    return User.objects.filter(scope).prefetch_related("grants__unit").order_by("email").distinct()


def sees_whole(viewer: Viewer, permission: str) -> bool:
    """Whether the viewer holds the permission at the root of the organisation."""
    return Unit.objects.filter(within(viewer.paths(permission), "path"), parent=None, is_demo=False).exists()


def tokens_in_sight(viewer: Viewer) -> "QuerySet[ApiToken]":
    """The viewer's own tokens and those of units whose tokens they manage."""
    scope = Q(user=viewer.user) | within(viewer.paths("token.edit"))
    return ApiToken.objects.filter(scope).select_related("unit", "user").order_by("name", "id")


def jobs_in_sight(viewer: Viewer) -> "QuerySet[Job]":
    """Jobs that the viewer asked for; those of the whole organisation's administrators are all."""
    rows = Job.objects.select_related("requested_by", "unit")
    return rows if sees_whole(viewer, "admin") else rows.filter(requested_by=viewer.user)


def audit_in_sight(viewer: Viewer) -> "QuerySet[AuditRecord]":
    """Records of the units in sight; what belongs to no unit (logins, exports) only for those who see the whole."""
    scope = within(viewer.paths("audit.view"))
    return AuditRecord.objects.filter(scope | Q(unit=None) if sees_whole(viewer, "audit.view") else scope)


def users_with(permission: str, unit_path: str, *, on: date) -> list[User]:
    """Active logins that hold a permission in the unit, by a grant there or above."""
    roles = [role for role, permissions in GRANTS.items() if permission in permissions]
    live = AccessGrant.objects.filter(Q(expires_on=None) | Q(expires_on__gte=on), role__in=roles, user__is_active=True)
    found = {
        grant.user_id: grant.user
        for grant in live.select_related("user", "unit")
        if unit_path.startswith(grant.unit.path)
    }
    return list(found.values())


def units_in_sight(viewer: Viewer) -> "QuerySet[Unit]":
    """The units that the viewer may see."""
    return visible(units(), viewer, lookup="path")


def grants_of(user: User) -> "QuerySet[AccessGrant]":
    """What a login may do, and where."""
    return AccessGrant.objects.filter(user=user).select_related("unit", "granted_by").order_by("unit__path", "role")


def grants_in_sight(viewer: Viewer) -> "QuerySet[AccessGrant]":
    """Grants in units that the viewer administers."""
    return visible(AccessGrant.objects.select_related("unit", "user"), viewer, "admin")


def has_second_factor(user: User) -> bool:
    """Whether the login's owner set up a second factor."""
    return bool(is_mfa_enabled(user))


def privileged_without_second_factor(viewer: Viewer) -> list[User]:
    """Open logins in the viewer's sight with a privileged role and no second factor."""
    users = logins_in_sight(viewer).filter(is_active=True, grants__role__in=PRIVILEGED_ROLES)
    return [user for user in users if not has_second_factor(user)]


def audit_chain() -> dict[str, Any]:
    """Head of the chain, what waits for its seal, and the latest verifications."""
    return {
        "head": AuditSeal.objects.order_by("id").first(),
        "unsealed": AuditRecord.objects.filter(sequence=None).count(),
        "verifications": AuditVerification.objects.order_by("-verified_at")[:20],
    }


def operations(*, now: datetime) -> dict[str, Any]:
    """Processes with their last sign of life, jobs by state, the latest back-ups."""
    counted = dict(Job.objects.order_by().values_list("state").annotate(Count("pk")))
    return {
        "processes": [
            {"kind": row.kind, "process": row.process, "seen_at": row.seen_at, "alive": now - row.seen_at < SILENT}
            for row in Heartbeat.objects.order_by("kind", "-seen_at")[:50]
        ],
        "jobs": [(state.label, counted.get(state.value, 0), state.value) for state in Job.State],
        "backups": Backup.objects.order_by("-made_at")[:20],
    }
