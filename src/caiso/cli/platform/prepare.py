"""Brings a store up to date before anything runs on it: tables, static files, shipped content, the first logins."""

from collections.abc import Callable
from datetime import UTC, datetime

from django.core.management import call_command

from caiso.engine.coverage.organisation.loading import default_organisation
from caiso.web.base.models import User
from caiso.web.base.services.installation import check_keys
from caiso.web.base.services.people import bootstrap_administrator, root_unit
from caiso.web.base.services.sealing import release, seal_pending
from caiso.web.base.textindex import complete_text_indexes
from caiso.web.compliance.library import library
from caiso.web.compliance.services.catalogue import take_library
from caiso.web.organisation.models import Duty
from caiso.web.organisation.services.catalogue import take_organisation
from caiso.web.reports.services.demo.load import load_demo
from caiso.web.reports.services.demo.remove import is_loaded

FIRST_LOGIN = "admin@localhost"


def prepare_store(*, with_demo: bool, tell: Callable[[str], None] = lambda line: None) -> dict[str, object]:
    """Migrate, collect static files, take in shipped content, make the first logins; what a person needs to sign in.

    The first password is shown once, so it is made last: a start that was stopped before it begins anew with the next.
    """
    tell("tables")
    call_command("migrate", verbosity=0, interactive=False)
    call_command("createcachetable", verbosity=0)  # does nothing where limits are counted in memory
    complete_text_indexes()
    call_command("collectstatic", verbosity=0, interactive=False)
    now = datetime.now(UTC)
    check_keys(now=now)
    root = root_unit(now=now)
    tell("shipped content")
    take_library(library(), now=now)
    if not Duty.objects.exists():
        take_organisation(default_organisation(), root=root, actor=None, now=now)
    logins: list[dict[str, object]] = []
    if with_demo and not User.objects.filter(is_demo=False).exists():
        logins = load_demo_logins(tell=tell)
    password = bootstrap_administrator(FIRST_LOGIN, now=now)
    if password:
        first = {"email": FIRST_LOGIN, "password": password, "role": "administrator and CAISO", "demo": False}
        logins.insert(0, first)
    seal_now("prepare")
    return {"logins": logins, "demo": is_loaded()}


def seal_now(owner: str) -> None:
    """Seal what waits in the audit trail while no worker does it; does nothing beside one that does."""
    now = datetime.now(UTC)
    seal_pending(owner=owner, now=now)
    release(owner, now=now)


def load_demo_logins(*, tell: Callable[[str], None]) -> list[dict[str, object]]:
    """Load the demo; its logins, which may be shown to whoever starts the product."""
    logins = load_demo(now=datetime.now(UTC), tell=lambda line: tell(f"demo organisation, {line}"))
    return [{"email": one.email, "password": one.password, "role": one.role, "demo": True} for one in logins]
