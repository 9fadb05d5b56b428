"""What the processes load when they start: memory and seconds that an idle installation pays for nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LOADED = """
import json, sys
from pathlib import Path
from caiso.cli.platform import boot
boot(Path(sys.argv[1]), must_exist=False)
import {module}
{then}
print(json.dumps(sorted(sys.modules)))
"""
HEAVY = {"numpy", "pyarrow", "duckdb", "openpyxl", "tree_sitter", "sigma", "hyperscan", "scipy", "typst"}


def loaded(data: Path, module: str, then: str = "") -> set[str]:
    """The modules of a process that has started."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(module=module, then=then), str(data)],
        env={name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    ("module", "then"),
    [
        ("caiso.web.base.worker", ""),
        ("caiso.web.config.asgi", "from django.urls import get_resolver; get_resolver().url_patterns"),
    ],
)
def test_pages_and_worker_wait_with_heavy_libraries_until_somebody_needs_them(
    tmp_path: Path, module: str, then: str
) -> None:
    assert HEAVY & loaded(tmp_path, module, then) == set()


def test_the_detector_loads_no_libraries_of_pages_not_even_to_tell_of_an_alert(tmp_path: Path) -> None:
    tell = "from caiso.web.soc.models import Alert; assert Alert(pk=7).get_absolute_url() == '/alerts/7/'"
    found = loaded(tmp_path, "caiso.web.soc.detector", tell)
    assert {"numpy", "pyarrow"} <= found
    assert {"ninja", "openpyxl", "tree_sitter", "duckdb"} & found == set()


def test_what_matches_loads_no_decoder(tmp_path: Path) -> None:
    assert {"ptars", "opentelemetry", "ninja"} & loaded(tmp_path, "caiso.connect.telemetry.matching") == set()
