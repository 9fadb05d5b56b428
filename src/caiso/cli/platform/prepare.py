"""Brings a store up to date before anything runs on it: tables, static files, shipped content, the first logins."""

from datetime import UTC, datetime

from django.core.management import call_command

from caiso.engine.coverage.organisation.loading import default_organisation
from caiso.web.base.models import Unit
from caiso.web.base.services.people import bootstrap_administrator
from caiso.web.compliance.library import library
from caiso.web.compliance.services.catalogue import take_library
from caiso.web.organisation.models import Duty
from caiso.web.organisation.services.catalogue import take_organisation

FIRST_LOGIN = "admin@localhost"


def prepare_store(*, with_demo: bool) -> dict[str, object]:
    """Migrate, collect static files, take in shipped content, make the first logins; what a person needs to sign in."""
    call_command("migrate", verbosity=0, interactive=False)
    call_command("collectstatic", verbosity=0, interactive=False)
    now = datetime.now(UTC)
    logins: list[dict[str, object]] = []
    password = bootstrap_administrator(FIRST_LOGIN, now=now)
    if password:
        logins.append({"email": FIRST_LOGIN, "password": password, "role": "administrator and CAISO", "demo": False})
    take_library(library(), now=now)
    if not Duty.objects.exists():
        root = Unit.objects.get(parent=None, is_demo=False)
        take_organisation(default_organisation(), root=root, actor=None, now=now)
    return {"logins": logins}
