"""Reads package manifests and lock files: what is declared, at which version, on which line."""

from caiso.engine.discover.manifests.declared import Declared
from caiso.engine.discover.manifests.read import is_manifest, read_manifest

__all__ = ["Declared", "is_manifest", "read_manifest"]
