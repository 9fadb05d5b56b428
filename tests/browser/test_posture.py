"""The Monday page, the guide and the navigation in a real browser: what fits, what ends together, what is remembered."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from caiso.web.base.models import AccessGrant, Person, Task, Unit, User
from caiso.web.inventory.models import Asset
from caiso.web.reports.models import PostureFigure
from caiso.web.soc.models import Alert, DetectionRule, Incident, IncidentClock
from tests.browser.conftest import DESKTOP, PHONE, Visit

Visits = Callable[..., Visit]
LONG = "Prompt injection by mail sends customer records to an address that nobody had ever heard of before"


@pytest.fixture
def monday(officer: User, acme: Unit) -> User:
    """A little of everything: two systems, alerts, an incident with a clock, tasks, and a month of figures."""
    now = timezone.now()
    systems = [
        Asset.objects.create(
            kind="ai_system", name=name, identity=f"ai_system:{name}", unit=acme, state=state, criticality=criticality,
            first_seen_at=now, last_seen_at=now,
        )
        for name, state, criticality in (("Claims copilot", "confirmed", "high"), ("mail-writer", "unmanaged", ""))
    ]  # fmt: skip
    rule = DetectionRule.objects.create(
        slug="r", title="Injected instructions", severity="high", state="live", kind="single", path="x", digest="x"
    )
    for number in range(12):
        Alert.objects.create(
            group_key=str(number), rule=rule, title=f"{LONG} {number}", severity=("critical", "high", "low")[number % 3],
            unit=acme, asset=systems[0], first_event_at=now, last_event_at=now, created_at=now - timedelta(days=number),
        )  # fmt: skip
    incident = Incident.objects.create(reference="INC-101", title=LONG, severity="critical", unit=acme, opened_at=now)
    IncidentClock.objects.create(
        incident=incident, rule="gdpr", title="Personal data breach, notice to the authority", source="GDPR 33",
        state="running", deadline_at=now + timedelta(hours=20), computed_at=now,
    )  # fmt: skip
    Task.objects.create(title="Scope it", unit=acme, created_at=now, due_at=now - timedelta(hours=2))
    for back in range(30):
        for figure, part in (("systems", 1), ("controls", back % 4), ("alerts", back)):
            on = (now - timedelta(days=back)).date()
            PostureFigure.objects.create(on=on, unit=acme, figure=figure, part=part, whole=max(part, 3))
    return officer


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_first_pages_are_accessible_and_fit(
    visit: Visits, monday: User, theme: str, size: tuple[int, int], picture: Callable[[Page, str], None]
) -> None:
    window = visit(monday, theme=theme, size=size, for_axe=True)
    for path in ("/", "/start/", "/start/source/", "/pages/", "/tokens/add/"):
        picture(window.go(path), f"first{path.replace('/', '-')}{theme}-{size[0]}")
        window.assert_accessible()
        window.assert_fits()


def test_cards_of_a_row_end_together_and_no_tile_breaks_its_words(visit: Visits, monday: User) -> None:
    page = visit(monday).go("/")
    for row in (".grid-tiles > *", ".posture-thirds > *", ".posture-wide > *"):
        boxes = [box.bounding_box() for box in page.locator(row).all()]
        assert len(boxes) > 1
        ends = {round(box["y"] + box["height"]) for box in boxes if box}
        assert len(ends) == 1, f"{row} end at {ends}"
    for part in (".tile-label", ".tile-note", ".tile-foot > b"):
        for one in page.locator(part).all():
            assert (one.bounding_box() or {})["height"] < 26, one.inner_text()
    expect(page.locator(".tile .spark")).to_have_count(4)


def test_what_matters_stands_on_the_first_screen(visit: Visits, monday: User) -> None:
    page = visit(monday).go("/")
    expect(page.locator(".page-head")).to_contain_text(re.compile(r"burn.*decision.*1 late"))
    for heading in ("What is burning", "What to decide", "What is due, 1 late"):
        box = page.get_by_role("heading", name=heading, exact=True).bounding_box()
        assert box is not None
        assert box["y"] < 500
    page.get_by_role("link", name="Personal data breach, notice to the authority").click()
    expect(page).to_have_url(re.compile("/clocks/|/incidents/"))


@pytest.mark.parametrize("roles", [("caiso",), ("caiso", "administrator")])
def test_the_whole_navigation_fits_beside_a_page(visit: Visits, acme: Unit, roles: tuple[str, ...]) -> None:
    user = User.objects.create_user("one@acme.example", "correct horse battery staple", name="One")
    for role in roles:
        AccessGrant.objects.create(user=user, role=role, unit=acme, granted_at=timezone.now())
    page = visit(user).go("/tasks/")
    inside, shown = page.locator(".side > nav").evaluate("nav => [nav.scrollHeight, nav.clientHeight]")
    assert inside <= shown, f"{inside} px of navigation in {shown} px"
    expect(page.locator(".side .nav-item").last).to_be_in_viewport()


def test_a_closed_section_stays_closed_for_the_login(visit: Visits, officer: User) -> None:
    page = visit(officer).go("/tasks/")
    section = page.locator(".side .nav-section[data-section='Compliance']")
    expect(section.get_by_role("link", name="Frameworks")).to_be_visible()
    with page.expect_response("**/navigation/"):
        section.locator("summary").press("Enter")
    expect(section.get_by_role("link", name="Frameworks")).not_to_be_visible()
    page.reload()
    expect(section.get_by_role("link", name="Frameworks")).not_to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("f")
    expect(page).to_have_url(re.compile("/frameworks/$"))
    expect(section.get_by_role("link", name="Frameworks")).to_be_visible()


def test_sections_and_tabs_work_without_scripts(visit: Visits, officer: User) -> None:
    page = visit(officer, scripts=False).go("/people/")
    section = page.locator(".side .nav-section[data-section='Compliance']")
    section.locator("summary").click()
    expect(section.get_by_role("link", name="Frameworks")).not_to_be_visible()
    page.get_by_role("navigation", name="Pages of this section").get_by_role("link", name="Skills").click()
    expect(page).to_have_url(re.compile("/organisation/skills/$"))
    expect(page.locator(".side [aria-current=page]")).to_have_text("People")


def test_the_palette_still_knows_every_page(visit: Visits, officer: User) -> None:
    assert Person.objects.filter(user=officer).exists()
    page = visit(officer).go("/tasks/")
    page.keyboard.press("Control+k")
    page.keyboard.type("deficienc")
    expect(page.locator("#palette [role=option]").first).to_contain_text("Deficiencies")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/organisation/deficiencies/$"))
