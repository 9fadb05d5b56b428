"""How public Sigma rules' log sources and field names map onto our events: content, one file for each family.

Sigma's taxonomy names fields as the products log them (``cs-uri-query``, ``CommandLine``, ``eventName``). A taxonomy says which
events are meant and what each field is called here; a rule that asks for a field without counterpart is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Final

from caiso.engine.detect.schema import EVENT_KINDS, FIELDS
from caiso.engine.packs import (
    CONTENT,
    Fault,
    Length,
    Pack,
    PackKind,
    PackProblem,
    Slug,
    Title,
    Words,
    load_folder,
    quoted,
)

FOLDER: Final = CONTENT / "taxonomies"
_Name = Annotated[str, Length(1, 120)]


@dataclass(frozen=True, slots=True)
class Source:
    """The log sources that a taxonomy stands for; an empty list takes any product, and no category or service."""

    products: tuple[_Name, ...] = ()
    categories: tuple[_Name, ...] = ()
    services: tuple[_Name, ...] = ()

    def covers(self, product: str | None, category: str | None, service: str | None) -> bool:
        if self.products and product not in self.products and not (product is None and self.categories):
            return False
        named = (category, self.categories), (service, self.services)
        return all((value in known) if known else value is None for value, known in named)


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """One mapping; ``requires`` are values that an event must have besides its kind."""

    id: Slug
    title: Title
    source: Source
    kinds: Annotated[tuple[_Name, ...], Length(1, 20)]
    fields: dict[str, str]
    description: Words = "-"
    requires: dict[str, str] = field(default_factory=dict)
    keywords: tuple[_Name, ...] = ()  # our fields in which a word without a field is looked for

    def faults(self) -> Iterable[Fault]:
        if not (self.source.products or self.source.categories or self.source.services):
            yield Fault(("source",), "stands for no log source, expected products, categories or services")
        for key, name in (*self.fields.items(), *((name, name) for name in self.requires)):
            if name not in FIELDS:
                where = ("fields", key) if key in self.fields else ("requires", key)
                yield Fault(where, f"{quoted(name)} is no field of our events")
        for index, kind in enumerate(self.kinds):
            if kind not in EVENT_KINDS:
                yield Fault(("kinds", index), f"{quoted(kind)}, expected one of {', '.join(EVENT_KINDS)}")
        for index, name in enumerate(self.keywords):
            if name not in FIELDS:
                yield Fault(("keywords", index), f"{quoted(name)} is no field of our events")

    def ours(self, name: str) -> str | None:
        """Our name of a field; Sigma's names differ in case from rule to rule. Our own names stay what they are."""
        found = self.fields.get(name)
        if found is None:
            found = self._lowered.get(name.lower())
        return found or (name if name in FIELDS else None)

    @property
    def _lowered(self) -> Mapping[str, str]:
        return _lowered(self.id, tuple(self.fields.items()))


@cache
def _lowered(_: str, fields: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    return {theirs.lower(): ours for theirs, ours in fields}


TAXONOMIES: Final = PackKind("taxonomy", "taxonomies", Taxonomy, lambda taxonomy: taxonomy.id)


def load_taxonomies(*folders: Path) -> tuple[tuple[Pack[Taxonomy], ...], tuple[PackProblem, ...]]:
    """The shipped taxonomies, then those of the users' content folders (each with ``taxonomies/`` inside)."""
    existing = [folder / "taxonomies" for folder in folders if (folder / "taxonomies").is_dir()]
    return load_folder(TAXONOMIES, FOLDER, *existing)


@cache
def shipped_taxonomies() -> tuple[Taxonomy, ...]:
    """The taxonomies that come with the product."""
    packs, problems = load_taxonomies()
    if problems:
        raise ValueError(str(problems[0]))
    return tuple(pack.value for pack in packs)
