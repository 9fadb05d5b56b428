"""The engine reads no clock, opens no connection and unpickles nothing."""

import ast

import pytest

from tests.house.sources import PACKAGE, python_files, tree

CLOCKS = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "time.time",
    "time.time_ns",
    "time.localtime",
    "time.gmtime",
    "timezone.now",
}
UNSAFE = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}


def dotted(node: ast.expr) -> str:
    """`a.b.c` as text; the last two names decide."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts))


def clock_reads(module: ast.Module) -> list[int]:
    """Lines that ask what time it is (a monotonic clock for budgets is no such question)."""
    return [
        node.lineno
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and ".".join(dotted(node.func).split(".")[-2:]) in CLOCKS
    ]


def imported(module: ast.Module) -> set[str]:
    """Every module that the file imports, wherever the import stands."""
    names: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_engine_never_asks_the_time() -> None:
    assert [
        f"{p.relative_to(PACKAGE)}:{n}" for p in python_files(PACKAGE / "engine") for n in clock_reads(tree(p))
    ] == []


def test_engine_never_fetches_an_address() -> None:
    assert [
        str(p.relative_to(PACKAGE)) for p in python_files(PACKAGE / "engine") if "urllib.request" in imported(tree(p))
    ] == []


def test_nothing_in_the_product_unpickles() -> None:
    guilty = {
        str(path.relative_to(PACKAGE)): found
        for path in python_files(PACKAGE)
        if (found := {name.split(".")[0] for name in imported(tree(path))} & UNSAFE)
    }
    assert guilty == {}


@pytest.mark.parametrize(
    "planted", ["datetime.now(UTC)", "datetime.datetime.utcnow()", "time.time()", "x = date.today()"]
)
def test_a_planted_clock_is_caught(planted: str) -> None:
    assert clock_reads(ast.parse(planted)) == [1]
