"""Background work of the inventory: scans."""

from caiso.web.base.services.jobs import JobContext, handles
from caiso.web.inventory.services.requests import KIND, run_scan


def register_jobs() -> None:
    """Called once by the app at start-up."""
    handles(KIND)(scan_place)


def scan_place(context: JobContext, *, scan: int) -> dict[str, int]:
    """Run one scan; repeating it merges the same findings again and changes nothing."""
    return run_scan(context, scan_id=scan)
