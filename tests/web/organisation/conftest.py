"""An organisation with its three officers in the database, and a login that may change it."""

from collections.abc import Callable

import pytest
from django.test import Client

from caiso.engine.coverage.organisation.loading import built_in
from caiso.web.base.models import Unit, User
from caiso.web.organisation.services.catalogue import take_organisation
from tests.web.conftest import NOW


@pytest.fixture
def officers(root: Unit) -> Unit:
    take_organisation(built_in("three-officers"), root=root, actor=None, now=NOW)
    return root


@pytest.fixture
def caiso(officers: Unit, login: Callable[..., User], client: Client) -> User:
    user = login("caiso", officers)
    client.force_login(user)
    return user
