"""Every page of the demo in every form: no violation that axe can see, nothing wider than the screen, no dead link.

Slow, since it opens some hundred pages four times; run by `make nightly`.
"""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Error, Page

from tests.browser.conftest import DESKTOP, PHONE
from tests.cli.running import Platform, platform

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# One of each family is enough: a hundred records look alike.
FEW = 2
NO_PAGE = re.compile(r"/(logout|live)/|\.(csv|xlsx|svg|png|yaml|json)\b|^/api/|/static/|/download/")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The demo organisation, as `make run` starts it."""
    with platform(tmp_path_factory.mktemp("demo") / "data") as running:
        yield running


def sign_in(context: BrowserContext, demo: Platform, login: dict[str, str]) -> Page:
    page = context.new_page()
    page.goto(f"{demo.ready['url']}accounts/login/")
    page.fill("input[name=login]", login["email"])
    page.fill("input[name=password]", login["password"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r"^(?!.*accounts/login)"))
    return page


def family(address: str) -> str:
    """Addresses that differ in a record only."""
    path, _, query = address.partition("?")
    tab = re.search(r"tab=\w+", query)
    return re.sub(r"/\d+/|(?<=/)[a-z0-9]+(?:-[a-z0-9]+)+(?=/)", "/N/", path) + (tab.group(0) if tab else "")


def walk(page: Page, home: str) -> Iterator[str]:
    """Every page that can be reached by links, some of each family; a link that is dead or refused fails."""
    waiting, seen = ["/", "/pages/", "/start/", "/accounts/2fa/", "/accounts/password/change/"], dict[str, int]()
    while waiting:
        address = waiting.pop(0)
        if NO_PAGE.search(address) or seen.get(family(address), 0) >= FEW:
            continue
        seen[family(address)] = seen.get(family(address), 0) + 1
        try:
            answer = page.goto(home + address)
        except Error as told:
            if "Download is starting" not in str(told):
                raise
            assert page.request.get(home + address).ok, f"{address} is a download that fails"
            continue
        assert answer is not None
        assert answer.status < 400, f"{address} answers {answer.status}"
        links = page.eval_on_selector_all("a[href]", "all => all.map(one => one.getAttribute('href'))")
        here = page.url.partition("?")[0].removeprefix(home)
        waiting += [
            f"{here}{link}" if link.startswith("?") else link.partition("#")[0] for link in links if link[:1] in "/?"
        ]
        yield address


@pytest.mark.parametrize(
    "role", ["CAISO", "administrator and CAISO", "Auditor", "Board member", "Model owner", "Analyst"]
)
def test_no_link_of_the_demo_is_dead_or_refused(demo: Platform, chromium: Browser, role: str) -> None:
    login = next(one for one in demo.ready["logins"] if one["role"] == role)
    context = chromium.new_context()
    pages = list(walk(sign_in(context, demo, login), str(demo.ready["url"]).rstrip("/")))
    context.close()
    assert len(pages) > 15


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_accessible_and_fits(
    demo: Platform,
    chromium: Browser,
    theme: str,
    size: tuple[int, int],
) -> None:
    login = next(one for one in demo.ready["logins"] if one["role"] == "administrator and CAISO")
    context = chromium.new_context(
        viewport={"width": size[0], "height": size[1]}, bypass_csp=True, reduced_motion="reduce", color_scheme=theme
    )
    page = sign_in(context, demo, login)
    wrong = []
    for address in walk(page, str(demo.ready["url"]).rstrip("/")):
        found = Axe().run(page, options={"runOnly": {"type": "tag", "values": TAGS}}).response["violations"]
        wrong += [f"{address} {rule['id']}: {rule['nodes'][0]['html'][:160]}" for rule in found]
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wrong.append(f"{address} is wider than the screen")
    context.close()
    assert wrong == []
