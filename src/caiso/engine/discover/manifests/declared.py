"""One declared package."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Declared:
    """A package line of a manifest; `commented` lines are switched off, `locked` ones give only a version."""

    ecosystem: str
    name: str
    version: str
    line: int
    commented: bool = False
    locked: bool = False
    development: bool = False
