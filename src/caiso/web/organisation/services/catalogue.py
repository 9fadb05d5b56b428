"""Taking an organisation (the default catalogue, a file, an adopted scenario) into the database, whole or not at all."""

from dataclasses import asdict
from datetime import datetime

from django.db import transaction

from caiso.engine.coverage.organisation import Organisation
from caiso.engine.coverage.organisation import model as engine
from caiso.errors import DomainError
from caiso.web.base.models import Person, Setting, Unit, User
from caiso.web.base.services import audit
from caiso.web.organisation import queries
from caiso.web.organisation.models import Assignment, Competence, Delegate, Duty, Holding, ReportingLine, Role, Skill
from caiso.web.organisation.services.coverage import compute_coverage


class UnableToTake(DomainError):
    """The organisation names something that does not exist."""


@transaction.atomic
def take_organisation(
    organisation: Organisation, *, root: Unit, actor: User | None, now: datetime, demo: bool = False
) -> None:
    """Write the organisation's units, competences, roles, duties, people and who holds what; then compute coverage.

    What exists by the same id is updated, dated records (holdings, assignments, lines) are replaced as a set so that a
    round trip is lossless; nothing else is deleted.
    """
    units = _units(organisation, root=root, demo=demo)
    competences = {row.slug: row for row in (_competence(one) for one in organisation.competences)}
    roles = {one.id: _role(one, unit=root) for one in organisation.roles}
    duties = {one.id: _duty(one, unit=root) for one in organisation.duties}
    people = _people(organisation, units=units, root=root, competences=competences, demo=demo)
    _dated_records(organisation, units=units, roles=roles, duties=duties, people=people)
    if organisation.profile is not None:
        Setting.objects.update_or_create(key=queries.PROFILE_SETTING, defaults={"value": asdict(organisation.profile)})
    audit.record(
        actor=actor,
        verb="organisation.take",
        subject=root,
        changes={"duties": [None, len(duties)], "roles": [None, len(roles)], "people": [None, len(people)]},
        now=now,
    )
    compute_coverage(now=now)


def _units(organisation: Organisation, *, root: Unit, demo: bool) -> dict[str, Unit]:
    units = {unit.slug: unit for unit in Unit.objects.all()}
    waiting = list(organisation.units)
    while waiting:
        ready = [unit for unit in waiting if unit.parent is None or unit.parent in units]
        if not ready:
            raise UnableToTake(f"unit {waiting[0].id} lies under {waiting[0].parent}, which does not exist")
        for unit in ready:
            if unit.id not in units:
                parent = units[unit.parent] if unit.parent else root
                made = Unit(slug=unit.id, name=unit.title, parent=parent, path=f"?{unit.id}", is_demo=demo)
                made.save()
                made.path = f"{parent.path}{made.pk}/"
                made.save(update_fields=["path"])
                units[unit.id] = made
        waiting = [unit for unit in waiting if unit.id not in units]
    return units


def _competence(one: engine.Competence) -> Competence:
    values = {"title": one.title, "description": one.description, "anchors": list(one.anchors)}
    return Competence.objects.update_or_create(slug=one.id, defaults=values)[0]


def _role(one: engine.Role, *, unit: Unit) -> Role:
    values = {
        "title": one.title,
        "description": one.description,
        "competences": dict(one.competences),
        "authority": one.authority,
        "capacity_hours": one.capacity_hours,
        "annual_cost": one.annual_cost,
        "is_template": one.template,
        "is_confirmed": one.confirmed,
    }
    return Role.objects.update_or_create(slug=one.id, defaults=values, create_defaults={**values, "unit": unit})[0]


def _duty(one: engine.Duty, *, unit: Unit) -> Duty:
    values = {
        "title": one.title,
        "description": one.description,
        "family": one.family,
        "is_ai_security": one.ai_security,
        "stages": list(one.stages),
        "requires": dict(one.requires),
        "effort_hours": one.effort_hours,
        "priority": one.priority,
        "cadence_days": one.cadence_days,
        "topics": list(one.topics),
        "acts": list(one.acts),
        "controls": list(one.controls),
        "techniques": list(one.techniques),
    }
    return Duty.objects.update_or_create(slug=one.id, defaults=values, create_defaults={**values, "unit": unit})[0]


def _people(
    organisation: Organisation, *, units: dict[str, Unit], root: Unit, competences: dict[str, Competence], demo: bool
) -> dict[str, Person]:
    people = {person.slug: person for person in Person.objects.all()}
    for one in organisation.people:
        unit = units[one.unit] if one.unit else root
        person = people.get(one.id) or Person(slug=one.id, is_demo=demo)
        person.name, person.unit = one.name, unit
        person.save()
        people[one.id] = person
        for skill in one.skills:
            Skill.objects.update_or_create(
                person=person,
                competence=competences[skill.competence],
                defaults={"level": skill.level, "attested_by": skill.attested_by, "attested_on": skill.attested_on},
            )
    return people


def _dated_records(
    organisation: Organisation,
    *,
    units: dict[str, Unit],
    roles: dict[str, Role],
    duties: dict[str, Duty],
    people: dict[str, Person],
) -> None:
    for table in (Assignment, Holding, Delegate, ReportingLine):
        table._default_manager.all().delete()
    Assignment.objects.bulk_create(
        Assignment(
            duty=duties[one.duty],
            role=roles[one.role],
            kind=one.kind,
            scope_unit=units[one.unit] if one.unit else None,
            scope_system=one.system or "",
            since_on=one.since_on,
            until_on=one.until_on,
        )
        for one in organisation.assignments
    )
    Holding.objects.bulk_create(
        Holding(
            person=people[one.person],
            role=roles[one.role],
            since_on=one.since_on,
            until_on=one.until_on,
            is_acting=one.acting,
            share=one.share,
        )
        for one in organisation.holdings
    )
    Delegate.objects.bulk_create(
        Delegate(
            person=people[one.person],
            delegate=people[one.delegate],
            role=roles[one.role],
            since_on=one.since_on,
            until_on=one.until_on,
            duties=list(one.duties),
        )
        for one in organisation.delegates
    )
    ReportingLine.objects.bulk_create(
        ReportingLine(
            junior=roles[one.from_],
            senior=roles[one.to],
            kind=one.kind,
            covers=one.covers,
            since_on=one.since_on,
            until_on=one.until_on,
        )
        for one in organisation.lines
    )
