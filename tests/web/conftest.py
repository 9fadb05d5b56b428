"""Fixtures that every app's tests share: an organisation with two units, and logins."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from caiso.web.base.models import AccessGrant, Unit, User

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def make_unit(slug: str, parent: Unit | None = None) -> Unit:
    """A unit with its path."""
    unit = Unit.objects.create(slug=slug, name=slug.title(), parent=parent, path=f"?{slug}")
    unit.path = f"{parent.path if parent else '/'}{unit.pk}/"
    unit.save()
    return unit


@pytest.fixture
def root(db: None) -> Unit:
    return make_unit("acme")


@pytest.fixture
def bank(root: Unit) -> Unit:
    return make_unit("bank", root)


@pytest.fixture
def shop(root: Unit) -> Unit:
    return make_unit("shop", root)


@pytest.fixture
def login(db: None) -> Callable[..., User]:
    """login("analyst", unit) makes a login that holds the role there."""

    def make(role: str, unit: Unit, email: str = "") -> User:
        user = User.objects.create_user(email or f"{role}@{unit.slug}.example", "correct horse battery staple")
        AccessGrant.objects.create(user=user, role=role, unit=unit, granted_at=NOW)
        return user

    return make
