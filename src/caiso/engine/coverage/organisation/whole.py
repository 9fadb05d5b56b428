"""The organisation as one value, and how fragments of it are joined."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

from caiso.engine.coverage.organisation import catalogue, records
from caiso.engine.coverage.organisation.changes import Scenario
from caiso.engine.coverage.organisation.model import (
    AiSystem,
    Assignment,
    Competence,
    Delegate,
    Duty,
    Holding,
    Person,
    Profile,
    ReportingLine,
    Role,
    Topic,
    Unit,
)
from caiso.engine.packs import Fault, Slug, Title

# What an organisation of one's own may leave out of the one that it extends, since dated records only ever add up.
Arranged = Literal["people", "holdings", "assignments", "lines", "scenarios"]


@dataclass(frozen=True, slots=True)
class Organisation:
    """Everything the computations read; a YAML file may hold any part of it.

    `extends: default` starts from the shipped catalogue, `without` leaves out what of it this organisation arranges
    differently. `setup` marks a shipped file as part of a built-in organisation of that name instead of the catalogue.
    """

    id: Slug
    title: Title = "Organisation"
    extends: Slug | None = None
    without: tuple[Arranged, ...] = ()
    setup: Slug | None = None
    profile: Profile | None = None
    competences: tuple[Competence, ...] = ()
    topics: tuple[Topic, ...] = ()
    units: tuple[Unit, ...] = ()
    systems: tuple[AiSystem, ...] = ()
    duties: tuple[Duty, ...] = ()
    roles: tuple[Role, ...] = ()
    people: tuple[Person, ...] = ()
    holdings: tuple[Holding, ...] = ()
    delegates: tuple[Delegate, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    lines: tuple[ReportingLine, ...] = ()
    templates: tuple[catalogue.RoleTemplate, ...] = ()
    scenarios: tuple[Scenario, ...] = ()
    focuses: tuple[catalogue.GrcFocus, ...] = ()
    crossovers: tuple[catalogue.Crossover, ...] = ()
    deficiencies: tuple[catalogue.Deficiency, ...] = ()
    definition: tuple[catalogue.DefinitionAspect, ...] = ()
    scorecard: tuple[catalogue.ScorecardItem, ...] = ()
    criteria: tuple[catalogue.Criterion, ...] = ()
    points: tuple[catalogue.LinePoints, ...] = ()
    profile_rules: tuple[catalogue.ProfileRule, ...] = ()
    alternatives: tuple[catalogue.Alternative, ...] = ()
    advantages: tuple[catalogue.Advantage, ...] = ()
    authority_checks: tuple[catalogue.AuthorityCheck, ...] = ()
    conflict_rules: tuple[catalogue.ConflictRule, ...] = ()
    trainings: tuple[catalogue.Training, ...] = ()
    capabilities: tuple[catalogue.Capability, ...] = ()
    tools: tuple[records.Tool, ...] = ()
    processes: tuple[records.Process, ...] = ()
    acceptances: tuple[records.RiskAcceptance, ...] = ()
    requirement_links: tuple[records.RequirementLink, ...] = ()
    needs: tuple[records.TeamNeed, ...] = ()
    authority_records: tuple[records.AuthorityRecord, ...] = ()
    scorecard_evidence: tuple[records.ScorecardEvidence, ...] = ()

    def faults(self) -> Iterator[Fault]:
        if self.without and not self.extends:
            yield Fault(("without",), "without leaves out parts of what is extended, so the key extends is missing")


HEADER = ("id", "title", "extends", "without", "setup", "profile")
COLLECTIONS: tuple[str, ...] = tuple(field.name for field in fields(Organisation) if field.name not in HEADER)


def join(parts: Sequence[Organisation]) -> Organisation:
    """Lay fragments over each other: a later record with the same id replaces the earlier one, in its place.

    Dated records without an id (holdings, assignments, lines) are never replaced, they add up as history.
    """
    head = parts[-1]
    profile = next((part.profile for part in reversed(parts) if part.profile is not None), None)
    merged: dict[str, tuple[object, ...]] = {}
    for name in COLLECTIONS:
        kept: dict[object, object] = {}
        for part in parts:
            for record in getattr(part, name):
                identity = getattr(record, "id", None)
                kept[identity if identity is not None else len(kept)] = record
        merged[name] = tuple(kept.values())
    return replace(head, extends=None, without=(), profile=profile, **merged)  # type: ignore[arg-type]


def with_real_roles(organisation: Organisation) -> Organisation:
    """A template that somebody holds, that has a duty or a line is no template here: it is part of the organisation."""
    named = {held.role for held in organisation.holdings} | {given.role for given in organisation.assignments}
    named |= {role for line in organisation.lines for role in (line.from_, line.to)}
    if not any(role.template and role.id in named for role in organisation.roles):
        return organisation
    roles = tuple(
        replace(role, template=False) if role.template and role.id in named else role for role in organisation.roles
    )
    return replace(organisation, roles=roles)
