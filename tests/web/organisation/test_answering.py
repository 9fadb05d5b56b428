"""Changing who answers: dated rows, refusals, audit, and coverage that follows at once."""

from datetime import timedelta

import pytest

from caiso.web.base.models import AuditRecord, FactTouch, Person, Unit, User
from caiso.web.organisation import queries
from caiso.web.organisation.models import Assignment, Duty, DutyCoverage, Holding, ReportingLine, Role
from caiso.web.organisation.services import answering
from caiso.web.organisation.services.answering import UnableToChangeOrganisation
from tests.web.conftest import NOW

pytestmark = pytest.mark.django_db
TODAY = NOW.date()


def _state(slug: str) -> str:
    return DutyCoverage.objects.get(duty__slug=slug).state


@pytest.fixture
def unowned(officers: Unit) -> Duty:
    duty = Duty.objects.filter(coverage__state="unowned").first()
    assert duty is not None
    return duty


@pytest.fixture
def staffed(officers: Unit) -> Role:
    holding = Holding.objects.select_related("role").filter(role__slug="ciso").get()
    return holding.role


def test_an_unowned_duty_gets_an_owner_and_loses_it_again(caiso: User, unowned: Duty, staffed: Role) -> None:
    row = answering.assign_duty(unowned, role=staffed, kind="A", since_on=TODAY, actor=caiso, now=NOW)
    assert _state(unowned.slug) != "unowned"
    answering.end_assignment(row, last_on=TODAY, actor=caiso, now=NOW)
    assert _state(unowned.slug) != "unowned", "the last day counts"
    later = NOW + timedelta(days=1)
    with pytest.raises(UnableToChangeOrganisation, match="ends on"):
        answering.end_assignment(row, last_on=TODAY, actor=caiso, now=later)
    assert {state.duty.id: state.state for state in queries.coverage_on(later.date()).duties}[unowned.slug] == "unowned"
    verbs = list(
        AuditRecord.objects.filter(subject_type="Duty", subject_id=str(unowned.pk)).values_list("verb", flat=True)
    )
    assert {"duty.assign", "duty.unassign"} <= set(verbs)
    assert FactTouch.objects.filter(collection="duties").exists()
    assert FactTouch.objects.filter(collection="ai_systems").exists()


def test_a_second_accountable_role_makes_the_duty_contested(caiso: User, officers: Unit, staffed: Role) -> None:
    duty = Duty.objects.filter(assignments__kind="A").exclude(assignments__role=staffed).first()
    assert duty is not None
    answering.assign_duty(duty, role=staffed, kind="A", since_on=TODAY, actor=caiso, now=NOW)
    assert _state(duty.slug) == "contested"
    with pytest.raises(UnableToChangeOrganisation, match="already"):
        answering.assign_duty(duty, role=staffed, kind="A", since_on=TODAY, actor=caiso, now=NOW)


def test_when_the_holder_leaves_the_duties_are_unstaffed(caiso: User, staffed: Role) -> None:
    mine = DutyCoverage.objects.filter(accountable=staffed)
    assert mine.exclude(state="unstaffed").exists()
    holding = Holding.objects.get(role=staffed)
    answering.end_holding(holding, last_on=TODAY - timedelta(days=1), actor=caiso, now=NOW)
    assert set(mine.values_list("state", flat=True)) == {"unstaffed"}
    successor = Person.objects.create(slug="new", name="New Holder", unit=staffed.unit)
    answering.appoint(staffed, person=successor, since_on=TODAY, actor=caiso, now=NOW)
    assert mine.exclude(state="unstaffed").exists()
    assert mine.filter(holders=["new"]).count() == mine.count()
    with pytest.raises(UnableToChangeOrganisation, match="already"):
        answering.appoint(staffed, person=successor, since_on=TODAY, actor=caiso, now=NOW)


