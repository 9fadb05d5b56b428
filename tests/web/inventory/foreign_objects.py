"""Records of the inventory in another unit, for the role x route matrix."""

from caiso.web.base.models import Unit
from caiso.web.inventory.models import Asset, Relation, Scan
from tests.web.base.factories import NOW


def foreign_objects(unit: Unit) -> dict[str, dict[str, object]]:
    """{route name or pattern: arguments} of records that lie in `unit`."""
    seen = {"unit": unit, "first_seen_at": NOW, "last_seen_at": NOW}
    system = Asset.objects.create(kind="ai_system", name="Theirs", identity="system:theirs", **seen)
    model = Asset.objects.create(kind="model", name="Their model", identity="model:theirs", **seen)
    relation = Relation.objects.create(
        source=system, target=model, type=Relation.Type.values[0], first_seen_at=NOW, last_seen_at=NOW
    )
    scan = Scan.objects.create(target="/srv/theirs", unit=unit, started_at=NOW)
    return {
        "assets": {"key": str(model.pk)},
        "ai_systems": {"key": str(system.pk)},
        "scans": {"key": str(scan.pk)},
        "asset_unrelate": {"pk": system.pk, "relation": relation.pk},
        "asset_*": {"pk": system.pk},
        "scan_*": {"pk": scan.pk},
        "DELETE /assets/{asset_id}/relations/{relation_id}": {"asset_id": system.pk, "relation_id": relation.pk},
        "* /assets/{asset_id}*": {"asset_id": system.pk},
    }
