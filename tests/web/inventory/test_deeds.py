"""What people decide about assets is checked, kept, recorded and told to the checks."""

from datetime import timedelta

import pytest

from caiso.engine.discover import ScanResult
from caiso.web.base.models import AuditRecord, FactTouch, Person, Unit
from caiso.web.inventory.models import Asset, Relation
from caiso.web.inventory.queries import engine_systems
from caiso.web.inventory.services.assets import (
    UnableToChangeAsset,
    confirm_assets,
    create_system,
    retire_assets,
    take_on,
    update_asset,
)
from caiso.web.inventory.services.relations import UnableToMerge, UnableToRelate, merge, relate, unrelate
from caiso.web.inventory.services.scans import record_scan
from caiso.web.organisation.models import Role
from caiso.web.organisation.queries import organisation
from caiso.web.soc.models import Alert
from tests.web.compliance.test_evaluation import _alert
from tests.web.conftest import NOW

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(days=1)


def asset(kind: str, identity: str, unit: Unit, **fields: object) -> Asset:
    given = {"name": identity, "first_seen_at": NOW, "last_seen_at": NOW} | fields
    return Asset.objects.create(kind=kind, identity=identity, unit=unit, **given)


def verbs(record: Asset) -> list[str]:
    rows = AuditRecord.objects.filter(subject_type="Asset", subject_id=str(record.pk)).order_by("pk")
    return list(rows.values_list("verb", flat=True))


