"""Role x route: every address states its rule, opens to exactly the roles that carry it, and hides what is foreign.

An app whose addresses name objects supplies tests/web/<app>/foreign_objects.py with

    def foreign_objects(unit: Unit) -> dict[str, dict[str, object]]

that makes records in `unit` and returns {route name or pattern ("asset_*", "* /assets/{key}*"): arguments}; a
register's name covers its pages (_cell, _edit, _view_delete) and its endpoints in the API. NOT_OBJECTS there names
routes (or patterns) whose arguments are words, or records that are the same for everybody.
"""

import importlib.util
import re
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.http import HttpResponseBase
from django.test import Client

from caiso.web.base.access import GRANTS
from caiso.web.base.models import AccessRole, SavedView, Unit, User
from tests.web.base.factories import make_unit, make_user
from tests.web.base.routes import Route, operations, pages

WORDS = frozenset({"ending"})  # arguments that name no record
PUBLIC = {"healthz", "readyz", "metrics"}


@pytest.fixture(autouse=True)
def without_request_limit(settings: object, db: None) -> None:
    settings.API_REQUESTS_PER_MINUTE = 10**6
    cache.clear()


@pytest.fixture
def unit(db: None) -> Unit:
    return make_unit("bank", parent=make_unit("acme"))


def ask(client: Client, route: Route, method: str, arguments: dict[str, Any] | None = None) -> HttpResponseBase:
    return client.generic(method, route.url(arguments), "", content_type="application/json")


def is_refused(response: HttpResponseBase) -> bool:
    return response.status_code in (401, 403) or "/accounts/login/" in response.headers.get("Location", "")


def test_every_route_states_its_rule() -> None:
    from caiso.web.config import urls

    silent = [route.name for route in [*pages(), *operations()] if not route.stated]
    assert silent == []
    public = {route.name for route in pages() if route.permission is None}
    assert public == PUBLIC, "a route became public: add it here with intent"
    assert all(route.permission is not None for route in operations())
    assert urls.urlpatterns


def test_every_permission_that_a_route_asks_for_is_carried_by_some_role() -> None:
    carried = frozenset().union(*GRANTS.values())
    assert {route.permission for route in [*pages(), *operations()]} - carried - {None} == set()


@pytest.mark.django_db
def test_nobody_anonymous_gets_past_a_rule(unit: Unit) -> None:
    client = Client()
    for route in [*pages(), *operations()]:
        if route.permission is not None:
            for method in {route.method, "GET", "POST"} if not route.is_api else {route.method}:
                assert is_refused(ask(client, route, method)), (route.name, method)


@pytest.mark.django_db
@pytest.mark.parametrize("role", AccessRole.values)
def test_role_opens_exactly_the_routes_whose_permission_it_carries(role: str, unit: Unit) -> None:
    assert wrong_answers(role, unit, is_drawn=_is_drawn) == []


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("role", AccessRole.values)
def test_role_opens_every_route_whose_permission_it_carries(role: str, unit: Unit) -> None:
    assert wrong_answers(role, unit, is_drawn=lambda role, route: True) == []


def wrong_answers(role: str, unit: Unit, *, is_drawn: Callable[[str, Route], bool]) -> list[str]:
    """Routes that refuse the role what it may, open what it may not, or fail."""
    client = Client(raise_request_exception=False)
    client.force_login(make_user(role, unit))
    wrong = []
    for route in [*pages(), *operations()]:
        if route.permission is None or (route.is_api and route.permission == "view" and route.method != "GET"):
            continue  # deeds of one's own: the service decides, see test_tokens and test_jobs
        may = route.permission in GRANTS[role]
        if may and not is_drawn(role, route):
            continue
        response = ask(client, route, route.method)
        if not may and not is_refused(response):
            wrong.append(f"{route.name}: {role} lacks {route.permission} and got {response.status_code}")
        if may and is_refused(response) and not _asks_for_more(route):
            wrong.append(f"{route.name}: {role} carries {route.permission} and got {response.status_code}")
        if response.status_code >= 500:
            wrong.append(f"{route.name}: {role} got {response.status_code}")
    return wrong


