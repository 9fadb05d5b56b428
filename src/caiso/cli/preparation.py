"""Remembers that a store is up to date, so that an unchanged one starts without asking Django first."""

import contextlib
import hashlib
import json
import os
import sqlite3
from importlib.metadata import version
from pathlib import Path

import caiso

WEB = Path(caiso.__file__).parent / "web"
FOREIGN_TABLES = ("django", "django-allauth")  # packages that bring migrations of their own
FOREIGN_FILES = ("django-htmx",)  # packages that bring static files


def fingerprint(data: Path) -> str | None:
    """What a prepared store depends on: our code's tables and files, and what the database says was applied to it.

    None where only Django can tell: no database yet, or one that is not a file.
    """
    database = data / "caiso.sqlite3"
    if os.environ.get("CAISO_DATABASE_URL") or not database.exists():
        return None
    try:
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)
        try:
            applied = connection.execute("SELECT app, name FROM django_migrations ORDER BY app, name").fetchall()
        finally:
            connection.close()
    except sqlite3.Error:
        return None
    folders = [WEB.parent / "content", *map(Path, json.loads(os.environ.get("CAISO_PACKS") or "[]"))]
    manifest = WEB / "static" / "built" / "manifest.json"
    parts = [
        caiso.__version__,
        *(f"{name} {version(name)}" for name in FOREIGN_TABLES + FOREIGN_FILES),
        *sorted(str(path.relative_to(WEB)) for path in WEB.glob("*/migrations/*.py")),
        *(f"{app}.{name}" for app, name in applied),
        *(line for folder in folders for line in _contents(folder)),
        manifest.read_text() if manifest.exists() else "",
        str((data / "static").exists()),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def recall(data: Path) -> dict[str, object] | None:
    """What the last preparation told, if nothing that it depends on has changed since; else None."""
    try:
        kept = json.loads(_path(data).read_text())
    except (FileNotFoundError, ValueError):
        return None
    told, now = kept.get("told"), fingerprint(data)
    return told if isinstance(told, dict) and now is not None and kept.get("fingerprint") == now else None


def remember(data: Path, told: dict[str, object]) -> dict[str, object]:
    """Keep what a preparation told, without any password that is not the demo's; returns it with the demo's logins.

    They are made when the demo is loaded, so a later preparation of a store that still has it takes them from the note.
    """
    path = _path(data)
    demo = _demo_logins(told)
    if not demo and told.get("demo") and path.exists():
        with contextlib.suppress(ValueError):
            demo = _demo_logins(json.loads(path.read_text()).get("told", {}))
            told = told | {"logins": [*_logins(told), *demo]}
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_text(json.dumps({"fingerprint": fingerprint(data), "told": told | {"logins": demo}}))
    return told


def forget(data: Path) -> None:
    """Make the next start prepare the store again."""
    _path(data).unlink(missing_ok=True)


def _logins(told: dict[str, object]) -> list[dict[str, object]]:
    logins = told.get("logins")
    return logins if isinstance(logins, list) else []


def _demo_logins(told: dict[str, object]) -> list[dict[str, object]]:
    return [login for login in _logins(told) if login.get("demo")]


def _contents(folder: Path) -> list[str]:
    """Name, size and time of each pack, so that changed content is taken in again."""
    found = ((path, path.stat()) for path in sorted(folder.rglob("*.yaml")))
    return [f"{path} {stat.st_size} {stat.st_mtime_ns}" for path, stat in found]


def _path(data: Path) -> Path:
    return data / "state" / "prepared.json"
