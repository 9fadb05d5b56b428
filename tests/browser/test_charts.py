"""Charts and parts in a real browser: drawn under the strict policy, readable without seeing them, saved as files."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from caiso.web.base.models import User
from tests.browser.conftest import DESKTOP, PHONE, Visit

Visits = Callable[..., Visit]
pytestmark = pytest.mark.urls("tests.browser.showcase")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_parts_and_charts_are_accessible(
    visit: Visits, officer: User, theme: str, size: tuple[int, int], picture: Callable[[Page, str], None]
) -> None:
    window = visit(officer, theme=theme, size=size, for_axe=True)
    page = window.go("/showcase/")
    expect(page.locator(".chart-canvas svg")).to_have_count(3)
    page.wait_for_timeout(400)
    picture(page, f"showcase-{theme}-{size[0]}")
    window.assert_accessible()
    window.assert_fits()


def test_charts_draw_recolour_and_save_under_the_strict_policy(visit: Visits, officer: User, tmp_path: Path) -> None:
    page = visit(officer).go("/showcase/")
    chart = page.locator("figure", has=page.get_by_role("img", name="Posture and alerts")).first
    line = chart.locator("svg path[stroke-width='2']").first
    expect(line).to_be_visible()
    before = chart.locator("svg").inner_html()
    chart.locator(".chart-canvas").hover()
    expect(chart.locator(".chart-tip")).to_be_visible()
    page.get_by_label("Account of Amara Osei").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_class("dark")
    page.wait_for_timeout(400)
    assert chart.locator("svg").inner_html() != before
    for kind, start in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        with page.expect_download() as saved:
            chart.get_by_role("button", name=kind).click()
        target = tmp_path / kind
        saved.value.save_as(target)
        assert target.read_bytes().startswith(start)
        assert target.stat().st_size > 1000


def test_figures_stand_in_a_table_and_hostile_labels_stay_text(visit: Visits, officer: User) -> None:
    page = visit(officer, scripts=False).go("/showcase/")
    page.get_by_text("Figures").nth(1).click()
    expect(page.get_by_role("rowheader", name="</script><b>Disclosure")).to_be_visible()
    expect(page.get_by_text("No figures yet")).to_be_visible()


def test_a_deed_asks_first(visit: Visits, officer: User) -> None:
    page = visit(officer).go("/showcase/")
    page.get_by_role("button", name="Delete").first.click()
    expect(page.get_by_role("dialog", name="Delete it?")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Delete it?")).not_to_be_visible()
