"""Our own control library: one testable sentence each, with checks and typed links to requirements."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated

from caiso.engine.checks import STANDARD_COLLECTIONS, Check, CollectionSpec, check_faults
from caiso.engine.comply.frameworks import Framework, RequirementId, Version, framework_key
from caiso.engine.comply.relations import Relation, ReviewStatus
from caiso.engine.packs import (
    CONTENT,
    AtlasTechnique,
    Between,
    Doc,
    Fault,
    Length,
    Pack,
    PackKind,
    PackProblem,
    Slug,
    Title,
    Words,
    quoted,
)


class Stage(StrEnum):
    """Where in an AI system's life a control works; the same words as the inventory's."""

    DESIGN = "design"
    DATA = "data"
    TRAINING = "training"
    VALIDATION = "validation"
    DEPLOYMENT = "deployment"
    OPERATION = "operation"
    RETIREMENT = "retirement"


class Family(StrEnum):
    """What a control is about."""

    ACCOUNTABILITY = "accountability"
    INVENTORY = "inventory"
    DETECTION = "detection"
    RESPONSE = "response"
    ACCESS = "access"
    EVIDENCE = "evidence"
    RESILIENCE = "resilience"
    RISK = "risk"
    TESTING = "testing"
    SUPPLY_CHAIN = "supply_chain"
    TRANSPARENCY = "transparency"


@dataclass(frozen=True, slots=True)
class Link:
    """How a control relates to a requirement; `superset` means that the control asks for more than the requirement."""

    framework: Slug
    version: Version
    requirement: RequirementId
    relation: Relation
    strength: Annotated[int, Between(0, 10), Doc("0 none, 10 the same demand")]
    rationale: Words
    status: ReviewStatus = ReviewStatus.UNREVIEWED
    reviewer: str | None = None
    reviewed_on: date | None = None

    def faults(self) -> Iterator[Fault]:
        if self.status is ReviewStatus.REVIEWED and (self.reviewer is None or self.reviewed_on is None):
            yield Fault(("status",), "a reviewed link names its reviewer and reviewed_on")


@dataclass(frozen=True, slots=True)
class Control:
    """A measure of our own that protects AI; `statement` is one sentence that is either true or false."""

    id: Slug
    title: Title
    statement: Words
    family: Family
    lifecycle: Annotated[tuple[Stage, ...], Length(1, 7)]
    owner: Annotated[Slug, Doc("id of the organisation role that answers for it")]
    techniques: tuple[AtlasTechnique, ...] = ()
    checks: Annotated[tuple[Check, ...], Length(0, 8)] = ()
    links: Annotated[tuple[Link, ...], Length(0, 60)] = ()
    note: Words | None = None

    def faults(self) -> Iterator[Fault]:
        seen: set[str] = set()
        for index, check in enumerate(self.checks):
            if check.id in seen:
                yield Fault(("checks", index, "id"), f"check {quoted(check.id)} stands twice in this control")
            seen.add(check.id)
        targets: set[tuple[str, str, str]] = set()
        for index, link in enumerate(self.links):
            target = (link.framework, link.version, link.requirement)
            if target in targets:
                yield Fault(("links", index, "requirement"), f"{link.requirement} is linked twice")
            targets.add(target)


def control_kind(
    frameworks: Iterable[Framework] | None = None,
    collections: Mapping[str, CollectionSpec] = STANDARD_COLLECTIONS,
) -> PackKind[Control]:
    """The kind `control`; with `frameworks`, a link to a requirement that does not exist is a problem too."""
    known = None if frameworks is None else {framework.key: framework for framework in frameworks}

    def check(packs: Sequence[Pack[Control]]) -> Iterator[PackProblem]:
        for pack in packs:
            yield from _reference_problems(pack, known, collections)

    return PackKind("control", "controls", Control, key=lambda control: control.id, check=check)


def _reference_problems(
    pack: Pack[Control], frameworks: Mapping[str, Framework] | None, collections: Mapping[str, CollectionSpec]
) -> Iterator[PackProblem]:
    if pack.path.stem != pack.value.id:
        yield pack.problem(("id",), f"id {quoted(pack.value.id)} must be the file's name, {quoted(pack.path.stem)}")
    for index, check in enumerate(pack.value.checks):
        for fault in check_faults(check, collections):
            yield pack.problem(("checks", index, *fault.at), fault.message)
    if frameworks is None:
        return
    for index, link in enumerate(pack.value.links):
        framework = frameworks.get(framework_key(link.framework, link.version))
        if framework is None:
            known = ", ".join(sorted(frameworks)) or "none is loaded"
            message = f"framework {quoted(framework_key(link.framework, link.version))} is not known, expected {known}"
            yield pack.problem(("links", index, "framework"), message)
        elif framework.find(link.requirement) is None:
            message = f"{framework.key} has no requirement {quoted(link.requirement)}"
            yield pack.problem(("links", index, "requirement"), message)


CONTROLS = control_kind()
CONTROL_FOLDER = CONTENT / CONTROLS.folder
