"""The pages and the API of the inventory: what they show, to whom, and how many questions they ask the database."""

from collections.abc import Callable
from datetime import timedelta

import orjson
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from caiso.engine.discover import ScanResult
from caiso.web.base.models import Person, Unit, User
from caiso.web.inventory.models import Asset, Observation, Relation, Scan
from caiso.web.inventory.services.assets import create_system
from caiso.web.inventory.services.scans import record_scan
from caiso.web.organisation.models import Holding, Role
from tests.web.conftest import NOW
from tests.web.inventory.conftest import found, result

pytestmark = pytest.mark.django_db
PLACE = "https://git.example.org/acme/claims"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def system(bank: Unit, claims_scan: ScanResult) -> Asset:
    made = create_system(values={"name": "Claims", "unit": bank}, actor=None, now=NOW)
    record_scan(claims_scan, target=PLACE, unit=bank, system=made, actor=None, now=NOW)
    return made


@pytest.fixture
def officer(client: Client, login: Callable[..., User], root: Unit) -> User:
    user = login("caiso", root)
    client.force_login(user)
    return user


def test_a_record_shows_proofs_relations_parts_and_why(client: Client, officer: User, system: Asset) -> None:
    agent = Asset.objects.get(kind="agent")
    text = client.get(agent.get_absolute_url()).content.decode()
    assert "app.py:3" in text
    assert "Candidate: a scan found it, and nobody has confirmed it yet. 1 proof from 1 place." in text
    relations = client.get(agent.get_absolute_url(), {"tab": "relations"}).content.decode()
    assert "uses model" in relations
    parts = client.get(system.get_absolute_url()).content.decode()
    assert "Hosted model" in parts
    assert "gpt-5" in parts
    for tab in ("evidence", "relations", "telemetry", "history"):
        assert client.get(system.get_absolute_url(), {"tab": tab}).status_code == 200


def test_a_role_answers_and_a_vacancy_is_said(client: Client, officer: User, system: Asset, bank: Unit) -> None:
    role = Role.objects.create(slug="caio", title="Chief AI Officer", unit=bank)
    Asset.objects.filter(pk=system.pk).update(owner_role="caio")
    assert "Chief AI Officer: vacant" in client.get(system.get_absolute_url()).content.decode()
    person = Person.objects.create(slug="amara", name="Amara Osei", unit=bank)
    holding = Holding.objects.create(role=role, person=person)
    assert "Chief AI Officer: Amara Osei" in client.get(reverse("ai_systems_list")).content.decode()
    holding.until_on = (NOW - timedelta(days=30)).date()
    holding.save()
    assert "Chief AI Officer: vacant" in client.get(reverse("assets_list")).content.decode()


def test_hostile_names_and_paths_are_escaped_everywhere(client: Client, officer: User, bank: Unit) -> None:
    odd = found("agent", f"agent:{HOSTILE}#a", name=HOSTILE, path=f"{HOSTILE}.py")
    scan = record_scan(result(odd), target=f"https://x.example/{HOSTILE}", unit=bank, actor=None, now=NOW)
    asset = Asset.objects.get()
    pages = [reverse("assets_list"), asset.get_absolute_url(), scan.get_absolute_url(), reverse("scans_list")]
    pages += [reverse(name, args=[asset.pk]) for name in ("asset_merge", "asset_assign", "asset_relate")]
    pages += [reverse("search") + "?q=script", f"{asset.get_absolute_url()}?tab=history"]
    for address in pages:
        assert HOSTILE not in client.get(address).content.decode(), address


