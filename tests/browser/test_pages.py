"""The frame and the registers in a real browser: looks, keys, themes, live updates, and all of it without scripts."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from caiso.web.base.models import Notification, Person, Task, Unit, User
from caiso.web.base.services import workplace
from tests.browser.conftest import DESKTOP, PHONE, Visit

Visits = Callable[..., Visit]
TITLES = (
    "Decide whether the claims summariser may go live in the EU",
    "Name an owner for the shadow transcription service",
    "Confirm the 72-hour clock of INC-101",
    "Review the kill switch drill of the pricing agent",
    "Rotate the key found in the notebook repository",
    "Approve the exception for the vendor model card",
)


@pytest.fixture
def work(officer: User, acme: Unit) -> list[Task]:
    """Forty tasks, some late, some done, and two notifications."""
    now = timezone.now()
    person = Person.objects.get(user=officer)
    bank = Unit.objects.create(slug="bank", name="Retail bank", parent=acme, path=f"{acme.path}2/")
    tasks = [
        Task(
            title=TITLES[n % len(TITLES)],
            detail="From the review of 18 November" if n % 3 else "",
            unit=bank if n % 2 else acme,
            assignee=person,
            created_at=now - timedelta(days=n),
            due_at=None if n % 7 == 6 else now + timedelta(days=n - 4, hours=3),
            state="done" if n % 5 == 4 else "open",
            subject_url="/people/amara-osei/" if n % 2 else "",
        )
        for n in range(40)
    ]
    Task.objects.bulk_create(tasks)
    for name in ("Priya Nair", "Noah Kim", "Ines Duarte", "Tomas Novak"):
        Person.objects.create(
            slug=name.lower().replace(" ", "-"), name=name, email=f"{name.split()[0].lower()}@acme.example", unit=bank
        )
    workplace.notify(officer, title="Prompt injection reached the order tool", url="/tasks/", tone="bad", now=now)
    workplace.notify(officer, title="Priya Nair gave you a task", now=now - timedelta(hours=5))
    return list(Task.objects.all())


PAGES = (
    "/tasks/",
    "/tasks/?state=open&q=the&due_at_from=2026-01-01",
    "/people/",
    "/people/amara-osei/?tab=history",
    "/audit/",
    "/notifications/",
    "/search/?q=amara",
)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.usefixtures("work")
def test_pages_are_accessible_and_fit(
    visit: Visits, officer: User, theme: str, size: tuple[int, int], picture: Callable[[Page, str], None]
) -> None:
    window = visit(officer, theme=theme, size=size, for_axe=True)
    for path in PAGES:
        page = window.go(path)
        picture(
            page,
            f"{path.strip('/').split('?')[0].replace('/', '-')}{'-filtered' if 'q=the' in path else ''}-{theme}-{size[0]}",
        )
        window.assert_accessible()
        window.assert_fits()


def test_typing_filters_and_the_address_keeps_it(visit: Visits, officer: User, work: list[Task]) -> None:
    page = visit(officer).go("/tasks/")
    page.get_by_role("searchbox", name="Search my tasks").fill("kill switch")
    expect(page.locator(".rows tbody tr")).to_have_count(7)
    expect(page).to_have_url(re.compile("[?&]q=kill"))
    page.get_by_label("State", exact=True).first.select_option("done")
    expect(page.locator(".rows tbody tr")).to_have_count(2)
    page.reload()
    expect(page.locator(".rows tbody tr")).to_have_count(2)
    page.go_back()
    expect(page.locator(".rows tbody tr")).to_have_count(7)


def test_a_cell_is_edited_in_place(
    visit: Visits, officer: User, work: list[Task], picture: Callable[[Page, str], None]
) -> None:
    page = visit(officer).go("/tasks/?state=open&sort=due_at")
    row = page.locator(".rows tbody tr").first
    row.hover()
    row.get_by_role("link", name="Change state").click()
    picture(page, "tasks-edit")
    row.get_by_label("State", exact=True).select_option("done")
    row.get_by_role("button", name="Save state").click()
    expect(row.locator(".tone")).to_have_text("Done")
    assert Task.objects.filter(state="done", done_by=officer).count() == 1


def test_ticked_rows_are_finished_together(
    visit: Visits, officer: User, work: list[Task], picture: Callable[[Page, str], None]
) -> None:
    page = visit(officer).go("/tasks/?state=open")
    boxes = page.locator(".rows tbody .tickbox")
    boxes.nth(0).check()
    boxes.nth(2).click(modifiers=["Shift"])
    expect(page.locator(".bulk-bar")).to_contain_text("3 selected")
    picture(page, "tasks-bulk")
    page.get_by_role("button", name="Mark done").click()
    expect(page.locator(".toast-note")).to_contain_text("3 tasks marked as done.")
    assert Task.objects.filter(done_by=officer).count() == 3


def test_palette_finds_and_opens_by_keyboard_alone(
    visit: Visits, officer: User, work: list[Task], picture: Callable[[Page, str], None]
) -> None:
    page = visit(officer).go("/tasks/")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_visible()
    page.keyboard.type("priya")
    expect(page.locator("#palette [role=option]").first).to_contain_text("Priya Nair")
    picture(page, "palette")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/people/priya-nair/$"))


def test_shortcuts_move_jump_and_can_be_switched_off(visit: Visits, officer: User, work: list[Task]) -> None:
    page = visit(officer).go("/tasks/")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator(".rows tbody tr").nth(1).locator(":focus")).to_have_count(1)
    page.keyboard.press("x")
    expect(page.locator(".rows tbody .tickbox:checked")).to_have_count(1)
    page.keyboard.press("?")
    expect(page.locator("#key-help")).to_be_visible()
    page.get_by_label("Use single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#key-help")).not_to_be_visible()
    page.get_by_role("link", name="People").first.click()
    page.keyboard.press("g")
    page.keyboard.press("t")
    expect(page).to_have_url(re.compile("/people/$"))


def test_theme_is_kept_on_the_login(
    visit: Visits, officer: User, work: list[Task], picture: Callable[[Page, str], None]
) -> None:
    page = visit(officer).go("/tasks/")
    page.get_by_label("Account of Amara Osei").click()
    picture(page, "user-menu")
    with page.expect_response("**/theme/"):
        page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_class("dark")
    page.reload()
    expect(page.locator("html")).to_have_class("dark")
    officer.refresh_from_db()
    assert officer.theme == "dark"


def test_a_new_notification_arrives_without_reloading(visit: Visits, officer: User, work: list[Task]) -> None:
    page = visit(officer).go("/notifications/")
    expect(page.locator("#notes li")).to_have_count(2)
    page.wait_for_timeout(1500)
    Notification.objects.create(user=officer, title="A third one", created_at=timezone.now())
    expect(page.locator("#notes li")).to_have_count(3)
    expect(page.locator("#bell .unread")).to_have_text("3")


def test_the_phone_has_a_drawer(
    visit: Visits, officer: User, work: list[Task], picture: Callable[[Page, str], None]
) -> None:
    page = visit(officer, size=PHONE).go("/tasks/")
    page.get_by_role("link", name="Open navigation").click()
    picture(page, "drawer-390")
    page.get_by_role("dialog").get_by_role("link", name="People").click()
    expect(page).to_have_url(re.compile("/people/$"))


def test_everything_important_works_without_scripts(visit: Visits, officer: User, work: list[Task]) -> None:
    window = visit(officer, scripts=False)
    page = window.go("/tasks/")
    page.get_by_role("searchbox", name="Search my tasks").fill("rotate")
    page.keyboard.press("Enter")
    expect(page.locator(".rows tbody tr")).to_have_count(6)
    page.locator(".rows tbody .tickbox").first.check()
    page.get_by_role("button", name="Mark done").click()
    expect(page.locator(".toast-note")).to_contain_text("1 task marked as done.")
    page.get_by_role("link", name="Change state").first.click()
    page.get_by_label("State").select_option("dropped")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".toast-note")).to_contain_text("State saved.")
    assert Task.objects.filter(state="dropped").count() == 1
