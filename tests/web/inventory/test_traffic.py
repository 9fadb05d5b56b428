"""What traffic shows becomes assets: merged, proved once, in few statements."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from caiso.engine.detect.batch import Events
from caiso.web.base.models import Unit
from caiso.web.inventory.models import Asset, AssetState, Observation, Relation
from caiso.web.inventory.services.traffic import TrafficMemory, record_traffic, sightings
from tests.web.conftest import NOW

pytestmark = pytest.mark.django_db
AT = int(NOW.timestamp() * 1e6)


def record(events: list[dict[str, object]], unit: Unit, memory: TrafficMemory | None = None) -> list[Asset]:
    return record_traffic(
        sightings(Events(events))[""], unit=unit, place="gateway", memory=memory or TrafficMemory(refresh_us=0)
    )


def call(number: int, *, app: int, at: int = AT) -> dict[str, object]:
    return {
        "time": at, "event.kind": "tool", "service.name": f"app-{app}", "gen_ai.tool.name": f"tool-{number}",
        "gen_ai.request.model": "m", "gen_ai.provider.name": "p",
    }  # fmt: skip


def test_many_new_things_take_few_statements(root: Unit) -> None:
    events = [call(number, app=number % 40) for number in range(400)]
    with CaptureQueriesContext(connection) as asked:
        added = record(events, root)
    assert len(added) == 40 + 400 + 1  # apps, tools, and one model that all of them use
    assert len(asked) < 30
    assert Relation.objects.filter(type="calls_tool").count() == 400
    assert Relation.objects.filter(type="uses_model").count() == 40
    assert Observation.objects.count() == 441
    assert set(Asset.objects.values_list("state", flat=True)) == {AssetState.UNMANAGED}


def test_what_is_seen_again_keeps_its_first_time_and_is_not_proved_again(root: Unit) -> None:
    record([call(1, app=1)], root)
    first = Asset.objects.get(identity="tool:app-1/tool-1")
    assert record([call(1, app=1, at=AT + 5_000_000), call(1, app=1, at=AT + 9_000_000)], root) == []
    again = Asset.objects.get(pk=first.pk)
    assert (again.first_seen_at, Observation.objects.filter(asset=again).count()) == (first.first_seen_at, 1)
    assert (again.last_seen_at - first.last_seen_at).total_seconds() == 9
    edge = Relation.objects.get(target=again)
    assert (edge.last_seen_at - edge.first_seen_at).total_seconds() == 9


def test_a_model_of_a_unit_below_is_not_made_twice_for_the_unit_above(root: Unit, bank: Unit) -> None:
    system = Asset.objects.create(
        kind="ai_system", identity="ai_system:teller", name="teller", unit=bank, service_names=["teller"],
        first_seen_at=NOW, last_seen_at=NOW,
    )  # fmt: skip
    model = {"gen_ai.request.model": "m", "gen_ai.provider.name": "p", "event.kind": "inference", "time": AT}
    record([{**model, "service.name": "teller"}, model], root)
    asset = Asset.objects.get(kind="hosted_model")
    assert (asset.unit, asset.system) == (bank, system)
