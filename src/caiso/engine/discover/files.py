"""What a path says before the file is opened: its language, and whether it is a test."""

from __future__ import annotations

import re

from caiso.engine.discover.records import Status

_TEST_FOLDERS = frozenset(
    (
        *("test", "tests", "testing", "__tests__", "__test__", "spec", "specs", "e2e"),
        *("fixture", "fixtures", "testdata", "test_data", "mock", "mocks", "__mocks__"),
        *("integration_tests", "unit_tests", "examples", "example", "samples", "sample"),
    )
)
_TEST_FILE = re.compile(
    r"(?:^test_[^/]*\.py$|_test\.(?:py|go|rb|rs|ts)$|\.(?:test|spec|stories)\.[cm]?[jt]sx?$|^conftest\.py$|_spec\.rb$|^tests\.py$|"
    r"^mock[-_][^/]*\.[jt]s$)"
)
PYTHON = (".py", ".pyi", ".pyw")
SCRIPT = (".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts")
TEXT_CODE = (".go", ".rb", ".rs")


def status_of(path: str) -> Status:
    """Tests, fixtures and examples are a class of their own."""
    *folders, name = path.split("/")
    if any(folder.lower() in _TEST_FOLDERS for folder in folders) or _TEST_FILE.search(name):
        return Status.TEST
    return Status.ACTIVE


def language_of(path: str) -> str:
    if path.endswith(PYTHON):
        return "python"
    if path.endswith(SCRIPT) and not path.endswith(".d.ts"):
        return "script"
    return "text" if path.endswith(TEXT_CODE) else ""
