"""What is known about AI packages, providers and symbols, read from content/discovery."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

import yaml

from caiso.engine.discover.records import KINDS
from caiso.errors import DomainError

CONTENT = Path(__file__).resolve().parents[2] / "content" / "discovery"
ECOSYSTEMS = ("pypi", "npm", "go", "gem", "cargo")
_SYMBOL_KINDS = (*KINDS, "client", "graph")
_ROLES = (
    "framework",
    "integration",
    "sdk",
    "mcp_sdk",
    "ml",
    "vector_store",
    "memory",
    "guardrail",
    "evaluation",
    "observability",
    "tooling",
    "carrier",
)


_HUB_NAME = re.compile(r"^[A-Za-z0-9][\w.-]{1,60}/[\w.-]{2,90}$")
_SIZE = re.compile(r"(?i)(?:^|[-_.])\d+(?:\.\d+)?[bm](?:[-_.]|$)")


class UnableToReadSignatures(DomainError):
    """A discovery pack is wrong; the message is `file:line: what, expected …`."""


@dataclass(frozen=True, slots=True)
class Package:
    """One line of packages.yaml for one ecosystem name (which may end in *)."""

    name: str
    ecosystem: str
    family: str
    role: str
    title: str
    provider: str


@dataclass(frozen=True, slots=True)
class Provider:
    id: str
    name: str
    local: bool
    runtime: bool
    """Software that one runs oneself: it serves models, but no organisation stands behind it."""
    hosts: tuple[str, ...]
    env: tuple[str, ...]
    models: re.Pattern[str] | None
    routes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Symbol:
    """What a call is when its resolved path ends with `path`."""

    family: str
    path: tuple[str, ...]
    kind: str
    provider: str
    role: str
    options: dict[str, object] = field(hash=False, compare=False)

    def argument(self, name: str) -> tuple[str | int, ...]:
        """The keywords and positions that hold one argument."""
        value = self.options.get(name)
        return tuple(value) if isinstance(value, list) else ()

    def flag(self, name: str) -> bool:
        return self.options.get(name) is True

    def text(self, name: str) -> str:
        value = self.options.get(name)
        return value if isinstance(value, str) else ""


class Signatures:
    """Look-ups over the three packs."""

    def __init__(
        self,
        packages: list[_Entry],
        symbols: list[_Entry],
        providers: list[_Entry],
        organisations: frozenset[str] = frozenset(),
    ) -> None:
        self.providers: dict[str, Provider] = {}
        self.env: dict[str, str] = {}
        self._packages: dict[tuple[str, str], Package] = {}
        self._wild: list[tuple[str, Package]] = []
        self._roots: dict[str, Package] = {}
        self._wild_roots: list[tuple[str, Package]] = []
        self._symbols: dict[str, list[Symbol]] = {}
        self._declared: dict[str, str] = {}
        for entry in providers:
            self._add_provider(entry)
        for entry in packages:
            self._add_package(entry)
        for entry in symbols:
            self._add_symbol(entry)
        self.organisations = organisations
        self._hosts = [(host, made) for made in self.providers.values() for host in made.hosts]
        self._routes = {route: made for made in self.providers.values() for route in made.routes}

    # look-ups

    def package(self, ecosystem: str, name: str) -> Package | None:
        """The package of a manifest line."""
        key = normal_name(ecosystem, name)
        exact = self._packages.get((ecosystem, key))
        if exact is not None:
            return exact
        for pattern, package in self._wild:
            if package.ecosystem == ecosystem and fnmatchcase(key, pattern):
                return package
        return None

    def import_root(self, module: str) -> tuple[Package, str] | None:
        """The package behind a dotted Python module path."""
        parts = module.split(".")
        for length in range(min(len(parts), 4), 0, -1):
            root = ".".join(parts[:length])
            package = self._roots.get(root)
            if package is not None:
                return package, root
        for pattern, package in self._wild_roots:
            if fnmatchcase(parts[0], pattern):
                return package, parts[0]
        return None

    def script_package(self, module: str) -> tuple[Package, str] | None:
        """The package behind a TypeScript or JavaScript import path."""
        name = script_root(module)
        package = self.package("npm", name)
        return (package, name) if package is not None else None

    def symbol(self, family: str, path: list[str]) -> Symbol | None:
        """The most exact symbol whose path is an ending of the given one."""
        best: Symbol | None = None
        for symbol in self._symbols.get(family, ()):
            length = len(symbol.path)
            if length > len(path) or (best is not None and length <= len(best.path)):
                continue
            if all(fnmatchcase(part, want) for part, want in zip(path[-length:], symbol.path, strict=True)):
                best = symbol
        return best

    def provider_of_model(self, model: str) -> Provider | None:
        """The provider that a bare model id can only belong to."""
        lowered = model.lower()
        for provider in self.providers.values():
            if provider.models is not None and provider.models.match(lowered):
                return provider
        return None

    def hub_model(self, text: str) -> bool:
        """Whether `org/name` can only be an open model: a well-known publisher, or a size in the name."""
        organisation, slash, name = text.partition("/")
        if not slash or "/" in name or not _HUB_NAME.match(text):
            return False
        return organisation.lower() in self.organisations or bool(_SIZE.search(name))

    def provider_of_route(self, route: str) -> Provider | None:
        return self._routes.get(route.lower())

    def provider_of_url(self, url: str) -> Provider | None:
        """The provider whose host the URL names."""
        lowered = url.lower()
        for host, provider in self._hosts:
            if host in lowered:
                return provider
        return None

    def declared_root(self, ecosystem: str, name: str) -> str:
        """The import root that a declared package is used under."""
        key = normal_name(ecosystem, name)
        return self._declared.get(key, key.replace("-", "_")) if ecosystem == "pypi" else key

    def roots(self) -> frozenset[str]:
        """Every first part of a Python import that may be an AI package."""
        return frozenset(root.split(".", 1)[0] for root in self._roots)

    def wild_roots(self) -> tuple[str, ...]:
        return tuple(pattern.rstrip("*") for pattern, _ in self._wild_roots)

    # building

    def _add_provider(self, entry: _Entry) -> None:
        identifier = entry.text("id", needed=True)
        env = tuple(entry.texts("env"))
        self.env.update(dict.fromkeys(env, identifier))
        if not entry.has("name"):
            return
        patterns = entry.texts("models")
        self.providers[identifier] = Provider(
            id=identifier,
            name=entry.text("name"),
            local=entry.flag("local"),
            runtime=entry.flag("runtime"),
            hosts=tuple(entry.texts("hosts")),
            env=env,
            models=entry.pattern(patterns) if patterns else None,
            routes=tuple(entry.texts("routes")),
        )

    def _add_package(self, entry: _Entry) -> None:
        family = entry.text("family", needed=True)
        role = entry.one_of("role", _ROLES)
        provider = entry.text("provider")
        if provider and provider not in self.providers:
            raise entry.wrong("provider", provider, "an id of providers.yaml")
        overrides = entry.value.get("imports")
        imports: dict[str, list[str]] = overrides if isinstance(overrides, dict) else {}
        made: Package | None = None
        for ecosystem in ECOSYSTEMS:
            for name in entry.texts(ecosystem):
                made = Package(name, ecosystem, family, role, entry.text("title") or name, provider)
                self._index(made, imports)
        for name, roots in imports.items():
            package = made or Package(name, "pypi", family, role, entry.text("title") or name, provider)
            known = self._packages.get(("pypi", normal_name("pypi", name)))
            self._declared[normal_name("pypi", name)] = roots[0]
            for root in roots:
                self._roots.setdefault(root, known or package)

    def _index(self, package: Package, imports: dict[str, list[str]]) -> None:
        key = normal_name(package.ecosystem, package.name)
        if key.endswith("*"):
            self._wild.append((key, package))
            if package.ecosystem == "pypi":
                self._wild_roots.append((key.replace("-", "_"), package))
            return
        self._packages.setdefault((package.ecosystem, key), package)
        if package.ecosystem == "pypi" and package.name not in imports:
            self._roots.setdefault(key.replace("-", "_"), package)

    def _add_symbol(self, entry: _Entry) -> None:
        kind = entry.one_of("kind", _SYMBOL_KINDS)
        provider = entry.text("provider")
        if provider and provider not in self.providers:
            raise entry.wrong("provider", provider, "an id of providers.yaml")
        families = entry.texts("family")
        for family in families:
            for name in entry.texts("names"):
                made = Symbol(family, tuple(name.split(".")), kind, provider, entry.text("role"), entry.value)
                self._symbols.setdefault(family, []).append(made)


def normal_name(ecosystem: str, name: str) -> str:
    """Registry spelling: PyPI names are case-blind and treat - _ . alike."""
    if ecosystem == "pypi":
        return re.sub(r"[-_.]+", "-", name).lower()
    return name if ecosystem == "go" else name.lower()


def script_root(module: str) -> str:
    """`@scope/name/sub` -> `@scope/name`; registry prefixes and versions are dropped."""
    cleaned = re.sub(r"^(npm:|jsr:|https?://(esm\.sh|cdn\.skypack\.dev|deno\.land/x)/)", "", module)
    parts = cleaned.split("/")
    root = "/".join(parts[:2]) if cleaned.startswith("@") else parts[0]
    return re.sub(r"(?<=.)@[\d^~].*$", "", root)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One mapping of a pack with the lines of its keys, for errors that help its author."""

    path: str
    value: dict[str, object]
    lines: dict[str, int]
    line: int

    def has(self, key: str) -> bool:
        return key in self.value

    def text(self, key: str, *, needed: bool = False) -> str:
        value = self.value.get(key, "")
        if not isinstance(value, str) or (needed and not value):
            raise self.wrong(key, value, "a text")
        return value

    def texts(self, key: str) -> list[str]:
        value = self.value.get(key, [])
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not all(isinstance(item, str) for item in values):
            raise self.wrong(key, value, "a text or a list of texts")
        return values

    def flag(self, key: str) -> bool:
        return self.value.get(key) is True

    def one_of(self, key: str, choices: tuple[str, ...]) -> str:
        value = self.text(key, needed=True)
        if value not in choices:
            raise self.wrong(key, value, "one of " + ", ".join(choices))
        return value

    def pattern(self, parts: list[str]) -> re.Pattern[str]:
        try:
            return re.compile("|".join(f"(?:{part})" for part in parts))
        except (re.error, OverflowError, RecursionError) as error:
            raise self.wrong("models", error, "regular expressions") from error

    def wrong(self, key: str, value: object, expected: str) -> UnableToReadSignatures:
        line = self.lines.get(key, self.line)
        return UnableToReadSignatures(f"{self.path}:{line}: {key} {value!r} is not {expected}")


