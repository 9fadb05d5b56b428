"""A file taken in comes out the same, with every field and all history; nothing of it is lost or left half."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from caiso.engine.coverage.authority import check_authority
from caiso.engine.coverage.organisation import Organisation, built_in, dump, parse_organisation, read_organisation
from caiso.engine.coverage.organisation.model import AiSystem, Assignment, Holding, Unit
from caiso.engine.coverage.organisation.records import AuthorityRecord as EngineAuthority
from caiso.engine.coverage.states import coverage
from caiso.web.base.models import AuditRecord, User
from caiso.web.base.models import Person as PersonRow
from caiso.web.base.models import Unit as UnitRow
from caiso.web.organisation import queries
from caiso.web.organisation.models import AuthorityRecord, Duty, DutyCoverage, Role, Skill
from caiso.web.organisation.services import answering, records, reporting, skills
from caiso.web.organisation.services.catalogue import UnableToTake, take_organisation
from tests.engine.coverage.test_organisation_complete import COMPLETE
from tests.web.conftest import NOW, make_unit

pytestmark = pytest.mark.django_db
TODAY = NOW.date()
SMALL = b"""\
id: mine
title: My own
competences:
  - {id: law, title: Law, anchors: [a, b, c, d, e]}
units:
  - {id: east, title: East}
  - {id: west, title: West}
duties:
  - {id: guard, title: Guard, description: Guards., family: security, requires: {law: 2}}
roles:
  - {id: chief, title: Chief, competences: {law: 2}}
people:
  - {id: ada.lovelace, name: Ada}
holdings:
  - {person: ada.lovelace, role: chief}
assignments:
  - {duty: guard, role: chief, kind: A, unit: east}
  - {duty: guard, role: chief, kind: A, unit: west}
