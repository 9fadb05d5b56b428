"""Addresses of the built page assets, with the content hash so that browsers may keep them for long."""

import json
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.templatetags.static import static

BUILT = Path(__file__).resolve().parent.parent / "static" / "built"


@lru_cache(maxsize=1)
def _hashes(changed_ns: int) -> dict[str, str]:
    """{file: hash}; the argument makes a new build visible to a running development server."""
    if not changed_ns:
        return {}
    files: dict[str, str] = json.loads((BUILT / "manifest.json").read_text())["files"]
    return files


@lru_cache(maxsize=1)
def _installed_ns() -> int:
    return _changed_ns()


def _changed_ns() -> int:
    manifest = BUILT / "manifest.json"
    return manifest.stat().st_mtime_ns if manifest.is_file() else 0


def asset_url(name: str) -> str:
    """The address of a built file."""
    hashes = _hashes(_changed_ns() if settings.DEBUG else _installed_ns())
    return f"{static(f'built/{name}')}?v={hashes.get(name, 'unbuilt')}"
