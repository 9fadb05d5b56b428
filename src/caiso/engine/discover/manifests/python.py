"""Python manifests: requirements, pyproject, setup.py, setup.cfg, Pipfile, conda environments, lock files."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

from caiso.engine.discover.code.expression import Call, Choice, Expr, Items, Join, Mapping, Module, Name, Text
from caiso.engine.discover.code.project import Project
from caiso.engine.discover.code.python import read_python
from caiso.engine.discover.code.resolve import Resolver
from caiso.engine.discover.manifests.declared import Declared

_REQUIREMENT = re.compile(
    r"^\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(?P<version>(?:===|==|~=|>=|<=|!=|>|<|@)[^;#]*)?\s*(?:;.*)?(?:#.*)?$"
)
_COMMENTED = re.compile(r"^\s*#\s*(?P<rest>[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[^\]]*\])?\s*(?:==|>=|~=|<=)\s*[\w.*]+.*)$")
_LOCK_NAME = re.compile(r'^name = "([^"]+)"')
_LOCK_VERSION = re.compile(r'^version = "([^"]+)"')
_SETUP_KEYS = ("install_requires", "extras_require", "setup_requires", "tests_require", "requires")


def requirement(text: str, line: int, *, commented: bool = False, development: bool = False) -> Declared | None:
    """One requirement line; options, URLs and prose give None."""
    text = text.strip()
    if not text or text.startswith(("-", "git+", "http:", "https:", ".", "/")):
        return None
    match = _REQUIREMENT.match(text)
    if match is None:
        return None
    version = (match["version"] or "").strip()
    return Declared(
        "pypi", match["name"], version.removeprefix("==").strip(), line, commented=commented, development=development
    )


def read_requirements(text: str, *, development: bool = False) -> Iterator[Declared]:
    """requirements*.txt, with commented-out lines as such."""
    for number, line in enumerate(text.splitlines(), 1):
        match = _COMMENTED.match(line)
        found = requirement(
            match["rest"] if match else line.split("\\")[0], number, commented=bool(match), development=development
        )
        if found is not None:
            yield found


def read_pyproject(text: str) -> Iterator[Declared]:
    """PEP 621, PEP 735 groups and Poetry."""
    data = tomllib.loads(text)
    lines = text.splitlines()
    project = data.get("project")
    if isinstance(project, dict):
        yield from _specs(project.get("dependencies"), lines)
        for group in _dict(project.get("optional-dependencies")).values():
            yield from _specs(group, lines)
    for group in _dict(data.get("dependency-groups")).values():
        yield from _specs(group, lines, development=True)
    tool = _dict(data.get("tool"))
    poetry = _dict(tool.get("poetry"))
    yield from _table(_dict(poetry.get("dependencies")), lines)
    yield from _table(_dict(poetry.get("dev-dependencies")), lines, development=True)
    for group in _dict(poetry.get("group")).values():
        yield from _table(_dict(_dict(group).get("dependencies")), lines, development=True)
    yield from _table(_dict(_dict(tool.get("pixi")).get("pypi-dependencies")), lines)
    yield from _specs(_dict(tool.get("uv")).get("dev-dependencies"), lines, development=True)
    yield from _commented_specs(lines)


def _commented_specs(lines: list[str]) -> Iterator[Declared]:
    for number, line in enumerate(lines, 1):
        match = re.match(r"""^\s*#\s*["']([A-Za-z0-9][\w.-]*(?:\[[^\]]*\])?\s*(?:==|>=|~=)[^"']*)["'],?\s*$""", line)
        found = requirement(match[1], number, commented=True) if match else None
        if found is not None:
            yield found


def _specs(value: object, lines: list[str], *, development: bool = False) -> Iterator[Declared]:
    for spec in value if isinstance(value, list) else []:
        if isinstance(spec, str):
            found = requirement(spec, line_of(lines, spec), development=development)
            if found is not None:
                yield found


