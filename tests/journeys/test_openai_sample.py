"""An app with the official SDK is attacked: alert, person, incident, legal deadline, and a control that follows."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.cli.running import Platform, clean_environment
from tests.cli.test_supervisor import wait_for
from tests.journeys import sample_app
from tests.journeys.conftest import caiso
from tests.journeys.model_stub import HOSTILE, model_stub

ROOT = Path(__file__).parents[2]
CONTROL = "prompt-injection-triaged"
CONVERSATION = "journey-1"
RULES = {"injection-to-action", "injected-instructions", "entity-risk"}
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def attacked(place: Callable[[str], Path], up: Callable[[Path], Platform]) -> Platform:
    """A running platform that has received the conversation and made its alerts."""
    product = up(place("sample"))
    token = caiso(product.data, "token", "create", "mail-assistant", "--scope", "ingest")["token"]
    with model_stub() as model:
        run_app(product, model, token)
    wait_for(lambda: alerts(product).keys() >= RULES, seconds=90)
    return product


def run_app(product: Platform, model: str, token: str) -> None:
    """One run of the sample app against the product."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.journeys.sample_app",
            product.ready["url"].rstrip("/"),
            model,
            token,
            CONVERSATION,
        ],
        cwd=ROOT,
        env={
            **clean_environment(),
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
            "NO_PROXY": "127.0.0.1",
            "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "span_only",
        },
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Failed to export" not in done.stderr


def alerts(product: Platform) -> dict[str, dict[str, Any]]:
    """{rule: alert}."""
    return {alert["rule"]: alert for alert in caiso(product.data, "alerts")}


def control_state(product: Platform) -> str:
    """What the command line says of the control that watches prompt injection."""
    found = caiso(product.data, "controls")
    return next(str(row["state"]) for row in found if row["control"] == CONTROL)


def test_the_attack_becomes_alerts_that_say_who_and_where(attacked: Platform) -> None:
    found = caiso(attacked.data, "alerts")
    assert sorted(alert["rule"] for alert in found) == sorted(RULES)
    for alert in found:
        if alert["rule"] == "entity-risk":
            continue  # it is about a user or an agent, in all of their conversations
        assert (alert["conversation_id"], alert["user_id"]) == (CONVERSATION, sample_app.USER)
        assert (alert["asset"], alert["technique"] in alert["techniques"]) == (sample_app.SERVICE, True)
        assert len(alert["trace_id"]) == 32
        sent = datetime.now(UTC) - datetime.fromisoformat(alert["first_event_at"])
        assert timedelta(0) < sent < timedelta(minutes=5)
    assert alerts(attacked)["injection-to-action"]["severity"] == "critical"


def test_app_model_agent_and_tools_become_unmanaged_assets(attacked: Platform) -> None:
    found = {(asset["kind"], asset["name"]): asset for asset in caiso(attacked.data, "assets")}
    tools = {("tool", str(tool["function"]["name"])) for tool in sample_app.TOOLS}  # type: ignore[index]
    parts = tools | {("hosted_model", sample_app.MODEL), ("agent", "mail-agent")}
    assert set(found) == parts | {("ai_system", sample_app.SERVICE)}
    assert {asset["state"] for asset in found.values()} == {"unmanaged"}
    assert {found[part]["system"] for part in parts} == {sample_app.SERVICE}


