"""Writes of the tool register."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.text import slugify

from caiso.errors import DomainError
from caiso.web.base.models import Unit, User
from caiso.web.base.services import audit
from caiso.web.organisation import queries
from caiso.web.organisation.models import Tool
from caiso.web.organisation.services.reporting import renew_view

FIELDS = ("title", "domain", "capabilities", "annual_cost", "owner", "decision", "decided_on")


class UnableToKeepTool(DomainError):
    """A tool without a name, with a negative cost or an unknown capability."""


@transaction.atomic
def create_tool(*, values: Mapping[str, Any], unit: Unit, actor: User, now: datetime) -> Tool:
    """A tool with the capabilities that it covers."""
    _check(values)
    base = slugify(values["title"])[:70] or "tool"
    slug, number = base, 1
    while Tool.objects.filter(slug=slug).exists():
        number += 1
        slug = f"{base}-{number}"
    row = Tool.objects.create(slug=slug, unit=unit, **{name: values[name] for name in FIELDS if name in values})
    shown: dict[str, list[Any]] = {name: [None, values[name]] for name in FIELDS if name in values}
    audit.record(actor=actor, verb="tool.create", subject=row, changes=shown, now=now)
    renew_view()
    return row


@transaction.atomic
def update_tool(row: Tool, /, *, changes: Mapping[str, Any], actor: User, now: datetime) -> Tool:
    """Change what a tool can do, costs, or how it was chosen."""
    _check(changes)
    before = audit.snapshot(row, changes)
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(update_fields=list(changes))
    if differing := audit.changed_fields(before, audit.snapshot(row, changes)):
        audit.record(actor=actor, verb="tool.change", subject=row, changes=differing, now=now)
        renew_view()
    return row


def _check(values: Mapping[str, Any]) -> None:
    if "title" in values and not str(values["title"]).strip():
        raise UnableToKeepTool("a tool needs a name")
    if (values.get("annual_cost") or 0) < 0:
        raise UnableToKeepTool("a cost is not negative")
    known = {one.id for one in queries.stored_organisation().capabilities}
    if unknown := sorted(set(values.get("capabilities") or ()) - known):
        raise UnableToKeepTool(f"there is no capability {unknown[0]!r}, expected some of {', '.join(sorted(known))}")
