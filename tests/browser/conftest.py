"""Fixtures that drive a real Chromium against the product served by uvicorn, under the product's own content policy."""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

# Playwright keeps an event loop in the test's thread; the fixtures below still use the database there, and only there.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

import uvicorn
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from playwright.sync_api import Browser, BrowserContext, Page

from caiso.web.base import live
from caiso.web.base.assets import BUILT
from caiso.web.base.models import AccessGrant, Person, Unit, User
from tests.conftest import CHROMIUM

# Assets may be built again while the tests run; serve the files as they are, not as they were at start.
settings.SERVESTATIC_AUTOREFRESH = True
# Pages read the real clock: a fixed day here would let deadlines pass as the calendar moves on.
NOW = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=1)
DESKTOP = (1440, 900)
PHONE = (390, 844)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here as a browser test, and say why it is skipped where it cannot run."""
    reason = "Chromium is missing (Debian: apt-get install chromium)" if CHROMIUM is None else ""
    if not (BUILT / "manifest.json").is_file():
        reason = "the page assets are not built (python frontend/build.py)"
    for item in items:
        if Path(__file__).parent not in item.path.parents:
            continue
        item.add_marker(pytest.mark.browser)
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


@dataclass
class Served:
    """The running product."""

    address: str


@pytest.fixture
def served(transactional_db: None) -> Iterator[Served]:
    """The product behind uvicorn in a thread, on the test database."""
    from caiso.web.config.asgi import application

    live.hub.stopping = False
    config = uvicorn.Config(
        application, host="127.0.0.1", port=0, log_level="warning", lifespan="off", timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the server did not start")
        threading.Event().wait(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Served(f"http://127.0.0.1:{port}")
    live.hub.stop()
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive(), "the server did not stop with open streams"


@dataclass
class Visit:
    """A signed-in browser window; errors of the console fail the test."""

    page: Page
    address: str
    errors: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        answer = self.page.goto(self.address + path)
        assert answer is not None
        assert answer.status < 400, f"{path} answered {answer.status}"
        return self.page

    def assert_accessible(self) -> None:
        """No violation of WCAG 2.2 AA that axe can see; needs a visit made with `for_axe`."""
        # A fade is no contrast fault: measure when nothing moves any more.
        self.page.evaluate(
            "Promise.all(document.getAnimations().filter(a => a.effect.getTiming().iterations !== Infinity).map(a => a.finished.catch(() => 0)))"
        )
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = Axe().run(self.page, options={"runOnly": {"type": "tag", "values": tags}}).response["violations"]
        nodes = [
            f"{rule['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
            for rule in found
            for node in rule["nodes"]
        ]
        assert nodes == []

    def assert_fits(self) -> None:
        """Nothing makes the page scroll sideways."""
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        script = """[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)
            .map(e => e.outerHTML.slice(0, 100)).slice(0, 12)"""
        assert wide <= 0, f"the page is {wide} px too wide: {self.page.evaluate(script)}"


@pytest.fixture
def visit(chromium: Browser, served: Served) -> Iterator[Callable[..., Visit]]:
    """visit(user, theme="dark", size=PHONE, for_axe=True, scripts=False) opens a signed-in window."""
    contexts: list[BrowserContext] = []
    visits: list[Visit] = []

    def open_window(
        user: User | None,
        *,
        theme: str = "light",
        size: tuple[int, int] = DESKTOP,
        for_axe: bool = False,
        scripts: bool = True,
    ) -> Visit:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            bypass_csp=for_axe,
            java_script_enabled=scripts,
            reduced_motion="reduce",
            color_scheme="light",
        )
        context.set_default_timeout(8000)
        contexts.append(context)
        if user is not None:
            User.objects.filter(pk=user.pk).update(theme=theme)
            context.add_cookies(
                [{"name": settings.SESSION_COOKIE_NAME, "value": session_key(user), "url": served.address}]
            )
        made = Visit(context.new_page(), served.address)
        made.page.on(
            "console",
            lambda message: (
                made.errors.append(f"{message.text} {message.location.get('url', '')}")
                if message.type == "error"
                else None
            ),
        )
        made.page.on("pageerror", lambda error: made.errors.append(str(error)))
        visits.append(made)
        return made

    yield open_window
    errors = [error for one in visits for error in one.errors]
    for context in contexts:
        context.close()
    assert errors == [], "the browser's console has errors"


def session_key(user: User) -> str:
    """A session as signing in makes it, without the form."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return str(session.session_key)


@pytest.fixture
def acme(transactional_db: None) -> Unit:
    """The root unit."""
    unit = Unit.objects.create(slug="acme", name="Acme", path="?acme")
    unit.path = f"/{unit.pk}/"
    unit.save()
    return unit


@pytest.fixture
def officer(acme: Unit) -> User:
    """Amara Osei, who sees and does nearly everything."""
    user = User.objects.create_user("amara@acme.example", "correct horse battery staple", name="Amara Osei")
    AccessGrant.objects.create(user=user, role="caiso", unit=acme, granted_at=NOW)
    AccessGrant.objects.create(user=user, role="administrator", unit=acme, granted_at=NOW)
    Person.objects.create(slug="amara-osei", name="Amara Osei", email=user.email, unit=acme, user=user)
    return user


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """picture(page, "tasks-dark") keeps a screenshot when CAISO_PICTURES names a folder."""
    folder = os.environ.get("CAISO_PICTURES", "")

    def take(page: Page, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=str(Path(folder) / f"{name}.png"))

    return take
