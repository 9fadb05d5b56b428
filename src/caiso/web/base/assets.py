"""Addresses of the built page assets, with the content hash so that browsers may keep them for long."""

import json
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.templatetags.static import static

BUILT = Path(__file__).resolve().parent.parent / "static" / "built"


@lru_cache(maxsize=1)
def _installed_ns() -> int:
    return _changed_ns()


def _changed_ns() -> int:
    manifest = BUILT / "manifest.json"
    return manifest.stat().st_mtime_ns if manifest.is_file() else 0


@lru_cache(maxsize=64)
def _address(name: str, changed_ns: int) -> str:
    """The address; `changed_ns` makes a new build visible to a running development server."""
    files: dict[str, str] = json.loads((BUILT / "manifest.json").read_text())["files"] if changed_ns else {}
    return f"{static(f'built/{name}')}?v={files.get(name, 'unbuilt')}"


def asset_url(name: str) -> str:
    """The address of a built file."""
    return _address(name, _changed_ns() if settings.DEBUG else _installed_ns())
