"""Chooses the reader of a manifest by its file name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from caiso.engine.discover.manifests import other, python
from caiso.engine.discover.manifests.declared import Declared

_REQUIREMENTS = re.compile(
    r"(?:^|[/_.-])requirements?[^/]*\.(?:txt|in)$|(?:^|/)requirements/[^/]+\.(?:txt|in)$", re.IGNORECASE
)
_TEXT: dict[str, Callable[[str], Iterable[Declared]]] = {
    "pyproject.toml": python.read_pyproject,
    "Pipfile": python.read_pipfile,
    "setup.cfg": python.read_setup_cfg,
    "environment.yml": python.read_conda,
    "environment.yaml": python.read_conda,
    "conda.yaml": python.read_conda,
    "conda.yml": python.read_conda,
    "uv.lock": python.read_toml_lock,
    "poetry.lock": python.read_toml_lock,
    "pdm.lock": python.read_toml_lock,
    "package.json": other.read_package_json,
    "package-lock.json": other.read_package_lock,
    "go.mod": other.read_go_mod,
    "Cargo.toml": other.read_cargo,
    "Gemfile": other.read_gemfile,
}
LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "package-lock.json")


def is_manifest(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name in _TEXT or name == "setup.py" or name.endswith(".gemspec") or bool(_REQUIREMENTS.search(path))


def read_manifest(path: str, data: bytes) -> list[Declared]:
    """The declared packages; raises ValueError where the file is not what its name says."""
    name = path.rpartition("/")[2]
    if name == "setup.py":
        return list(python.read_setup_py(path, data))
    text = data.decode("utf-8-sig", "replace")
    if name.endswith(".gemspec"):
        return list(other.read_gemfile(text))
    reader = _TEXT.get(name)
    if reader is not None:
        return list(reader(text))
    development = bool(re.search(r"(?i)dev|test|lint|docs", name))
    return list(python.read_requirements(text, development=development))
