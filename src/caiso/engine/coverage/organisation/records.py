"""Dated records that measures read: tools, processes, acceptances, decisions, evidence about people."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from caiso.engine.coverage.organisation.model import Level, Money
from caiso.engine.packs import Between, Fault, Length, Slug, Title, Words

OptionalText = Annotated[str, Length(0, 1000)]
# The fields without which an authority record of a kind says nothing.
TOLD_BY: dict[str, tuple[str, ...]] = {
    "appointment": ("level",),
    "contact": ("with_roles",),
    "decision-right": ("subject",),
    "budget": ("need", "approved"),
    "escalation-path": ("with_roles",),
    "attestation": ("check", "holds", "attested_by", "evidence"),
}


@dataclass(frozen=True, slots=True)
class AuthorityRecord:
    """Something on file about a role's authority; which fields matter depends on `kind`.

    appointment: level. board-attendance, contact: with_roles. decision-right: subject. budget: need, approved.
    escalation-path: with_roles (to whom, by-passing the solid line). attestation: check, holds.
    """

    id: Slug
    kind: Literal[
        "appointment", "board-attendance", "contact", "decision-right", "budget", "escalation-path", "attestation"
    ]
    role: Slug
    on: date
    evidence: OptionalText = ""
    level: Annotated[int, Between(0, 5)] | None = None
    with_roles: tuple[Slug, ...] = ()
    subject: OptionalText = ""
    need: Money | None = None
    approved: Money | None = None
    check: Slug | None = None
    holds: bool | None = None
    attested_by: Annotated[str, Length(0, 200)] = ""

    def faults(self) -> Iterator[Fault]:
        for name in TOLD_BY.get(self.kind, ()):
            if getattr(self, name) in (None, "", ()):
                yield Fault(("kind",), f"kind {self.kind} needs the key {name}")


@dataclass(frozen=True, slots=True)
class Tool:
    """A security or governance tool with what it can do, what it costs and how it was chosen."""

    id: Slug
    title: Title
    domain: Literal["security", "governance", "shared"]
    capabilities: tuple[Slug, ...] = ()
    annual_cost: Money = 0.0
    owner: Slug | None = None
    decision: OptionalText = ""
    decided_on: date | None = None


@dataclass(frozen=True, slots=True)
class Process:
    """A policy or assessment that serves a requirement, for one system or for all; `outcome` is what it says."""

    id: Slug
    title: Title
    kind: Literal["policy", "assessment"]
    requirement: Title
    system: Slug | None = None
    owner: Slug | None = None
    outcome: OptionalText = ""


@dataclass(frozen=True, slots=True)
class RiskAcceptance:
    """Who signed when a system's risk was accepted, as role ids."""

    id: Slug
    system: Slug
    on: date
    signed_by: tuple[Slug, ...]


@dataclass(frozen=True, slots=True)
class RequirementLink:
    """Two requirements of different regulations that meet: the same duty twice, or duties that pull apart."""

    id: Slug
    left: Title
    left_requirement: Title
    right: Title
    right_requirement: Title
    relation: Literal["overlap", "conflict"]
    note: OptionalText = ""


@dataclass(frozen=True, slots=True)
class TeamNeed:
    """The level that people of a unit need in a competence; `people` is how many of them need it, all when left out.

    Without a unit it is everybody's need.
    """

    competence: Slug
    level: Level
    unit: Slug | None = None
    people: Annotated[int, Between(1, 1_000_000)] | None = None


@dataclass(frozen=True, slots=True)
class ScorecardEvidence:
    """What somebody saw of a person against a scorecard item."""

    id: Slug
    person: Slug
    item: Slug
    level: Level
    on: date
    attested_by: Title
    evidence: Words
