"""What makes two findings the same asset: the identity that the inventory keeps, and the asset that has it already."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from caiso.web.base.models import Unit
from caiso.web.inventory.models import Asset, AssetAlias, AssetKind

LONGEST_IDENTITY = 500
CHUNK = 400
# Names that mean the same thing wherever they are written; everything else is known only inside its place.
_EVERYWHERE = ("pkg:", "framework:", "provider:", "ollama/", "mcp_server:stdio:", "mcp_server:https:")
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "::1", "host.docker.internal"})  # noqa: S104 - compared, not bound
_SPACE = re.compile(r"\s+")


def clean(text: object, limit: int) -> str:
    """One line of at most `limit` characters, without control, direction and surrogate characters.

    File names and identifiers come from whoever wrote the scanned source.
    """
    visible = (char for char in str(text)[: limit * 4] if char.isspace() or unicodedata.category(char)[0] != "C")
    return _SPACE.sub(" ", "".join(visible)).strip()[:limit]


def place_of(target: str) -> str:
    """A scan target as the inventory compares it: the same repository or folder gives the same text."""
    text = clean(target, 500)
    if "://" not in text:
        return text.rstrip("/\\") or text
    parts = urlsplit(text)
    host = (parts.hostname or "").lower() + (f":{parts.port}" if parts.port else "")
    return f"{parts.scheme.lower()}://{host}{parts.path.rstrip('/').removesuffix('.git')}"


def inventory_identity(kind: str, identity: str, *, place: str) -> str:
    """The identity under which a finding is kept. One that only means something inside its tree carries the place."""
    named = identity if identity.startswith(("pkg:", f"{kind}:")) else f"{kind}:{identity}"
    if not _means_the_same_everywhere(kind, identity):
        named = f"{named} in {place}"
    if len(named) <= LONGEST_IDENTITY:
        return named
    return f"{named[:400]} {hashlib.sha256(named.encode()).hexdigest()}"


def _means_the_same_everywhere(kind: str, identity: str) -> bool:
    if kind == AssetKind.HOSTED_MODEL or ":sha256:" in identity or identity.startswith(_EVERYWHERE):
        return True
    if kind == AssetKind.ENDPOINT:
        host = urlsplit(identity.removeprefix("endpoint:")).hostname or ""
        return "." in host and host not in _LOCAL_HOSTS
    # A tool that a library brings is named by library and tool; one that is written here by file and function.
    return kind == AssetKind.TOOL and "#" not in identity


@dataclass(frozen=True)
class Sought:
    """An identity in a unit and below it, and among the parts of a system."""

    identity: str
    unit: Unit
    system: Asset | None = None


def known_assets(identities: Iterable[str], *, unit: Unit, system: Asset | None = None) -> dict[str, Asset]:
    """{identity: the asset that has it} for identities that are sought in one place; see ``known_for``."""
    found = known_for([Sought(identity, unit, system) for identity in sorted(set(identities))])
    return {sought.identity: asset for sought, asset in found.items()}


def known_for(sought: Iterable[Sought]) -> dict[Sought, Asset]:
    """The asset that has each identity, by its own or a merged one, in the unit or below it; what has none is left out.

    An asset of another unit is not taken: its people would see findings of a unit that is not theirs, and this unit
    would not see its own. The system's own part goes before one of the same unit, and that before one of a child.
    """
    wanted = list(dict.fromkeys(sought))
    candidates: dict[str, list[Asset]] = {}
    names = sorted({one.identity for one in wanted})
    for start in range(0, len(names), CHUNK):
        part = names[start : start + CHUNK]
        for asset in Asset.objects.filter(identity__in=part).select_related("unit"):
            candidates.setdefault(asset.identity, []).append(asset)
        for alias in AssetAlias.objects.filter(identity__in=part).select_related("asset__unit"):
            candidates.setdefault(alias.identity, []).append(alias.asset)
    found: dict[Sought, Asset] = {}
    for one in wanted:
        near = [asset for asset in candidates.get(one.identity, ()) if _is_in_reach(asset, one)]
        if near:
            found[one] = max(near, key=lambda asset: _nearness(asset, one))
    return found


def _is_in_reach(asset: Asset, sought: Sought) -> bool:
    is_part = sought.system is not None and asset.system_id == sought.system.pk
    return is_part or asset.unit.path.startswith(sought.unit.path)


def _nearness(asset: Asset, sought: Sought) -> tuple[bool, bool, int]:
    is_part = sought.system is not None and asset.system_id == sought.system.pk
    return is_part, asset.unit_id == sought.unit.pk, -asset.pk
