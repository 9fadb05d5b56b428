"""Organisation and compliance in a real browser: from an unowned duty to a covered one, from a control to its cause."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from caiso.engine.coverage.organisation.loading import built_in
from caiso.web.base.models import Person, Unit, User
from caiso.web.compliance.library import library
from caiso.web.compliance.models import ControlAssessment, Framework
from caiso.web.compliance.services.catalogue import take_library
from caiso.web.compliance.services.evaluation import evaluate_controls
from caiso.web.organisation.models import Duty, DutyCoverage, Holding, Role
from caiso.web.organisation.services.catalogue import take_organisation
from tests.browser.conftest import DESKTOP, PHONE, Visit

Visits = Callable[..., Visit]


@pytest.fixture
def working(officer: User, acme: Unit) -> User:
    """Three officers and a judged library."""
    now = datetime.now(UTC)
    take_organisation(built_in("three-officers"), root=acme, actor=None, now=now)
    take_library(library(), now=now)
    evaluate_controls(now=now)
    return officer


def test_an_unowned_duty_gets_an_owner(working: User, visit: Visits) -> None:
    duty = Duty.objects.filter(coverage__state="unowned").first()
    assert duty is not None
    page = visit(working).go("/organisation/")
    page.locator("a.tile", has_text="Unowned").click()
    page.get_by_role("link", name=duty.title).first.click()
    expect(page.locator(".why")).to_contain_text("no role is accountable")
    page.get_by_role("link", name="Assign a role").click()
    page.get_by_label("Role").select_option(label=Role.objects.get(slug="ciso").title)
    page.get_by_role("button", name="Assign a role").click()
    expect(page.locator(".why")).not_to_contain_text("no role is accountable")
    assert DutyCoverage.objects.get(duty=duty).state != "unowned"


def test_a_file_with_mistakes_names_its_lines(working: User, visit: Visits) -> None:
    page = visit(working)
    page.errors = []
    shown = page.go("/organisation/import/")
    wrong = b"id: ours\nextends: default\nassignments:\n  - {duty: nothing, role: ciso, kind: A}\n"
    shown.get_by_label("Organisation file").set_input_files(
        {"name": "ours.yaml", "mimeType": "application/yaml", "buffer": wrong}
    )
    shown.get_by_role("button", name="Take it in").click()
    expect(shown.get_by_role("alert")).to_contain_text("ours.yaml:4")
    page.errors.clear()  # Chromium reports the refusal's status 422


def test_a_file_is_checked_first_and_then_taken_in(working: User, visit: Visits) -> None:
    window = visit(working, for_axe=True)
    page = window.go("/organisation/import/")
    sound = (
        b"id: ours\nextends: three-officers\npeople:\n  - {id: zoe, name: Zoe}\n"
        b"holdings:\n  - {person: zoe, role: caiso}\n"
    )
    file = {"name": "ours.yaml", "mimeType": "application/yaml", "buffer": sound}
    page.get_by_label("Organisation file").set_input_files(file)
    page.get_by_role("button", name="Check only").click()
    expect(page.get_by_role("region", name="What would change")).to_contain_text("Holdings")
    window.assert_accessible()
    window.assert_fits()
    assert not Person.objects.filter(slug="zoe").exists()
    page.get_by_label("Organisation file").set_input_files(file)
    page.get_by_role("button", name="Take it in").click()
    expect(page.get_by_text("Taken in:").first).to_be_visible()
    assert Holding.objects.get(role__slug="caiso").person.name == "Zoe"


def test_a_control_is_read_and_declared_without_scripts(working: User, visit: Visits) -> None:
    row = ControlAssessment.objects.get(control__slug="backup-recent")
    page = visit(working, scripts=False).go("/controls/")
    page.get_by_role("link", name=row.control.title).click()
    page.get_by_role("link", name="Declare").click()
    page.get_by_label("Declared").select_option("planned")
    page.get_by_label("Reason").fill("by spring")
    page.get_by_role("button", name="Declare").click()
    expect(page.get_by_text("by spring").first).to_be_visible()
    row.refresh_from_db()
    assert row.state == "planned"


def _addresses() -> dict[str, str]:
    framework = Framework.objects.get(slug="nist-ai-rmf")
    control = ControlAssessment.objects.get(control__slug="ai-duties-covered").get_absolute_url()
    duty = Duty.objects.filter(coverage__state="unqualified").first()
    role = Role.objects.get(slug="ciso").get_absolute_url()
    assert duty is not None
    return {
        "coverage": "/organisation/",
        "duties": "/duties/",
        "duty": duty.get_absolute_url(),
        "duty-needs": f"{duty.get_absolute_url()}?tab=needs",
        "roles": "/roles/",
        "role": role,
        "role-holders": f"{role}?tab=holders",
        "role-competences": f"{role}?tab=competences",
        "role-confirm": f"{role}confirm/",
        "chart": "/organisation/chart/",
        "crossover": "/organisation/crossover/?role=caio&role=cto&role=ciso",
        "deficiencies": "/organisation/deficiencies/",
        "import": "/organisation/import/",
        "my-duties": "/my-duties/",
        "controls": "/controls/",
        "control": control,
        "control-requirements": f"{control}?tab=requirements",
        "control-changes": f"{control}?tab=changes",
        "frameworks": "/frameworks/",
        "framework": framework.get_absolute_url(),
        "evidence": "/evidence/",
        "evidence-new": "/evidence/new/",
    }


@pytest.mark.parametrize(("theme", "size"), [("light", DESKTOP), ("dark", PHONE), ("dark", DESKTOP), ("light", PHONE)])
def test_every_page_is_accessible_and_fits(
    working: User, visit: Visits, picture: Callable[[Page, str], None], theme: str, size: tuple[int, int]
) -> None:
    window = visit(working, theme=theme, size=size, for_axe=True)
    faults = []
    for name, address in _addresses().items():
        page = window.go(address)
        picture(page, f"{name}-{theme}-{size[0]}")
        try:
            window.assert_fits()
            window.assert_accessible()
        except AssertionError as found:
            faults.append(f"{name}: {found}")
    assert not faults, "\n".join(faults)