def test_foreign_assets_and_scans_do_not_exist(
    client: Client, login: Callable[..., User], system: Asset, shop: Unit, bank: Unit
) -> None:
    agent, scan, edge = Asset.objects.get(kind="agent"), Scan.objects.get(), Relation.objects.first()
    assert edge is not None
    reads = [agent.get_absolute_url(), scan.get_absolute_url(), reverse("assets_edit", args=[agent.pk])]
    forms = [
        reverse(name, args=[agent.pk]) for name in ("asset_take_on", "asset_assign", "asset_merge", "asset_relate")
    ]
    posts = [reverse(name, args=[agent.pk]) for name in ("asset_confirm", "asset_retire")]
    posts += [reverse("scan_again", args=[scan.pk]), reverse("asset_unrelate", args=[edge.source_id, edge.pk])]
    apis = [f"/api/v1/assets/{agent.pk}", f"/api/v1/assets/{agent.pk}/relations", f"/api/v1/assets/{agent.pk}/evidence"]
    apis += [f"/api/v1/scans/{scan.pk}", f"/api/v1/ai-systems/{system.pk}"]
    client.force_login(login("caiso", shop))
    assert [client.get(one).status_code for one in (*reads, *forms, *apis)] == [404] * 12
    assert [client.post(one).status_code for one in (*forms, *posts)] == [404] * 8
    assert "claims agent" not in client.get(reverse("assets_list")).content.decode()
    assert "claims agent" not in client.get(reverse("search"), {"q": "claims"}).content.decode()
    client.force_login(login("analyst", bank))
    assert [client.get(one).status_code for one in reads[:2]] == [200] * 2
    assert [client.post(one).status_code for one in (*forms, *posts)] == [403] * 8
    client.force_login(login("model_owner", bank))
    assert [client.get(one).status_code for one in (*reads, *forms)] == [200] * 7
    agent.refresh_from_db()
    assert agent.state == "candidate"


def test_relations_to_foreign_assets_are_counted_and_not_named(
    client: Client, login: Callable[..., User], system: Asset, bank: Unit, shop: Unit
) -> None:
    secret = create_system(values={"name": "Secret of the shop", "unit": shop}, actor=None, now=NOW)
    Relation.objects.create(source=system, target=secret, type="uses", first_seen_at=NOW, last_seen_at=NOW)
    client.force_login(login("caiso", bank))
    text = client.get(system.get_absolute_url(), {"tab": "relations"}).content.decode()
    assert "Secret of the shop" not in text
    assert "1 more lead outside your units" in text
    into = client.post(reverse("asset_merge", args=[system.pk]), {"into": secret.pk})
    assert into.status_code == 404


def test_taking_on_merging_and_relating_through_the_pages(client: Client, officer: User, system: Asset) -> None:
    agent, tool = Asset.objects.get(kind="agent"), Asset.objects.get(kind="tool")
    Asset.objects.filter(pk=agent.pk).update(state="unmanaged", system=None)
    address = reverse("asset_take_on", args=[agent.pk])
    assert client.post(address, {}).status_code == 422
    assert client.post(address, {"system": system.pk}).status_code == 302
    agent.refresh_from_db()
    assert (agent.state, agent.system) == ("confirmed", system)
    client.post(reverse("asset_relate", args=[tool.pk]), {"type": "part_of", "target": agent.pk})
    edge = Relation.objects.get(source=tool, type="part_of")
    client.post(reverse("asset_unrelate", args=[tool.pk, edge.pk]))
    assert not Relation.objects.filter(pk=edge.pk).exists()
    other = Asset.objects.create(
        kind="agent", identity="agent:x", name="Claims-Agent", unit=agent.unit, first_seen_at=NOW, last_seen_at=NOW
    )
    assert "equal name" in client.get(reverse("asset_merge", args=[agent.pk])).content.decode()
    client.post(reverse("asset_merge", args=[agent.pk]), {"into": other.pk})
    assert not Asset.objects.filter(pk=agent.pk).exists()
    assert other.observations.count() == 1


def test_a_scan_made_elsewhere_is_uploaded(client: Client, officer: User, bank: Unit, claims_scan: ScanResult) -> None:
    body = orjson.dumps(claims_scan.as_dict() | {"summary": {"files": 12, "commit": "abc123"}})
    sent = {"place": PLACE, "unit": bank.pk}
    answer = client.post(reverse("scan_upload"), sent | {"file": SimpleUploadedFile("scan.json", body)})
    assert answer.status_code == 302, answer.content.decode()
    scan = Scan.objects.get()
    assert (scan.found, scan.origin, scan.revision) == (4, "upload", "abc123")
    assert set(Observation.objects.values_list("source", flat=True)) == {"import"}
    text = client.get(scan.get_absolute_url()).content.decode()
    assert "claims agent" in text
    for wrong, words in ((b"{", "not JSON"), (b"{}", "no field"), (b'{"assets":[{"kind":"x"}]}', "assets[0].kind")):
        bad = client.post(reverse("scan_upload"), sent | {"file": SimpleUploadedFile("scan.json", wrong)})
        assert bad.status_code == 422
        assert words in bad.content.decode()


