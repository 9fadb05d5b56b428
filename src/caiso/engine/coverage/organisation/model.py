"""What an organisation is made of: people, roles, duties, and who answers for which."""

from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Literal

from caiso.engine.packs import Between, Length, Matches, Slug, Title, Words

Level = Annotated[int, Between(0, 4)]
Hours = Annotated[float, Between(0, 168)]
Money = Annotated[float, Between(0, 1e12)]
Family = Literal[
    "ai", "technology", "security", "strategic", "operational", "technical", "grc", "collaboration", "other"
]
Stage = Literal["design", "data", "training", "validation", "deployment", "operation", "retirement"]
RaciKind = Literal["R", "A", "C", "I"]
LineKind = Literal["solid", "dotted"]
Act = Annotated[
    str,
    Matches(
        r"(?:build|assure|request|approve|attack|rate):[a-z0-9]+(?:-[a-z0-9]+)*",
        "build, assure, request, approve, attack or rate, a colon and a subject such as assure:ai-controls",
    ),
]

FAMILIES: tuple[Family, ...] = (
    "ai",
    "technology",
    "security",
    "strategic",
    "operational",
    "technical",
    "grc",
    "collaboration",
    "other",
)
STAGES: tuple[Stage, ...] = ("design", "data", "training", "validation", "deployment", "operation", "retirement")
FULL_TIME_HOURS = 40.0


@dataclass(frozen=True, slots=True)
class Competence:
    """Something a role or person can be good at; five anchors say what levels 0 to 4 look like."""

    id: Slug
    title: Title
    anchors: Annotated[tuple[Title, ...], Length(5, 5)]
    description: Annotated[str, Length(0, 4000)] = ""


@dataclass(frozen=True, slots=True)
class Topic:
    """A subject on which several roles work without answering for the same duty."""

    id: Slug
    title: Title


@dataclass(frozen=True, slots=True)
class Duty:
    """What somebody must own; `effort_hours` is per week, `priority` 1 is served first when time is short."""

    id: Slug
    title: Title
    description: Words
    family: Family
    ai_security: bool = False
    stages: tuple[Stage, ...] = ()
    requires: dict[str, Level] = field(default_factory=dict)
    effort_hours: Hours = 1.0
    priority: Annotated[int, Between(1, 5)] = 3
    cadence_days: Annotated[int, Between(1, 3660)] | None = None
    topics: tuple[Slug, ...] = ()
    acts: tuple[Act, ...] = ()
    controls: tuple[Slug, ...] = ()
    techniques: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Role:
    """A position in the organisation; competences and authority are assumptions until `confirmed`.

    `capacity_hours` is what a full-time holder can give to recorded duties in a week; `annual_cost` is per holder.
    """

    id: Slug
    title: Title
    description: Annotated[str, Length(0, 4000)] = ""
    competences: dict[str, Level] = field(default_factory=dict)
    authority: Annotated[int, Between(0, 5)] | None = None
    capacity_hours: Hours = FULL_TIME_HOURS
    annual_cost: Money = 0.0
    template: bool = False
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Skill:
    """A person's level; it counts only when somebody attested it on a date."""

    competence: Slug
    level: Level
    attested_by: Annotated[str, Length(0, 200)] = ""
    attested_on: date | None = None

    def attested(self, as_of: date) -> bool:
        return bool(self.attested_by) and self.attested_on is not None and self.attested_on <= as_of


@dataclass(frozen=True, slots=True)
class Period:
    """Days from and to, both included; an open end is left out."""

    since_on: date | None = None
    until_on: date | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the organisation (not a login); `unnamed` marks the stand-in of a template."""

    id: Slug
    name: Title
    unit: Slug | None = None
    hours_per_week: Hours = FULL_TIME_HOURS
    skills: tuple[Skill, ...] = ()
    absences: tuple[Period, ...] = ()
    unnamed: bool = False


@dataclass(frozen=True, slots=True)
class Holding:
    """A person holds a role between two days; `share` is the part of the person's week given to it."""

    person: Slug
    role: Slug
    since_on: date | None = None
    until_on: date | None = None
    acting: bool = False
    share: Annotated[float, Between(0, 1)] | None = None

    @property
    def record(self) -> str:
        return f"holding:{self.person}:{self.role}"


@dataclass(frozen=True, slots=True)
class Delegate:
    """While `person` is absent, `delegate` stands in for the role, or for the listed duties only."""

    person: Slug
    delegate: Slug
    role: Slug
    since_on: date | None = None
    until_on: date | None = None
    duties: tuple[Slug, ...] = ()

    @property
    def record(self) -> str:
        return f"delegate:{self.person}:{self.delegate}:{self.role}"


@dataclass(frozen=True, slots=True)
class Assignment:
    """A role is responsible, accountable, consulted or informed for a duty, everywhere or in one scope."""

    duty: Slug
    role: Slug
    kind: RaciKind
    unit: Slug | None = None
    system: Slug | None = None
    since_on: date | None = None
    until_on: date | None = None

    @property
    def scope(self) -> str:
        """`` for the whole organisation, else `unit:<id>` or `system:<id>`."""
        if self.system:
            return f"system:{self.system}"
        return f"unit:{self.unit}" if self.unit else ""

    @property
    def record(self) -> str:
        return f"assignment:{self.duty}:{self.role}:{self.kind}" + (f"@{self.scope}" if self.scope else "")


@dataclass(frozen=True, slots=True)
class ReportingLine:
    """`from` answers to `to`; solid lines form a tree, dotted ones may not repeat a solid one."""

    from_: Slug
    to: Slug
    kind: LineKind = "solid"
    covers: Annotated[str, Length(0, 400)] = ""
    since_on: date | None = None
    until_on: date | None = None

    @property
    def record(self) -> str:
        return f"line:{self.from_}:{self.to}:{self.kind}"


@dataclass(frozen=True, slots=True)
class Unit:
    """A business unit; units form a tree."""

    id: Slug
    title: Title
    parent: Slug | None = None


@dataclass(frozen=True, slots=True)
class AiSystem:
    """An AI system as the organisation sees it: where it belongs and which roles own its security and its AI side."""

    id: Slug
    title: Title
    unit: Slug | None = None
    stage: Stage = "operation"
    security_owner: Slug | None = None
    ai_owner: Slug | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """What the reporting-structure advisor must know about an organisation."""

    size: Literal["small", "medium", "large", "very-large"] = "large"
    sector: Slug = "general"
    regulation: Literal["light", "moderate", "heavy"] = "moderate"
    ai_criticality: Literal["supporting", "important", "core", "existential"] = "important"
    maturity: Annotated[int, Between(1, 5)] = 2
    risk_function: Literal["none", "developing", "strong"] = "developing"
    security_in: Literal["apart", "technology"] = "apart"
    weights: dict[str, Annotated[float, Between(0, 10)]] = field(default_factory=dict)


def active(record: Holding | Delegate | Assignment | ReportingLine | Period, as_of: date) -> bool:
    """Whether a dated record holds on a day; both ends are included."""
    return (record.since_on is None or record.since_on <= as_of) and (
        record.until_on is None or as_of <= record.until_on
    )