def _table(table: dict[str, object], lines: list[str], *, development: bool = False) -> Iterator[Declared]:
    for name, value in table.items():
        version = value if isinstance(value, str) else str(_dict(value).get("version", ""))
        number = next((i for i, line in enumerate(lines, 1) if re.match(rf'^\s*"?{re.escape(name)}"?\s*=', line)), 1)
        yield Declared("pypi", name, version, number, development=development)


def read_pipfile(text: str) -> Iterator[Declared]:
    data = tomllib.loads(text)
    lines = text.splitlines()
    yield from _table(_dict(data.get("packages")), lines)
    yield from _table(_dict(data.get("dev-packages")), lines, development=True)


def read_setup_cfg(text: str) -> Iterator[Declared]:
    """Only the requirement lists: other keys of setup.cfg hold package names too."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("["):
            inside = line.strip() == "[options.extras_require]"
        elif re.match(r"^(install_requires|tests_require)\s*=", line):
            inside = True
        elif line[:1].strip() and not line.startswith("#") and "=" in line:
            inside = "extras" in line or (inside and not re.match(r"^\w+\s*=", line))
        if inside and line[:1] in (" ", "\t"):
            found = requirement(line, number)
            if found is not None:
                yield found


def read_setup_py(path: str, data: bytes) -> Iterator[Declared]:
    """The requirement lists of a setup() call, followed through variables; the file is not run."""
    module = read_python(path, data)
    resolver = Resolver(module, Project({path}, lambda _: None))
    found: dict[tuple[str, int], Declared] = {}
    for value, steps in _setup_values(module):
        for text in _spec_texts(resolver, value, steps):
            declared = requirement(text.value, text.line)
            if declared is not None:
                found.setdefault((declared.name, declared.line), declared)
    yield from found.values()


def _setup_values(module: Module) -> Iterator[tuple[Expr, int]]:
    """The lists that setup() is given, and the lists that helper functions pick from in large projects."""
    for call in module.calls:
        if getattr(call.callee, "name", "") == "setup":
            yield from ((call.keywords[key], 8) for key in _SETUP_KEYS if key in call.keywords)
    for name, values in module.scope.names.items():
        if re.search(r"(?i)deps|requires|requirements|dependencies", name):
            yield from ((value, 4) for value in values)


def _spec_texts(resolver: Resolver, expr: Expr, steps: int) -> list[Text]:
    if steps == 0:
        return []
    if isinstance(expr, Text):
        return [expr]
    children: list[Expr] = []
    if isinstance(expr, Items):
        children = expr.items
    elif isinstance(expr, Mapping):
        children = [value for _, value in expr.pairs]
    elif isinstance(expr, Choice):
        children = expr.options
    elif isinstance(expr, Join):
        children = expr.parts
    elif isinstance(expr, Name):
        children = [value for value in resolver.values(expr, 3) if value is not expr]
    elif isinstance(expr, Call):
        children = []
    return [text for child in children for text in _spec_texts(resolver, child, steps - 1)]


def read_conda(text: str) -> Iterator[Declared]:
    """environment.yml: conda and nested pip entries look alike once the dash is gone."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"^\w", line):
            inside = line.startswith("dependencies")
        match = re.match(r"^\s*-\s+(?:[\w-]+::)?([A-Za-z0-9][^#:]*)$", line) if inside else None
        if match:
            spec = re.sub(r"(?<![=<>~!])=(?!=)", "==", match[1].strip(), count=1)
            found = requirement(re.sub(r"(==[\w.*]+)=.*", r"\1", spec), number)
            if found is not None and found.name != "pip":
                yield found


def read_toml_lock(text: str) -> Iterator[Declared]:
    """uv.lock, poetry.lock, pdm.lock: names and versions line by line, for they are long."""
    name, line_number = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        match = _LOCK_NAME.match(line)
        if match:
            name, line_number = match[1], number
            continue
        match = _LOCK_VERSION.match(line)
        if match and name:
            yield Declared("pypi", name, match[1], line_number, locked=True)
            name = ""


def line_of(lines: list[str], text: str) -> int:
    """The first line that holds a text, for parsers that keep no positions."""
    return next((number for number, line in enumerate(lines, 1) if text in line), 1)


def _dict(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
