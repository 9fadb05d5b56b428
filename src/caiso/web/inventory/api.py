"""The inventory over the API: assets, AI systems and scans as their registers, relations and the upload of a scan."""

from datetime import datetime
from typing import Annotated, Any

from django.utils import timezone
from ninja import Field, File, Query, Router, Schema
from ninja.files import UploadedFile

from caiso.web.base.endpoint import ApiRequest, Page, RowId, reads, writes
from caiso.web.base.problems import Refused
from caiso.web.base.register.api import register_endpoints
from caiso.web.inventory import queries
from caiso.web.inventory.models import Relation, Scan
from caiso.web.inventory.registers import ASSETS, SCANS, SYSTEMS
from caiso.web.inventory.scanfile import MOST_BYTES
from caiso.web.inventory.services.relations import relate, unrelate
from caiso.web.inventory.services.requests import import_scan

router = Router(tags=["inventory"])
register_endpoints(router, ASSETS)
register_endpoints(router, SYSTEMS)
register_endpoints(router, SCANS)


class RelationOut(Schema):
    """A typed edge between two assets."""

    id: int
    type: str
    source: int
    source_name: str
    target: int
    target_name: str
    is_manual: bool
    first_seen_at: datetime
    last_seen_at: datetime

    @classmethod
    def of(cls, relation: Relation) -> "RelationOut":
        return cls(
            id=relation.pk,
            type=relation.type,
            source=relation.source_id,
            source_name=relation.source.name,
            target=relation.target_id,
            target_name=relation.target.name,
            is_manual=relation.is_manual,
            first_seen_at=relation.first_seen_at,
            last_seen_at=relation.last_seen_at,
        )


class RelationNew(Schema):
    """An edge to draw."""

    type: Annotated[str, Field(max_length=24)]
    target: Annotated[int, Field(ge=1, le=2**63 - 1)]


class EvidenceOut(Schema):
    """One line, span or statement that proves an asset."""

    source: str
    place: str
    path: str
    line: int
    rule: str
    technique: str
    confidence: float
    status: str
    detail: str
    observed_at: datetime


class ScanPlace(Schema):
    """What was scanned, and who answers for what was found."""

    place: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f]*[^\x00-\x1f\s][^\x00-\x1f]*$")]
    unit: Annotated[str, Field(max_length=80, pattern=r"^[-a-zA-Z0-9_]+$")]
    system: Annotated[int | None, Field(ge=1, le=2**63 - 1)] = None


class ScanOut(Schema):
    """A scan that was taken in."""

    id: int
    target: str
    found: int
    added: int
    lost: int

    @classmethod
    def of(cls, scan: Scan) -> "ScanOut":
        return cls(id=scan.pk, target=scan.target, found=scan.found, added=scan.added, lost=scan.lost)


@reads(router, "/assets/{asset_id}/relations", permission="view", response=Page[RelationOut])
def list_relations(request: ApiRequest, asset_id: RowId) -> Any:
    """Relations of an asset, both ways, to assets in sight."""
    shown, _ = queries.edges(queries.asset_or_404(request.viewer, asset_id), request.viewer)
    items = [RelationOut.of(edge.relation) for edge in shown]
    return Page[RelationOut](items=items, total=len(items), next_offset=None)


@writes(router, "POST", "/assets/{asset_id}/relations", permission="inventory.edit", response=RelationOut, status=201)
def add_relation(request: ApiRequest, asset_id: RowId, new: RelationNew) -> Any:
    """Draw an edge from the asset to another."""
    asset = _editable(request, asset_id)
    target = queries.asset_or_404(request.viewer, new.target)
    return RelationOut.of(relate(asset, target, type=new.type, actor=request.user, now=timezone.now()))


@writes(
    router,
    "DELETE",
    "/assets/{asset_id}/relations/{relation_id}",
    permission="inventory.edit",
    response=None,
    status=204,
)
def remove_relation(request: ApiRequest, asset_id: RowId, relation_id: RowId) -> Any:
    """Remove an edge."""
    asset = _editable(request, asset_id)
    relation = queries.edge_or_404(asset, request.viewer, relation_id)
    unrelate(relation, actor=request.user, now=timezone.now())


@reads(router, "/assets/{asset_id}/evidence", permission="view", response=Page[EvidenceOut])
def list_evidence(request: ApiRequest, asset_id: RowId) -> Any:
    """What proves an asset."""
    rows = queries.observations(queries.asset_or_404(request.viewer, asset_id), request.viewer)
    names = EvidenceOut.model_fields
    items = [EvidenceOut(**{name: getattr(row, name) for name in names}) for row in rows[: queries.SHOWN_PROOFS]]
    return Page[EvidenceOut](items=items, total=rows.count(), next_offset=None)


@writes(router, "POST", "/scans/upload", permission="inventory.edit", response=ScanOut, status=201)
def upload_scan(
    request: ApiRequest, asked: Annotated[ScanPlace, Query()], file: Annotated[UploadedFile, File()]
) -> Any:
    """Take in the file that `caiso scan PATH --json` wrote on another machine."""
    if (file.size or 0) > MOST_BYTES:
        raise Refused(413, f"At most {MOST_BYTES // 1024 // 1024} MB.")
    chosen = queries.units_to_write(request.viewer).filter(slug=asked.unit).first()
    if chosen is None:
        raise Refused(404, "There is no such unit for you to add to.")
    whole = queries.systems_to_write(request.viewer).filter(pk=asked.system).first() if asked.system else None
    if asked.system and whole is None:
        raise Refused(404, "There is no such AI system for you to add to.")
    scan = import_scan(
        file.read(), place=asked.place, unit=chosen, system=whole, actor=request.user, now=timezone.now()
    )
    return ScanOut.of(scan)


def _editable(request: ApiRequest, asset_id: int) -> Any:
    asset = queries.asset_or_404(request.viewer, asset_id)
    if not request.viewer.may("inventory.edit", asset.unit.path):
        raise Refused(403, "You may look at this asset, but not change it.")
    return asset
