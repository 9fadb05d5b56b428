"""What proxies in front of indexes of packages, and tools that watch what is installed, say about where a package comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from caiso.connect.telemetry.decode.times import nanoseconds
from caiso.connect.telemetry.records import UnableToAccept

_ECOSYSTEMS: Final = ("ecosystem", "format", "package_type", "package_manager", "registry", "purl")
_AGES: Final = ("component_age_days", "package_age_days", "first_release_age_days")
_FIRST: Final = ("first_published", "first_release", "first_published_at", "package_created_at", "first_seen_upstream")
_VERSION_BORN: Final = ("published_at", "version_published_at", "release_date", "published", "released_at", "created")
_USED = re.compile(r"download")
_PUBLISHER_AGE = re.compile(r"(?:publisher|maintainer|author|owner|uploader)[a-z_]{0,12}age_days")
_RUNS: Final = (
    "has_install_script", "install_scripts", "install_script", "has_postinstall", "postinstall", "build_script", "runs_on_install",
    "executes_on_install",
)  # fmt: skip
_SOURCES: Final = ("repository", "source_repository", "repo_url", "repository_url", "homepage", "source_url")
_LIKE: Final = ("similar_to", "lookalike_of", "typosquat_of", "resembles")
_PLACES: Final = ("repository", "registry", "index", "feed", "source", "remote", "repo")
_OURS = re.compile(r"(?i)internal|private|hosted|local|intranet|\bcorp\b|in-?house|first-party")
_NEW_DAYS: Final = 30
_FEW: Final = 1_000
_DAY_NS: Final = 86_400 * 10**9
_ENOUGH: Final = 2


def component(document: Mapping[str, Any]) -> str | None:
    """The package of a record that calls it a component and says of which kind; elsewhere a component is a program."""
    named = document.get("component")
    return named if isinstance(named, str) and any(name in document for name in _ECOSYSTEMS) else None


def told(document: Mapping[str, Any]) -> bool:
    """Whether the record says anything about a package's age, use or publisher."""
    return any(name in document for name in (*_AGES, *_FIRST, *_RUNS)) or any(
        _USED.search(name) or _PUBLISHER_AGE.fullmatch(name) for name in document
    )


def doubts(document: Mapping[str, Any], time: object) -> list[str] | None:
    """What speaks against it; ``unproven`` where a package of days ago has two other things against it. None for those of one's own index."""
    places = [place for name in _PLACES if isinstance(place := document.get(name), str)]
    if any(map(_OURS.search, places)):
        return None
    found = [name for name, holds in _against(document).items() if holds]
    few = "little_used" in found
    new = _is_new(document, _AGES, _FIRST, time) or (few and _is_new(document, (), _VERSION_BORN, time))
    if new:
        found = ["new", *found, *(["unproven"] if len(found) >= _ENOUGH else [])]
    return found or None


def _against(document: Mapping[str, Any]) -> dict[str, bool]:
    used = [value for name, value in document.items() if _USED.search(name) and _is_number(value)]
    ages = [value for name, value in document.items() if _PUBLISHER_AGE.fullmatch(name) and _is_number(value)]
    return {
        "little_used": bool(used) and max(used) < _FEW,
        "new_publisher": bool(ages) and min(ages) <= _NEW_DAYS,
        "runs_code": any(
            document.get(name) not in (None, False, 0, "", "false", []) for name in _RUNS if name in document
        ),
        "no_source": any(name in document and document[name] in (None, "", False) for name in _SOURCES),
        "lookalike": any(document.get(name) not in (None, False, "") for name in _LIKE),
    }


def _is_new(document: Mapping[str, Any], ages: tuple[str, ...], dates: tuple[str, ...], time: object) -> bool:
    days = next((document[name] for name in ages if _is_number(document.get(name))), None)
    if days is not None:
        return bool(days <= _NEW_DAYS)
    born = next((document[name] for name in dates if document.get(name)), None)
    if born is None:
        return False
    try:
        return 0 <= nanoseconds(time) - nanoseconds(born) <= _NEW_DAYS * _DAY_NS
    except UnableToAccept:
        return False


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
