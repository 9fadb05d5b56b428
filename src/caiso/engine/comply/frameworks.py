"""A framework (law, standard, list) as a versioned tree of requirements, and its ids in human order."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Annotated

from caiso.engine.packs import CONTENT, Fault, Length, Matches, PackKind, Slug, Title, Words, quoted

_NUMBERS = re.compile(r"(\d+)")


class FrameworkStatus(StrEnum):
    """Only `final` counts as a requirement; a report never calls a draft one."""

    DRAFT = "draft"
    FINAL = "final"
    SUPERSEDED = "superseded"
    REPEALED = "repealed"


class TextMode(StrEnum):
    """How much of the publisher's text is inside: licences of some allow only ids and our own words."""

    FULL = "full"
    SUMMARY = "summary"
    IDS_ONLY = "ids_only"


RequirementId = Annotated[str, Length(1, 60), Matches(r"\S(?:.*\S)?", "the publisher's id without spaces around it")]
Version = Annotated[str, Length(1, 30), Matches(r"\S+", "a version without spaces")]


@dataclass(frozen=True, slots=True)
class Requirement:
    """One node of a framework; `assessable` leaves are what coverage counts."""

    id: RequirementId
    level: Slug
    title: Title | None = None
    text: Words | None = None
    assessable: bool = False
    roles: tuple[Slug, ...] = ()
    applies_from: date | None = None
    applies_to: date | None = None
    superseded_by: RequirementId | None = None
    requirements: tuple["Requirement", ...] = ()

    def walk(self) -> Iterator["Requirement"]:
        yield self
        for child in self.requirements:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Framework:
    """A framework in one version; `counts` states the official number of nodes per level and is verified on load."""

    id: Slug
    version: Version
    title: Title
    publisher: Title
    status: FrameworkStatus
    licence: Title
    text_mode: TextMode
    source: Title
    published_on: date
    verified_on: date
    levels: Annotated[tuple[Slug, ...], Length(1, 8)]
    counts: dict[str, int]
    requirements: Annotated[tuple[Requirement, ...], Length(1, 2000)]
    note: Words | None = None
    reviewed_by: str | None = field(default=None)

    @property
    def key(self) -> str:
        return framework_key(self.id, self.version)

    def walk(self) -> Iterator[Requirement]:
        for requirement in self.requirements:
            yield from requirement.walk()

    def find(self, requirement: str) -> Requirement | None:
        return next((node for node in self.walk() if node.id == requirement), None)

    def count_by_level(self) -> dict[str, int]:
        found = Counter(node.level for node in self.walk())
        return {level: found[level] for level in self.levels}

    def faults(self) -> Iterator[Fault]:
        yield from _tree_faults(self.requirements, self.levels, ("requirements",), set())
        for level, count in self.count_by_level().items():
            if self.counts.get(level) != count:
                stated = self.counts.get(level, "nothing")
                yield Fault(("counts", level), f"counts says {stated} for {level}, the file has {count}")
        for level in self.counts:
            if level not in self.levels:
                yield Fault(("counts", level), f"{quoted(level)} is not one of the levels {', '.join(self.levels)}")


def _tree_faults(
    nodes: tuple[Requirement, ...], levels: tuple[str, ...], at: tuple[str | int, ...], seen: set[str]
) -> Iterator[Fault]:
    for index, node in enumerate(nodes):
        here = (*at, index)
        if node.id in seen:
            yield Fault((*here, "id"), f"requirement {quoted(node.id)} stands twice")
        seen.add(node.id)
        if node.level not in levels:
            yield Fault((*here, "level"), f"level {quoted(node.level)} is wrong, expected one of {', '.join(levels)}")
        if node.assessable and node.requirements:
            yield Fault((*here, "assessable"), f"{node.id} has requirements below it, so it is judged by these")
        yield from _tree_faults(node.requirements, levels, (*here, "requirements"), seen)


def framework_key(framework: str, version: str) -> str:
    """Ids are only unique inside a version: LLM03 of 2025 and of 2026 are different things."""
    return f"{framework}@{version}"


def in_order(requirement: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key by numeric parts, so that A.10.2 follows A.9.4 and MEASURE 2.10 follows MEASURE 2.9."""
    parts = _NUMBERS.split(requirement)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)


FRAMEWORKS = PackKind("framework", "frameworks", Framework, key=lambda framework: framework.key)
FRAMEWORK_FOLDER = CONTENT / FRAMEWORKS.folder
