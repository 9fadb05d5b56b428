"""The one transaction per batch: signals and alerts, the part's row, the offsets, and what the batch shows of running AI."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from django.db import transaction

from caiso.connect.telemetry.parts import Reject as RefusedRecord
from caiso.connect.telemetry.pump import Batch
from caiso.connect.telemetry.wal import Position
from caiso.engine.detect.signal import Signal
from caiso.errors import DomainError
from caiso.web.base.models import Lease, Unit
from caiso.web.base.services import facts
from caiso.web.inventory.models import Asset
from caiso.web.inventory.services.traffic import TrafficMemory, record_traffic, sightings, systems_by_service
from caiso.web.soc.models import Alert, Reject, Source, WalOffset
from caiso.web.soc.services.raising import Surroundings, raise_alerts, tell_about
from caiso.web.soc.services.rest import LEASE
from caiso.web.soc.services.storage import keep_part
from caiso.web.soc.services.telemetry import count_rejects, record_arrivals, sources_named, tally


class UnableToCommit(DomainError):
    """Another detector took over; this one must stop."""


def committed_offsets() -> dict[str, Position]:
    """{writer: position} of the last transaction."""
    return {row.writer: Position(row.segment, row.offset) for row in WalOffset.objects.all()}


@transaction.atomic
def commit_batch(
    batch: Batch, signals: Sequence[Signal], *, fence: int, memory: TrafficMemory, root: Unit, now: datetime
) -> list[Alert]:
    """Write everything that a batch means, or nothing; returns the alerts that are new."""
    if not Lease.objects.select_for_update().filter(pk=LEASE, fence=fence).exists():
        raise UnableToCommit("another detector holds the lease")
    if batch.part is not None:
        keep_part(batch.part, fence=fence, now=now)
    WalOffset.objects.bulk_create(
        [WalOffset(writer=name, segment=at.segment, offset=at.offset) for name, at in batch.offsets.items()],
        update_conflicts=True, unique_fields=["writer"], update_fields=["segment", "offset"],
    )  # fmt: skip
    tallies = tally(batch.events)
    names = {slug for slug, _ in tallies} | {reject.source_id for reject in batch.rejects}
    sources = sources_named(names - {"", "unknown"}, root=root)
    _keep_rejects(batch.rejects, sources=sources, root=root)
    added = _see(batch, sources=sources, memory=memory, root=root)
    systems = systems_by_service({service for _, service in tallies})
    record_arrivals(tallies, sources=sources, systems=systems, root=root)
    around = Surroundings(sources, systems, root, part=batch.part.number if batch.part else 0, now=now)
    alerts = raise_alerts(signals, around=around)
    tell_about(alerts, now=now)
    changed = [
        *(["sources"] if tallies else []),
        *(["assets", "ai_systems"] if added else []),
        *(["alerts", "detection_rules"] if signals else []),
    ]
    facts.all_touched(changed, now=now)
    return alerts


@transaction.atomic
def raise_replayed(batch: Batch, signals: Sequence[Signal], *, part: int, root: Unit, now: datetime) -> list[Alert]:
    """Signals of a part that was committed before: what is known is left out, so normally nothing is written."""
    tallies = tally(batch.events)
    sources = sources_named({slug for slug, _ in tallies} - {""}, root=root)
    systems = systems_by_service({service for _, service in tallies})
    return raise_alerts(signals, around=Surroundings(sources, systems, root, part=part, now=now))


def _keep_rejects(rejects: Sequence[RefusedRecord], *, sources: dict[str, Source], root: Unit) -> None:
    rows = []
    for reject in rejects:
        source = sources.get(reject.source_id)
        rows.append(
            Reject(
                uid=reject.id,
                source=source,
                unit=source.unit if source else root,
                at=datetime.fromtimestamp(reject.ingest_us / 1_000_000, UTC),
                signal=reject.signal,
                place=reject.index,
                reason=reject.reason,
                content_ref=reject.ref,
                request_ref=reject.request_ref,
                request_id=reject.request_id,
                record=reject.place,
            )
        )
    Reject.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)
    count_rejects(Counter(reject.source_id for reject in rejects), sources=sources)


def _see(batch: Batch, *, sources: dict[str, Source], memory: TrafficMemory, root: Unit) -> list[Asset]:
    """New apps, models, agents and tools become unmanaged assets in the unit of the source that showed them."""
    added = []
    for slug, seen in sightings(batch.events).items():
        if slug in sources:
            added += record_traffic(seen, unit=sources[slug].unit or root, place=slug, memory=memory)
    return added
