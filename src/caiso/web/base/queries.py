"""Reads of the base app."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from django.db.models import Q

from caiso.web.base.models import AccessGrant, AccessRole, Setting, User


def live_grants(user: User) -> tuple[tuple[str, str], ...]:
    """(role, unit path) of the login's grants that have not expired today."""
    if not user.is_active:
        return ()
    today = datetime.now(UTC).date()
    rows = AccessGrant.objects.filter(Q(expires_on=None) | Q(expires_on__gte=today), user=user)
    return tuple(rows.values_list("role", "unit__path"))


MFA_POLICY = "security.mfa_required"
PRIVILEGED_ROLES = frozenset({AccessRole.ADMINISTRATOR, AccessRole.CAISO, AccessRole.CISO, AccessRole.AISOC_LEAD})


def setting(key: str, default: Any = None) -> Any:
    """A value of the installation that people change in the product."""
    row = Setting.objects.filter(pk=key).first()
    return row.value if row else default


def mfa_is_due(roles: Iterable[str], user: User) -> bool:
    """Whether the policy asks this login for a second factor that it does not have yet."""
    if PRIVILEGED_ROLES.isdisjoint(roles) or not setting(MFA_POLICY, default=False):
        return False
    return not bool(is_mfa_enabled(user))
