"""Only services write to the database."""

import ast
from pathlib import Path

import pytest

from tests.house.sources import PACKAGE, python_files, tree

WRITES = {"save", "create", "bulk_create", "bulk_update", "get_or_create", "update_or_create", "delete"}
# Words that other objects than querysets have too count only behind `.objects` or on a filtered queryset.
QUERYSET_ONLY = {"update", "delete", "create"}
QUERYSET_STEPS = {"objects", "filter", "exclude", "all", "select_for_update", "order_by", "using"}


def chain(node: ast.expr) -> set[str]:
    """Every attribute name in `a.b.c(…).d`."""
    names: set[str] = set()
    while True:
        if isinstance(node, ast.Attribute):
            names.add(node.attr)
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        else:
            return names


def orm_writes(module: ast.Module) -> list[tuple[int, str]]:
    """(line, method) of every call that writes to the database."""
    found = []
    for node in ast.walk(module):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        method = node.func.attr
        behind = chain(node.func.value)
        if (method in WRITES - QUERYSET_ONLY) or (method in QUERYSET_ONLY and behind & QUERYSET_STEPS):
            found.append((node.lineno, method))
    return found


def may_write(path: Path) -> bool:
    """Whether the file is part of an app's services, or of the demo, which writes a past and takes it away again."""
    parts = path.with_suffix("").relative_to(PACKAGE).parts
    return "services" in parts or parts[:3] == ("web", "reports", "demo")


# (file, method): calls of that name that write no row of ours.
NO_ROWS = {
    ("web/base/models/people.py", "save"),  # Django's own interface for making a login
    ("web/soc/detector.py", "save"),  # the engine's memory, into a file
}


@pytest.mark.parametrize("room", ["web", "cli"])
def test_orm_writes_stand_only_in_services(room: str) -> None:
    strays = [
        f"{path.relative_to(PACKAGE)}:{line}: .{method}("
        for path in python_files(PACKAGE / room)
        if not may_write(path)
        for line, method in orm_writes(tree(path))
        if (str(path.relative_to(PACKAGE)), method) not in NO_ROWS
    ]
    assert strays == []


@pytest.mark.parametrize(
    "planted",
    [
        "risk.save()",
        "Risk.objects.create(name='x')",
        "Risk.objects.filter(pk=1).update(name='x')",
        "Risk.objects.bulk_create([])",
        "Risk.objects.get_or_create(pk=1)",
        "queries.open_risks(viewer).filter(pk=1).delete()",
    ],
)
def test_a_planted_write_is_caught(planted: str) -> None:
    assert len(orm_writes(ast.parse(planted))) == 1


@pytest.mark.parametrize("harmless", ["{}.update(a=1)", "digest.update(b'x')", "context.update(x=1)", "form.create()"])
def test_what_is_no_write_is_left_alone(harmless: str) -> None:
    assert orm_writes(ast.parse(harmless)) == []
