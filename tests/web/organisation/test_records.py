"""Duties, roles, needs and processes by hand: checked as a file would be, on the trail, in every computation at once."""

from collections.abc import Callable
from datetime import date

import pytest
from django.test import Client
from django.urls import reverse

from caiso.web.base.models import AuditRecord, Person, Unit, User
from caiso.web.organisation import queries
from caiso.web.organisation.models import Competence, Duty, DutyCoverage, Role, Scenario
from caiso.web.organisation.services import records, scenarios, skills
from caiso.web.organisation.services.records import UnableToKeep
from tests.web.conftest import NOW, make_unit

pytestmark = pytest.mark.django_db
HOSTILE = "<img src=x onerror=alert(1)>"


def test_a_duty_is_added_changed_and_computed(client: Client, caiso: User, officers: Unit) -> None:
    sent = {
        "title": "Watch the models",
        "description": "Looks at what models do.",
        "family": "technical",
        "is_ai_security": "on",
        "stages": ["operation"],
        "effort_hours": 2.5,
        "priority": 2,
        "cadence_days": 30,
        "techniques": "AML.T0051, AML.T0020",
        "controls": "production-telemetry",
        "level-ai-security": "3",
        "unit": officers.pk,
    }
    assert client.post(reverse("duty_new"), sent).status_code == 302
    row = Duty.objects.get(slug="watch-the-models")
    assert (row.requires, row.techniques) == ({"ai-security": 3}, ["AML.T0051", "AML.T0020"])
    assert DutyCoverage.objects.get(duty=row).state == "unowned"
    address = reverse("duty_change", args=[row.pk])
    page = client.get(address)
    assert 'value="AML.T0051 AML.T0020"' in page.content.decode()
    changed = {**sent, "title": HOSTILE, "level-ai-security": "", "priority": 5}
    assert client.post(address, changed).status_code == 302
    row.refresh_from_db()
    assert (row.requires, row.priority, row.slug) == ({}, 5, "watch-the-models")
    verbs = AuditRecord.objects.filter(subject_type="Duty", subject_id=str(row.pk)).values_list("verb", flat=True)
    assert {"duty.create", "duty.change"} <= set(verbs)
    assert HOSTILE not in client.get(row.get_absolute_url()).content.decode()
    again = client.post(reverse("duty_new"), sent)
    assert again.headers["Location"] != row.get_absolute_url()
    assert Duty.objects.filter(slug="watch-the-models-2").exists()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"family": "nonsense"}, "family"),
        ({"effort_hours": 500.0}, "effort_hours"),
        ({"stages": ["never"]}, "stages"),
        ({"requires": {"ai-security": 9}}, "ai-security"),
        ({"requires": {"luck": 1}}, "luck"),
        ({"title": ""}, "title"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_duty_that_no_file_could_hold_is_refused(
    caiso: User, officers: Unit, wrong: dict[str, object], words: str
) -> None:
    good = {"title": "Watch", "description": "Watches.", "family": "technical"}
    with pytest.raises(Exception, match=words):
        records.create_duty(values={**good, **wrong}, unit=officers, actor=caiso, now=NOW)
    assert not Duty.objects.filter(slug="watch").exists()


def test_a_role_is_added_and_changed(client: Client, caiso: User, officers: Unit) -> None:
    sent = {"title": "Data officer", "capacity_hours": 20, "annual_cost": 90000, "unit": officers.pk, "authority": 3}
    assert client.post(reverse("role_new"), sent).status_code == 302
    row = Role.objects.get(slug="data-officer")
    assert client.post(reverse("role_change", args=[row.pk]), {**sent, "capacity_hours": 0}).status_code == 302
    row.refresh_from_db()
    assert (row.capacity_hours, row.authority) == (0, 3)
    assert client.post(reverse("role_change", args=[row.pk]), {**sent, "authority": 9}).status_code == 422


def test_only_who_may_edit_the_unit_adds_there(client: Client, officers: Unit, login: Callable[..., User]) -> None:
    bank = make_unit("bank", officers)
    client.force_login(login("caio", bank))
    sent = {"title": "Watch", "description": "Watches.", "family": "other", "effort_hours": 1, "priority": 3}
    assert client.post(reverse("duty_new"), {**sent, "unit": officers.pk}).status_code == 422
    assert client.post(reverse("duty_new"), {**sent, "unit": bank.pk}).status_code == 302
    assert Duty.objects.get(slug="watch").unit == bank
    foreign = Duty.objects.get(slug="ai-strategy")
    assert client.post(reverse("duty_change", args=[foreign.pk]), sent).status_code == 404
    assert client.get(reverse("process_new")).status_code == 404, "processes are of the whole"
    client.force_login(login("auditor", officers))
    for name in ("duty_new", "role_new", "need_put", "process_new"):
        assert client.get(reverse(name)).status_code == 403, name


def test_a_need_of_a_team_or_of_everybody_gives_a_gap_with_its_training(
    client: Client, caiso: User, officers: Unit
) -> None:
    bank = make_unit("bank", officers)
    holder = Person.objects.get(slug="ciso-holder")
    Person.objects.filter(pk=holder.pk).update(unit=bank)
    skills.attest_skill(
        holder,
        competence=Competence.objects.get(slug="ai-security"),
        level=1,
        on=date(2020, 1, 1),
        actor=caiso,
        now=NOW,
    )
    sent = {"unit": bank.pk, "competence": "ai-security", "level": "3"}
    assert client.post(reverse("need_put"), sent).status_code == 302
    assert client.post(reverse("need_put"), {**sent, "unit": officers.pk, "level": "2"}).status_code == 302
    found = {one["unit"]: one for one in client.get(reverse("skills")).context["gaps"]}
    assert found["Bank"]["row"].missing_levels == 2
    assert [one["title"] for one in found["Bank"]["courses"]] == ["Attacks on AI", "Attack and defence laboratory"]
    assert found["Everybody"]["row"].missing_levels == 1
    assert client.post(reverse("need_put"), {**sent, "level": ""}).status_code == 302
    assert {one["unit"] for one in client.get(reverse("skills")).context["gaps"]} == {"Everybody"}
    assert [one.unit for one in queries.organisation().needs] == [None]


def test_two_processes_for_one_requirement_are_doubled_and_can_go(client: Client, caiso: User) -> None:
    sent = {"kind": "policy", "requirement": "EU AI Act 9", "owner": "ciso"}
    assert client.post(reverse("process_new"), {**sent, "title": HOSTILE, "outcome": "yes"}).status_code == 302
    assert client.post(reverse("process_new"), {**sent, "title": "Two", "outcome": "no"}).status_code == 302
    page = client.get(reverse("silos"))
    assert [one["row"].conflicting for one in page.context["doubled"]] == [True]
    assert HOSTILE not in page.content.decode()
    gone = client.post(reverse("process_drop"), {"process": "two"})
    assert gone.status_code == 302
    assert client.get(reverse("silos")).context["doubled"] == []
    assert client.post(reverse("process_drop"), {"process": "two"}, follow=True).status_code == 200
    verbs = set(AuditRecord.objects.filter(subject_type="Process").values_list("verb", flat=True))
    assert verbs == {"process.add", "process.drop"}


def test_a_process_of_an_unknown_owner_is_refused(caiso: User, officers: Unit) -> None:
    body = {"title": "One", "kind": "policy", "requirement": "R", "owner": "nobody"}
    with pytest.raises(Exception, match="nobody"):
        records.add_process(values=body, actor=caiso, now=NOW)
    with pytest.raises(UnableToKeep, match="kind"):
        records.add_process(values={**body, "kind": "dance", "owner": "ciso"}, actor=caiso, now=NOW)
    assert queries.organisation().processes == ()


def test_the_difference_is_a_figure(client: Client, caiso: User, officers: Unit) -> None:
    row = scenarios.start_scenario(name=HOSTILE, template="add-caiso", unit=officers, actor=caiso, now=NOW)
    drawn = client.get(reverse("scenario_figure", args=[row.pk, "svg"]))
    text = drawn.content.decode()
    assert drawn.headers["Content-Type"] == "image/svg+xml"
    assert HOSTILE not in text
    assert "AI security duties, before: 19 unowned" in text
    assert "AI security duties, after: 25 covered" in text
    assert "Past capacity" in text
    assert client.get(reverse("scenario_figure", args=[row.pk, "png"])).content.startswith(b"\x89PNG")
    assert client.get(reverse("scenario_figure", args=[row.pk, "exe"])).status_code == 404
    broken = Scenario.objects.create(
        name="Broken",
        unit=officers,
        changes=[{"op": "remove_role", "role": "nobody"}],
        created_at=NOW,
        updated_at=NOW,
    )
    assert client.get(reverse("scenario_figure", args=[broken.pk, "svg"])).status_code == 404
