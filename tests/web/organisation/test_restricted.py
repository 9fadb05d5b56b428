"""What was attested of a person is for that person and those who answer for people: no page, file or answer gives it away."""

from collections.abc import Callable
from datetime import date

import pytest
from django.test import Client
from django.urls import reverse

from caiso.web.base.models import Person, Unit, User
from caiso.web.organisation.models import Competence, Duty, DutyCoverage, Scenario
from caiso.web.organisation.services import scenarios, skills
from tests.web.conftest import NOW

pytestmark = pytest.mark.django_db
DUTY = "ai-risk-assessments"
SEEN = date(2020, 1, 1)


@pytest.fixture
def attested(officers: Unit, login: Callable[..., User]) -> Person:
    """The CISO was attested nothing about attacks on AI, and much about risk."""
    holder = Person.objects.get(slug="ciso-holder")
    by = login("caiso", officers, "boss@acme.example")
    for competence, level in (("ai-security", 0), ("risk", 4)):
        skills.attest_skill(
            holder,
            competence=Competence.objects.get(slug=competence),
            level=level,
            on=SEEN,
            actor=by,
            now=NOW,
        )
    return holder


def _addresses(scenario: Scenario) -> list[str]:
    duty = Duty.objects.get(slug=DUTY)
    return [
        duty.get_absolute_url(),
        f"{duty.get_absolute_url()}?tab=needs",
        f"{reverse('duties_list')}?q=risk",
        f"{reverse('duties_list')}?columns=state,title,shortfalls",
        reverse("deficiencies"),
        reverse("organisation_figure", args=["deficiencies"]),
        reverse("coverage") + "?as_of=2026-01-01",
        reverse("load"),
        reverse("person_duties", args=["ciso-holder"]),
        reverse("person", args=["ciso-holder"]),
        scenario.get_absolute_url(),
        f"/api/v1/duties/{DUTY}",
        "/api/v1/duties?state=unqualified",
        "/api/v1/organisation/deficiencies",
        f"/api/v1/organisation/scenarios/{scenario.pk}/difference",
    ]


def test_who_may_not_see_skills_reads_no_attested_level_anywhere(
    client: Client, attested: Person, officers: Unit, login: Callable[..., User]
) -> None:
    boss = User.objects.get(email="boss@acme.example")
    scenario = scenarios.start_scenario(name="Look", template="", unit=officers, actor=boss, now=NOW)
    change = {"op": "change_duty", "duty": "security-risk", "requires": {"ai-security": 3}}
    scenarios.put_change(scenario, change, stamp=scenario.stamp, actor=boss, now=NOW)
    row = DutyCoverage.objects.get(duty__slug=DUTY)
    assert row.state == "unqualified"
    for role in ("auditor", "analyst", "board_member", "administrator"):
        client.force_login(login(role, officers))
        for address in _addresses(scenario):
            text = client.get(address).content.decode()
            assert "holds 0" not in text, (role, address)
            assert "ai-security 0 of 3" not in text, (role, address)
            assert "(attested)" not in text, (role, address)
            told = '"role":"ciso","competence":"ai-security","needed":3,"held":0'
            assert told not in text.replace(" ", ""), (role, address)


def test_who_may_see_skills_reads_them(
    client: Client, attested: Person, officers: Unit, login: Callable[..., User]
) -> None:
    needs = f"{Duty.objects.get(slug=DUTY).get_absolute_url()}?tab=needs"
    for role in ("caiso", "human_resources"):
        client.force_login(login(role, officers, f"{role}@seen.example"))
        assert "holds 0" in client.get(needs).content.decode()
        page = client.get(reverse("deficiencies"))
        assert page.context["attested"]
        assert "ai-security 0 of 3" in page.content.decode()
        assert client.get(reverse("person_duties", args=[attested.slug])).context["gaps"]


def test_the_matrix_of_others_shows_what_is_assumed_of_roles(
    client: Client, attested: Person, officers: Unit, login: Callable[..., User]
) -> None:
    client.force_login(login("auditor", officers))
    page = client.get(reverse("deficiencies"))
    assert not page.context["attested"]
    assert "ai-security 1 of 3" in page.content.decode(), "the template assumes level 1"
    assert page.context["open"] == 15


def test_people_see_their_own_gaps_and_the_training_that_closes_them(
    client: Client, attested: Person, officers: Unit, login: Callable[..., User]
) -> None:
    user = login("analyst", officers)
    Person.objects.filter(pk=attested.pk).update(user=user)
    client.force_login(user)
    page = client.get(reverse("my_duties"))
    gaps = {one["competence"]: one for one in page.context["gaps"]}
    title = Competence.objects.get(slug="ai-security").title
    assert (gaps[title]["held"], gaps[title]["missing"]) == (0, 3)
    assert gaps[title]["courses"] == ["Attacks on AI", "Attack and defence laboratory"]
    unknown = Competence.objects.get(slug="governance-law").title
    assert gaps[unknown]["held"] is None
    other = client.get(reverse("person_duties", args=["caio-holder"]))
    assert other.status_code == 200
    assert other.context["gaps"] == []
    assert client.get(reverse("person_duties", args=[attested.slug])).status_code == 302


def test_human_resources_attest_and_change_nothing_else(
    client: Client, attested: Person, officers: Unit, login: Callable[..., User]
) -> None:
    client.force_login(login("human_resources", officers))
    sent = {"competence": Competence.objects.all()[0].pk, "level": 2, "on": SEEN.isoformat()}
    answer = client.post(reverse("person_skills", args=[attested.slug]), sent)
    assert answer.status_code == 302
    for name in ("duty_new", "organisation_import", "organisation_export", "scenario_new", "process_new"):
        assert client.get(reverse(name)).status_code in (403, 404), name
