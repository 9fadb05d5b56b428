"""Manifests of Node, Go, Rust and Ruby."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator

from caiso.engine.discover.manifests.declared import Declared

_NODE_TABLES = (
    ("dependencies", False),
    ("devDependencies", True),
    ("peerDependencies", False),
    ("optionalDependencies", False),
)
_GO_LINE = re.compile(r"^\s*(?:require\s+)?([\w.-]+\.[a-z]+/[^\s]+)\s+(v[^\s]+)(\s*//\s*indirect)?")
_GEM = re.compile(
    r"""^\s*(?P<off>#\s*)?(?:gem|\w+\.add_(?:runtime_|development_)?dependency)[\s(]+["'](?P<name>[\w.-]+)["'](?P<rest>.*)$"""
)
_QUOTED = re.compile(r"""["']([^"']+)["']""")


def read_package_json(text: str) -> Iterator[Declared]:
    data = json.loads(text)
    lines = text.splitlines()
    for table, development in _NODE_TABLES:
        entries = data.get(table) if isinstance(data, dict) else None
        for name, version in entries.items() if isinstance(entries, dict) else ():
            yield Declared("npm", name, str(version)[:80], _key_line(lines, name), development=development)


def read_package_lock(text: str) -> Iterator[Declared]:
    data = json.loads(text)
    packages = data.get("packages") if isinstance(data, dict) else None
    for path, entry in packages.items() if isinstance(packages, dict) else ():
        name = str(path).rpartition("node_modules/")[2]
        if name and isinstance(entry, dict) and isinstance(entry.get("version"), str):
            yield Declared("npm", name, entry["version"], 1, locked=True)


def read_go_mod(text: str) -> Iterator[Declared]:
    """Direct requirements only."""
    for number, line in enumerate(text.splitlines(), 1):
        match = _GO_LINE.match(line)
        if match and not match[3]:
            yield Declared("go", match[1], match[2], number)


def read_cargo(text: str) -> Iterator[Declared]:
    data = tomllib.loads(text)
    lines = text.splitlines()
    tables: list[tuple[object, bool]] = [
        (data.get("dependencies"), False),
        (data.get("build-dependencies"), False),
        (data.get("dev-dependencies"), True),
        ((data.get("workspace") or {}).get("dependencies") if isinstance(data.get("workspace"), dict) else None, False),
    ]
    for table, development in tables:
        for name, value in table.items() if isinstance(table, dict) else ():
            version = value if isinstance(value, str) else value.get("version", "") if isinstance(value, dict) else ""
            number = next((i for i, line in enumerate(lines, 1) if re.match(rf"^\s*{re.escape(name)}\s*[=.]", line)), 1)
            yield Declared("cargo", name, str(version), number, development=development)


def read_gemfile(text: str) -> Iterator[Declared]:
    for number, line in enumerate(text.splitlines(), 1):
        match = _GEM.match(line)
        if match:
            version = _QUOTED.search(match["rest"])
            yield Declared("gem", match["name"], version[1] if version else "", number, commented=bool(match["off"]))


def _key_line(lines: list[str], key: str) -> int:
    wanted = f'"{key}"'
    return next((number for number, line in enumerate(lines, 1) if wanted in line and ":" in line), 1)
