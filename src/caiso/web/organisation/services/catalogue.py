"""Taking an organisation (the default catalogue, a file, an adopted scenario) into the database, whole or not at all."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, TypeVar

from django.db import transaction

from caiso.engine.coverage.organisation import Organisation, join
from caiso.engine.coverage.organisation import model as engine
from caiso.engine.coverage.organisation.validate import find_faults
from caiso.errors import DomainError
from caiso.web.base.models import Person, Setting, Unit, User
from caiso.web.base.services import audit
from caiso.web.base.services.people import change_unit
from caiso.web.organisation import queries
from caiso.web.organisation.models import (
    AuthorityRecord,
    Competence,
    Duty,
    Role,
    Skill,
    Tool,
)
from caiso.web.organisation.services.carried import carry_records
from caiso.web.organisation.services.coverage import compute_coverage
from caiso.web.organisation.services.dated import settle_dated
from caiso.web.organisation.stored import CARRIED

Titled = TypeVar("Titled", Competence, Role, Duty)
# What goes when only what a file names shall stay; what refers to something stands before it.
NAMED: tuple[tuple[type[AuthorityRecord | Tool | Duty | Role], str], ...] = (
    (AuthorityRecord, "authority_records"),
    (Tool, "tools"),
    (Duty, "duties"),
    (Role, "roles"),
)


class UnableToTake(DomainError):
    """The organisation names something that does not exist."""


@transaction.atomic
def take_organisation(
    organisation: Organisation,
    *,
    root: Unit,
    actor: User | None,
    now: datetime,
    demo: bool = False,
    only: bool = False,
) -> None:
    """Write the organisation's units, competences, roles, duties, people and who holds what; then compute coverage.

    What exists by the same id is updated, dated records (holdings, assignments, lines) become the set that the
    organisation says, so that a round trip is lossless; what it does not name stays. With `only` that is removed too,
    except competences, units, people (who may be logins and own tasks) and what was attested of them.
    """
    told = queries.without_told(organisation)
    first = not Duty.objects.exists()
    if not (only or first):
        told = _laid_over(told)
    units = _units(told, root=root, actor=actor, now=now, demo=demo)
    competences = _put(Competence, {one.id: _competence(one) for one in told.competences})
    roles = _put(Role, {one.id: _role(one) for one in told.roles}, unit=root)
    duties = _put(Duty, {one.id: _duty(one) for one in told.duties}, unit=root)
    people = _people(told, units=units, root=root, competences=competences, demo=demo)
    changed = settle_dated(told, units=units, roles=roles, duties=duties, people=people)
    carry_records(told, root=root, roles=roles, people=people)
    if told.profile is not None:
        Setting.objects.update_or_create(key=queries.PROFILE_SETTING, defaults={"value": asdict(told.profile)})
    gone = _remove_unnamed(told, root) if only else []
    _refuse_contradiction()
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
    audit.record_many(gone, actor=actor, now=now)
    compute_coverage(now=now)


def _laid_over(organisation: Organisation) -> Organisation:
    """The organisation with the records of the catalogue that are kept already and that it does not name."""
    stored = queries.stored_organisation()
    kept: dict[str, Any] = {}
    for name in CARRIED:
        old, new = getattr(stored, name), getattr(organisation, name)
        parts = [replace(Organisation("part"), **{name: records}) for records in (old, new)]
        # Records without an id are one set: those of the file, or else those that are kept.
        kept[name] = getattr(join(parts), name) if old and hasattr(old[0], "id") else new or old
    return replace(organisation, **kept)


def _remove_unnamed(organisation: Organisation, root: Unit) -> list[audit.Entry]:
    """Records that the organisation does not name, with what each was, for the trail."""
    gone = []
    for table, collection in NAMED:
        kept = {one.id for one in getattr(organisation, collection)}
        for row in table._default_manager.exclude(slug__in=kept):
            # The row is deleted before the trail is written, so its id is taken down here.
            subject = audit.Subject(type(row).__name__, str(row.pk), str(row))
            gone.append(audit.Entry("organisation.remove", subject, {"id": [row.slug, None]}, root))
            row.delete()
    return gone


def _refuse_contradiction() -> None:
    """Records that stayed may speak of what the new organisation lacks; then nothing at all is taken in."""
    if faults := find_faults(queries.organisation()):
        raise UnableToTake(f"what is recorded already needs what the file does not name: {faults[0].message}")


def _units(organisation: Organisation, *, root: Unit, actor: User | None, now: datetime, demo: bool) -> dict[str, Unit]:
    units = {unit.slug: unit for unit in Unit.objects.all()}
    waiting = list(organisation.units)
    while waiting:
        ready = [unit for unit in waiting if unit.parent is None or unit.parent in units]
        if not ready:
            raise UnableToTake(f"unit {waiting[0].id} lies under {waiting[0].parent}, which does not exist")
        for unit in ready:
            parent = units[unit.parent] if unit.parent else root
            known = units.get(unit.id)
            if known is None:
                made = Unit(slug=unit.id, name=unit.title, parent=parent, path=f"?{unit.id}", is_demo=demo)
                made.save()
                made.path = f"{parent.path}{made.pk}/"
                made.save(update_fields=["path"])
                units[unit.id] = made
            elif known.parent_id is not None and (known.name, known.parent_id) != (unit.title, parent.pk):
                change_unit(known, changes={"name": unit.title, "parent": parent}, actor=actor, now=now)
                units = {one.slug: one for one in Unit.objects.all()}
        waiting = [unit for unit in waiting if unit not in ready]
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
