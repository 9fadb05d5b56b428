"""Asking for a scan, and running one that was asked for: who may, which places, and what happens when it fails."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.db import transaction

from caiso.connect.source.address import check_repository, read_address
from caiso.engine.discover import SourceFile
from caiso.errors import DomainError
from caiso.web.base.access import Viewer
from caiso.web.base.models import AccessRole, Unit, User
from caiso.web.base.services import audit, facts
from caiso.web.base.services.jobs import JobContext, enqueue
from caiso.web.inventory.identity import clean
from caiso.web.inventory.models import Asset, AssetKind, Scan
from caiso.web.inventory.scanfile import read_scan_file
from caiso.web.inventory.services.scans import record_scan

KIND = "inventory.scan"
PATH_ROLES = frozenset({AccessRole.ADMINISTRATOR, AccessRole.CAISO})
MOST_WAITING = 20
PROGRESS_SECONDS = 0.5


class UnableToScan(DomainError):
    """The place may not be scanned, or not by this person."""


@transaction.atomic
def request_scan(*, target: str, unit: Unit, system: Asset | None, actor: User, now: datetime) -> Scan:
    """Put a scan of a repository or of a folder on the server in the queue."""
    target = clean(target, 500)
    _check_place(unit, system, actor)
    if "://" in target:
        read_address(target)
        origin, place = Scan.Origin.REPOSITORY, target
    elif target.startswith("/"):
        _check_path_right(actor, unit)
        place, origin = str(allowed_folder(target)), Scan.Origin.FOLDER
    else:
        raise UnableToScan("give the address of a repository (https://…) or the full path of a folder on the server")
    waiting = Scan.objects.filter(unit=unit, finished_at=None)
    if waiting.filter(target=place).exists():
        raise UnableToScan("a scan of this place is waiting or running already")
    if waiting.count() >= MOST_WAITING:
        raise UnableToScan(f"{MOST_WAITING} scans of {unit} are waiting already; let them finish first")
    scan = Scan.objects.create(
        target=place, origin=origin, unit=unit, system=system, started_at=now, is_demo=unit.is_demo
    )
    scan.job = enqueue(KIND, {"scan": scan.pk}, actor=actor, unit=unit, max_attempts=2, now=now)
    scan.save(update_fields=["job"])
    changes: dict[str, list[object]] = {"target": [None, place], "system": [None, system.pk if system else None]}
    audit.record(actor=actor, verb="scan.request", subject=scan, changes=changes, now=now)
    return scan


def create_scan(*, values: Mapping[str, Any], actor: User, now: datetime) -> Scan:
    """`request_scan` from the columns of the register's form."""
    unit, target = values.get("unit"), values.get("target")
    if not isinstance(unit, Unit) or not target:
        raise UnableToScan("say what to scan, and which unit answers for what is found")
    return request_scan(target=str(target), unit=unit, system=values.get("system"), actor=actor, now=now)


def import_scan(
    data: bytes, *, place: str, unit: Unit, system: Asset | None, actor: User | None, now: datetime
) -> Scan:
    """Take in what `caiso scan --json` found elsewhere. `place` names it: the same name compares with earlier scans."""
    place = clean(place, 500)
    if not place:
        raise UnableToScan("name the place that was scanned, such as the address of its repository")
    if actor is not None:
        _check_place(unit, system, actor)
    read = read_scan_file(data)
    return record_scan(
        read.result,
        target=place,
        unit=unit,
        system=system,
        origin=Scan.Origin.UPLOAD,
        revision=read.commit,
        actor=actor,
        now=now,
    )


