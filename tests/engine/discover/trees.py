"""Small source trees written in a test, and look-ups over what a scan finds in them."""

from __future__ import annotations

from textwrap import dedent

from caiso.engine.discover import Asset, ScanResult, SourceFile, scan_tree


def scan(**files: str | bytes) -> ScanResult:
    """Scan files given as keywords: `__` stands for a slash, `_dot_` for a dot."""
    return scan_paths({name.replace("__", "/").replace("_dot_", "."): text for name, text in files.items()})


def scan_paths(files: dict[str, str | bytes]) -> ScanResult:
    sources = [
        SourceFile.from_bytes(path, dedent(text).encode() if isinstance(text, str) else text)
        for path, text in files.items()
    ]
    return scan_tree(sources)


def python(text: str) -> ScanResult:
    return scan_paths({"app.py": text})


def typescript(text: str) -> ScanResult:
    return scan_paths({"app.ts": text})


def of(result: ScanResult, kind: str, status: str = "active") -> list[str]:
    """The names of the assets of one kind and status."""
    return [asset.name for asset in result.assets if asset.kind == kind and asset.status == status]


def one(result: ScanResult, kind: str) -> Asset:
    """The only asset of a kind."""
    found = [asset for asset in result.assets if asset.kind == kind]
    assert len(found) == 1, [(asset.name, asset.identity) for asset in found]
    return found[0]


def edges(result: ScanResult, asset: Asset) -> set[tuple[str, str]]:
    """Relations as (type, name of the target)."""
    names = {item.identity: item.name for item in result.assets}
    return {(edge.type, names[edge.target]) for edge in asset.relations}
