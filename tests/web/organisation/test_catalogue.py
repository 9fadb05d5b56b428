"""Taking an organisation into the database and computing coverage from it."""

from datetime import UTC, datetime

import pytest

from caiso.engine.coverage.organisation.loading import built_in
from caiso.engine.coverage.states import coverage
from caiso.web.base.models import AuditRecord, Unit
from caiso.web.organisation import queries
from caiso.web.organisation.models import CoverageSnapshot, Duty, DutyCoverage
from caiso.web.organisation.services.catalogue import take_organisation

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def root() -> Unit:
    unit = Unit.objects.create(slug="acme", name="Acme", path="/0/")
    unit.path = f"/{unit.pk}/"
    unit.save()
    return unit


def test_the_database_computes_what_the_file_alone_computes(root: Unit) -> None:
    organisation = built_in("three-officers")
    take_organisation(organisation, root=root, actor=None, now=NOW)
    expected = {state.duty.id: state.state for state in coverage(organisation, as_of=NOW.date()).duties}
    assert dict(DutyCoverage.objects.values_list("duty__slug", "state")) == expected
    assert CoverageSnapshot.objects.get().totals["all"]["total"] == len(expected) == Duty.objects.count()


def test_taking_the_same_organisation_twice_changes_nothing(root: Unit) -> None:
    organisation = built_in("three-officers")
    take_organisation(organisation, root=root, actor=None, now=NOW)
    first = queries.organisation()
    since = dict(DutyCoverage.objects.values_list("duty__slug", "since"))
    take_organisation(organisation, root=root, actor=None, now=NOW.replace(hour=10))
    assert queries.organisation() == first
    assert dict(DutyCoverage.objects.values_list("duty__slug", "since")) == since


def test_every_state_that_changed_is_on_the_audit_trail(root: Unit) -> None:
    take_organisation(built_in("three-officers"), root=root, actor=None, now=NOW)
    assert AuditRecord.objects.filter(verb="coverage").count() == Duty.objects.count()
