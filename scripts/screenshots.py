"""Takes the pictures of the documentation from a fresh demo: `python -m scripts.screenshots [--all]`.

With --all every main page is taken at 1440 and 390 pixels, light and dark, into build/screenshots, to be looked at.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
README_PICTURE = ROOT / "docs" / "images" / "posture-light.png"
LOOK = ROOT / "build" / "screenshots"
SIZES = {"desk": (1440, 900), "phone": (390, 844)}
THEMES = ("light", "dark")


def start(data: Path) -> tuple[subprocess.Popen[str], dict[str, object]]:
    """A platform with the demo on a free port, and what it says when it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "caiso.cli.main", "up", "--data", str(data), "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        try:
            return process, json.loads(text)
        except json.JSONDecodeError:
            continue
    raise SystemExit("the platform did not start")


def sign_in(page: Page, ready: dict[str, object]) -> None:
    """Sign in as the demo's CAISO, else as the first login that was printed."""
    logins = ready["logins"]
    assert isinstance(logins, list)
    login = next((one for one in logins if one["role"] == "CAISO"), logins[0])
    page.goto(f"{ready['url']}accounts/login/")
    page.locator("input[name=login]").fill(login["email"])
    page.locator("input[name=password]").fill(login["password"])
    page.locator("form:has(input[name=password]) button[type=submit]").click()
    page.wait_for_load_state("load")


def pages_of(page: Page, home: str) -> dict[str, str]:
    """{name: address} of every page that the navigation offers."""
    page.goto(f"{home}pages/")
    found = {"posture": "/"}
    for link in page.locator("nav a[href^='/']").all():
        address = link.get_attribute("href") or "/"
        found.setdefault(address.strip("/").replace("/", "-") or "posture", address)
    return found


def take(browser: Browser, ready: dict[str, object], *, everything: bool) -> None:
    """The README's picture, or all pages in all sizes and themes."""
    for theme in THEMES if everything else THEMES[:1]:
        for size, (width, height) in SIZES.items() if everything else [("desk", SIZES["desk"])]:
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
            page = context.new_page()
            sign_in(page, ready)
            if not everything:
                page.goto(str(ready["url"]))
                page.wait_for_load_state("load")
                README_PICTURE.parent.mkdir(parents=True, exist_ok=True)
                page.screenshot(path=README_PICTURE)
            else:
                for name, address in pages_of(page, str(ready["url"])).items():
                    page.goto(str(ready["url"]).rstrip("/") + address)
                    page.wait_for_timeout(400)
                    page.screenshot(path=LOOK / f"{name}-{size}-{theme}.png", full_page=True)
            context.close()


def main() -> None:
    """Start a demo, take the pictures, stop it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="every page, size and theme, into build/screenshots")
    parser.add_argument("--data", type=Path, help="a store that has the demo already; else a fresh one is made")
    given = parser.parse_args()
    everything = given.all
    chromium = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    if chromium is None:
        raise SystemExit("no Chromium here (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory(prefix="caiso-pictures-") as folder:
        process, ready = start(given.data or Path(folder))
        try:
            LOOK.mkdir(parents=True, exist_ok=True)
            with sync_playwright() as playwright:
                take(
                    playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"]),
                    ready,
                    everything=everything,
                )
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=15)


if __name__ == "__main__":
    main()
