"""Three published AI packages, as installed: assets with evidence, nothing of them imported."""

import importlib.util
import sys
from pathlib import Path

import pytest

from caiso.connect.source import folder
from caiso.engine.discover import ScanResult, scan_tree
from tests.engine.discover.trees import of

PACKAGES = {
    "openai.lib": {"endpoint": "https://api.openai.com/v1", "credential_reference": "OPENAI_API_KEY"},
    "openai": {"endpoint": "https://api.openai.com/v1", "credential_reference": "OPENAI_API_KEY"},
    "firedrill": {"provider": "Anthropic"},
    "opentelemetry.instrumentation.openai_v2": {"dependency": "openai"},
}


def scanned(name: str) -> ScanResult:
    # The top package's place, found without importing it.
    spec = importlib.util.find_spec(name.split(".")[0])
    if spec is None:
        pytest.skip(f"{name} is not installed")
    places = [Path(place, *name.split(".")[1:]) for place in spec.submodule_search_locations or []]
    found = [place for place in places if place.is_dir()]
    if not found:
        pytest.skip(f"{name} is not installed")
    return scan_tree(folder.read(found[0]).files)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name == "openai" else []) for name in PACKAGES]
)
def test_an_installed_package_gives_assets_with_evidence(name: str) -> None:
    before = set(sys.modules)
    result = scanned(name)
    assert {module for module in set(sys.modules) - before if module.startswith(name + ".")} == set()
    for kind, expected in PACKAGES[name].items():
        assert expected in of(result, kind), (kind, of(result, kind))
    for asset in result.assets:
        assert asset.evidence
        assert all(not item.path.startswith("/") and item.line >= 0 for item in asset.evidence)
