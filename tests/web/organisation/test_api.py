"""The organisation over the API: the same records, rights and refusals as the pages."""

from collections.abc import Callable

import pytest
from django.test import Client

from caiso.web.base.models import Person, Unit, User
from caiso.web.organisation.models import Duty, DutyCoverage, Holding, Role

pytestmark = pytest.mark.django_db
JSON = "application/json"


def test_duties_are_listed_by_state_and_assigned(client: Client, caiso: User) -> None:
    found = client.get("/api/v1/duties?state=unowned&limit=200").json()
    assert found["total"] == DutyCoverage.objects.filter(state="unowned").count() == len(found["items"])
    slug = found["items"][0]["id"]
    sent = {"role": "ciso", "kind": "A", "since_on": "2026-11-01"}
    made = client.post(f"/api/v1/duties/{slug}/assignments", sent, content_type=JSON)
    assert made.status_code == 201, made.content
    assert client.get(f"/api/v1/duties/{slug}").json()["accountable"] == "ciso"
    assert client.post(f"/api/v1/duties/{slug}/assignments", sent, content_type=JSON).status_code in {400, 409, 422}
    ended = client.post(f"/api/v1/assignments/{made.json()['id']}/end", {"last_on": "2026-11-02"}, content_type=JSON)
    assert ended.json()["state"] == "unowned"


def test_people_are_appointed_and_leave(client: Client, caiso: User, officers: Unit) -> None:
    Person.objects.create(slug="zoe", name="Zoë", unit=officers)
    sent = {"person": "zoe", "since_on": "2026-11-01", "acting": True}
    made = client.post("/api/v1/roles/ciso/holders", sent, content_type=JSON)
    assert made.status_code == 201, made.content
    held = client.get("/api/v1/roles/ciso").json()["holders"]
    assert {one["person"]: one["acting"] for one in held}["zoe"] is True
    assert (
        client.post(
            f"/api/v1/holders/{made.json()['id']}/end", {"last_on": "2026-11-02"}, content_type=JSON
        ).status_code
        == 200
    )
    assert Holding.objects.get(person__slug="zoe").until_on is not None


def test_coverage_adds_up(client: Client, caiso: User) -> None:
    found = client.get("/api/v1/organisation/coverage").json()
    assert sum(found["total"].values()) == Duty.objects.count()
    assert sum(sum(one.values()) for one in found["families"].values()) == Duty.objects.count()


def test_foreign_units_do_not_exist(
    client: Client, officers: Unit, bank: Unit, shop: Unit, login: Callable[..., User]
) -> None:
    Duty.objects.update(unit=bank)
    Role.objects.update(unit=bank)
    slug = Duty.objects.values_list("slug", flat=True).first()
    client.force_login(login("ciso", shop))
    sent = {"role": "ciso", "kind": "A", "since_on": "2026-11-01"}
    assert client.get("/api/v1/duties").json()["total"] == 0
    assert client.get(f"/api/v1/duties/{slug}").status_code == 404
    assert client.get("/api/v1/roles/ciso").status_code == 404
    assert client.post(f"/api/v1/duties/{slug}/assignments", sent, content_type=JSON).status_code == 404
    client.force_login(login("analyst", bank))
    assert client.get(f"/api/v1/duties/{slug}").status_code == 200
    assert client.post(f"/api/v1/duties/{slug}/assignments", sent, content_type=JSON).status_code == 403
