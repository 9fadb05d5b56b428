"""Leases in the database: who alone may do something for now, with a fence against a late writer."""

import os
import secrets
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from django.db import IntegrityError, transaction

from caiso.web.base.models import Lease


def process_owner() -> str:
    """An owner's name for this process, from which others on this machine can tell whether it still runs."""
    return f"{_machine()}:{os.getpid()}:{secrets.token_hex(4)}"


def has_ended(owner: str) -> bool:
    """Whether an owner named by `process_owner` is known to be gone; False for whoever cannot be seen from here."""
    machine, _, rest = owner.partition(":")
    number = rest.partition(":")[0]
    if not machine or machine != _machine() or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


@lru_cache(maxsize=1)
def _machine() -> str:
    """This start of this machine and, in containers, this view of its processes; empty where the kernel does not say."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")
        return f"{boot}-{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def acquire_lease(name: str, owner: str, *, seconds: float, now: datetime) -> int | None:
    """Take or prolong the lease; the fence (it grows when the lease changes hands), or None when somebody else has it.

    The lease of a process that was killed on this machine is free at once: nobody needs to wait for its end.
    """
    until = now + timedelta(seconds=seconds)
    with transaction.atomic():
        lease = Lease.objects.select_for_update().filter(pk=name).first()
        if lease is None:
            try:
                with transaction.atomic():
                    Lease.objects.create(name=name, owner=owner, fence=1, until=until)
            except IntegrityError:  # another process made it in this moment
                return None
            return 1
        if lease.owner != owner:
            if lease.until > now and not has_ended(lease.owner):
                return None
            lease.fence += 1
        lease.owner, lease.until = owner, until
        lease.save(update_fields=["owner", "until", "fence"])
        return lease.fence


def release_lease(name: str, owner: str, *, now: datetime) -> None:
    """Give the lease back early, so that a successor need not wait for its end."""
    Lease.objects.filter(pk=name, owner=owner).update(until=now)
