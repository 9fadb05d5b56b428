"""Who sees and does what: access roles scoped to a unit and its children, and the permissions each role carries.

A permission is a word such as "soc.triage". Objects outside one's scope are invisible: lists leave them out
and looking one up answers 404, so that nobody learns that it exists.
"""

from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Model, Q, QuerySet

from caiso.web.base.models import AccessGrant, AccessRole, Unit, User
from caiso.web.base.unindexed import tested_in

M = TypeVar("M", bound=Model)

VIEW = frozenset({"view"})
OFFICER = VIEW | {
    "organisation.edit",
    "inventory.edit",
    "compliance.edit",
    "soc.view",
    "task.edit",
    "export",
    "report.view",
    # What people can do is personnel data: officers see and attest it for the people of their units, nobody else.
    "skill.view",
    "skill.attest",
}
GRANTS: dict[str, frozenset[str]] = {
    AccessRole.CAISO: OFFICER
    | {"soc.triage", "soc.incident", "soc.determine", "soc.content", "soc.rules", "organisation.adopt", "audit.view"},
    AccessRole.CISO: OFFICER | {"soc.triage", "soc.incident", "soc.determine", "audit.view"},
    AccessRole.CAIO: OFFICER,
    AccessRole.CTO: OFFICER,
    AccessRole.BOARD_MEMBER: VIEW | {"report.view"},
    AccessRole.AISOC_LEAD: VIEW
    | {
        "soc.view",
        "soc.triage",
        "soc.incident",
        "soc.determine",
        "soc.content",
        "soc.rules",
        "inventory.edit",
        "task.edit",
        "export",
        "report.view",
    },
    AccessRole.ANALYST: VIEW | {"soc.view", "soc.triage", "soc.incident", "soc.content", "task.edit", "export"},
    AccessRole.DETECTION_ENGINEER: VIEW | {"soc.view", "soc.rules", "soc.content", "task.edit", "export"},
    AccessRole.RED_TEAM: VIEW | {"soc.view", "task.edit"},
    AccessRole.MODEL_OWNER: VIEW | {"inventory.edit", "task.edit"},
    AccessRole.AUDITOR: VIEW | {"soc.view", "audit.view", "export", "report.view"},
    # Who answers for personnel data and for nothing else.
    AccessRole.HUMAN_RESOURCES: VIEW | {"skill.view", "skill.attest"},
    AccessRole.ADMINISTRATOR: VIEW | {"admin", "audit.view", "token.edit", "organisation.edit", "export"},
    AccessRole.INGEST_MACHINE: frozenset(),
}
PERMISSIONS = frozenset().union(*GRANTS.values())


@dataclass(frozen=True)
class Viewer:
    """A login with its live grants, read once per request."""

    user: User
    # Unit path of the API token in use: it narrows what the login may see, never widens it.
    limit: str = ""
    # Before a question that nearly every row answers: SQLite then tries on each row whether it may be seen. Looking rows
    # up by their units reads them in no order of the table, which takes five times as long.
    tries_rows: bool = False

    def trying_rows(self) -> "Viewer":
        """The same viewer, about to ask such a question."""
        found = copy(self)
        found.__dict__.update(tries_rows=True, grants=self.grants)
        found.__dict__.pop("kept", None)
        return found

    @cached_property
    def grants(self) -> tuple[tuple[str, str], ...]:
        """(role, unit path) of every grant that has not expired."""
        if not self.user.is_active:
            return ()
        live = Q(expires_on=None) | Q(expires_on__gte=datetime.now(UTC).date())
        return tuple(AccessGrant.objects.filter(live, user=self.user).values_list("role", "unit__path"))

    @cached_property
    def kept(self) -> dict[object, Any]:
        """What one request asks several times, such as the people to choose from."""
        return {}

    def paths(self, permission: str = "view") -> tuple[str, ...]:
        """Unit paths in which the login holds the permission; children are included by prefix."""
        held = {path for role, path in self.grants if permission in GRANTS[role]}
        if self.limit:
            held = {max(path, self.limit, key=len) for path in held if _on_one_branch(path, self.limit)}
        return tuple(sorted(held))

    @property
    def roles(self) -> tuple[str, ...]:
        """The access roles held anywhere."""
        return tuple(sorted({role for role, _ in self.grants}))

    def may(self, permission: str, unit_path: str | None = None) -> bool:
        """Whether the login holds the permission in the unit (or anywhere, without one)."""
        paths = self.paths(permission)
        return bool(paths) if unit_path is None else any(unit_path.startswith(path) for path in paths)


def _on_one_branch(path: str, other: str) -> bool:
    return path.startswith(other) or other.startswith(path)


def within(paths: tuple[str, ...], lookup: str = "unit__path", *, tries_rows: bool = False) -> Q:
    """A filter for rows whose unit lies under one of the paths; no path means no row."""
    if not paths:
        return Q(pk__in=[])
    relation, _, name = lookup.rpartition("__")
    under = Q()
    for path in paths:
        under |= Q(**{f"{name}__startswith": path})
    # The units by themselves: joined to each row, they would keep counts and pages from being read off an index alone.
    if not relation:
        return under
    units = Unit.objects.filter(under).order_by().values("pk")
    if tries_rows and relation == "unit" and connection.vendor == "sqlite":
        return tested_in(relation, units)
    return Q(**{f"{relation}__in": units})


def visible(
    queryset: QuerySet[M], viewer: Viewer, permission: str = "view", *, lookup: str = "unit__path"
) -> QuerySet[M]:
    """The rows of the queryset that the viewer may see."""
    asked = ("visible", permission, lookup)
    if asked not in viewer.kept:
        viewer.kept[asked] = within(viewer.paths(permission), lookup, tries_rows=viewer.tries_rows)
    return queryset.filter(viewer.kept[asked])


def sees_all(viewer: Viewer, permission: str = "view") -> bool:
    """Whether nothing is left out: the permission is held in every root, since a demo may stand beside the organisation."""
    asked = ("sees all", permission)
    if asked not in viewer.kept:
        roots = set(Unit.objects.filter(parent=None).order_by().values_list("path", flat=True))
        viewer.kept[asked] = bool(roots) and roots <= set(viewer.paths(permission))
    return bool(viewer.kept[asked])


__all__ = ["GRANTS", "PERMISSIONS", "AccessGrant", "Viewer", "sees_all", "visible", "within"]
