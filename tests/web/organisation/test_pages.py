"""The organisation's pages: what they say, to whom, how they refuse, and how many questions they ask."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from caiso.engine.coverage.organisation import dump, parse_organisation
from caiso.web.base.models import Job, Person, Unit, User
from caiso.web.base.queries import held_roles
from caiso.web.base.services import jobs
from caiso.web.organisation import queries
from caiso.web.organisation.jobs import COVERAGE
from caiso.web.organisation.models import Assignment, Duty, DutyCoverage, Holding, Role
from caiso.web.organisation.services.coverage import compute_coverage
from tests.web.conftest import NOW

pytestmark = pytest.mark.django_db
HOSTILE = "<img src=x onerror=alert(1)>"
PLACES = (
    *("coverage", "duties_list", "roles_list", "organisation_chart", "crossover", "deficiencies", "load", "my_duties"),
    *("duty_new", "role_new", "need_put", "process_new", "silos", "skills", "advisor", "scenario_new"),
)


@pytest.mark.parametrize("name", PLACES)
def test_every_page_opens_with_an_organisation_and_without(
    client: Client, login: Callable[..., User], root: Unit, name: str
) -> None:
    client.force_login(login("caiso", root))
    assert client.get(reverse(name)).status_code == 200


@pytest.mark.parametrize("name", PLACES)
def test_every_page_opens_on_the_three_officers_and_escapes_their_words(client: Client, caiso: User, name: str) -> None:
    Duty.objects.update(title=HOSTILE)
    Role.objects.filter(slug="ciso").update(title=HOSTILE)
    answer = client.get(reverse(name))
    assert answer.status_code == 200
    assert HOSTILE not in answer.content.decode()


def test_coverage_counts_every_duty_once_and_opens_to_them(client: Client, caiso: User) -> None:
    context = client.get(reverse("coverage")).context
    assert sum(tile["value"] for tile in context["tiles"]) == context["total"] == Duty.objects.count()
    for tile in context["tiles"]:
        listed = client.get(tile["url"]).context["listing"].rows
        assert listed.count() == tile["value"]
    assert sum(bar["size"] for bar in context["families"]) == Duty.objects.count()
    for bar in (*context["families"], *context["stages"]):
        assert client.get(bar["url"]).context["listing"].rows.count() == bar["size"], bar["label"]


def test_a_duty_says_why_and_who(client: Client, caiso: User) -> None:
    duty = DutyCoverage.objects.filter(state="unqualified").select_related("duty", "accountable").first()
    assert duty is not None
    assert duty.accountable is not None
    text = client.get(duty.duty.get_absolute_url()).content.decode()
    assert "Why is this so?" in text
    assert duty.accountable.get_absolute_url() in text
    needs = client.get(duty.duty.get_absolute_url(), {"tab": "needs"}).content.decode()
    assert duty.shortfalls[0]["competence"] in needs
    assert client.get(reverse("duty_by_slug", args=[duty.duty.slug])).status_code == 302
    assert client.get(reverse("duty_by_slug", args=["none"])).status_code == 404


def test_a_role_shows_holder_load_lines_and_competences(client: Client, caiso: User) -> None:
    role = Role.objects.get(slug="ciso")
    holder = Holding.objects.get(role=role).person
    for tab, words in (
        ("duties", "Accountable"),
        ("holders", holder.name),
        ("lines", "Answers to"),
        ("competences", "of 4"),
    ):
        assert words in client.get(role.get_absolute_url(), {"tab": tab}).content.decode()
    assert "hours a week" in client.get(role.get_absolute_url()).content.decode()


def test_foreign_units_do_not_exist(
    client: Client, officers: Unit, bank: Unit, shop: Unit, login: Callable[..., User]
) -> None:
    duty, role = Duty.objects.first(), Role.objects.get(slug="ciso")
    assert duty is not None
    Duty.objects.filter(pk=duty.pk).update(unit=bank)
    Role.objects.filter(pk=role.pk).update(unit=bank)
    assignment = Assignment.objects.filter(duty=duty).first() or Assignment.objects.create(
        duty=duty, role=role, kind="A"
    )
    holding = Holding.objects.get(role=role)
    addresses = [
        *(reverse(name, args=[duty.pk]) for name in ("duty_record", "duty_assign")),
        *(
            reverse(name, args=[role.pk])
            for name in ("role_record", "role_appoint", "role_assign", "role_delegate", "role_line", "role_confirm")
        ),
        reverse("assignment_end", args=[assignment.pk]),
        reverse("holding_end", args=[holding.pk]),
    ]
    client.force_login(login("ciso", shop))
    assert {client.get(address).status_code for address in addresses} == {404}
    client.force_login(login("analyst", bank))
    assert [client.get(address).status_code for address in addresses] == [
        200,
        403,
        200,
        403,
        403,
        403,
        403,
        403,
        403,
        403,
    ]
    client.force_login(login("ciso", bank))
    assert {client.get(address).status_code for address in addresses} == {200}
    figures = " ".join(client.get(reverse(name)).content.decode() for name in ("crossover", "organisation_chart"))
    assert Role.objects.get(slug="cto").title not in figures


def test_assigning_and_appointing_through_the_pages(client: Client, caiso: User, officers: Unit) -> None:
    duty = Duty.objects.filter(coverage__state="unowned").first()
    role = Role.objects.get(slug="ciso")
    assert duty is not None
    address = reverse("duty_assign", args=[duty.pk])
    assert client.post(address, {"role": role.pk, "kind": "X", "since_on": "2026-11-01"}).status_code == 422
    assert client.post(address, {"role": role.pk, "kind": "A", "since_on": "2026-11-01"}).status_code == 302
    assert DutyCoverage.objects.get(duty=duty).accountable == role
    again = client.post(address, {"role": role.pk, "kind": "A", "since_on": "2026-11-01"})
    assert again.status_code == 422
    assert "already" in again.content.decode()
    person = Person.objects.create(slug="zoe", name="Zoë Adeyemi", unit=officers)
    appointed = client.post(
        reverse("role_appoint", args=[role.pk]), {"person": person.pk, "since_on": "2026-11-01", "percent": "50"}
    )
    assert appointed.status_code == 302
    assert Holding.objects.get(person=person).share == 0.5


def test_my_duties_are_those_of_my_roles(client: Client, caiso: User) -> None:
    holding = Holding.objects.get(role__slug="ciso")
    Person.objects.filter(pk=holding.person_id).update(user=caiso)
    text = client.get(reverse("my_duties")).content.decode()
    duty = Duty.objects.filter(assignments__role__slug="ciso", assignments__kind="A").first()
    assert duty is not None
    assert duty.get_absolute_url() in text
    assert "Asked of you each week" in text
    assert held_roles(caiso) == {"ciso"}


def test_crossover_opens_each_region_to_its_duties(client: Client, caiso: User) -> None:
    answer = client.get(reverse("crossover"), {"role": ["caio", "cto", "ciso"]})
    assert sum(one["row"].found for one in answer.context["findings"]) == 4
    for region in answer.context["regions"]:
        assert f'id="{region["anchor"]}"' in answer.content.decode()
    for field in answer.context["euler"]["fields"]:
        if field["count"]:
            assert f'href="#{field["anchor"]}"' in answer.content.decode()


def test_more_than_four_roles_become_columns(client: Client, caiso: User) -> None:
    for slug in ("ceo", "cro", "legal"):
        role, duty = Role.objects.get(slug=slug), Duty.objects.first()
        assert duty is not None
        Assignment.objects.create(role=role, duty=duty, kind="R")
    compute_coverage(now=NOW)
    wanted = ["caio", "cto", "ciso", "ceo", "cro", "legal"]
    context = client.get(reverse("crossover"), {"role": wanted}).context
    assert context["upset"] is not None
    assert len(context["upset"]["rows"]) == 6


def test_the_heat_map_has_a_cell_for_each_role_and_duty(client: Client, caiso: User) -> None:
    context = client.get(reverse("deficiencies")).context
    duties = Duty.objects.filter(is_ai_security=True).count()
    assert context["open"] == 15
    assert {len(row["cells"]) for row in context["heat"]["rows"]} == {duties}


@pytest.mark.parametrize("name", ["chart", "deficiencies", "crossover"])
def test_figures_are_files_of_their_own(client: Client, caiso: User, name: str) -> None:
    answer = client.get(reverse("organisation_figure", args=[name]))
    assert answer["Content-Type"] == "image/svg+xml"
    assert answer.content.startswith(b"<svg")
    assert client.get(reverse("organisation_figure", args=["secrets"])).status_code == 404


def _send(client: Client, text: str, take: str = "yes") -> tuple[int, str]:
    sent = SimpleUploadedFile("ours.yaml", text.encode(), content_type="application/yaml")
    answer = client.post(reverse("organisation_import"), {"file": sent, "take": take})
    return answer.status_code, answer.content.decode()


def test_a_file_with_mistakes_is_refused_whole_with_its_lines(client: Client, caiso: User) -> None:
    before = queries.organisation()
    wrong = "id: ours\nextends: default\nassignments:\n  - {duty: no-such-duty, role: ciso, kind: A}\n  - {duty: x, role: y, kind: Q}\n"
    status, text = _send(client, wrong)
    assert status == 422
    assert "ours.yaml:5" in text
    assert queries.organisation() == before


def test_checking_a_file_writes_nothing(client: Client, caiso: User) -> None:
    before = queries.organisation()
    status, text = _send(client, "id: ours\nextends: default\npeople:\n  - {id: mia, name: Mia}\n", take="no")
    assert (status, "The file is sound" in text) == (200, True)
    assert queries.organisation() == before


def test_what_is_exported_reads_back_the_same(client: Client, caiso: User) -> None:
    first = client.get(reverse("organisation_export")).content
    assert _send(client, first.decode())[0] == 302
    assert client.get(reverse("organisation_export")).content == first
    read = parse_organisation(first, path=Path("ours.yaml"))
    assert dump(read).encode() == first


def test_only_those_over_the_whole_import_and_export(
    client: Client, officers: Unit, bank: Unit, login: Callable[..., User]
) -> None:
    client.force_login(login("ciso", bank))
    assert [client.get(reverse(f"organisation_{name}")).status_code for name in ("import", "export")] == [404, 404]
    assert client.post(reverse("organisation_start"), {"name": "default"}).status_code == 404


def test_an_empty_organisation_starts_with_one_button(client: Client, root: Unit, login: Callable[..., User]) -> None:
    client.force_login(login("caiso", root))
    assert "Start from the default catalogue" in client.get(reverse("coverage")).content.decode()
    assert client.post(reverse("organisation_start"), {"name": "three-officers"}).status_code == 302
    assert Holding.objects.count() == 3
    client.post(reverse("organisation_start"), {"name": "default"})
    assert Holding.objects.count() == 3, "a staffed organisation is not replaced by a button"
    assert client.post(reverse("organisation_start"), {"name": "../etc"}).status_code == 404


def test_the_pages_ask_no_more_for_more_duties(
    client: Client, caiso: User, officers: Unit, django_assert_max_num_queries: Callable[..., object]
) -> None:
    role = Role.objects.get(slug="ciso")
    made = [Duty(slug=f"extra-{n}", title=f"Extra {n}", unit=officers, family="other") for n in range(60)]
    Duty.objects.bulk_create(made)
    Assignment.objects.bulk_create([Assignment(duty=duty, role=role, kind="A") for duty in made])
    compute_coverage(now=NOW)
    for address in (*(reverse(name) for name in PLACES), role.get_absolute_url()):
        client.get(address)
        with django_assert_max_num_queries(34):  # type: ignore[attr-defined]
            client.get(address)


def test_the_worker_computes_coverage_again_as_days_pass(officers: Unit) -> None:
    jobs.enqueue_periodic(now=NOW)
    job = Job.objects.get(kind=COVERAGE)
    job.state, job.lease_owner, job.attempt = Job.State.RUNNING, "me", 1
    job.save()
    assert jobs.run(job, clock=lambda: NOW) == Job.State.DONE
    assert job.result == {"duties": Duty.objects.count()}
