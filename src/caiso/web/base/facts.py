"""The registry of facts: collections of records that controls, metrics and gates may ask about.

Every app registers its collections in apps.py; a lower app asks through this registry and never imports a higher one.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.db.models import F, Model, QuerySet
from django.db.models.expressions import Combinable

from caiso.errors import DomainError

FieldKind = Literal["text", "number", "boolean", "moment", "day"]


class UnknownCollection(DomainError):
    """A check names a collection or a field that no app registered."""


@dataclass(frozen=True)
class Field:
    """One typed field of a collection and where the database has it."""

    name: str
    kind: FieldKind
    # An ORM lookup ("owner__name"), empty for the field's own name, or an expression (Exists, Count, Case …).
    source: str | Combinable = ""
    title: str = ""

    @property
    def expression(self) -> Combinable:
        """What is annotated under the field's name."""
        return F(self.source or self.name) if isinstance(self.source, str) else self.source


@dataclass(frozen=True)
class Collection:
    """Records of one kind, with the fields that a check may filter by."""

    name: str
    fields: tuple[Field, ...]
    # Lookup of what a check's result is grouped by, such as "asset_id".
    scope_key: str
    unit_lookup: str
    queryset: Callable[[], QuerySet[Any]]
    link: Callable[[Any], str]
    title: str = ""
    by_name: Mapping[str, Field] = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {one.name: one for one in self.fields})
        if len(self.by_name) != len(self.fields):
            raise ValueError(f"collection {self.name}: a field is named twice")

    def field_named(self, name: str) -> Field:
        """The field of that name; a refusal lists the ones there are."""
        if name not in self.by_name:
            raise UnknownCollection(
                f"collection {self.name} has no field {name!r}, expected one of {', '.join(sorted(self.by_name))}"
            )
        return self.by_name[name]


_COLLECTIONS: dict[str, Collection] = {}


def register(collection: Collection) -> None:
    """Make a collection known; a second one of the same name is a mistake of the program."""
    if collection.name in _COLLECTIONS:
        raise ValueError(f"collection {collection.name} is registered twice")
    _COLLECTIONS[collection.name] = collection


def collection(name: str) -> Collection:
    """The collection of that name; a refusal lists the ones there are."""
    if name not in _COLLECTIONS:
        raise UnknownCollection(f"no collection {name!r}, expected one of {', '.join(sorted(_COLLECTIONS)) or 'none'}")
    return _COLLECTIONS[name]


def collections() -> tuple[Collection, ...]:
    """Every registered collection, by name."""
    return tuple(_COLLECTIONS[name] for name in sorted(_COLLECTIONS))


def link_of(name: str, row: Model) -> str:
    """The page of one record of a collection."""
    return collection(name).link(row)
