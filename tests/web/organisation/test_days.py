"""Pages and answers on any day: what was, what will be, and where it hurts."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from caiso.web.base.models import Person, Unit, User
from caiso.web.organisation.models import Duty, DutyCoverage, Holding, Role
from caiso.web.organisation.services import absence, answering
from caiso.web.organisation.services.coverage import compute_coverage
from tests.web.conftest import NOW, make_unit

pytestmark = pytest.mark.django_db
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def today() -> date:
    """The pages read the clock, so the days of these tests hang on it."""
    return timezone.now().date()


def test_coverage_on_a_day_tells_who_answered_then(client: Client, caiso: User, today: date) -> None:
    holding = Holding.objects.get(role__slug="ciso")
    answering.end_holding(holding, last_on=today - timedelta(days=10), actor=caiso, now=NOW)
    now_gone = client.get(reverse("coverage"))
    then = client.get(reverse("coverage"), {"as_of": (today - timedelta(days=10)).isoformat()})
    after = client.get(reverse("coverage"), {"as_of": (today - timedelta(days=9)).isoformat()})
    tiles = [{tile["label"]: tile["value"] for tile in page.context["tiles"]} for page in (now_gone, then, after)]
    assert tiles[1]["Covered"] == 22
    assert tiles[2] == tiles[0]
    assert tiles[0]["Unstaffed"] == 13, "the CISO's eight own duties and five of AI security"
    assert [bar["size"] for bar in then.context["families"]] == [bar["size"] for bar in now_gone.context["families"]]
    assert {one["title"] for one in after.context["open"]} >= {"Security operations"}
    assert b"As it was on" in then.content
    assert all(not tile["url"] for tile in then.context["tiles"]), "the register knows today only"


def test_a_day_that_is_none_is_said_and_today_is_shown(client: Client, caiso: User) -> None:
    for name in ("coverage", "organisation_chart", "crossover", "deficiencies", "load"):
        page = client.get(reverse(name), {"as_of": "yesterday"})
        assert page.status_code == 200
        assert page.context["day"].is_today
        assert b"not a day" in page.content


def test_figures_and_pages_follow_the_day(client: Client, caiso: User, today: date) -> None:
    """A holder who comes later is on the chart of that day, on the page and in the file."""
    person = Person.objects.create(slug="zoe", name="Zoe Later", unit=Unit.objects.get(slug="acme"))
    start = today + timedelta(days=30)
    answering.appoint(Role.objects.get(slug="cro"), person=person, since_on=start, actor=caiso, now=NOW)
    for address in (reverse("organisation_chart"), reverse("organisation_figure", args=["chart"])):
        assert b"Zoe Later" not in client.get(address).content
        assert b"Zoe Later" in client.get(address, {"as_of": start.isoformat()}).content
    page = client.get(reverse("crossover"), {"as_of": start.isoformat(), "role": ["caio", "cto"]})
    assert f"as_of={start.isoformat()}" in page.context["query"]
    assert b"As it will be on" in page.content


def test_units_are_told_on_the_coverage_page(client: Client, caiso: User, officers: Unit) -> None:
    bank = make_unit("bank", officers)
    answering.assign_duty(
        Duty.objects.get(slug="aisoc-leadership"),
        role=Role.objects.get(slug="ciso"),
        kind="A",
        since_on=date(2020, 1, 1),
        scope_unit=bank,
        actor=caiso,
        now=NOW,
    )
    page = client.get(reverse("coverage"))
    assert [(bar["label"], bar["size"]) for bar in page.context["units"]] == [("Bank", 52)]
    past = client.get(reverse("coverage"), {"as_of": "2019-01-01"})
    assert past.context["units"][0]["covered"] <= page.context["units"][0]["covered"]


def test_a_unit_s_viewer_sees_its_unit_and_no_other(client: Client, officers: Unit, login: Callable[..., User]) -> None:
    bank, _ = make_unit("bank", officers), make_unit("shop", officers)
    Duty.objects.filter(slug="ai-strategy").update(unit=bank)
    compute_coverage(now=NOW)
    client.force_login(login("auditor", bank))
    for query in ({}, {"as_of": "2020-01-01"}):
        page = client.get(reverse("coverage"), query)
        assert [bar["label"] for bar in page.context["units"]] == ["Bank"]
        assert page.context["total"] == 1


def test_where_it_hurts_names_roles_people_and_conflicts(client: Client, caiso: User, today: date) -> None:
    page = client.get(reverse("load"))
    roles = {one["title"]: one for one in page.context["roles"]}
    assert page.context["over"] == 0
    assert len(page.context["alone"]) == 3
    assert page.context["conflicts"], "the CISO builds and assures the same controls"
    ciso = Role.objects.get(slug="ciso").title
    assert roles[ciso]["state"] == "Fits"
    holder = Person.objects.get(slug="ciso-holder")
    absence.record_absence(holder, since_on=today, until_on=None, actor=caiso, now=NOW)
    page = client.get(reverse("load"))
    away = next(one for one in page.context["roles"] if one["title"] == ciso)
    assert (away["state"], len(away["hurt"])) == ("Away", 13)
    answering.end_holding(Holding.objects.get(role__slug="cto"), last_on=today - timedelta(1), actor=caiso, now=NOW)
    page = client.get(reverse("load"))
    vacant = [one for one in page.context["roles"] if one["state"] == "Vacant" and one["hurt"]]
    assert [one["title"] for one in vacant] == [Role.objects.get(slug="cto").title]
    Duty.objects.filter(slug="security-operations").update(title=HOSTILE)
    assert HOSTILE not in client.get(reverse("load")).content.decode()


def test_the_api_answers_on_a_day_what_the_command_prints(client: Client, caiso: User, today: date) -> None:
    covered = client.get("/api/v1/organisation/coverage").json()
    assert covered["total"] == {"covered": 22, "unqualified": 11, "unowned": 19}
    answering.end_holding(Holding.objects.get(role__slug="ciso"), last_on=today - timedelta(9), actor=caiso, now=NOW)
    then = client.get("/api/v1/organisation/coverage", {"as_of": (today - timedelta(9)).isoformat()}).json()
    assert then["total"] == covered["total"]
    assert client.get("/api/v1/organisation/coverage").json()["total"]["unstaffed"] == 13
    found = client.get("/api/v1/organisation/crossover", {"role": ["caio", "cto", "ciso"]}).json()["result"]
    assert [one["found"] for one in found["crossovers"]] == [True] * 4
    lacking = client.get("/api/v1/organisation/deficiencies", {"as_of": then["as_of"]}).json()["result"]
    assert lacking["totals"]["open"] == 15
    advice = client.get("/api/v1/organisation/advice").json()["result"]
    assert [one["place"] for one in advice["ranking"]] == [1, 2, 3, 4]
    assert client.get("/api/v1/organisation/coverage", {"as_of": "never"}).status_code == 422


def test_answers_of_the_api_are_cut_to_what_is_in_sight(
    client: Client, officers: Unit, login: Callable[..., User]
) -> None:
    bank = make_unit("bank", officers)
    Duty.objects.filter(slug="ai-innovation").update(unit=bank)
    Role.objects.filter(slug__in=["caio", "cto"]).update(unit=bank)
    client.force_login(login("auditor", bank))
    found = client.get("/api/v1/organisation/crossover").json()["result"]
    assert found["roles"] == ["caio", "cto"]
    assert [one["duties"] for one in found["overlaps"]] == [["ai-innovation"]]
    assert {duty for one in found["regions"] for duty in one["duties"]} == {"ai-innovation"}
    assert client.get("/api/v1/organisation/deficiencies").json()["result"]["duties"] == []
    assert DutyCoverage.objects.count() == 52
