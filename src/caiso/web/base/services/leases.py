"""Leases in the database: who alone may do something for now, with a fence against a late writer."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from caiso.web.base.models import Lease


def acquire_lease(name: str, owner: str, *, seconds: float, now: datetime) -> int | None:
    """Take or prolong the lease; the fence (it grows when the lease changes hands), or None when somebody else has it."""
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
            if lease.until > now:
                return None
            lease.fence += 1
        lease.owner, lease.until = owner, until
        lease.save(update_fields=["owner", "until", "fence"])
        return lease.fence


def release_lease(name: str, owner: str, *, now: datetime) -> None:
    """Give the lease back early, so that a successor need not wait for its end."""
    Lease.objects.filter(pk=name, owner=owner).update(until=now)
