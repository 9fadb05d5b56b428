"""The database's rows as the engine's one value."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import orjson
from django.db.models import Model, Q, QuerySet

from caiso.engine.coverage.organisation import Organisation, parse_fragment, records
from caiso.engine.coverage.organisation import model as engine
from caiso.engine.coverage.organisation.loading import default_organisation
from caiso.engine.coverage.organisation.whole import COLLECTIONS
from caiso.web.base.models import Person, Setting, Unit
from caiso.web.organisation.models import (
    Assignment,
    AuthorityRecord,
    CarriedRecord,
    Competence,
    Delegate,
    Duty,
    Holding,
    ReportingLine,
    Role,
    ScorecardEvidence,
    Skill,
    Tool,
    WorkingTime,
)

M = TypeVar("M", bound=Model)
R = TypeVar("R", engine.Unit, engine.Person, engine.Assignment, engine.AiSystem, records.TeamNeed)
PROFILE_SETTING = "organisation.profile"
# The id and title that an imported file gave itself, and the name that the root unit had then.
HEAD_SETTING = "organisation.head"
# The body of the one row of a collection that an imported file left empty where the catalogue is not.
NOTHING: dict[str, object] = {}
TABLED = frozenset(
    {
        "competences",
        "units",
        "duties",
        "roles",
        "people",
        "holdings",
        "delegates",
        "assignments",
        "lines",
        "tools",
        "authority_records",
        "scorecard_evidence",
    }
)
# Collections without a table of their own, kept as plain records where they differ from what ships.
CARRIED = tuple(name for name in COLLECTIONS if name not in TABLED)


def stored_organisation() -> Organisation:
    """Everything recorded, history included; a collection that nobody changed is the shipped one.

    The root unit is the organisation itself: what lies in it lies in no unit, unless an imported file named it as one.
    """
    carried = _carried()
    named = {unit.id for unit in carried.pop("units", ())}
    base = replace(default_organisation(), **carried)
    units = {unit.pk: unit for unit in Unit.objects.all()}
    whole = frozenset(unit.slug for unit in units.values() if unit.parent_id is None and unit.slug not in named)
    found = replace(
        base,
        **_head(next((unit.name for unit in units.values() if unit.parent_id is None), "Organisation")),
        profile=_profile(),
        competences=tuple(_competence(row) for row in Competence.objects.order_by("pk")),
        units=tuple(_unit(unit, units) for unit in units.values() if unit.slug not in whole),
        duties=tuple(_duty(row) for row in Duty.objects.order_by("pk")),
        roles=tuple(_role(row) for row in Role.objects.order_by("pk")),
        people=_people(),
        holdings=tuple(_holding(row) for row in _dated(Holding, "person", "role")),
        delegates=tuple(_delegate(row) for row in _dated(Delegate, "person", "role", "delegate")),
        assignments=tuple(_assignment(row) for row in _dated(Assignment, "duty", "role", "scope_unit")),
        lines=tuple(_line(row) for row in _dated(ReportingLine, "junior", "senior")),
        tools=tuple(_tool(row) for row in Tool.objects.select_related("owner").order_by("pk")),
        authority_records=tuple(_authority(row) for row in _dated(AuthorityRecord, "role")),
        scorecard_evidence=tuple(_seen(row) for row in _dated(ScorecardEvidence, "person")),
    )
    found = _without_lost_units(found, known={unit.slug for unit in units.values()})
    # Before anything is taken in, pages may still speak of what ships.
    found = found if found.roles or found.competences else replace(found, competences=base.competences)
    return at_large(found, whole)


def _without_lost_units(organisation: Organisation, known: set[str]) -> Organisation:
    """Carried records outlive the units that they name; what a removed unit needed is nobody's need."""
    return replace(
        organisation,
        needs=tuple(one for one in organisation.needs if one.unit is None or one.unit in known),
        systems=tuple(
            one if one.unit is None or one.unit in known else replace(one, unit=None) for one in organisation.systems
        ),
    )


def at_large(organisation: Organisation, whole: frozenset[str]) -> Organisation:
    """The organisation with everything in the root unit in no unit at all."""
    if not whole:
        return organisation

    def moved(records: tuple[R, ...], field: str = "unit") -> tuple[R, ...]:
        nowhere: dict[str, Any] = {field: None}
        return tuple(replace(record, **nowhere) if getattr(record, field) in whole else record for record in records)

    return replace(
        organisation,
        units=moved(tuple(unit for unit in organisation.units if unit.id not in whole), "parent"),
        people=moved(organisation.people),
        assignments=moved(organisation.assignments),
        systems=moved(organisation.systems),
        needs=moved(organisation.needs),
    )


def root_slugs() -> frozenset[str]:
    """Units that are the organisation itself and that no imported file named."""
    named = CarriedRecord.objects.filter(collection="units").values_list("body__id", flat=True)
    return frozenset(Unit.objects.filter(parent=None).exclude(slug__in=list(named)).values_list("slug", flat=True))


def _head(name: str) -> dict[str, Any]:
    stored = Setting.objects.filter(key=HEAD_SETTING).values_list("value", flat=True).first()
    if not stored:
        return {"id": "organisation", "title": name}
    return {"id": stored["id"], "title": stored["title"] if stored["root"] == name else name}


def _dated(table: type[M], *related: str) -> "QuerySet[M]":
    """Rows in the order in which they were written, which is that of the file they came from."""
    return table._default_manager.select_related(*related).order_by("pk")


