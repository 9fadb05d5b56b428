"""What the framework says, as data: findings to recognise, criteria, checks, skills and rules."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal, get_args, get_type_hints

from caiso.engine.coverage.organisation.model import Assignment, Level, Money, Profile, ReportingLine
from caiso.engine.packs import Between, Fault, Length, Slug, Title, Words, quoted

Points = Annotated[float, Between(0, 5)]
# The fields of a profile that a rule may ask about, with their values; a sector may be any word.
PROFILE_VALUES: dict[str, tuple[str, ...]] = {
    **{name: get_args(hint) for name, hint in get_type_hints(Profile).items() if get_args(hint)},
    "sector": (),
    "maturity": ("1", "2", "3", "4", "5"),
}
del PROFILE_VALUES["weights"]


@dataclass(frozen=True, slots=True)
class GrcFocus:
    """What a role looks at in governance, in risk or in compliance, with the topics that makes it share."""

    id: Slug
    role: Slug
    area: Literal["governance", "risk", "compliance"]
    description: Words
    topics: tuple[Slug, ...]


@dataclass(frozen=True, slots=True)
class Crossover:
    """A crossover that the framework describes: the roles and the topics on which they are said to meet."""

    id: Slug
    title: Title
    roles: Annotated[tuple[Slug, ...], Length(2, 4)]
    topics: Annotated[tuple[Slug, ...], Length(1)]
    description: Words


@dataclass(frozen=True, slots=True)
class Deficiency:
    """A weakness that the framework names in a role: the AI security duties it hurts, through which competences."""

    id: Slug
    role: Slug
    title: Title
    description: Words
    duties: Annotated[tuple[Slug, ...], Length(1)]
    competences: Annotated[tuple[Slug, ...], Length(1)]


@dataclass(frozen=True, slots=True)
class DefinitionAspect:
    """One of the aspects that define a role, with the duties that carry it out."""

    id: Slug
    role: Slug
    title: Title
    description: Words
    duties: tuple[Slug, ...] = ()


@dataclass(frozen=True, slots=True)
class ScorecardItem:
    """Something the holder of a role should bring; `competence` lets attested skills serve as evidence."""

    id: Slug
    role: Slug
    group: Literal["technical", "leadership", "business", "qualification", "attribute"]
    title: Title
    description: Words
    needed: Level = 3
    competence: Slug | None = None


@dataclass(frozen=True, slots=True)
class Criterion:
    """A question by which reporting structures are compared, with its weight before the profile speaks."""

    id: Slug
    title: Title
    description: Words
    weight: Annotated[float, Between(0, 10)] = 3.0


@dataclass(frozen=True, slots=True)
class LinePoints:
    """What a line to `superior` gives on a criterion, solid or dotted, and why."""

    criterion: Slug
    superior: Slug
    solid: Points
    dotted: Points
    reason: Words


@dataclass(frozen=True, slots=True)
class ProfileRule:
    """When the profile matches every field of `when`: change points of a solid line, or the weight of a criterion."""

    criterion: Slug
    when: dict[str, tuple[str, ...]]
    reason: Words
    superior: Slug | None = None
    points: Annotated[float, Between(-5, 5)] = 0.0
    weight: Annotated[float, Between(-10, 10)] = 0.0

    def faults(self) -> Iterator[Fault]:
        for name, values in self.when.items():
            allowed = PROFILE_VALUES.get(name)
            if allowed is None:
                yield Fault(("when", name), f"when: unknown field {quoted(name)}, expected one of {_known_fields()}")
                continue
            for value in values:
                if allowed and value not in allowed:
                    expected = ", ".join(allowed)
                    yield Fault(("when", name), f"when: {name} is never {quoted(value)}, expected one of {expected}")


def _known_fields() -> str:
    return ", ".join(PROFILE_VALUES)


@dataclass(frozen=True, slots=True)
class Alternative:
    """A way to place the role: one solid line, any dotted ones, and roles it only keeps in close contact with."""

    id: Slug
    role: Slug
    title: Title
    description: Words
    solid: Slug
    dotted: tuple[Slug, ...] = ()
    contacts: tuple[Slug, ...] = ()
    primary: bool = False


@dataclass(frozen=True, slots=True)
class Advantage:
    """What the framework expects from a line, tied to the criterion that measures it."""

    id: Slug
    line: Literal["primary", "dotted"]
    title: Title
    description: Words
    criterion: Slug


@dataclass(frozen=True, slots=True)
class AuthorityCheck:
    """One of the conditions that must hold whatever the structure; `measure` names the computation in authority."""

    id: Slug
    title: Title
    description: Words
    measure: Literal["level", "board", "contact", "decision-rights", "resources", "independence"]
    within_days: Annotated[int, Between(1, 3660)] = 365
    least: Annotated[float, Between(0, 100)] = 1.0
    with_roles: tuple[Slug, ...] = ()


@dataclass(frozen=True, slots=True)
class ConflictRule:
    """Two acts on one subject that one role or person must not both do."""

    id: Slug
    title: Title
    description: Words
    left: Literal["build", "request", "attack"]
    right: Literal["assure", "approve", "rate"]


@dataclass(frozen=True, slots=True)
class RoleTemplate:
    """What comes with a role when it is added: its duties and its lines; the role itself is one flagged template."""

    role: Slug
    title: Title
    assignments: tuple[Assignment, ...] = ()
    lines: tuple[ReportingLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Training:
    """A course that lifts a competence from one level to another; cost and hours are per person."""

    id: Slug
    title: Title
    competence: Slug
    from_: Level
    to: Level
    cost: Money = 0.0
    hours: Annotated[float, Between(0, 4000)] = 0.0


@dataclass(frozen=True, slots=True)
class Capability:
    """Something that security and governance tools together should be able to do."""

    id: Slug
    title: Title
    domain: Literal["security", "governance", "shared"] = "shared"
    topics: tuple[Slug, ...] = field(default_factory=tuple)
