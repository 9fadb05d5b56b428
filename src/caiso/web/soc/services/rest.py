"""Letting the detector rest: while somebody tells it an old story, nothing of today is read with the clock of then."""

from datetime import datetime

from caiso.web.base.models import Lease
from caiso.web.base.services.leases import acquire_lease, has_ended, release_lease

LEASE = "detector"  # the running detector holds it
REST = "detector.rest"
SECONDS = 60.0


def let_rest(owner: str, *, now: datetime) -> bool:
    """Ask the running detector to stop and stay away for a minute more; False when somebody else asked already."""
    return acquire_lease(REST, owner, seconds=SECONDS, now=now) is not None


def end_rest(owner: str, *, now: datetime) -> None:
    """Let the detector go on."""
    release_lease(REST, owner, now=now)


def rests(*, now: datetime) -> bool:
    """Whether a detector should stay away."""
    return _is_held(REST, now=now)


def is_idle(*, now: datetime) -> bool:
    """Whether no detector is at work."""
    return not _is_held(LEASE, now=now)


def _is_held(name: str, *, now: datetime) -> bool:
    lease = Lease.objects.filter(pk=name, until__gt=now).first()
    return lease is not None and not has_ended(lease.owner)