def _is_drawn(role: str, route: Route) -> bool:
    """One role opens every page that it may; each other opens a sixth of them here, and all of them at night."""
    if role == "caiso":
        return True
    return zlib.crc32(f"{role} {route.name}".encode()) % 6 == 0


def _asks_for_more(route: Route) -> bool:
    """Deeds on a register ask for the edit permission as well, after the register itself is open."""
    return route.name.endswith(("_edit", "_cell", "_bulk", "_import", "_new", "_export"))


@pytest.mark.django_db
def test_role_that_only_sends_telemetry_opens_no_page(unit: Unit) -> None:
    client = Client()
    client.force_login(make_user("ingest_machine", unit))
    for route in pages():
        if route.permission is not None:
            assert is_refused(ask(client, route, "GET")), route.name


def apps() -> Iterator[tuple[str, Any]]:
    for app in django_settings.CAISO_APPS:
        if importlib.util.find_spec(f"tests.web.{app}") and importlib.util.find_spec(
            f"tests.web.{app}.foreign_objects"
        ):
            yield app, import_module(f"tests.web.{app}.foreign_objects")


def foreign_arguments(route: Route, made: dict[str, dict[str, object]], other: User) -> dict[str, object] | None:
    if route.name in made:
        return made[route.name]
    register, _, deed = route.name.rpartition("_")
    if deed in ("cell", "edit") and register in made:
        return {"column": "title"} | made[register] if deed == "cell" else made[register]
    if route.name.endswith("_view_delete"):
        register = route.name.removesuffix("_view_delete")
        view, _ = SavedView.objects.get_or_create(register=register, name="theirs", query="", owner=other)
        return {"number": view.pk}
    if route.is_api:
        register = route.path.split("/")[2].replace("-", "_")
        if register in made and set(route.parameters) == set(made[register]):
            return made[register]
    return next((made[pattern] for pattern in sorted(made) if matches(route.name, pattern)), None)


def matches(name: str, pattern: str) -> bool:
    """Braces and brackets are letters here; only * stands for anything."""
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), name) is not None


@pytest.mark.django_db
def test_record_of_another_unit_answers_like_one_that_does_not_exist() -> None:
    root = make_unit("acme")
    mine, theirs = make_unit("mine", parent=root), make_unit("theirs", parent=root)
    user, other = make_user(), make_user("caiso", theirs)
    for role in AccessRole.values:  # every permission there is, but in another unit
        user.grants.create(role=role, unit=mine, granted_at="2026-11-22T12:00:00Z")
    made: dict[str, dict[str, object]] = {}
    not_objects: set[str] = set()
    for _, module in apps():
        made |= module.foreign_objects(theirs)
        not_objects |= set(getattr(module, "NOT_OBJECTS", ()))
    client = Client(raise_request_exception=False)
    client.force_login(user)
    uncovered, wrong = [], []
    for route in [*pages(), *operations()]:
        if not set(route.parameters) - WORDS or any(matches(route.name, one) for one in not_objects):
            continue
        arguments = foreign_arguments(route, made, other)
        if arguments is None:
            uncovered.append(route.name)
            continue
        for method in {route.method} if route.is_api else {"GET", "POST"}:
            response, absent = (
                client.generic(method, url, "{}" if route.is_api else "", content_type="application/json")
                for url in (route.url(arguments), route.url())
            )
            # 405: no such method; 422 and 428: the request was refused before any record was looked up.
            hidden = response.status_code in ((404, 422, 428) if route.is_api else (404, 405))
            if not hidden or response.status_code != absent.status_code:
                wrong.append(
                    f"{method} {route.url(arguments)} ({route.name}) got {response.status_code}, absent {absent.status_code}"
                )
    assert wrong == []
    assert uncovered == [], "give these a record in tests/web/<app>/foreign_objects.py"
