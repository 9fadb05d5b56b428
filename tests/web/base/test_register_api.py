"""The API that a register's declaration gives: same scope, same filters, same service as its pages."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.test.utils import override_settings
from django.urls import path
from ninja import NinjaAPI, Router

from caiso.web.base.models import AuditRecord, Person, Task, Unit, User
from caiso.web.base.problems import register_handlers
from caiso.web.base.register.api import register_endpoints
from caiso.web.base.registers import AUDIT, MY_TASKS

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

router = Router()
register_endpoints(router, MY_TASKS)
register_endpoints(router, AUDIT)
api = NinjaAPI(urls_namespace="register-api")
register_handlers(api)
api.add_router("", router)
urlpatterns = [path("api/", api.urls)]


@pytest.fixture(autouse=True)
def _only_this_api() -> Any:
    with override_settings(ROOT_URLCONF=__name__):
        yield


@pytest.fixture
def client(login: Callable[..., User], bank: Unit) -> Client:
    user = login("analyst", bank)
    Person.objects.create(slug="ana", name="Ana Lyst", unit=bank, user=user)
    client = Client()
    client.force_login(user)
    return client


def make_task(title: str, unit: Unit, **fields: Any) -> Task:
    return Task.objects.create(
        title=title, unit=unit, assignee=Person.objects.get(slug="ana"), created_at=NOW, **fields
    )


def test_list_filters_like_the_page_and_shows_only_rows_in_scope(client: Client, bank: Unit, shop: Unit) -> None:
    make_task("Alpha", bank, due_at=NOW)
    make_task("Beta", bank, state="done")
    make_task("Foreign", shop)
    body = client.get("/api/tasks?state=open").json()
    assert [item["title"] for item in body["items"]] == ["Alpha"]
    assert body["items"][0] == {
        "key": str(Task.objects.get(title="Alpha").pk),
        "title": "Alpha",
        "assignee": "ana",
        "state": "open",
        "due_at": "2026-11-22T09:00:00Z",
        "unit": "bank",
        "created_at": "2026-11-22T09:00:00Z",
        "done_at": None,
    }


def test_a_filter_that_makes_no_sense_is_refused(client: Client, bank: Unit) -> None:
    make_task("Alpha", bank)
    answer = client.get("/api/tasks?due_at_from=soon")
    assert answer.status_code == 422
    assert "“soon” is not a date" in answer.json()["detail"]


def test_change_needs_the_etag_and_goes_through_the_service(client: Client, bank: Unit) -> None:
    task = make_task("Alpha", bank)
    url = f"/api/tasks/{task.pk}"
    etag = client.get(url).headers["ETag"]
    assert patch(client, url, {"state": "done"}).status_code == 428
    answer = patch(client, url, {"state": "done"}, etag)
    assert answer.status_code == 200
    assert answer.json()["done_at"] is not None
    assert patch(client, url, {"state": "open"}, etag).status_code == 412


def test_wrong_values_and_foreign_rows_are_refused(client: Client, bank: Unit, shop: Unit) -> None:
    mine, foreign = make_task("Alpha", bank), make_task("Foreign", shop)
    assert patch(client, f"/api/tasks/{mine.pk}", {"state": "<b>"}, "*").status_code == 422
    assert patch(client, f"/api/tasks/{foreign.pk}", {"state": "done"}, "*").status_code == 404
    assert client.get(f"/api/tasks/{foreign.pk}").status_code == 404
    assert client.get("/api/tasks/1;drop").status_code == 404
    mine.refresh_from_db()
    assert mine.state == "open"


def test_who_may_not_edit_is_refused(login: Callable[..., User], bank: Unit) -> None:
    auditor = login("auditor", bank)
    Person.objects.create(slug="ana", name="Ana", unit=bank, user=auditor)
    task = make_task("Alpha", bank)
    client = Client()
    client.force_login(auditor)
    assert patch(client, f"/api/tasks/{task.pk}", {"state": "done"}, "*").status_code == 403


def test_a_register_that_does_not_write_has_no_writing_endpoint(login: Callable[..., User], bank: Unit) -> None:
    user = login("ciso", bank)
    client = Client()
    client.force_login(user)
    row = AuditRecord.objects.create(
        at=NOW, actor_label="x", verb="x", subject_type="X", subject_id="1", unit=bank, changes_digest="", salt=""
    )
    assert client.get(f"/api/audit/{row.pk}").json()["verb"] == "x"
    assert patch(client, f"/api/audit/{row.pk}", {"verb": "y"}, "*").status_code == 405


def patch(client: Client, url: str, body: dict[str, Any], etag: str = "") -> Any:
    headers = {"If-Match": etag} if etag else {}
    return client.patch(url, body, content_type="application/json", headers=headers)
