"""Finds the AI assets in source text, manifests and model files it is handed."""

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