def test_the_api_uploads_relates_and_changes(
    client: Client, officer: User, bank: Unit, claims_scan: ScanResult
) -> None:
    file = SimpleUploadedFile("scan.json", orjson.dumps(claims_scan.as_dict()))
    made = client.post(f"/api/v1/scans/upload?place={PLACE}&unit=bank", {"file": file})
    assert made.status_code == 201, made.content
    assert made.json()["added"] == 4
    agent, package = Asset.objects.get(kind="agent"), Asset.objects.get(kind="dependency")
    edge = client.post(
        f"/api/v1/assets/{agent.pk}/relations", {"type": "uses", "target": package.pk}, content_type="application/json"
    )
    assert edge.status_code == 201, edge.content
    listed = client.get(f"/api/v1/assets/{agent.pk}/relations").json()
    assert {one["type"] for one in listed["items"]} == {"uses", "uses_model", "calls_tool"}
    assert client.delete(f"/api/v1/assets/{agent.pk}/relations/{edge.json()['id']}").status_code == 204
    assert client.get(f"/api/v1/assets/{agent.pk}/evidence").json()["items"][0]["line"] == 3
    read = client.get(f"/api/v1/assets/{agent.pk}")
    changed = client.patch(
        f"/api/v1/assets/{agent.pk}",
        {"criticality": "high"},
        content_type="application/json",
        headers={"If-Match": read["ETag"]},
    )
    assert changed.json()["criticality"] == "high"


def test_ten_thousand_assets_cost_no_more_questions(
    client: Client, officer: User, system: Asset, bank: Unit, django_assert_max_num_queries: Callable[..., object]
) -> None:
    Role.objects.create(slug="ciso", title="CISO", unit=bank)
    rows = [
        Asset(
            kind="tool" if n % 20 else "ai_system",
            identity=f"tool:{n}",
            name=f"tool {n}",
            unit=bank,
            system=system if n % 3 == 0 and n % 20 else None,
            owner_role="ciso" if n % 2 else "",
            first_seen_at=NOW,
            last_seen_at=NOW - timedelta(minutes=n),
        )
        for n in range(10_000)
    ]
    made = Asset.objects.bulk_create(rows, batch_size=2000)
    edges = [
        Relation(source=system, target=one, type="calls_tool", first_seen_at=NOW, last_seen_at=NOW)
        for one in made[:500]
    ]
    Relation.objects.bulk_create(edges)
    proofs = [
        Observation(asset=system, source="scan", place=PLACE, path=f"{n}.py", observed_at=NOW) for n in range(500)
    ]
    Observation.objects.bulk_create(proofs)
    for address in (
        reverse("assets_list"),
        reverse("assets_list") + "?state=candidate&sort=-last_seen&q=tool",
        reverse("ai_systems_list"),
        reverse("scans_list"),
        system.get_absolute_url(),
        system.get_absolute_url() + "?tab=relations",
        reverse("start"),
    ):
        client.get(address)
        with django_assert_max_num_queries(45):  # type: ignore[attr-defined]  # a context manager
            assert client.get(address).status_code == 200


def test_a_few_of_many_assets_are_offered_to_relate_and_any_in_sight_can_be_taken(
    client: Client, login: Callable[..., User], bank: Unit, shop: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(login("caiso", bank))
    monkeypatch.setattr("caiso.web.inventory.forms.OFFERED", 3)
    made = [make_tool(f"Tool {number}", bank) for number in range(6)]
    foreign = make_tool("Tool of the shop", shop)
    page = reverse("asset_relate", args=[made[0].pk])

    def offered(query: str = "") -> list[str]:
        return [
            label for value, label in client.get(page, {"q": query}).context["form"].fields["target"].choices if value
        ]

    assert offered() == ["Tool 1 (Tool)", "Tool 2 (Tool)", "Tool 3 (Tool)"]
    assert "search above for others" in client.get(page).content.decode()
    assert offered("OOL 5") == ["Tool 5 (Tool)"]
    assert offered("of the shop") == offered("nowhere") == offered("<b>") == []
    client.post(page, {"type": "uses", "target": made[5].pk})
    assert Relation.objects.get(source=made[0]).target == made[5]
    for odd in (foreign.pk, made[0].pk, "\u00b2", "9" * 40, "x", ""):
        assert client.post(page, {"type": "uses", "target": odd}).status_code == 422, odd
    assert Relation.objects.filter(source=made[0]).count() == 1


def make_tool(name: str, unit: Unit) -> Asset:
    return Asset.objects.create(
        kind="tool", name=name, identity=f"tool:{name}", unit=unit, first_seen_at=NOW, last_seen_at=NOW
    )
