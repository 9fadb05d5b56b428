"""The scenario workspace in a real browser, without scripts where it can be: from a template to an adopted decision."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from caiso.engine.coverage.organisation.loading import built_in
from caiso.web.base.models import Unit, User
from caiso.web.organisation.models import DutyCoverage, Holding, Role, Scenario
from caiso.web.organisation.services.catalogue import take_organisation
from caiso.web.organisation.services.scenarios import start_scenario
from tests.browser.conftest import DESKTOP, PHONE, Visit

Visits = Callable[..., Visit]


@pytest.fixture
def working(officer: User, acme: Unit) -> User:
    """Three officers and nobody for AI security."""
    take_organisation(built_in("three-officers"), root=acme, actor=None, now=datetime.now(UTC))
    return officer


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_a_caiso_is_tried_and_adopted(working: User, visit: Visits, scripts: bool) -> None:
    page = visit(working, scripts=scripts).go("/scenarios/")
    page.get_by_role("link", name="Add a CAISO").click()
    page.get_by_label("Name").fill("A CAISO at last")
    expect(page.get_by_label("Start from")).to_have_value("add-caiso")
    page.get_by_role("button", name="New scenario").click()
    expect(page.get_by_text("Named weaknesses open: 15 before, 0 after")).to_be_visible()
    page.goto(page.url + "?tab=changes")
    page.get_by_label("Next change").select_option("train")
    page.get_by_role("button", name="Add a change").click()
    page.get_by_label("Role").select_option("caiso")
    page.get_by_label("Competence").select_option("risk")
    page.get_by_label("Level", exact=True).select_option("4")
    page.get_by_role("button", name="Keep this change").click()
    expect(page.get_by_text("to level 4 in")).to_be_visible()
    page.get_by_role("link", name="Adopt").click()
    page.get_by_label("Who decided").fill("The board")
    page.get_by_label("Why").fill("Fifteen weaknesses are open")
    page.get_by_role("button", name="Adopt").click()
    expect(page.get_by_text("The board").first).to_be_visible()
    row = Scenario.objects.get()
    assert (row.state, row.decided_by) == ("adopted", "The board")
    assert Holding.objects.filter(role__slug="caiso").exists()
    assert not DutyCoverage.objects.filter(duty__is_ai_security=True, state__in=["unowned", "unqualified"]).exists()


def test_a_moved_slider_ranks_again_where_the_reader_is(working: User, visit: Visits) -> None:
    page = visit(working).go("/organisation/reporting/")
    first = page.locator("#advice h2").first
    expect(first).to_contain_text("1. CISO")
    slider = page.get_by_label("Independence")
    slider.focus()
    slider.press("End")
    expect(page.get_by_text("Independence: 10 of 10, set by hand")).to_be_visible()
    for name in ("Alignment with enterprise security", "Integrated operations"):
        other = page.get_by_label(name)
        other.focus()
        other.press("Home")
        expect(page.get_by_text(f"{name}: 0 of 10, set by hand")).to_be_visible()
    expect(first).to_contain_text("1. CRO")
    page.locator("#advice summary").first.click()
    expect(page.get_by_text("The CRO is independent of those who build and run.").first).to_be_visible()
    assert page.url.endswith("/organisation/reporting/")
    page.get_by_role("button", name="Let the rules set every weight again").click()
    expect(first).to_contain_text("1. CISO")
    expect(page.get_by_text("set by hand")).to_have_count(0)


def test_without_scripts_a_button_ranks_again(working: User, visit: Visits) -> None:
    page = visit(working, scripts=False).go("/organisation/reporting/")
    page.get_by_label("Security stands").select_option("technology")
    page.get_by_role("button", name="Rank again").click()
    expect(page.locator("#advice h2").first).to_contain_text("1. CTO")


def test_a_field_of_the_figure_opens_its_duties_and_a_box_its_role(working: User, visit: Visits) -> None:
    page = visit(working, scripts=False).go("/organisation/crossover/?role=caio&role=cto&role=ciso")
    page.get_by_role("link", name="2 of Chief AI Officer and Chief Information Security Officer and").click()
    region = page.locator("#region-caio-and-ciso-and-cto")
    expect(region).to_contain_text("Security risk management")
    region.get_by_role("link", name="Security risk management").click()
    expect(page.get_by_role("heading", name="Security risk management", level=1)).to_be_visible()
    page.goto(page.url.split("/duties/")[0] + "/organisation/chart/")
    page.get_by_role("link", name="Chief Technology Officer: Holder of the CTO role").click()
    expect(page.get_by_role("heading", name="Chief Technology Officer", level=1)).to_be_visible()


def test_a_day_is_asked_for_and_left_again(working: User, visit: Visits) -> None:
    page = visit(working, scripts=False).go("/organisation/")
    page.get_by_label("As of").fill("2020-05-05")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("As it was on 5 May 2020")).to_be_visible()
    page.get_by_role("link", name="Back to today").click()
    expect(page.get_by_text("As it was on")).to_have_count(0)


@pytest.mark.parametrize(("theme", "size"), [("light", DESKTOP), ("dark", PHONE), ("dark", DESKTOP), ("light", PHONE)])
def test_every_new_page_is_accessible_and_fits(
    working: User, visit: Visits, picture: Callable[[Page, str], None], theme: str, size: tuple[int, int]
) -> None:
    now, acme = datetime.now(UTC), Unit.objects.get(parent=None)
    rows = [
        start_scenario(name=name, template=name, unit=acme, actor=working, now=now)
        for name in ("add-caiso", "extend-ciso")
    ]
    first, role = rows[0].get_absolute_url(), Role.objects.get(slug="ciso")
    holder = Holding.objects.get(role=role).person
    addresses = {
        "scenarios": "/scenarios/",
        "scenario-new": "/scenarios/start/",
        "scenario": first,
        "scenario-changes": f"{first}?tab=changes",
        "scenario-load": f"{first}?tab=load",
        "scenario-change": f"{first}changes/?op=move",
        "scenario-operations": f"{first}changes/",
        "scenario-adopt": f"{first}adopt/",
        "compare": f"/scenarios/compare/?scenario={rows[0].pk}&scenario={rows[1].pk}",
        "advisor": "/organisation/reporting/",
        "authority": f"/roles/{role.pk}/authority/",
        "attest": f"/roles/{role.pk}/authority/board-access/",
        "skills": "/organisation/skills/",
        "scorecard": f"/organisation/scorecard/?person={holder.slug}",
        "person-skills": f"/people/{holder.slug}/skills/",
        "silos": "/organisation/silos/",
        "tools": "/tools/",
        "tool-new": "/tools/add/",
        "import-table": "/organisation/table/",
        "load": "/organisation/load/",
        "coverage-past": "/organisation/?as_of=2020-01-01",
        "chart-future": "/organisation/chart/?as_of=2099-01-01",
        "person-duties": f"/people/{holder.slug}/duties/",
        "duty-new": "/duties/add/",
        "role-new": "/roles/add/",
        "role-change": f"/roles/{role.pk}/change/",
        "need": "/organisation/skills/needs/",
        "process-new": "/organisation/processes/add/",
        "my-duties": "/my-duties/",
    }
    window = visit(working, theme=theme, size=size, for_axe=True)
    faults = []
    for name, address in addresses.items():
        page = window.go(address)
        picture(page, f"{name}-{theme}-{size[0]}")
        try:
            window.assert_fits()
            window.assert_accessible()
        except AssertionError as found:
            faults.append(f"{name}: {found}"[:1500])
    assert not faults, "\n".join(faults)