def run_scan(context: JobContext, *, scan_id: int) -> dict[str, int]:
    """The job: open the place, read it, take the findings in. A refusal ends up in the scan's own row."""
    from caiso.connect.source import folder  # noqa: PLC0415 - with the scanner, which only the worker needs
    from caiso.engine.discover import scan_tree  # noqa: PLC0415 - as above

    scan = Scan.objects.select_related("unit", "system", "job__requested_by").filter(pk=scan_id).first()
    if scan is None:
        return {}
    try:
        context.progress(0, 0, "opening")
        with _opened(scan) as (path, commit):
            listing = folder.read(path)
            files = _counted(listing.files, context)
            result = scan_tree(files)
        context.progress(len(listing.files), len(listing.files), "merging into the inventory")
    except DomainError as refusal:
        _fail(scan, str(refusal), now=context.clock())
        return {}
    record_scan(
        result,
        target=scan.target,
        unit=scan.unit,
        system=scan.system,
        scan=scan,
        revision=commit,
        unread=listing.problems,
        is_complete="file limit reached" not in listing.skipped,
        actor=scan.job.requested_by if scan.job else None,
        now=context.clock(),
    )
    return {"found": scan.found, "added": scan.added, "lost": scan.lost}


def allowed_folder(target: str) -> Path:
    """The real path of a folder on the server, if it lies below one that an administrator allowed."""
    roots = [Path(one).resolve() for one in settings.SCAN_FOLDERS]
    if not roots:
        raise UnableToScan("no folder of the server may be scanned; an administrator sets CAISO_SCAN_FOLDERS")
    try:
        real = Path(target).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        real = None
    if real is None or not any(real == root or root in real.parents for root in roots):
        raise UnableToScan("there is no such folder below those that may be scanned")
    return real


def _check_place(unit: Unit, system: Asset | None, actor: User) -> None:
    if not Viewer(actor).may("inventory.edit", unit.path):
        raise UnableToScan(f"you may not add to the inventory of {unit}")
    if system is None:
        return
    if system.kind != AssetKind.AI_SYSTEM:
        raise UnableToScan(f"{system} is not an AI system")
    if system.unit_id != unit.pk:
        raise UnableToScan(f"{system} belongs to {system.unit}; scan it for that unit")


def _check_path_right(actor: User, unit: Unit) -> None:
    held = {role for role, path in Viewer(actor).grants if unit.path.startswith(path)}
    if held.isdisjoint(PATH_ROLES):
        raise UnableToScan("only administrators and CAISOs scan folders of the server; give a repository address")


@contextmanager
def _opened(scan: Scan) -> Iterator[tuple[Path, str]]:
    """The tree on disk and its commit; checked again, for the request may be old."""
    from caiso.connect.source import git  # noqa: PLC0415 - as above

    if scan.origin == Scan.Origin.REPOSITORY:
        allowed = settings.SCAN_PRIVATE_ADDRESSES
        checked = check_repository(scan.target, allow_private=allowed)
        with git.clone(checked.url, is_guarded=True, pin=checked.pin) as tree:
            yield tree.path, tree.commit
    else:
        yield allowed_folder(scan.target), ""


def _counted(files: list[SourceFile], context: JobContext) -> list[SourceFile]:
    """The files, each telling the job's progress when it is opened; a cancelled job stops at the next file."""
    opened = 0
    told = time.monotonic()

    def telling(opener: Callable[[], BinaryIO]) -> Callable[[], BinaryIO]:
        def open_file() -> BinaryIO:
            nonlocal opened, told
            opened += 1
            if time.monotonic() - told > PROGRESS_SECONDS:
                told = time.monotonic()
                context.progress(min(opened, len(files)), len(files), "reading files")
            return opener()

        return open_file

    return [replace(file, opener=telling(file.opener)) for file in files]


@transaction.atomic
def _fail(scan: Scan, reason: str, *, now: datetime) -> None:
    scan.finished_at, scan.ok, scan.error = now, False, reason[:2000]
    scan.save(update_fields=["finished_at", "ok", "error"])
    actor = scan.job.requested_by if scan.job else None
    audit.record(actor=actor, verb="scan.fail", subject=scan, changes={"error": [None, scan.error]}, now=now)
    facts.touched("scans", now=now)


__all__ = ["KIND", "allowed_folder", "create_scan", "import_scan", "request_scan", "run_scan"]
