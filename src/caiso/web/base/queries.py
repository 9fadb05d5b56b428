"""Reads of the base app."""

from datetime import UTC, datetime

from django.db.models import Q

from caiso.web.base.models import AccessGrant, User


def live_grants(user: User) -> tuple[tuple[str, str], ...]:
    """(role, unit path) of the login's grants that have not expired today."""
    if not user.is_active:
        return ()
    today = datetime.now(UTC).date()
    rows = AccessGrant.objects.filter(Q(expires_on=None) | Q(expires_on__gte=today), user=user)
    return tuple(rows.values_list("role", "unit__path"))
