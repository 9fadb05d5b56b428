"""Rows that tests of every app start from."""

import itertools
from datetime import UTC, datetime

from caiso.web.base.models import AccessGrant, Unit, User

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
_number = itertools.count(1)


def make_unit(slug: str, *, parent: Unit | None = None) -> Unit:
    unit = Unit.objects.create(slug=slug, name=slug.title(), parent=parent, path=f"draft-{slug}")
    unit.path = f"{parent.path if parent else '/'}{unit.pk}/"
    unit.save(update_fields=["path"])
    return unit


def make_user(
    role: str | None = None, unit: Unit | None = None, *, email: str = "", password: str = "correct horse battery"
) -> User:
    user = User.objects.create_user(email or f"user{next(_number)}@example.org", password)
    if role and unit:
        AccessGrant.objects.create(user=user, role=role, unit=unit, granted_at=NOW)
    return user