@pytest.mark.parametrize(("share", "words"), [(0.0, "share"), (1.5, "share")])
def test_an_impossible_share_is_refused(caiso: User, staffed: Role, share: float, words: str) -> None:
    person = Person.objects.create(slug="new", name="New", unit=staffed.unit)
    with pytest.raises(UnableToChangeOrganisation, match=words):
        answering.appoint(staffed, person=person, since_on=TODAY, share=share, actor=caiso, now=NOW)


def test_only_a_holder_has_a_delegate(caiso: User, staffed: Role) -> None:
    holder = Holding.objects.get(role=staffed).person
    other = Person.objects.create(slug="other", name="Other", unit=staffed.unit)
    with pytest.raises(UnableToChangeOrganisation, match="does not hold"):
        answering.delegate_role(
            staffed, person=other, delegate=holder, since_on=TODAY, until_on=None, actor=caiso, now=NOW
        )
    row = answering.delegate_role(
        staffed, person=holder, delegate=other, since_on=TODAY, until_on=None, actor=caiso, now=NOW
    )
    answering.end_delegation(row, last_on=TODAY, actor=caiso, now=NOW)
    row.refresh_from_db()
    assert row.until_on == TODAY


def test_confirming_competences_ends_the_assumption(caiso: User, staffed: Role) -> None:
    lacking = DutyCoverage.objects.filter(accountable=staffed, state="unqualified").first()
    assert lacking is not None
    needed = {one["competence"]: one["needed"] for one in lacking.shortfalls}
    answering.confirm_competences(staffed, levels={**staffed.competences, **needed}, actor=caiso, now=NOW)
    assert _state(lacking.duty.slug) != "unqualified"
    staffed.refresh_from_db()
    assert staffed.is_confirmed
    with pytest.raises(UnableToChangeOrganisation, match="level"):
        answering.confirm_competences(staffed, levels={"leadership": 5}, actor=caiso, now=NOW)
    with pytest.raises(UnableToChangeOrganisation, match="no competence"):
        answering.confirm_competences(staffed, levels={"juggling": 1}, actor=caiso, now=NOW)


def test_a_circle_of_solid_lines_is_refused_and_leaves_nothing(caiso: User, officers: Unit) -> None:
    line = ReportingLine.objects.select_related("junior", "senior").filter(kind="solid").first()
    assert line is not None
    before = ReportingLine.objects.count()
    with pytest.raises(UnableToChangeOrganisation, match="circle"):
        answering.draw_line(line.senior, senior=line.junior, kind="solid", since_on=TODAY, actor=caiso, now=NOW)
    assert ReportingLine.objects.count() == before
    assert ReportingLine.objects.get(pk=line.pk).until_on is None


def test_a_new_solid_line_ends_the_old_one_and_keeps_it(caiso: User, officers: Unit) -> None:
    ciso, cto, caio = (Role.objects.get(slug=slug) for slug in ("ciso", "cto", "caio"))
    answering.draw_line(ciso, senior=cto, kind="solid", since_on=TODAY, actor=caiso, now=NOW)
    later = TODAY + timedelta(days=30)
    answering.draw_line(ciso, senior=caio, kind="solid", since_on=later, actor=caiso, now=NOW)
    rows = ciso.lines_up.filter(kind="solid")
    assert rows.get(senior=cto).until_on == later - timedelta(days=1)
    assert [row.senior for row in rows if queries.in_force(row, later)] == [caio]


def test_what_was_never_in_force_disappears_and_stays_on_the_trail(caiso: User, unowned: Duty, staffed: Role) -> None:
    row = answering.assign_duty(unowned, role=staffed, kind="A", since_on=TODAY, actor=caiso, now=NOW)
    answering.end_assignment(row, last_on=TODAY - timedelta(days=1), actor=caiso, now=NOW)
    assert not Assignment.objects.filter(pk=row.pk).exists()
    assert _state(unowned.slug) == "unowned"
    assert AuditRecord.objects.filter(verb="duty.assign").count() == 1
