"""Scans merge by identity, mark what disappeared, and never undo a person."""

from datetime import timedelta

import pytest

from caiso.engine.detect.batch import Events
from caiso.engine.discover import ScanResult
from caiso.web.base.models import AuditRecord, FactTouch, Unit
from caiso.web.inventory.identity import clean, inventory_identity, place_of
from caiso.web.inventory.models import Asset, Observation, Relation, Scan
from caiso.web.inventory.services.assets import create_system, update_asset
from caiso.web.inventory.services.scans import record_scan
from caiso.web.inventory.services.traffic import TrafficMemory, record_traffic, sightings
from tests.web.conftest import NOW
from tests.web.inventory.conftest import found, result

pytestmark = pytest.mark.django_db
REPOSITORY = "https://git.example.org/acme/claims"
LATER = NOW + timedelta(days=1)


def scan(what: ScanResult, unit: Unit, *, place: str = REPOSITORY, now: object = NOW, **more: object) -> Scan:
    return record_scan(what, target=place, unit=unit, now=now, actor=None, **more)  # type: ignore[arg-type]


def test_a_first_scan_adds_candidates_with_their_proofs_and_relations(claims_scan: ScanResult, bank: Unit) -> None:
    made = scan(claims_scan, bank)
    assert (made.ok, made.found, made.added, made.lost, made.files) == (True, 4, 4, 0, 12)
    agent = Asset.objects.get(kind="agent")
    assert (agent.state, agent.unit, agent.activity) == ("candidate", bank, "active")
    proof = agent.observations.get()
    assert (proof.path, proof.line, proof.rule, proof.confidence) == ("app.py", 3, "client constructed", 0.9)
    edges = {(edge.type, edge.target.name) for edge in agent.relations_out.all()}
    assert edges == {("uses_model", "gpt-5"), ("calls_tool", "search")}
    assert AuditRecord.objects.filter(verb="asset.found").count() == 4
    assert {"assets", "ai_systems", "scans"} <= set(FactTouch.objects.values_list("collection", flat=True))


def test_the_same_scan_twice_changes_nothing_but_the_time(claims_scan: ScanResult, bank: Unit) -> None:
    scan(claims_scan, bank)
    again = scan(claims_scan, bank, now=LATER)
    assert (again.found, again.added, again.lost) == (4, 0, 0)
    assert Asset.objects.count() == 4
    assert Observation.objects.count() == 4
    assert Relation.objects.count() == 2
    assert set(Asset.objects.values_list("last_seen_at", flat=True)) == {LATER}


def test_what_the_next_scan_of_the_place_no_longer_finds_is_lost_and_found_again(
    claims_scan: ScanResult, bank: Unit
) -> None:
    scan(claims_scan, bank)
    second = scan(result(*claims_scan.assets[1:]), bank, now=LATER)
    agent = Asset.objects.get(kind="agent")
    assert (second.lost, agent.is_lost) == (1, True)
    assert agent.observations.get().status == "gone"
    assert not Relation.objects.filter(source=agent).exists()
    scan(claims_scan, bank, now=LATER + timedelta(days=1))
    agent.refresh_from_db()
    assert not agent.is_lost
    assert [one.status for one in agent.observations.all()] == ["active"]


def test_places_keep_their_own_proofs(claims_scan: ScanResult, bank: Unit) -> None:
    scan(claims_scan, bank)
    scan(claims_scan, bank, place="https://git.example.org/acme/fork")
    model = Asset.objects.get(kind="hosted_model")
    assert model.observations.count() == 2, "one model, proven in two places"
    assert Asset.objects.filter(kind="agent").count() == 2, "app.py#agent of two trees are two agents"
    scan(result(), bank, now=LATER)
    model.refresh_from_db()
    assert not model.is_lost, "the fork still proves it"
    assert Asset.objects.filter(is_lost=True).count() == 2


def test_an_incomplete_scan_loses_nothing(claims_scan: ScanResult, bank: Unit) -> None:
    scan(claims_scan, bank)
    assert scan(result(), bank, now=LATER, is_complete=False).lost == 0
    assert not Asset.objects.filter(is_lost=True).exists()


def test_what_a_person_decided_survives_every_scan(claims_scan: ScanResult, bank: Unit) -> None:
    mine = create_system(values={"name": "Claims", "unit": bank}, actor=None, now=NOW)
    other = create_system(values={"name": "Other", "unit": bank}, actor=None, now=NOW)
    scan(claims_scan, bank, system=mine)
    agent = Asset.objects.get(kind="agent")
    wanted = {
        "name": "Claims triage",
        "state": "retired",
        "criticality": "high",
        "environment": "production",
        "system": None,
    }
    update_asset(agent, changes=wanted, actor=None, now=NOW)
    scan(claims_scan, bank, system=other, now=LATER)
    agent.refresh_from_db()
    assert {name: getattr(agent, name) for name in wanted} == wanted
    assert agent.last_seen_at == LATER
    assert Asset.objects.get(kind="hosted_model").system == mine, "the first system keeps what it brought"


