"""Skills stay with those who may see them, count once attested, and are erased in time; scorecards, silos, tools."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from caiso.engine.coverage.organisation import dump, parse_organisation
from caiso.engine.coverage.organisation import model as engine
from caiso.engine.coverage.organisation.loading import built_in
from caiso.engine.coverage.organisation.records import Process, RiskAcceptance, TeamNeed
from caiso.engine.coverage.organisation.records import Tool as EngineTool
from caiso.web.base.models import AuditRecord, Person, Unit, User
from caiso.web.organisation import queries
from caiso.web.organisation.models import Competence, DutyCoverage, Holding, ScorecardEvidence, Skill, Tool
from caiso.web.organisation.services import skills
from caiso.web.organisation.services.catalogue import take_organisation
from caiso.web.organisation.services.skills import UnableToAttestSkill
from tests.web.conftest import NOW

pytestmark = pytest.mark.django_db
TODAY = NOW.date()
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def holder(officers: Unit) -> Person:
    return Holding.objects.select_related("person").get(role__slug="ciso").person


def test_an_attested_level_replaces_the_template_s_assumption(client: Client, caiso: User, holder: Person) -> None:
    lacking = DutyCoverage.objects.filter(accountable__slug="ciso", state="unqualified").first()
    assert lacking is not None
    address = reverse("person_skills", args=[holder.slug])
    for one in lacking.shortfalls:
        sent = {
            "competence": Competence.objects.get(slug=one["competence"]).pk,
            "level": one["needed"],
            "on": "2026-11-01",
        }
        assert client.post(address, sent).status_code == 302
    lacking.refresh_from_db()
    assert lacking.state != "unqualified"
    assert "by caiso@acme.example" in client.get(address).content.decode()
    assert f"{holder.name}, " in client.get(reverse("skills")).content.decode()


def test_levels_stay_out_of_the_trail(caiso: User, holder: Person) -> None:
    competence = Competence.objects.get(slug="ai-security")
    skills.attest_skill(holder, competence=competence, level=3, on=TODAY, actor=caiso, now=NOW)
    record = AuditRecord.objects.get(verb="skill.attest")
    assert record.changes is None
    assert "3" not in record.subject_label


def test_only_who_answers_for_people_sees_skills_and_everybody_sees_their_own(
    client: Client, holder: Person, officers: Unit, bank: Unit, login: Callable[..., User]
) -> None:
    address = reverse("person_skills", args=[holder.slug])
    for role in ("analyst", "auditor", "board_member", "administrator"):
        client.force_login(login(role, officers))
        assert client.get(reverse("skills")).status_code == 403
        assert client.get(address).status_code == 404
    client.force_login(login("ciso", bank))
    assert client.get(address).status_code == 404
    assert client.get(reverse("skills")).context["page_of"].paginator.count == 0
    own = login("analyst", officers, "own@acme.example")
    Person.objects.filter(pk=holder.pk).update(user=own)
    client.force_login(own)
    assert client.get(address).status_code == 200
    sent = {"competence": Competence.objects.get(slug="ai-security").pk, "level": 1, "on": "2026-11-01"}
    assert client.post(address, sent).status_code == 302, "people attest their own"


@pytest.mark.parametrize(
    ("changed", "words"), [({"level": 5}, "level"), ({"on": TODAY + timedelta(days=1)}, "has come")]
)
def test_an_impossible_attestation_is_refused(
    caiso: User, holder: Person, changed: dict[str, object], words: str
) -> None:
    given = {"competence": Competence.objects.get(slug="ai-security"), "level": 1, "on": TODAY}
    with pytest.raises(UnableToAttestSkill, match=words):
        skills.attest_skill(holder, **{**given, **changed}, actor=caiso, now=NOW)  # type: ignore[arg-type]
    with pytest.raises(UnableToAttestSkill, match="shows"):
        skills.attest_item(holder, item="skill-ai", level=1, on=TODAY, evidence=" ", actor=caiso, now=NOW)
    with pytest.raises(UnableToAttestSkill, match="no scorecard"):
        skills.attest_item(holder, item="none", level=1, on=TODAY, evidence="x", actor=caiso, now=NOW)


def test_old_skills_and_those_of_who_left_are_erased(caiso: User, holder: Person, officers: Unit) -> None:
    gone = Person.objects.create(slug="gone", name="Gone", unit=officers)
    competence, other = Competence.objects.all()[:2]
    for who, what, day in (
        (holder, competence, TODAY),
        (holder, other, TODAY - timedelta(days=2000)),
        (gone, other, TODAY),
    ):
        skills.attest_skill(who, competence=what, level=1, on=day, actor=caiso, now=NOW)
    Person.objects.filter(pk=gone.pk).update(is_active=False)
    assert skills.forget_old_skills(now=NOW) == 2
    assert list(Skill.objects.values_list("person__slug", "competence__slug")) == [(holder.slug, competence.slug)]
    assert skills.forget_old_skills(now=NOW) == 0
    assert AuditRecord.objects.filter(verb="skill.erase").count() == 1


def test_holder_and_candidate_are_scored_side_by_side_with_evidence(
    client: Client, caiso: User, holder: Person, officers: Unit
) -> None:
    other = Person.objects.create(slug="zoe", name=HOSTILE, unit=officers)
    attest = reverse("scorecard_attest", args=[other.slug, "skill-ai"])
    assert client.post(attest, {"level": 4, "evidence": "led two programmes", "on": "2026-11-01"}).status_code == 302
    skills.attest_skill(
        holder, competence=Competence.objects.get(slug="ai-technology"), level=1, on=TODAY, actor=caiso, now=NOW
    )
    page = client.get(reverse("scorecard"), {"person": [holder.slug, "zoe"]})
    assert HOSTILE not in page.content.decode()
    items = [item for group in page.context["groups"] for item in group["items"]]
    assert len(items) == 35
    first = next(item for item in items if item["row"].id == "skill-ai")
    assert {score["level"] for score in first["scores"]} == {1, 4}
    assert page.context["cards"][0]["met"] == 1
    assert page.context["cards"][0]["names"] == [HOSTILE], "the fullest first"
    assert any("AI" in course for step in page.context["cards"][1]["development"] for course in step["courses"])
    shared = client.get(reverse("scorecard"), {"person": [holder.slug, "zoe"], "together": "yes"})
    assert len(shared.context["cards"]) == 1
    assert ScorecardEvidence.objects.count() == 1


def test_everything_of_a_file_comes_back_out_of_the_product(officers: Unit) -> None:
    base = built_in("three-officers")
    first = base.people[0]
    person = replace(
        first,
        hours_per_week=30.0,
        absences=(engine.Period(TODAY, None),),
        skills=(engine.Skill("ai-security", 3, "A manager", TODAY),),
    )
    full = replace(
        base,
        people=(person, *base.people[1:]),
        needs=(TeamNeed("ai-security", 3, "acme", 2),),
        units=(engine.Unit("acme", "Acme"),),
        tools=(EngineTool("scanner", "Scanner", "security", ("model-scanning",), 1000.0, "ciso", "cheap", TODAY),),
        processes=(
            Process("one", "One", "policy", "AI Act 9"),
            Process("two", "Two", "policy", "AI Act 9", outcome="no"),
        ),
        acceptances=(RiskAcceptance("a-1", "bot", TODAY, ("ciso",)),),
        systems=(engine.AiSystem("bot", "Bot"),),
    )
    full = replace(full, people=tuple(replace(one, unit="acme") for one in full.people))
    take_organisation(full, root=officers, actor=None, now=NOW)
    out = queries.organisation(with_systems=False)
    for name in ("people", "needs", "tools", "processes", "acceptances", "scenarios", "trainings", "duties", "roles"):
        # A mapping's order means nothing, and not every database keeps it.
        given, found = (
            {json.dumps(asdict(one), sort_keys=True, default=str) for one in getattr(each, name)}
            for each in (full, out)
        )
        assert found == given, name
    text = dump(replace(out, acceptances=()))
    again = parse_organisation(text.encode(), path=Path("ours.yaml"))
    take_organisation(replace(again, acceptances=full.acceptances), root=officers, actor=None, now=NOW)
    assert queries.organisation(with_systems=False) == out


def test_silos_are_measured_or_not_assessed(client: Client, caiso: User, officers: Unit) -> None:
    page = client.get(reverse("silos"))
    assert page.context["known"] == 0
    assert "not assessed" in page.content.decode().lower()
    full = replace(
        queries.organisation(),
        processes=(
            Process("one", HOSTILE, "policy", "AI Act 9", outcome="yes"),
            Process("two", "Two", "policy", "AI Act 9", outcome="no"),
        ),
    )
    take_organisation(full, root=officers, actor=None, now=NOW)
    page = client.get(reverse("silos"))
    assert [one["row"].conflicting for one in page.context["doubled"]] == [True]
    assert HOSTILE not in page.content.decode()


def test_tools_are_kept_with_gaps_and_overlaps(client: Client, caiso: User, officers: Unit) -> None:
    sent = {
        "title": "Scanner",
        "domain": "security",
        "capabilities": ["model-scanning"],
        "annual_cost": 10,
        "unit": officers.pk,
    }
    assert client.post(reverse("tool_new"), sent).status_code == 302
    assert client.post(reverse("tool_new"), {**sent, "title": HOSTILE}).status_code == 302
    assert client.post(reverse("tool_new"), {**sent, "capabilities": ["magic"]}).status_code == 422
    row = Tool.objects.get(slug="scanner")
    page = client.get(reverse("silos"))
    assert page.context["report"].covered == 1
    assert len(page.context["overlaps"][0]["tools"]) == 2
    assert HOSTILE not in page.content.decode()
    change = reverse("tool_change", args=[row.pk])
    today = timezone.now().date()
    assert client.post(change, {**sent, "decision": "cheap", "decided_on": today}).status_code == 302
    row.refresh_from_db()
    assert row.decided_on == today
    assert "tool.change" in AuditRecord.objects.filter(subject_type="Tool").values_list("verb", flat=True)
    assert client.get(row.get_absolute_url()).status_code == 200
    assert client.get(reverse("tools_list")).context["listing"].rows.count() == 2
