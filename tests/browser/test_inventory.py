"""The inventory in a real browser: a system is made, a shadow asset is taken on, its evidence is read."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from caiso.engine.detect.batch import Events
from caiso.engine.discover import Asset as Finding
from caiso.engine.discover import Evidence, Relation, ScanProblem, ScanResult, Status
from caiso.web.base.models import Person, Unit, User
from caiso.web.inventory.models import Asset, Scan
from caiso.web.inventory.services.assets import create_system
from caiso.web.inventory.services.scans import record_scan
from caiso.web.inventory.services.traffic import TrafficMemory, record_traffic, sightings
from caiso.web.organisation.models import Holding, Role
from tests.browser.conftest import DESKTOP, PHONE, Visit

Visits = Callable[..., Visit]
PLACE = "https://git.acme.example/claims/triage"


def _finding(kind: str, name: str, identity: str, path: str, line: int, *edges: tuple[str, str]) -> Finding:
    proofs = [Evidence(path, line + n * 14, "client constructed", "syntax tree", 0.9, f"{name}()") for n in range(2)]
    return Finding(kind, name, identity, Status.ACTIVE, proofs, {}, [Relation(*edge) for edge in edges])


def _scan() -> ScanResult:
    agent = "agent:src/triage/agent.py#triage"
    return ScanResult(
        [
            _finding(
                "agent",
                "triage agent",
                agent,
                "src/triage/agent.py",
                41,
                ("uses_model", "openai/gpt-5"),
                ("calls_tool", "tool:src/triage/tools.py#pay"),
            ),
            _finding(
                "hosted_model", "gpt-5", "openai/gpt-5", "src/triage/agent.py", 12, ("provided_by", "provider:openai")
            ),
            _finding("provider", "OpenAI", "provider:openai", "src/triage/agent.py", 12),
            _finding("tool", "pay", "tool:src/triage/tools.py#pay", "src/triage/tools.py", 8),
            _finding("vector_store", "Chroma", "vector_store:chroma:claims", "src/triage/index.py", 20),
            _finding("dependency", "openai", "pkg:pypi/openai", "pyproject.toml", 14),
            _finding("dependency", "langgraph", "pkg:pypi/langgraph", "pyproject.toml", 15),
            _finding(
                "credential_reference", "OPENAI_API_KEY", "credential:OPENAI_API_KEY", "src/triage/settings.py", 5
            ),
        ],
        [ScanProblem("weights/big.bin", "larger than 1500000 bytes: not read")],
        files_scanned=214,
        bytes_scanned=900_000,
        observations=16,
    )


@pytest.fixture
def inventory(officer: User, acme: Unit) -> Asset:
    """A claims system with its parts, and a transcriber that only traffic knows."""
    now = timezone.now()
    role = Role.objects.create(slug="caio", title="Chief AI Officer", unit=acme)
    Role.objects.create(slug="ciso", title="CISO", unit=acme)
    Holding.objects.create(role=role, person=Person.objects.get(user=officer))
    values = {
        "name": "Claims triage",
        "unit": acme,
        "owner_role": "caio",
        "criticality": "high",
        "lifecycle_stage": "operation",
        "environment": "production",
        "purpose": "Sorts incoming claims and proposes a payment.",
        "service_names": "claims-triage",
    }
    system = create_system(values=values, actor=officer, now=now - timedelta(days=9))
    other = create_system(
        values={"name": "Broker assistant", "unit": acme, "owner_role": "ciso"}, actor=officer, now=now
    )
    lost = _finding("tool", "old_lookup", "tool:src/triage/old.py#old_lookup", "src/triage/old.py", 3)
    first = _scan()
    first.assets.append(lost)
    record_scan(
        first, target=PLACE, unit=acme, system=system, actor=officer, now=now - timedelta(days=7), origin="repository"
    )
    record_scan(
        _scan(),
        target=PLACE,
        unit=acme,
        system=system,
        actor=officer,
        now=now,
        origin="repository",
        revision="8f14e45fce",
    )
    at = int(now.timestamp() * 1e6)
    seen = [
        {
            "time": at,
            "service.name": "claims-triage",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-5",
        },
        {
            "time": at,
            "service.name": "meeting-transcriber",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "whisper-1",
        },
    ]
    record_traffic(sightings(Events(seen))[""], unit=acme, place="gateway", memory=TrafficMemory())
    assert other.pk
    return system


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_are_accessible_and_fit(
    visit: Visits,
    officer: User,
    inventory: Asset,
    *,
    theme: str,
    size: tuple[int, int],
    picture: Callable[[Page, str], None],
) -> None:
    agent, scan = Asset.objects.get(kind="agent"), Scan.objects.first()
    assert scan is not None
    shadow = Asset.objects.get(name="meeting-transcriber")
    pages = {
        "assets": "/assets/",
        "systems": "/ai-systems/",
        "system": f"/assets/{inventory.pk}/",
        "agent": f"/assets/{agent.pk}/",
        "relations": f"/assets/{agent.pk}/?tab=relations",
        "telemetry": f"/assets/{inventory.pk}/?tab=telemetry",
        "history": f"/assets/{inventory.pk}/?tab=history",
        "shadow": f"/assets/{shadow.pk}/?tab=evidence",
        "take-on": f"/assets/{shadow.pk}/take-on/",
        "merge": f"/assets/{shadow.pk}/merge/",
        "scans": "/scans/",
        "scan": f"/scans/{scan.pk}/",
        "scan-new": "/scans/new/",
        "upload": "/scans/upload/",
        "start": "/start/",
        "profile": "/start/profile/",
    }
    window = visit(officer, theme=theme, size=size, for_axe=True)
    for name, path in pages.items():
        picture(window.go(path), f"inventory-{name}-{theme}-{size[0]}")
        window.assert_accessible()
        window.assert_fits()


def test_a_system_is_made_a_shadow_asset_taken_on_and_its_proof_read(
    visit: Visits, officer: User, inventory: Asset, picture: Callable[[Page, str], None]
) -> None:
    page = visit(officer).go("/ai-systems/")
    page.get_by_role("link", name="New AI system").click()
    page.get_by_label("AI system").fill("Meeting notes")
    page.get_by_label("Unit").select_option("acme")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#content")).to_contain_text("Meeting notes")
    page.goto(page.url.split("/ai-systems")[0].split("/assets")[0] + "/assets/?state=unmanaged")
    expect(page.locator(".rows tbody tr")).to_have_count(2)
    page.get_by_role("link", name="whisper-1").click()
    expect(page.locator("h1")).to_have_text("whisper-1")
    page.get_by_role("link", name="Take on").click()
    page.get_by_label("AI system").select_option(label="Meeting notes")
    page.get_by_role("button", name="Take on").click()
    expect(page.locator(".record-badges")).to_contain_text("Confirmed")
    expect(page.locator(".facts")).to_contain_text("Meeting notes")
    expect(page.locator("#record")).to_contain_text("seen in meeting-transcriber")
    picture(page, "inventory-taken-on")
    whisper = Asset.objects.get(name="whisper-1")
    assert (whisper.state, str(whisper.system)) == ("confirmed", "Meeting notes")


def test_the_line_that_proves_an_agent_is_on_its_page(visit: Visits, officer: User, inventory: Asset) -> None:
    page = visit(officer).go(f"/assets/{inventory.pk}/")
    page.get_by_role("link", name="triage agent").first.click()
    expect(page.locator("#record")).to_contain_text("src/triage/agent.py:41")
    page.get_by_role("navigation", name="Parts of this record").get_by_role("link", name="Relations").click()
    expect(page.locator("#record")).to_contain_text("gpt-5")


def test_the_guide_makes_a_key_and_shows_it_once(
    visit: Visits, officer: User, inventory: Asset, picture: Callable[[Page, str], None]
) -> None:
    window = visit(officer, for_axe=True)
    page = window.go("/start/")
    page.get_by_role("link", name="Make a key").click()
    page.get_by_label("Name").fill("claims-gateway")
    page.get_by_role("button", name="Make the key").click()
    expect(page.locator(".code").first).to_contain_text(re.compile("OTEL_EXPORTER_OTLP_HEADERS=.*caiso_ingest_"))
    picture(page, "start-source")
    window.assert_accessible()
    window.assert_fits()
