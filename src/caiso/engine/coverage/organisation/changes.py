"""The language in which a scenario says what it changes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Literal

from caiso.engine.coverage.organisation.model import Family, Hours, Level, LineKind, Money, RaciKind, Stage
from caiso.engine.packs import Between, Fault, Length, Slug, Title, Words

Operation = Literal[
    "add_role_from_template",
    "add_role",
    "change_role",
    "remove_role",
    "assign",
    "unassign",
    "move",
    "hire",
    "appoint",
    "leave",
    "train",
    "change_line",
    "remove_line",
    "delegate",
    "change_person",
    "add_duty",
    "change_duty",
    "remove_duty",
]

# The fields without which an operation means nothing; everything else has a default.
REQUIRED: dict[str, tuple[str, ...]] = {
    "add_role_from_template": ("role",),
    "add_role": ("role", "title"),
    "change_role": ("role",),
    "remove_role": ("role",),
    "assign": ("duty", "role", "kind"),
    "unassign": ("duty", "role"),
    "move": ("to",),
    "hire": ("role", "person"),
    "appoint": ("role", "person"),
    "leave": ("person",),
    "train": ("competence", "level"),
    "change_line": ("role", "to"),
    "remove_line": ("role", "to"),
    "delegate": ("person", "to", "role"),
    "change_person": ("person",),
    "add_duty": ("duty", "title", "family"),
    "change_duty": ("duty",),
    "remove_duty": ("duty",),
}


@dataclass(frozen=True, slots=True)
class Change:
    """One step; `op` decides which of the other fields are read (docs/organisation.md lists them)."""

    op: Operation
    role: Slug | None = None
    person: Slug | None = None
    duty: Slug | None = None
    to: Slug | None = None
    title: Title | None = None
    description: Words | None = None
    family: Family | None = None
    stages: tuple[Stage, ...] = ()
    priority: Annotated[int, Between(1, 5)] | None = None
    kind: RaciKind | None = None
    line: LineKind = "solid"
    covers: Annotated[str, Length(0, 400)] = ""
    families: tuple[Family, ...] = ()
    duties: tuple[Slug, ...] = ()
    ai_security: bool | None = None
    leave: RaciKind | None = "C"
    take_over: bool = True
    unit: Slug | None = None
    system: Slug | None = None
    competence: Slug | None = None
    level: Level | None = None
    competences: dict[str, Level] = field(default_factory=dict)
    requires: dict[str, Level] = field(default_factory=dict)
    authority: Annotated[int, Between(0, 5)] | None = None
    hours: Hours | None = None
    share: Annotated[float, Between(0, 1)] | None = None
    acting: bool = False
    cost: Money = 0.0
    annual_cost: Money | None = None
    attested_by: Annotated[str, Length(0, 200)] = ""
    on: date | None = None

    def faults(self) -> Iterator[Fault]:
        for name in REQUIRED[self.op]:
            if getattr(self, name) is None:
                yield Fault(("op",), f"{self.op} needs the key {name}")
        if self.op == "move" and not (self.duties or self.families or self.ai_security is not None):
            yield Fault(("op",), "move needs duties, families or ai_security to say what moves")
        if self.op == "train" and (self.person is None) == (self.role is None):
            yield Fault(("op",), "train needs either a person or a role")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A copy of the organisation with changes, to be compared and then adopted or discarded."""

    id: Slug
    title: Title
    description: Words
    changes: tuple[Change, ...]
