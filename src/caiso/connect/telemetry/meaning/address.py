"""Takes an address on the web apart, as access logs and rules about them name its parts."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

_MOST: Final = 8192


def parts(url: str) -> dict[str, str]:
    """Host, path, query and file extension of an address, those that it has; an address that is none has no parts."""
    try:
        found = urlsplit(url[:_MOST])
        host = found.hostname or ""
    except ValueError:
        return {}
    last = found.path.rpartition("/")[2]
    named = {
        "server.address": host,
        "url.path": found.path,
        "url.query": found.query,
        "url.extension": last.rpartition(".")[2] if "." in last else "",
    }
    return {name: value for name, value in named.items() if value}
