"""Takes what `caiso scan --import` found into the inventory of an installation."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from caiso.cli.output import note
from caiso.cli.platform import OPERATOR, boot
from caiso.datadir import chosen_data_dir

if TYPE_CHECKING:
    from caiso.connect.source.folder import Listing
    from caiso.engine.discover import ScanResult


def take_in(
    listing: "Listing", result: "ScanResult", *, place: str, unit: str | None, commit: str, data: Path | None
) -> None:
    """Merge a scan into the inventory and say on standard error what that changed."""
    boot(chosen_data_dir(data))
    from caiso.cli.platform.operator import unit_of
    from caiso.web.inventory.services.scans import record_scan

    scan = record_scan(
        result,
        target=place,
        unit=unit_of(unit),
        revision=commit,
        unread=listing.problems,
        is_complete="file limit reached" not in listing.skipped,
        actor=OPERATOR,
        now=datetime.now(UTC),
    )
    note(f"Inventory: {scan.found} assets of {scan.target}, {scan.added} new, {scan.lost} lost.")
