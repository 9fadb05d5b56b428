"""Compliance over the API: the same records, rights and refusals as the pages."""

from collections.abc import Callable

import pytest
from django.test import Client

from caiso.web.base.models import Unit, User
from caiso.web.compliance.library import library
from caiso.web.compliance.models import ControlAssessment, Evidence
from caiso.web.compliance.services.catalogue import take_library
from caiso.web.compliance.services.evaluation import evaluate_controls
from tests.web.conftest import NOW

pytestmark = pytest.mark.django_db
JSON = "application/json"


@pytest.fixture
def ready(root: Unit, bank: Unit, shop: Unit) -> Unit:
    take_library(library(), now=NOW)
    evaluate_controls(now=NOW)
    return root


def test_a_control_is_read_and_declared_against_its_etag(
    client: Client, ready: Unit, login: Callable[..., User]
) -> None:
    client.force_login(login("caiso", ready))
    found = client.get("/api/v1/controls?control=backup-recent").json()["items"][0]
    assert found["checks"][0]["collection"] == "backups"
    address = f"/api/v1/controls/{found['id']}"
    sent = {"declared": "planned", "reason": "by spring"}
    assert client.patch(address, sent, content_type=JSON).status_code == 428
    tag = client.get(address)["ETag"]
    answer = client.patch(address, sent, content_type=JSON, headers={"If-Match": tag})
    assert (answer.status_code, answer.json()["state"]) == (200, "planned")
    assert client.patch(address, sent, content_type=JSON, headers={"If-Match": tag}).status_code == 412


def test_a_framework_is_counted_with_its_denominator(client: Client, ready: Unit, login: Callable[..., User]) -> None:
    client.force_login(login("auditor", ready))
    (found,) = client.get("/api/v1/frameworks").json()["items"]
    assert found["requirements"] == 72
    assert found["claimed"] == 0
    detail = client.get(f"/api/v1/frameworks/{found['id']}").json()
    states = [one["indication"] for one in detail["items"]]
    assert states.count("unassessed") == found["unassessed"]
    assert len(states) == 72


def test_evidence_is_left_by_one_and_accepted_by_another(
    client: Client, ready: Unit, shop: Unit, login: Callable[..., User]
) -> None:
    client.force_login(login("caiso", ready))
    sent = {
        "control": "switch-off-rehearsed",
        "unit": ready.slug,
        "title": "Drill",
        "kind": "record",
        "statement": "Held",
    }
    made = client.post("/api/v1/evidence", sent, content_type=JSON)
    assert made.status_code == 201, made.content
    address = f"/api/v1/evidence/{made.json()['id']}/accept"
    assert client.post(address, content_type=JSON).status_code in {400, 409, 422}
    client.force_login(login("ciso", shop))
    assert client.post(address, content_type=JSON).status_code == 404
    client.force_login(login("ciso", ready))
    assert client.post(address, content_type=JSON).json()["is_accepted"] is True
    assert Evidence.objects.get().accepted_by is not None


def test_foreign_units_do_not_exist(client: Client, ready: Unit, shop: Unit, login: Callable[..., User]) -> None:
    client.force_login(login("ciso", shop))
    row = ControlAssessment.objects.filter(scope_key="").first()
    assert row is not None
    assert client.get(f"/api/v1/controls/{row.pk}").status_code == 404
    assert client.get("/api/v1/controls").json()["total"] == 0