def test_a_new_system_is_confirmed_and_known_to_the_organisation(bank: Unit) -> None:
    Role.objects.create(slug="ciso", title="CISO", unit=bank)
    made = create_system(values={"name": " Claims  triage ", "unit": bank, "owner_role": "ciso"}, actor=None, now=NOW)
    assert (made.name, made.state, made.kind, made.owner_role) == ("Claims triage", "confirmed", "ai_system", "ciso")
    assert made.observations.get().source == "manual"
    assert verbs(made) == ["asset.create"]
    known = engine_systems()
    assert [(one.id, one.unit, one.ai_owner) for one in known] == [(f"system-{made.pk}", "bank", "ciso")]
    assert known[0] in organisation().systems
    with pytest.raises(UnableToChangeAsset, match="already has"):
        create_system(values={"name": "claims triage", "unit": bank}, actor=None, now=NOW)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"identity": "x"}, "no changeable identity"),
        ({"name": " \x00 "}, "cannot be empty"),
        ({"state": "lost"}, "is not one of"),
        ({"owner_role": "nobody"}, "there is no role"),
        ({"service_names": ",".join(map(str, range(60)))}, "too many"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(bank: Unit, changes: dict[str, object], words: str) -> None:
    record = asset("agent", "agent:a", bank)
    with pytest.raises(UnableToChangeAsset, match=words):
        update_asset(record, changes=changes, actor=None, now=NOW)
    assert verbs(record) == []


def test_only_systems_have_parts(bank: Unit) -> None:
    one, other = asset("agent", "agent:a", bank), asset("ai_system", "ai_system:b", bank)
    with pytest.raises(UnableToChangeAsset, match="not an AI system"):
        update_asset(asset("tool", "tool:t", bank), changes={"system": one}, actor=None, now=NOW)
    with pytest.raises(UnableToChangeAsset, match="not part of another"):
        update_asset(other, changes={"system": other}, actor=None, now=NOW)


def test_a_change_is_recorded_once_and_told_to_the_checks(bank: Unit) -> None:
    record = asset("agent", "agent:a", bank)
    update_asset(record, changes={"criticality": "high", "environment": ""}, actor=None, now=NOW)
    update_asset(record, changes={"criticality": "high"}, actor=None, now=NOW)
    assert verbs(record) == ["asset.change"]
    assert record.edited_fields == ["criticality"]
    assert FactTouch.objects.filter(collection="ai_systems").count() == 1


def test_parts_follow_their_system_into_another_unit(bank: Unit, shop: Unit) -> None:
    system = asset("ai_system", "ai_system:claims", bank)
    part, twin = asset("agent", "agent:a", bank, system=system), asset("tool", "tool:t", bank, system=system)
    asset("tool", "tool:t", shop)
    update_asset(system, changes={"unit": shop}, actor=None, now=NOW)
    part.refresh_from_db()
    twin.refresh_from_db()
    assert (part.unit, twin.unit) == (shop, bank)
    with pytest.raises(UnableToChangeAsset, match="merge the two"):
        update_asset(twin, changes={"unit": shop}, actor=None, now=NOW)


def test_taking_on_needs_somebody_who_answers(bank: Unit) -> None:
    record = asset("ai_system", "ai_system:shadow", bank, state="unmanaged")
    with pytest.raises(UnableToChangeAsset, match="name a person or a role"):
        take_on(record, owner=None, owner_role="", system=None, actor=None, now=NOW)
    amara = Person.objects.create(slug="amara", name="Amara Osei", unit=bank)
    take_on(record, owner=amara, owner_role="", system=None, actor=None, now=NOW)
    record.refresh_from_db()
    assert (record.state, record.owner) == ("confirmed", amara)
    part = asset("tool", "tool:t", bank, state="unmanaged")
    assert take_on(part, owner=None, owner_role="", system=record, actor=None, now=NOW).system == record


def test_confirming_and_retiring_say_how_many(bank: Unit) -> None:
    rows = [asset("agent", f"agent:{n}", bank) for n in range(3)]
    assert confirm_assets(rows, actor=None, now=NOW) == "3 assets confirmed."
    assert retire_assets(rows[:1], actor=None, now=NOW) == "1 asset retired."
    with pytest.raises(UnableToChangeAsset, match="already confirmed"):
        confirm_assets(rows[1:], actor=None, now=NOW)


def test_relations_of_people_outlive_scans(bank: Unit, claims_scan: ScanResult) -> None:
    place = "https://git.example.org/acme/claims"
    record_scan(claims_scan, target=place, unit=bank, actor=None, now=NOW)
    agent, package = Asset.objects.get(kind="agent"), Asset.objects.get(kind="dependency")
    edge = relate(agent, package, type="uses", actor=None, now=NOW)
    record_scan(claims_scan, target=place, unit=bank, actor=None, now=LATER)
    assert Relation.objects.filter(pk=edge.pk, is_manual=True).exists()
    for source, target, kind, words in (
        (agent, agent, "uses", "itself"),
        (agent, package, "owns", "is not one of"),
        (agent, package, "uses", "on record already"),
    ):
        with pytest.raises(UnableToRelate, match=words):
            relate(source, target, type=kind, actor=None, now=NOW)
    unrelate(edge, actor=None, now=NOW)
    assert not Relation.objects.filter(pk=edge.pk).exists()
    assert verbs(agent)[-2:] == ["asset.relate", "asset.unrelate"]


def test_merging_moves_everything_and_later_scans_find_the_winner(bank: Unit, claims_scan: ScanResult) -> None:
    place = "https://git.example.org/acme/claims"
    record_scan(claims_scan, target=place, unit=bank, actor=None, now=NOW)
    agent, model = Asset.objects.get(kind="agent"), Asset.objects.get(kind="hosted_model")
    person = Person.objects.create(slug="amara", name="Amara Osei", unit=bank)
    winner = asset("agent", "agent:claims/agent", bank, name="Claims agent", criticality="high")
    update_asset(agent, changes={"owner": person, "criticality": "low"}, actor=None, now=NOW)
    relate(winner, model, type="uses_model", actor=None, now=NOW)
    merge(agent, into=winner, actor=None, now=LATER)
    winner.refresh_from_db()
    assert (winner.owner, winner.criticality) == (person, "high")
    assert winner.observations.get().path == "app.py"
    assert set(winner.relations_out.values_list("type", flat=True)) == {"uses_model", "calls_tool"}
    again = record_scan(claims_scan, target=place, unit=bank, actor=None, now=LATER)
    assert again.added == 0
    assert Asset.objects.filter(kind="agent").get() == winner
    assert winner.observations.count() == 1


def test_records_of_other_rooms_follow_a_merge(bank: Unit) -> None:
    alert = _alert(bank)
    loser, winner = asset("ai_system", "ai_system:shadow", bank), asset("ai_system", "ai_system:x", bank)
    loser.telemetry_last_seen_at = NOW
    loser.save()
    part = asset("tool", "tool:t", bank, system=loser)
    Alert.objects.filter(pk=alert.pk).update(asset=loser)
    merge(loser, into=winner, actor=None, now=NOW)
    alert.refresh_from_db()
    part.refresh_from_db()
    winner.refresh_from_db()
    assert (alert.asset, part.system) == (winner, winner)
    assert winner.service_names == ["shadow"], "its traffic belongs to the winner now"


def test_only_equals_merge(bank: Unit) -> None:
    agent, tool = asset("agent", "agent:a", bank), asset("tool", "tool:a", bank)
    demo = asset("agent", "agent:b", bank, is_demo=True)
    for other, words in ((agent, "into itself"), (tool, "of one kind"), (demo, "invented")):
        with pytest.raises(UnableToMerge, match=words):
            merge(agent, into=other, actor=None, now=NOW)