"""


def _small() -> Organisation:
    return parse_organisation(SMALL, path=Path("mine.yaml"))


def test_everything_of_a_file_comes_back_in_the_same_words(root: UnitRow) -> None:
    told = read_organisation(COMPLETE)
    take_organisation(told, root=root, actor=None, now=NOW)
    kept = queries.organisation()
    assert dump(kept) == dump(told)
    again = parse_organisation(dump(kept).encode(), path=Path("again.yaml"))
    take_organisation(again, root=root, actor=None, now=NOW)
    assert queries.organisation() == told


@pytest.mark.parametrize("day", [date(2025, 6, 1), date(2026, 4, 1), TODAY, date(2027, 6, 1)])
def test_the_product_computes_on_any_day_what_the_file_alone_computes(root: UnitRow, day: date) -> None:
    told = read_organisation(COMPLETE)
    take_organisation(told, root=root, actor=None, now=NOW)
    wanted, found = coverage(told, as_of=day), queries.coverage_on(day)
    assert [(one.state, one.accountable, one.scopes) for one in found.duties] == [
        (one.state, one.accountable, one.scopes) for one in wanted.duties
    ]
    assert (found.systems, found.units) == (wanted.systems, wanted.units)


def test_a_file_without_the_catalogue_brings_nothing_of_it(root: UnitRow) -> None:
    """Owners of both top units leave nothing over, here as in the file, and later changes are not refused."""
    take_organisation(_small(), root=root, actor=None, now=NOW)
    assert queries.organisation() == _small()
    assert DutyCoverage.objects.get().state == "covered"
    row = queries.visible_roles  # the services below read the whole organisation again
    assert row
    answering.assign_duty(
        Duty.objects.get(),
        role=Role.objects.get(),
        kind="R",
        since_on=TODAY,
        actor=None,
        now=NOW,  # type: ignore[arg-type]
    )


def test_a_file_that_names_the_root_unit_sees_it_again(root: UnitRow) -> None:
    told = replace(_small(), units=(Unit("acme", "Acme"), *(Unit(u.id, u.title, "acme") for u in _small().units)))
    take_organisation(told, root=root, actor=None, now=NOW)
    assert {one.id: one.parent for one in queries.organisation().units} == {
        "acme": None,
        "east": "acme",
        "west": "acme",
    }


def test_units_are_renamed_and_moved_as_the_file_says(root: UnitRow) -> None:
    take_organisation(_small(), root=root, actor=None, now=NOW)
    moved = replace(_small(), units=(Unit("east", "Orient"), Unit("west", "West", "east")))
    take_organisation(moved, root=root, actor=None, now=NOW)
    assert queries.organisation().units == moved.units
    west = UnitRow.objects.get(slug="west")
    assert west.path.startswith(UnitRow.objects.get(slug="east").path)


def test_what_a_file_does_not_name_stays_unless_it_shall_go(root: UnitRow) -> None:
    take_organisation(built_in("three-officers"), root=root, actor=None, now=NOW)
    take_organisation(_small(), root=root, actor=None, now=NOW)
    assert Duty.objects.count() == 53
    take_organisation(_small(), root=root, actor=None, now=NOW, only=True)
    assert [row.slug for row in Duty.objects.all()] == ["guard"]
    assert [row.slug for row in Role.objects.all()] == ["chief"]
    assert AuditRecord.objects.filter(verb="organisation.remove").count() == 52 + 18
    assert PersonRow.objects.filter(slug="ciso-holder").exists(), "nobody is removed by a file"


def test_what_stays_and_needs_what_the_file_lacks_refuses_it_whole(officers: UnitRow, caiso: User) -> None:
    """What was attested of people is never removed by a file, so the file must name what it speaks of."""
    seen = {"item": "skill-ai", "level": 3, "on": TODAY, "evidence": "saw it", "actor": caiso, "now": NOW}
    skills.attest_item(PersonRow.objects.get(slug="ciso-holder"), **seen)  # type: ignore[arg-type]
    role = Role.objects.get(slug="ciso")
    reporting.attest_authority(
        role, check="board-access", holds=True, evidence="minutes", on=TODAY, actor=caiso, now=NOW
    )
    before = queries.organisation()
    with pytest.raises(UnableToTake, match="skill-ai"):
        take_organisation(_small(), root=officers, actor=caiso, now=NOW, only=True)
    assert queries.organisation() == before
    take_organisation(_small(), root=officers, actor=caiso, now=NOW)
    assert AuthorityRecord.objects.count() == 1, "without the wish to remove, everything stays"


def test_history_comes_back_with_its_dates(root: UnitRow) -> None:
    past = (
        Holding("ada.lovelace", "chief", until_on=date(2026, 1, 31)),
        Holding("ada.lovelace", "chief", since_on=date(2026, 3, 1), acting=True, share=0.5),
    )
    told = replace(
        _small(),
        holdings=past,
        assignments=(Assignment("guard", "chief", "A", since_on=date(2025, 1, 1), until_on=date(2027, 1, 1)),),
    )
    take_organisation(told, root=root, actor=None, now=NOW)
    states = {day: queries.coverage_on(day).duties[0].state for day in (date(2026, 1, 31), date(2026, 2, 1), TODAY)}
    assert list(states.values()) == ["covered", "unstaffed", "covered"]
    assert queries.organisation() == told


def test_ids_with_dots_have_pages(client: Client, root: UnitRow, login: Callable[..., User]) -> None:
    take_organisation(_small(), root=root, actor=None, now=NOW)
    client.force_login(login("caiso", root))
    for name in ("person", "person_skills"):
        assert client.get(reverse(name, args=["ada.lovelace"])).status_code == 200
    assert client.get(Role.objects.get().get_absolute_url(), {"tab": "holders"}).status_code == 200


def _upload(client: Client, content: bytes, **more: str) -> object:
    return client.post(reverse("organisation_import"), {"file": SimpleUploadedFile("mine.yaml", content), **more})


def test_checking_says_what_would_change_and_writes_nothing(client: Client, caiso: User) -> None:
    before = queries.organisation()
    answer = _upload(client, SMALL, take="no", only="on")
    steps = {one.collection: one for one in answer.context["steps"]}  # type: ignore[attr-defined]
    assert (steps["duties"].new, len(steps["duties"].gone)) == (1, 52)
    assert (steps["holdings"].new, len(steps["holdings"].gone)) == (1, 3)
    assert b"removed" in answer.content  # type: ignore[attr-defined]
    assert queries.organisation() == before
    same = _upload(client, dump(before).encode(), take="no")
    assert same.context["steps"] == []  # type: ignore[attr-defined]
    assert _upload(client, SMALL, take="yes", only="on").status_code == 302  # type: ignore[attr-defined]
    assert Duty.objects.count() == 1


def test_who_may_not_attest_brings_no_skills_in(client: Client, officers: UnitRow, login: Callable[..., User]) -> None:
    client.force_login(login("administrator", officers))
    skilled = SMALL.replace(
        b"name: Ada}", b"name: Ada, skills: [{competence: law, level: 2, attested_by: Me, attested_on: 2026-01-01}]}"
    )
    refused = _upload(client, skilled, take="yes")
    assert refused.status_code == 422  # type: ignore[attr-defined]
    assert "right to attest" in refused.context["problems"][0]  # type: ignore[attr-defined]
    assert not Skill.objects.exists()
    client.force_login(login("caiso", officers))
    assert _upload(client, skilled, take="yes", only="on").status_code == 302  # type: ignore[attr-defined]
    assert Skill.objects.count() == 1


def test_what_other_apps_tell_is_never_copied(root: UnitRow, monkeypatch: pytest.MonkeyPatch) -> None:
    told = read_organisation(COMPLETE)
    other = replace(told.systems[0], title="As the inventory calls it", unit="acme")
    monkeypatch.setattr(queries, "_systems", [lambda: (other,)])
    monkeypatch.setattr(queries, "_acceptances", [lambda: told.acceptances])
    take_organisation(told, root=root, actor=None, now=NOW)
    kept = queries.organisation()
    assert {one.id: (one.title, one.unit) for one in kept.systems} == {
        "bot": ("As the inventory calls it", None),
        "fraud": ("Fraud", None),
    }
    take_organisation(kept, root=root, actor=None, now=NOW)
    monkeypatch.setattr(queries, "_acceptances", [])
    assert queries.organisation().acceptances == ()


def test_records_of_authority_that_another_app_keeps_are_read_and_never_copied(
    officers: UnitRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    met = EngineAuthority("meeting-7", "board-attendance", "ciso", date(2020, 1, 1))
    monkeypatch.setattr(queries, "_authority", [lambda: (met,)])
    view = queries.coverage_on(date(2020, 2, 1))
    found = {one.check.id: one for one in check_authority(view, "ciso")}["board-access"]
    assert (found.outcome, found.records) == ("pass", ("authority:meeting-7",))
    take_organisation(queries.organisation(), root=officers, actor=None, now=NOW)
    assert not AuthorityRecord.objects.exists()


def test_a_system_that_left_the_inventory_blocks_nothing(
    client: Client, officers: UnitRow, caiso: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = AiSystem("system-7", "Sorter")
    monkeypatch.setattr(queries, "_systems", [lambda: (system,)])
    duty, role = Duty.objects.get(slug="aisoc-leadership"), Role.objects.get(slug="ciso")
    answering.assign_duty(
        duty, role=role, kind="A", since_on=date(2020, 1, 1), scope_system="system-7", actor=caiso, now=NOW
    )
    assert [bar["label"] for bar in client.get(reverse("coverage")).context["systems"]] == ["Sorter"]
    monkeypatch.setattr(queries, "_systems", [lambda: ()])
    answering.assign_duty(duty, role=role, kind="C", since_on=date(2020, 1, 1), actor=caiso, now=NOW)
    assert client.get(reverse("coverage")).context["systems"] == []
    told = client.get(reverse("organisation_export")).content
    assert parse_organisation(told, path=Path("out.yaml")).systems[0].title == queries.LOST_SYSTEM


def test_a_unit_that_was_removed_blocks_nothing(officers: UnitRow, caiso: User) -> None:
    bank = make_unit("bank", officers)
    records.put_need(unit=bank, competence="ai-security", level=2, people=None, actor=caiso, now=NOW)
    bank.delete()
    answering.assign_duty(
        Duty.objects.get(slug="aisoc-leadership"),
        role=Role.objects.get(slug="ciso"),
        kind="C",
        since_on=TODAY,
        actor=caiso,
        now=NOW,
    )
    assert queries.organisation().needs == ()
