"""Finds the AI assets in source text, manifests and model files it is handed."""

from typing import TYPE_CHECKING, Any

from caiso.engine.discover.records import (
    KINDS,
    Asset,
    Evidence,
    Relation,
    ScanProblem,
    ScanResult,
    SourceFile,
    Status,
)

if TYPE_CHECKING:
    from caiso.engine.discover.scan import scan_tree

__all__ = [
    "KINDS",
    "Asset",
    "Evidence",
    "Relation",
    "ScanProblem",
    "ScanResult",
    "SourceFile",
    "Status",
    "scan_tree",
]


def __getattr__(name: str) -> Any:
    """Load the scanner with its parsers of languages when it is first asked for; the records alone need none."""
    if name != "scan_tree":
        raise AttributeError(name)
    from caiso.engine.discover.scan import scan_tree  # noqa: PLC0415 - see above

    return scan_tree