def read_signatures(folder: Path) -> Signatures:
    """The packs of one folder; raises UnableToReadSignatures naming file and line."""
    packages = list(_entries(folder / "packages.yaml", "packages"))
    symbols = list(_entries(folder / "symbols.yaml", "symbols"))
    providers = [*_entries(folder / "providers.yaml", "providers"), *_entries(folder / "providers.yaml", "services")]
    hubs = [name for entry in _entries(folder / "providers.yaml", "hubs") for name in entry.texts("organisations")]
    return Signatures(packages, symbols, providers, frozenset(name.lower() for name in hubs))


@lru_cache(maxsize=1)
def default_signatures() -> Signatures:
    """The packs that ship."""
    return read_signatures(CONTENT)


def _entries(path: Path, key: str) -> Iterator[_Entry]:
    label = f"discovery/{path.name}"
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except OSError as error:
        raise UnableToReadSignatures(f"{label}:1: cannot be read: {error.strerror}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UnableToReadSignatures(f"{label}:{line}: not YAML: {error.problem}") from error
    for child in _items(root, key, label):
        if not isinstance(child, yaml.MappingNode):
            raise UnableToReadSignatures(f"{label}:{child.start_mark.line + 1}: expected a mapping")
        lines = {name.value: name.start_mark.line + 1 for name, _ in child.value}
        yield _Entry(label, _plain(child), lines, child.start_mark.line + 1)


def _items(root: yaml.Node | None, key: str, label: str) -> list[yaml.Node]:
    if isinstance(root, yaml.MappingNode):
        for name, value in root.value:
            if name.value == key and isinstance(value, yaml.SequenceNode):
                return list(value.value)
    raise UnableToReadSignatures(f"{label}:1: expected a list under {key}")


def _plain(node: yaml.MappingNode) -> dict[str, object]:
    loader = yaml.CSafeLoader("")
    try:
        return {str(key): value for key, value in loader.construct_mapping(node, deep=True).items()}
    finally:
        loader.dispose()
