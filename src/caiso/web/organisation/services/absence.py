"""When people are away, so that what comes to them goes to who stands in."""

from datetime import date, datetime
from typing import Any

from django.db import transaction

from caiso.errors import DomainError
from caiso.web.base.models import Person, User
from caiso.web.base.services import audit
from caiso.web.organisation.models import WorkingTime
from caiso.web.organisation.services.coverage import compute_coverage

MOST_ABSENCES = 100


class UnableToRecordAbsence(DomainError):
    """The period ends before it begins, or there are too many."""


@transaction.atomic
def record_absence(person: Person, *, since_on: date, until_on: date | None, actor: User, now: datetime) -> WorkingTime:
    """A person is away from a day on, to a last day or until further notice."""
    if until_on is not None and until_on < since_on:
        raise UnableToRecordAbsence("the last day lies before the first")
    row, _ = WorkingTime.objects.select_for_update().get_or_create(person=person)
    kept = list(row.absences)
    if len(kept) >= MOST_ABSENCES:
        raise UnableToRecordAbsence(f"at most {MOST_ABSENCES} periods are kept for one person")
    period = {"since_on": since_on.isoformat(), "until_on": until_on.isoformat() if until_on else None}
    row.absences = [*kept, {name: day for name, day in period.items() if day}]
    row.save(update_fields=["absences"])
    changes: dict[str, list[Any]] = {"away": [None, period]}
    audit.record(actor=actor, verb="person.away", subject=person, changes=changes, now=now)
    compute_coverage(now=now)
    return row


@transaction.atomic
def end_absence(person: Person, *, on: date, actor: User, now: datetime) -> None:
    """A person is here again from a day on: running periods end the day before, later ones never begin."""
    row = WorkingTime.objects.select_for_update().filter(person=person).first()
    if row is None or not row.absences:
        raise UnableToRecordAbsence(f"{person} is not away")
    last = date.fromordinal(on.toordinal() - 1).isoformat()
    kept = []
    for one in row.absences:
        if one.get("since_on", "") > last:
            continue
        kept.append(one if one.get("until_on") and one["until_on"] <= last else {**one, "until_on": last})
    row.absences = kept
    row.save(update_fields=["absences"])
    audit.record(actor=actor, verb="person.back", subject=person, changes={"back_on": [None, on]}, now=now)
    compute_coverage(now=now)
