"""Brings a store up to date before anything runs on it: tables, static files, the first logins."""

from datetime import UTC, datetime

from django.core.management import call_command

from caiso.web.base.services.people import bootstrap_administrator

FIRST_LOGIN = "admin@localhost"


def prepare_store(*, with_demo: bool) -> dict[str, object]:
    """Migrate, collect static files, make the first logins; returns what a person needs to sign in."""
    call_command("migrate", verbosity=0, interactive=False)
    call_command("collectstatic", verbosity=0, interactive=False)
    logins: list[dict[str, object]] = []
    password = bootstrap_administrator(FIRST_LOGIN, now=datetime.now(UTC))
    if password:
        logins.append({"email": FIRST_LOGIN, "password": password, "role": "administrator and CAISO", "demo": False})
    return {"logins": logins}
