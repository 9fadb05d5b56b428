"""Taking an organisation (the default catalogue, a file, an adopted scenario) into the database, whole or not at all."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeVar

from django.db import transaction

from caiso.engine.coverage.organisation import Organisation
from caiso.engine.coverage.organisation import model as engine
from caiso.errors import DomainError
from caiso.web.base.models import Person, Setting, Unit, User
from caiso.web.base.services import audit
from caiso.web.organisation import queries
from caiso.web.organisation.models import Competence, Duty, Role, Skill
from caiso.web.organisation.services.carried import carry_records
from caiso.web.organisation.services.coverage import compute_coverage
from caiso.web.organisation.services.dated import settle_dated

Titled = TypeVar("Titled", Competence, Role, Duty)


class UnableToTake(DomainError):
    """The organisation names something that does not exist."""


@transaction.atomic
def take_organisation(
    organisation: Organisation, *, root: Unit, actor: User | None, now: datetime, demo: bool = False
) -> None:
    """Write the organisation's units, competences, roles, duties, people and who holds what; then compute coverage.

    What exists by the same id is updated, dated records (holdings, assignments, lines) become the set that the
    organisation says, so that a round trip is lossless; nothing else is deleted.
    """
    first = not Duty.objects.exists()
    units = _units(organisation, root=root, demo=demo)
    competences = _put(Competence, {one.id: _competence(one) for one in organisation.competences})
    roles = _put(Role, {one.id: _role(one) for one in organisation.roles}, unit=root)
    duties = _put(Duty, {one.id: _duty(one) for one in organisation.duties}, unit=root)
    people = _people(organisation, units=units, root=root, competences=competences, demo=demo)
    changed = settle_dated(organisation, units=units, roles=roles, duties=duties, people=people)
    carry_records(organisation, root=root, roles=roles, people=people)
    if organisation.profile is not None:
        Setting.objects.update_or_create(key=queries.PROFILE_SETTING, defaults={"value": asdict(organisation.profile)})
    audit.record(
        actor=actor,
        verb="organisation.take",
        subject=root,
        changes={"duties": [None, len(duties)], "roles": [None, len(roles)], "people": [None, len(people)]},
        now=now,
    )
    if not first:
        # What a first taking in brings stands in its one record; later every change is told on its own.
        audit.record_many(changed, actor=actor, now=now)
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


def _put(table: type[Titled], wanted: Mapping[str, dict[str, Any]], **on_create: Any) -> dict[str, Titled]:
    """The rows by slug, written only where they differ."""
    known: dict[str, Titled] = {row.slug: row for row in table._default_manager.all()}
    new = []
    for slug, values in wanted.items():
        row = known.get(slug)
        if row is None:
            known[slug] = table(slug=slug, **values, **on_create)
            new.append(known[slug])
            continue
        differing = [name for name, value in values.items() if getattr(row, name) != value]
        if differing:
            for name in differing:
                setattr(row, name, values[name])
            row.save(update_fields=differing)
    table._default_manager.bulk_create(new, batch_size=200)
    return known


def _competence(one: engine.Competence) -> dict[str, Any]:
    return {"title": one.title, "description": one.description, "anchors": list(one.anchors)}


def _role(one: engine.Role) -> dict[str, Any]:
    return {
        "title": one.title,
        "description": one.description,
        "competences": dict(one.competences),
        "authority": one.authority,
        "capacity_hours": one.capacity_hours,
        "annual_cost": one.annual_cost,
        "is_template": one.template,
        "is_confirmed": one.confirmed,
    }


def _duty(one: engine.Duty) -> dict[str, Any]:
    return {
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


def _people(
    organisation: Organisation,
    *,
    units: Mapping[str, Unit],
    root: Unit,
    competences: Mapping[str, Competence],
    demo: bool,
) -> dict[str, Person]:
    people = {person.slug: person for person in Person.objects.all()}
    held = {(row.person_id, row.competence_id): row for row in Skill.objects.all()}
    for one in organisation.people:
        unit = units[one.unit] if one.unit else root
        person = people.get(one.id) or Person(slug=one.id, is_demo=demo)
        if person.pk is None or (person.name, person.unit_id) != (one.name, unit.pk):
            person.name, person.unit = one.name, unit
            person.save()
        people[one.id] = person
        for skill in one.skills:
            competence = competences[skill.competence]
            row = held.get((person.pk, competence.pk)) or Skill(person=person, competence=competence, level=-1)
            values = (skill.level, skill.attested_by, skill.attested_on)
            if (row.level, row.attested_by, row.attested_on) != values:
                row.level, row.attested_by, row.attested_on = values
                row.save()
    return people
