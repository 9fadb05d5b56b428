"""The import contracts hold, and each of them catches a planted violation."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = Path(sys.executable).with_name("lint-imports")

# A file to add to a copy of the package, and the number of the contract that must object.
PLANTED = {
    "engine/detect/planted.py": ("def f():\n    import caiso.web.base.models\n", 1),
    "engine/detect/django_in_engine.py": ("from django.db import models\n", 2),
    "engine/detect/network_in_engine.py": ("def f():\n    import socket\n", 2),
    "connect/telemetry/planted.py": ("def f():\n    from django.conf import settings\n", 3),
    "web/base/planted.py": ("from caiso.web.soc import models\n", 4),
    "web/unlisted/__init__.py": ("", 4),
    "web/inventory/queries/planted.py": ("def f():\n    from caiso.web.inventory import services\n", 5),
    "connect/source/planted.py": ("import caiso.connect.telemetry\n", 6),
    "engine/planted_a.py": ("import caiso.engine.planted_b\n", 7),
    "web/soc/planted.py": ("def f():\n    import caiso.web.base.views\n", 8),
    "cli/planted.py": ("def f():\n    from caiso.web.base import queries\n", 9),
}
COMPANIONS = {"engine/planted_b.py": "import caiso.engine.planted_a\n"}


def lint(folder: Path) -> str:
    """What import-linter says about the package in the folder."""
    done = subprocess.run(
        [LINT, "--config", str(folder / ".importlinter"), "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder / "src"), "PATH": "/usr/bin:/bin", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def verdicts(output: str) -> dict[int, bool]:
    """{contract: kept}."""
    lines = [line for line in output.splitlines() if line[:1].isdigit() and (" KEPT" in line or " BROKEN" in line)]
    return {int(line.split(".")[0]): " KEPT" in line for line in lines}


def test_every_contract_holds() -> None:
    output = lint(ROOT)
    assert verdicts(output) == dict.fromkeys(range(1, 10), True), output


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What import-linter says about a copy with all violations planted at once."""
    folder = tmp_path_factory.mktemp("planted")
    shutil.copy(ROOT / ".importlinter", folder)
    shutil.copytree(
        ROOT / "src" / "caiso",
        folder / "src" / "caiso",
        ignore=shutil.ignore_patterns("__pycache__", "static", "content", "templates"),
    )
    for name, text in [*((name, text) for name, (text, _) in PLANTED.items()), *COMPANIONS.items()]:
        path = folder / "src" / "caiso" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for package in path.parents:
            if package.name == "src":
                break
            (package / "__init__.py").touch()
        path.write_text(text)
    if not (folder / "src/caiso/web/base/views").is_dir():
        (folder / "src/caiso/web/base/views.py").touch()
    return lint(folder)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_violation_is_caught(broken: str, name: str) -> None:
    contract = PLANTED[name][1]
    assert verdicts(broken)[contract] is False, broken
    said = broken.split("Broken contracts", 1)[1]
    assert ".".join(Path(name).with_suffix("").parts).removesuffix(".__init__").rpartition(".")[2] in said, said
