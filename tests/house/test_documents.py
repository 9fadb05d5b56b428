"""Every folder, setting and command is documented, and the generated pages are current."""

import re
from pathlib import Path

import pytest
from scripts.reference import PAGES

from caiso.cli.main import available
from caiso.web.config.environment import Environment
from tests.house.sources import PACKAGE, ROOT, tracked

ARCHITECTURE = ROOT / "ARCHITECTURE.md"


def folders() -> list[str]:
    """Every folder of the package that holds tracked files, as a path below src/caiso; migrations are Django's."""
    found = {path.parent.relative_to(PACKAGE) for path in tracked() if path.is_relative_to(PACKAGE)}
    parents = {parent for path in found for parent in (path, *path.parents)}
    return sorted(str(path) for path in parents if path.parts and "migrations" not in path.parts)


@pytest.mark.parametrize("folder", [folder for folder in folders() if folder.count("/") <= 1])
def test_every_folder_stands_in_the_architecture(folder: str) -> None:
    assert f"`{folder}/`" in ARCHITECTURE.read_text()


def test_the_architecture_names_only_what_exists() -> None:
    text = ARCHITECTURE.read_text()
    named = {word.strip("`") for word in text.split() if word.startswith("`") and word.rstrip(".,;:)").endswith("/`")}
    known = {folder + "/" for folder in folders()}
    rooms = {folder.split("/")[0] for folder in folders()}
    missing = {
        name for name in (n.rstrip(".,;:)`") for n in named) if name.split("/")[0] in rooms and name not in known
    }
    assert missing == set()


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "docs/first-feature.md"])
def test_every_file_that_is_named_exists(name: str) -> None:
    named = re.findall(r"`((?:cli|web|connect|engine|content)/[\w/.-]+\.(?:py|html|yaml))`", (ROOT / name).read_text())
    assert len(named) > 10
    assert [path for path in named if not (PACKAGE / path).exists()] == []


def test_the_architecture_is_short_enough_to_be_read() -> None:
    assert ARCHITECTURE.read_text().count("\n") <= 250


def test_contributing_fits_on_a_page() -> None:
    assert (ROOT / "CONTRIBUTING.md").read_text().count("\n") <= 60


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_current(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == PAGES[name](), "run: make docs"


def test_every_setting_says_what_it_does() -> None:
    silent = [name for name, field in Environment.model_fields.items() if not (field.description or "").endswith(".")]
    assert silent == []


def test_the_settings_page_has_every_variable() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    assert [name for name in Environment.model_fields if f"`CAISO_{name.upper()}`" not in page] == []


def test_no_other_setting_is_read_in_secret() -> None:
    declared = {f"CAISO_{name.upper()}" for name in Environment.model_fields}
    inner = {"CAISO_SUPERVISOR", "CAISO_APPS"}  # between our own processes; a name in the settings
    found = {
        word
        for path in tracked()
        if path.is_relative_to(PACKAGE) and path.suffix == ".py"
        for word in re.findall(r"\bCAISO_[A-Z_]+\b", path.read_text())
    }
    assert found - declared - inner == set()


def test_every_command_stands_in_the_reference() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    assert [name for name in available() if f"### `caiso {name}" not in page] == []


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_links_between_documents_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", (ROOT / name).read_text()):
        if "://" not in target and not target.startswith("mailto:"):
            assert Path(ROOT, target).exists(), f"{name}: {target}"