def test_the_activity_is_the_strongest_of_all_places(bank: Unit) -> None:
    scan(result(found("hosted_model", "openai/gpt-5", status="test")), bank, place="https://a.example/x")
    model = Asset.objects.get(kind="hosted_model")
    assert model.activity == "test"
    scan(result(found("hosted_model", "openai/gpt-5")), bank, place="https://b.example/x")
    model.refresh_from_db()
    assert model.activity == "active"
    scan(result(found("hosted_model", "openai/gpt-5", status="inactive")), bank, place="https://b.example/x", now=LATER)
    model.refresh_from_db()
    assert model.activity == "test"


def test_traffic_and_scan_meet_in_one_asset(claims_scan: ScanResult, bank: Unit) -> None:
    scan(claims_scan, bank)
    event = {
        "time": int(LATER.timestamp() * 1e6),
        "service.name": "claims",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5",
    }
    added = record_traffic(sightings(Events([event]))[""], unit=bank, place="gateway", memory=TrafficMemory())
    assert [asset.kind for asset in added] == ["ai_system"]
    model = Asset.objects.get(kind="hosted_model")
    assert (model.state, model.telemetry_last_seen_at) == ("candidate", LATER)
    assert sorted(model.observations.values_list("source", flat=True)) == ["scan", "traffic"]
    scan(result(), bank, now=LATER + timedelta(days=1))
    model.refresh_from_db()
    assert not model.is_lost, "traffic proves it"


def test_units_do_not_write_into_each_others_assets(
    claims_scan: ScanResult, bank: Unit, shop: Unit, root: Unit
) -> None:
    scan(claims_scan, bank)
    scan(claims_scan, shop, place="https://git.example.org/acme/shop")
    assert Asset.objects.filter(kind="hosted_model").count() == 2
    above = scan(claims_scan, root, place="https://git.example.org/acme/all")
    assert Asset.objects.filter(kind="hosted_model").count() == 2, "a unit above meets what lies below it"
    assert above.added == 2, "the agent and the tool of its own tree"


def test_parts_of_the_scanned_system_are_tied_to_it(claims_scan: ScanResult, bank: Unit) -> None:
    system = create_system(values={"name": "Claims", "unit": bank}, actor=None, now=NOW)
    scan(claims_scan, bank, system=system)
    assert system.parts.count() == 4
    edges = set(system.relations_out.values_list("type", "target__name"))
    assert ("uses_model", "gpt-5") in edges
    assert ("calls_tool", "search") in edges


def test_hostile_names_are_kept_as_harmless_text(bank: Unit) -> None:
    name = "<script>alert(1)</script>\u202e\x00\x1b[31m" + "x" * 900
    odd = found("agent", "agent:" + "y" * 3000 + "#a", name=name, attributes={"deep": [[[["<b>"]]]], "n": 10**40})
    odd.evidence[0] = odd.evidence[0].__class__("a\nb\u202e.py", 10**12, "r" * 500, "t" * 500, 7.5, "d" * 999)
    scan(result(odd), bank)
    asset = Asset.objects.get()
    assert len(asset.name) == 300
    assert not set(asset.name) & {"\u202e", "\x00", "\x1b", "\n"}
    proof = asset.observations.get()
    assert (proof.path, proof.confidence, len(proof.rule), len(proof.technique)) == ("a b.py", 1.0, 80, 40)


def test_aliases_of_identities() -> None:
    place = "https://git.example.org/a"
    assert inventory_identity("hosted_model", "openai/gpt-5", place=place) == "hosted_model:openai/gpt-5"
    assert inventory_identity("dependency", "pkg:pypi/openai", place=place) == "pkg:pypi/openai"
    assert inventory_identity("endpoint", "endpoint:https://api.openai.com/v1", place=place).endswith("/v1")
    for kind, identity in (
        ("endpoint", "endpoint:http://localhost:11434"),
        ("credential_reference", "credential:OPENAI_API_KEY"),
        ("vector_store", "vector_store:chroma:docs"),
        ("model_file", "model_file:weights/a.bin"),
        ("mcp_server", "mcp_server:app.py#orders"),
    ):
        assert inventory_identity(kind, identity, place=place).endswith(f" in {place}"), identity
    assert len(inventory_identity("agent", "agent:" + "x" * 490, place=place)) <= 500
    assert place_of("https://Git.Example.org/a.git/") == place
    assert place_of("/srv/code/") == "/srv/code"
    assert clean("a\u200b\tb", 10) == "a b"