def _carried() -> dict[str, Any]:
    found: dict[str, list[Any]] = {}
    for row in CarriedRecord.objects.all():
        records = found.setdefault(row.collection, [])
        if row.body != NOTHING:
            records.append(row.body)
    if not found:
        return {}
    read = parse_fragment(orjson.dumps({"id": "carried", **found}), path=Path("carried-records"))
    return {name: getattr(read, name) for name in found}


def _tool(row: Tool) -> records.Tool:
    return records.Tool(
        id=row.slug,
        title=row.title,
        domain=row.domain,  # type: ignore[arg-type]  # one of the model's choices
        capabilities=tuple(row.capabilities),
        annual_cost=row.annual_cost,
        owner=row.owner.slug if row.owner else None,
        decision=row.decision,
        decided_on=row.decided_on,
    )


def _authority(row: AuthorityRecord) -> records.AuthorityRecord:
    return records.AuthorityRecord(
        id=row.slug,
        kind=row.kind,  # type: ignore[arg-type]  # one of the model's choices
        role=row.role.slug,
        on=row.on,
        evidence=row.evidence,
        level=row.level,
        with_roles=tuple(row.with_roles),
        subject=row.subject,
        need=row.need,
        approved=row.approved,
        check=row.check_slug or None,
        holds=row.holds,
        attested_by=row.attested_by,
    )


def _seen(row: ScorecardEvidence) -> records.ScorecardEvidence:
    return records.ScorecardEvidence(
        id=row.slug,
        person=row.person.slug,
        item=row.item,
        level=row.level,
        on=row.on,
        attested_by=row.attested_by,
        evidence=row.evidence,
    )


def _profile() -> engine.Profile | None:
    stored = Setting.objects.filter(key=PROFILE_SETTING).first()
    return engine.Profile(**stored.value) if stored else None


def _competence(row: Competence) -> engine.Competence:
    return engine.Competence(id=row.slug, title=row.title, anchors=tuple(row.anchors), description=row.description)


def _unit(unit: Unit, units: dict[int, Unit]) -> engine.Unit:
    parent = units[unit.parent_id].slug if unit.parent_id else None
    return engine.Unit(id=unit.slug, title=unit.name, parent=parent)


def _duty(row: Duty) -> engine.Duty:
    return engine.Duty(
        id=row.slug,
        title=row.title,
        description=row.description,
        family=row.family,  # type: ignore[arg-type]  # the service checked it against the engine's families
        ai_security=row.is_ai_security,
        stages=tuple(row.stages),
        requires=dict(row.requires),
        effort_hours=row.effort_hours,
        priority=row.priority,
        cadence_days=row.cadence_days,
        topics=tuple(row.topics),
        acts=tuple(row.acts),
        controls=tuple(row.controls),
        techniques=tuple(row.techniques),
    )


def _role(row: Role) -> engine.Role:
    return engine.Role(
        id=row.slug,
        title=row.title,
        description=row.description,
        competences=dict(row.competences),
        authority=row.authority,
        capacity_hours=row.capacity_hours,
        annual_cost=row.annual_cost,
        template=row.is_template,
        confirmed=row.is_confirmed,
    )


def _people() -> tuple[engine.Person, ...]:
    skills: dict[int, list[engine.Skill]] = {}
    for row in _dated(Skill, "competence"):
        skill = engine.Skill(row.competence.slug, row.level, row.attested_by, row.attested_on)
        skills.setdefault(row.person_id, []).append(skill)
    times = {row.person_id: row for row in WorkingTime.objects.all()}
    return tuple(
        _person(person, times.get(person.pk), tuple(skills.get(person.pk, ())))
        for person in Person.objects.filter(_NAMED).select_related("unit").order_by("pk").distinct()
    )


# Who has left and still stands in the history is known, and away for good.
_NAMED = Q(is_active=True) | Q(holdings__isnull=False) | Q(delegations__isnull=False) | Q(stands_in__isnull=False)


def _person(person: Person, time: WorkingTime | None, skills: tuple[engine.Skill, ...]) -> engine.Person:
    known = engine.Person(id=person.slug, name=person.name, unit=person.unit.slug, skills=skills)
    if time is not None:
        absences = tuple(engine.Period(_day(one.get("since_on")), _day(one.get("until_on"))) for one in time.absences)
        known = replace(known, hours_per_week=time.hours_per_week, absences=absences, unnamed=time.is_unnamed)
    return known if person.is_active else replace(known, absences=(engine.Period(),))


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _holding(row: Holding) -> engine.Holding:
    return engine.Holding(row.person.slug, row.role.slug, row.since_on, row.until_on, row.is_acting, row.share)


def _delegate(row: Delegate) -> engine.Delegate:
    return engine.Delegate(
        row.person.slug, row.delegate.slug, row.role.slug, row.since_on, row.until_on, tuple(row.duties)
    )


def _assignment(row: Assignment) -> engine.Assignment:
    return engine.Assignment(
        duty=row.duty.slug,
        role=row.role.slug,
        kind=row.kind,  # type: ignore[arg-type]  # one of the model's choices
        unit=row.scope_unit.slug if row.scope_unit else None,
        system=row.scope_system or None,
        since_on=row.since_on,
        until_on=row.until_on,
    )


def _line(row: ReportingLine) -> engine.ReportingLine:
    return engine.ReportingLine(
        from_=row.junior.slug,
        to=row.senior.slug,
        kind=row.kind,  # type: ignore[arg-type]  # one of the model's choices
        covers=row.covers,
        since_on=row.since_on,
        until_on=row.until_on,
    )