@pytest.fixture
def page(chromium: Browser, attacked: Platform) -> Iterator[Page]:
    """A window of the first administrator, signed in by the form; an error of a script fails the test."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(15_000)
    window, errors = context.new_page(), []
    window.on("pageerror", lambda error: errors.append(str(error)))
    login = attacked.ready["logins"][0]
    window.goto(attacked.ready["url"])
    window.locator("input[name=login]").fill(login["email"])
    window.locator("input[name=password]").fill(login["password"])
    window.get_by_role("button", name="Sign in").click()
    window.wait_for_url(attacked.ready["url"] + "*")
    yield window
    context.close()
    assert errors == []


def test_analyst_takes_the_alert_and_the_deadline_runs_and_the_control_follows(attacked: Platform, page: Page) -> None:
    home = attacked.ready["url"]
    wait_for(lambda: control_state(attacked) == "failing", seconds=40)
    show_control(page, home, "Failing")
    read_hostile_text(page, home, alerts(attacked)["injection-to-action"]["title"])
    page.get_by_role("button", name="Take alert").click()
    expect(page.get_by_text("The alert is yours.")).to_be_visible()
    page.get_by_role("button", name="Escalate").click()
    expect(page.get_by_text(re.compile(r"Opened INC-\d+\."))).to_be_visible()
    assert alerts(attacked)["injection-to-action"]["state"] == "escalated"
    page.get_by_role("link", name=re.compile(r"^INC-\d+")).first.click()
    aware = determine_facts(page)
    expect(page.locator("#clock-gdpr-33-authority")).to_contain_text("Running")
    (incident,) = caiso(attacked.data, "incidents")
    clock = next(clock for clock in incident["clocks"] if clock["rule"] == "gdpr-33-authority")
    deadline = datetime.fromisoformat(clock["deadline_at"])
    assert clock["state"] == "running"
    # The hour in which it begins is not counted (Regulation 1182/71, Article 3).
    assert timedelta(hours=72) <= deadline - aware <= timedelta(hours=73)
    expect(page.locator("#clock-gdpr-33-authority")).to_contain_text(deadline.strftime("%-d %b %Y %H:%M"))
    assert control_state(attacked) == "failing"  # the other alert is still nobody's
    open_alert(page, home, alerts(attacked)["entity-risk"]["title"])
    page.get_by_role("button", name="Take alert").click()
    wait_for(lambda: control_state(attacked) == "effective", seconds=40)
    show_control(page, home, "Effective")
    page.get_by_role("tab", name="State changes").or_(page.get_by_role("link", name="State changes")).first.click()
    expect(page.locator("main table")).to_contain_text(re.compile("failing", re.IGNORECASE))


def show_control(page: Page, home: str, state: str) -> None:
    """Open the control from its register; its page says the state."""
    page.goto(f"{home}controls/?q=injection")
    page.get_by_role("link", name="Prompt-injection attempts are triaged").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Prompt-injection attempts are triaged")
    expect(page.locator("main").get_by_text(state, exact=True).first).to_be_visible()


def open_alert(page: Page, home: str, title: str) -> None:
    """From the register to the record."""
    page.goto(f"{home}alerts/")
    page.get_by_role("link", name=title).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)


def read_hostile_text(page: Page, home: str, title: str) -> None:
    """Read what the mail said: it stands there as text, and nothing of it runs."""
    open_alert(page, home, title)
    before = page.title()
    expect(page.locator(".passage")).to_have_count(0)
    page.get_by_role("link", name="Read content").click()
    expect(page.locator("pre").filter(has_text=HOSTILE).first).to_be_visible()
    expect(page.locator("pre").filter(has_text="Dana Reyes,71000").first).to_be_visible()
    assert page.locator(".thread script, .thread img").count() == 0
    assert page.title() == before


def determine_facts(page: Page) -> datetime:
    """Answer what the duty to notify depends on; returns the moment of awareness."""
    aware = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=30)
    answers = {"personal_data": "yes", "gdpr_role": "controller", "risk_to_persons": "yes"}
    page.get_by_role("tab", name="Reporting clocks").or_(
        page.get_by_role("link", name="Reporting clocks")
    ).first.click()
    for name, value in answers.items():
        page.locator(f"#answer-{name}").select_option(value)
        page.locator(f"#question-{name}").get_by_role("button", name="Record").click()
        expect(page.locator(f"#question-{name}")).to_contain_text("by ")
    page.locator("#answer-aware").fill(aware.strftime("%Y-%m-%dT%H:%M"))
    page.locator("#question-aware").get_by_role("button", name="Record").click()
    expect(page.locator("#question-aware")).to_contain_text("by ")
    return aware
