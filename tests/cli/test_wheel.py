"""The built wheel, installed into an empty environment, serves from an empty directory."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.cli.running import platform

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from what git knows, as a release would be."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    if (ROOT / "frontend" / "node_modules").exists():
        (source / "frontend" / "node_modules").symlink_to(ROOT / "frontend" / "node_modules")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(folder), str(source)], check=True
    )
    return next(folder.glob("*.whl"))


def test_the_wheel_brings_pages_and_packs(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "caiso/web/static/built/app.css" in names
    assert any(name.startswith("caiso/content/frameworks/") for name in names)
    assert any(name.startswith("caiso/web/templates/") for name in names)
    assert "caiso/py.typed" in names
    assert not any("node_modules" in name or name.startswith("tests/") for name in names)


def test_an_installed_wheel_serves_from_an_empty_directory(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(environment)], check=True)
    python = environment / "bin" / "python"
    core = ROOT / "requirements" / "core.txt"
    subprocess.run([uv, "pip", "install", "-q", "--python", python, "--require-hashes", "-r", core], check=True)
    subprocess.run([uv, "pip", "install", "-q", "--python", python, "--no-deps", str(wheel)], check=True)
    empty = tmp_path / "empty"
    empty.mkdir()
    with platform(empty / "data", "--no-demo", command=[environment / "bin" / "caiso"]) as running:
        assert running.get("/healthz")[0] == 200
        assert running.get("/static/built/app.css")[0] == 200
