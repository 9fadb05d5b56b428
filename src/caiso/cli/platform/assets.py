"""`caiso assets`: the inventory."""

from typing import Annotated

import typer

from caiso.cli.output import Data, Json, show
from caiso.cli.platform import boot
from caiso.datadir import chosen_data_dir


def assets(
    *,
    kind: Annotated[str | None, typer.Option(help="Only this kind, such as ai_system or hosted_model.")] = None,
    state: Annotated[str | None, typer.Option(help="candidate, confirmed, unmanaged or retired; else all.")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List the AI assets of the inventory.

    \b
    Example: caiso assets --kind ai_system --json
    """
    boot(chosen_data_dir(data))
    from caiso.cli.platform.operator import Operator, one_of
    from caiso.web.base.access import visible
    from caiso.web.inventory.models import Asset, AssetKind, AssetState

    found = visible(Asset.objects.select_related("unit", "system", "owner"), Operator())
    if kind:
        found = found.filter(kind=one_of(kind, AssetKind.values, "kind of asset"))
    if state:
        found = found.filter(state=one_of(state, AssetState.values, "asset state"))
    rows = [
        {
            "id": asset.pk,
            "kind": asset.kind,
            "name": asset.name,
            "identity": asset.identity,
            "state": asset.state,
            "status": asset.activity,
            "lost": asset.is_lost,
            "system": asset.system.name if asset.system else None,
            "unit": asset.unit.slug,
            "owner": asset.owner.name if asset.owner else None,
            "owner_role": asset.owner_role or None,
            "lifecycle_stage": asset.lifecycle_stage or None,
            "criticality": asset.criticality or None,
            "exposure": asset.exposure or None,
            "first_seen_at": asset.first_seen_at,
            "last_seen_at": asset.last_seen_at,
            "demo": asset.is_demo,
        }
        for asset in found.order_by("kind", "name", "pk")
    ]
    columns = {"kind": "KIND", "name": "NAME", "state": "STATE", "system": "SYSTEM", "owner": "OWNER"}
    columns |= {"criticality": "CRITICALITY", "last_seen_at": "LAST SEEN (UTC)"}
    show(rows, columns, as_json=as_json, empty="No assets yet; `caiso scan` finds them in code, telemetry in traffic.")


app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.command("assets")(assets)
