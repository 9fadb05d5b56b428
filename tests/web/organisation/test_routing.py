"""Work goes to the accountable role's holder, to who stands in while the holder is away, and never silently to nobody."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from caiso.web.base.models import Person, Task, Unit, User
from caiso.web.base.queries import my_tasks
from caiso.web.organisation import queries
from caiso.web.organisation.models import DutyCoverage, Holding, Role, WorkingTime
from caiso.web.organisation.routing import accountable_role, duty_words, reached, role_words, route_duty
from caiso.web.organisation.services import absence, answering
from caiso.web.organisation.services.absence import UnableToRecordAbsence
from caiso.web.organisation.services.coverage import compute_coverage
from tests.web.conftest import NOW

pytestmark = pytest.mark.django_db
TODAY = NOW.date()


@pytest.fixture
def holder(officers: Unit) -> Person:
    return Holding.objects.select_related("person").get(role__slug="ciso").person


@pytest.fixture
def deputy(officers: Unit, holder: Person, caiso: User) -> Person:
    person = Person.objects.create(slug="deputy", name="Deputy", unit=officers)
    role = Role.objects.get(slug="ciso")
    answering.delegate_role(role, person=holder, delegate=person, since_on=TODAY, until_on=None, actor=caiso, now=NOW)
    return person


def test_a_duty_s_work_follows_holder_delegate_and_vacancy(caiso: User, holder: Person, deputy: Person) -> None:
    duty = DutyCoverage.objects.filter(accountable__slug="ciso").values_list("duty__slug", flat=True)[0]
    assert [one.person for one in route_duty(duty, on=TODAY).recipients] == [holder.slug]
    assert accountable_role(duty, on=TODAY) == "ciso"
    absence.record_absence(holder, since_on=TODAY, until_on=TODAY + timedelta(days=7), actor=caiso, now=NOW)
    assert [(one.person, one.instead_of) for one in route_duty(duty, on=TODAY).recipients] == [("deputy", holder.slug)]
    assert reached("ciso", on=TODAY) == [deputy]
    assert f"Deputy ({Role.objects.get(slug='ciso')} for {holder.name})" == duty_words(duty, on=TODAY)
    absence.record_absence(deputy, since_on=TODAY, until_on=None, actor=caiso, now=NOW)
    assert "nobody stands in" in duty_words(duty, on=TODAY)
    assert role_words("ciso", on=TODAY).endswith("away, nobody stands in")
    answering.end_holding(
        Holding.objects.get(role__slug="ciso"), last_on=TODAY - timedelta(days=1), actor=caiso, now=NOW
    )
    assert role_words("ciso", on=TODAY).endswith("vacant")
    assert "Officer is vacant" in duty_words(duty, on=TODAY)


def test_an_unowned_duty_says_so(officers: Unit) -> None:
    duty = DutyCoverage.objects.filter(state="unowned").values_list("duty__slug", flat=True)[0]
    assert "nobody is accountable" in duty_words(duty, on=TODAY)
    assert accountable_role(duty, on=TODAY) == ""
    assert "there is no duty" in duty_words("none", on=TODAY)
    assert role_words("caiso", on=TODAY) == "caiso: not part of the organisation"


def test_a_role_s_task_reaches_the_delegate_only_while_the_holder_is_away(
    caiso: User, officers: Unit, holder: Person, deputy: Person, login: Callable[..., User]
) -> None:
    own, other = login("ciso", officers), login("analyst", officers)
    Person.objects.filter(pk=holder.pk).update(user=own)
    Person.objects.filter(pk=deputy.pk).update(user=other)
    Task.objects.create(title="Look", unit=officers, role_slug="ciso", created_at=NOW)
    assert my_tasks(own).count() == 1
    assert my_tasks(other).count() == 0
    absence.record_absence(holder, since_on=timezone.now().date(), until_on=None, actor=caiso, now=timezone.now())
    assert my_tasks(other).count() == 1
    assert [role.slug for role in queries.roles_of(other, on=timezone.now().date())] == ["ciso"]
    absence.end_absence(holder, on=timezone.now().date(), actor=caiso, now=timezone.now())
    assert my_tasks(other).count() == 0


def test_people_record_their_own_absence_and_nobody_else_s(
    client: Client, officers: Unit, holder: Person, login: Callable[..., User]
) -> None:
    me = login("analyst", officers)
    client.force_login(me)
    away = reverse("person_away", args=[holder.slug])
    assert client.post(away, {"since_on": timezone.now().date()}).status_code == 404
    Person.objects.filter(pk=holder.pk).update(user=me)
    assert client.post(away, {"since_on": "2026-05-02", "until_on": "2026-05-01"}).status_code == 422
    assert client.post(away, {"since_on": timezone.now().date()}).status_code == 302
    assert "I am back" in client.get(reverse("my_duties")).content.decode()
    assert queries.is_away(holder, on=timezone.now().date())
    client.post(reverse("person_back", args=[holder.slug]))
    assert not queries.is_away(holder, on=timezone.now().date())


def test_who_is_not_away_cannot_come_back(caiso: User, holder: Person) -> None:
    with pytest.raises(UnableToRecordAbsence, match="not away"):
        absence.end_absence(holder, on=TODAY, actor=caiso, now=NOW)


def test_a_role_past_capacity_and_tasks_that_wait_for_a_vacant_one_are_said(
    client: Client, caiso: User, officers: Unit
) -> None:
    WorkingTime.objects.filter(person__slug="ciso-holder").update(hours_per_week=4)
    compute_coverage(now=NOW)
    assert role_words("ciso", on=TODAY).endswith("(past capacity)")
    late = DutyCoverage.objects.filter(accountable__slug="ciso", state="unstaffed").values_list(
        "duty__slug", flat=True
    )[0]
    assert "past capacity" in duty_words(late, on=TODAY)
    Task.objects.create(title="Write it down", unit=officers, role_slug="legal", created_at=NOW)
    rows = {one["title"]: one for one in client.get(reverse("load")).context["roles"]}
    legal = rows[Role.objects.get(slug="legal").title]
    assert (legal["state"], legal["waiting"]) == ("Vacant", 1)
