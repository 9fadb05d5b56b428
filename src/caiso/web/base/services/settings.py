"""Values of the installation that people change in the product."""

from datetime import datetime
from typing import Any

from django.db import transaction

from caiso.web.base.models import Setting, User
from caiso.web.base.services import audit


def change_setting(key: str, value: Any, *, actor: User | None, now: datetime) -> None:
    """Keep a value and record the change."""
    with transaction.atomic():
        row = Setting.objects.filter(pk=key).first()
        before = row.value if row else None
        if row is not None and before == value:
            return
        row, _ = Setting.objects.update_or_create(key=key, defaults={"value": value})
        audit.record(actor=actor, verb="setting.change", subject=row, changes={key: [before, value]}, now=now)
