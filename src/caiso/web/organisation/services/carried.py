"""Keeping the rest of an organisation: working times, tools, what is on file about authority and people, and the catalogue."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from caiso.engine.coverage.organisation import Organisation, plain
from caiso.engine.coverage.organisation.loading import default_organisation, setup_names
from caiso.engine.coverage.organisation.model import Person as EnginePerson
from caiso.web.base.models import Person, Setting, Unit
from caiso.web.organisation.models import AuthorityRecord, CarriedRecord, Role, ScorecardEvidence, Tool, WorkingTime
from caiso.web.organisation.stored import CARRIED, HEAD_SETTING, NOTHING


def carry_records(
    organisation: Organisation, *, root: Unit, roles: Mapping[str, Role], people: Mapping[str, Person]
) -> None:
    """Write everything that has dated rows of its own nowhere else."""
    _head(organisation, root)
    _working_times(organisation, people)
    for tool in organisation.tools:
        values = {
            "title": tool.title,
            "domain": tool.domain,
            "capabilities": list(tool.capabilities),
            "annual_cost": tool.annual_cost,
            "owner": roles[tool.owner] if tool.owner else None,
            "decision": tool.decision,
            "decided_on": tool.decided_on,
        }
        Tool.objects.update_or_create(slug=tool.id, defaults=values, create_defaults={**values, "unit": root})
    for record in organisation.authority_records:
        AuthorityRecord.objects.update_or_create(
            slug=record.id,
            defaults={
                "role": roles[record.role],
                "kind": record.kind,
                "on": record.on,
                "evidence": record.evidence,
                "level": record.level,
                "with_roles": list(record.with_roles),
                "subject": record.subject,
                "need": record.need,
                "approved": record.approved,
                "check_slug": record.check or "",
                "holds": record.holds,
                "attested_by": record.attested_by,
            },
        )
    for seen in organisation.scorecard_evidence:
        ScorecardEvidence.objects.update_or_create(
            slug=seen.id,
            defaults={
                "person": people[seen.person],
                "item": seen.item,
                "level": seen.level,
                "on": seen.on,
                "attested_by": seen.attested_by,
                "evidence": seen.evidence,
            },
        )
    _carried(organisation, root)


def _working_times(organisation: Organisation, people: Mapping[str, Person]) -> None:
    known = {row.person_id: row for row in WorkingTime.objects.all()}
    for one in organisation.people:
        person = people[one.id]
        if not person.is_active:
            continue
        row = known.get(person.pk)
        usual = EnginePerson(one.id, one.name)
        values = (one.hours_per_week, storable(one.absences), one.unnamed)
        if row is None and values == (usual.hours_per_week, [], usual.unnamed):
            continue
        row = row or WorkingTime(person=person)
        row.hours_per_week, row.absences, row.is_unnamed = values
        row.save()


def _head(organisation: Organisation, root: Unit) -> None:
    """A file of one's own keeps its id and title; what ships never names the organisation."""
    usual = ("organisation", root.name)
    if organisation.id in ("default", *setup_names()) or (organisation.id, organisation.title) == usual:
        return
    told = {"id": organisation.id, "title": organisation.title, "root": root.name}
    Setting.objects.update_or_create(key=HEAD_SETTING, defaults={"value": told})


def _carried(organisation: Organisation, root: Unit) -> None:
    shipped = default_organisation()
    CarriedRecord.objects.all().delete()
    rows = [
        CarriedRecord(collection=name, place=place, body=storable(record))
        for name in CARRIED
        if getattr(organisation, name) != getattr(shipped, name)
        for place, record in enumerate(getattr(organisation, name) or (NOTHING,))
    ]
    # A file that names the root unit like any other wants to see it again.
    rows += [
        CarriedRecord(collection="units", place=0, body=storable(unit))
        for unit in organisation.units
        if unit.id == root.slug
    ]
    CarriedRecord.objects.bulk_create(rows, batch_size=500)


def storable(record: object) -> Any:
    """An engine record as JSON holds it; dates as text."""
    return _dates_as_text(plain(record))


def _dates_as_text(value: object) -> object:
    if isinstance(value, dict):
        return {key: _dates_as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_dates_as_text(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value
