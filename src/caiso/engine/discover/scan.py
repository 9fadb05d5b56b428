"""Reads a tree once and returns its AI assets; pure apart from opening the files it was handed."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import replace

from caiso.engine.discover.code.context import Context
from caiso.engine.discover.code.expression import Module
from caiso.engine.discover.code.plain import read_plain
from caiso.engine.discover.code.project import Project
from caiso.engine.discover.code.python import read_python
from caiso.engine.discover.code.resolve import Resolver
from caiso.engine.discover.code.rules import read_module
from caiso.engine.discover.code.script import read_script
from caiso.engine.discover.collect import Findings, observe
from caiso.engine.discover.configs import MANIFEST_GRAPH, is_config, read_config
from caiso.engine.discover.files import language_of, status_of
from caiso.engine.discover.ids import dependency_group, framework_identity, package_identity
from caiso.engine.discover.manifests import Declared, is_manifest, read_manifest
from caiso.engine.discover.manifests.read import LOCKS
from caiso.engine.discover.merge import merge
from caiso.engine.discover.records import Evidence, Observation, ScanProblem, ScanResult, SourceFile, Status
from caiso.engine.discover.secrets import SECRET_MARKS, find_secrets
from caiso.engine.discover.signatures import Package, Signatures, default_signatures
from caiso.engine.discover.weights import is_weights, read_weights

CODE_LIMIT = 1_500_000
LOCK_LIMIT = 8_000_000
_LINE_LIMIT = 20_000
_PYTHON_IMPORT = re.compile(rb"^[ \t]*(?:from|import)[ \t]+([A-Za-z_][\w.]*(?:[ \t]*,[ \t]*[\w.]+)*)", re.MULTILINE)
_SCRIPT_IMPORT = re.compile(rb"(?:from|import|require\(|import\()\s*[\"']([^\"'\n]{1,200})[\"']")
_MARKS = (
    b"gpt-",
    b"claude-",
    b"gemini-",
    b"_API_KEY",
    b"HF_TOKEN",
    b"OPENAI",
    b"ANTHROPIC",
    b"bedrock",
    b"api.openai.com",
    b"11434",
    b"generativelanguage",
    b"HUGGINGFACE",
)


def scan_tree(files: Iterable[SourceFile], signatures: Signatures | None = None) -> ScanResult:
    """The assets of a set of files. Nothing is executed, imported or unpickled."""
    scan = _Scan(sorted(files, key=lambda file: file.path), signatures or default_signatures())
    return scan.run()


class _Scan:
    """The state of one run."""

    def __init__(self, files: list[SourceFile], signatures: Signatures) -> None:
        self.files = files
        self.signatures = signatures
        self.findings = Findings()
        self.problems: list[ScanProblem] = []
        self.bytes = 0
        self._by_path = {file.path: file for file in files}
        self._project = Project(set(self._by_path), self._load)
        self._data: dict[str, bytes] = {}
        self._folders = {
            posixpath.dirname(file.path)
            for file in files
            if is_manifest(file.path) and status_of(file.path) is Status.ACTIVE
        }
        self._frameworks: list[tuple[Observation, Package]] = []
        self._locked: dict[tuple[str, str], set[str]] = {}
        self._roots = signatures.roots()
        self._wild = signatures.wild_roots()

    def run(self) -> ScanResult:
        for file in self.files:
            self._one(file)
        self._settle_frameworks()
        self._settle_graphs()
        self.findings.settle()
        count = len(self.findings.sightings)
        assets = merge(self.findings.sightings)
        for asset in assets:
            versions = self._locked.get((asset.kind, asset.identity))
            if versions:
                asset.attributes["locked_versions"] = sorted(versions)[:20]
        return ScanResult(assets, sorted(set(self.problems)), len(self.files), self.bytes, count)

    def _one(self, file: SourceFile) -> None:
        try:
            self._read(file)
        except (ValueError, OSError, RecursionError) as error:
            self._problem(file.path, f"{type(error).__name__}: {' '.join(str(error).split())[:160]}")

    def _problem(self, path: str, reason: str) -> None:
        self.problems.append(ScanProblem(path, reason))

    def _read(self, file: SourceFile) -> None:
        path = file.path
        if is_weights(path):
            read_weights(file, self.findings, status_of(path), self._problem)
            return
        if is_manifest(path):
            self._manifest(file)
            if not path.endswith(".py"):
                return
        language = language_of(path)
        if language:
            self._code(file, language)
        elif is_config(path):
            data = self._bytes(file, CODE_LIMIT)
            if data is not None:
                read_config(
                    path,
                    data,
                    self.findings,
                    signatures=self.signatures,
                    status=status_of(path),
                    read_notebook=self._notebook,
                )
                self._secrets(path, data)

    def _bytes(self, file: SourceFile, limit: int) -> bytes | None:
        """The content, unless it is too large, binary or one minified line."""
        if file.size > limit:
            self._problem(file.path, f"larger than {limit} bytes: not read")
            return None
        data = file.read(limit + 1)
        self.bytes += len(data)
        if b"\0" in data[:8192]:
            self._problem(file.path, "binary content: not read")
            return None
        return data

    # manifests

    def _manifest(self, file: SourceFile) -> None:
        lock = file.path.rpartition("/")[2] in LOCKS
        data = self._bytes(file, LOCK_LIMIT if lock else CODE_LIMIT)
        for declared in read_manifest(file.path, data) if data is not None else ():
            package = self.signatures.package(declared.ecosystem, declared.name)
            if package is not None and package.role != "carrier":
                self._declared(file.path, declared, package)

    def _declared(self, path: str, declared: Declared, package: Package) -> None:
        identity = package_identity(declared.ecosystem, declared.name)
        if declared.locked:
            self._locked.setdefault(("dependency", identity), set()).add(declared.version)
            if package.role == "framework":
                self._locked.setdefault(("framework", framework_identity(package)), set()).add(declared.version)
            return
        evidence = Evidence(
            path,
            declared.line,
            "package declared",
            "manifest",
            0.95,
            f"{declared.name} {declared.version}".strip()[:120],
        )
        observation = observe(
            "dependency",
            declared.name,
            identity,
            evidence,
            status=Status.INACTIVE if declared.commented else status_of(path),
            attributes={
                "role": [package.role],
                "versions": [declared.version] if declared.version else [],
                "ecosystem": declared.ecosystem,
                "declared": True,
                "development": declared.development,
            },
        )
        root = self.signatures.declared_root(declared.ecosystem, declared.name)
        self.findings.add(observation, group=dependency_group(declared.ecosystem, root))
        if package.role == "framework":
            self._frameworks.append((observation, package))

    def _settle_frameworks(self) -> None:
        """A declared framework that code uses is the framework; one that nothing uses stays a dependency."""
        for observation, package in self._frameworks:
            if package.title in self.findings.frameworks_used and observation.status is Status.ACTIVE:
                observation.kind = "framework"
                observation.name = package.title
                observation.identity = framework_identity(package)

    def _settle_graphs(self) -> None:
        """A graph that a LangGraph manifest serves is what its code is, under the name of the manifest."""
        seen = [sighting.observation for sighting in self.findings.sightings]
        pipelines = {item.identity for item in seen if item.kind == "pipeline"}
        names: dict[str, str] = {}
        for item in seen:
            if item.kind == "agent" and item.evidence.rule == MANIFEST_GRAPH:
                place = item.identity.removeprefix("agent:")
                if f"pipeline:{place}" in pipelines:
                    item.kind, item.identity = "pipeline", f"pipeline:{place}"
                names[item.identity] = item.name
        for item in seen:
            item.name = names.get(item.identity, item.name)

    # code

    def _code(self, file: SourceFile, language: str) -> None:
        data = self._source(file)
        if data is None:
            return
        self._secrets(file.path, data)
        if language == "text":
            read_plain(file.path, data, self.findings, self.signatures, status_of(file.path))
        elif self._relevant(language, data):
            module = self._project.module(file.path)
            if module is not None:
                self._module(module, status_of(file.path))

    def _module(self, module: Module, status: Status) -> None:
        for problem in module.problems:
            self._problem(module.path, problem)
        folder = posixpath.dirname(module.path)
        while folder and folder not in self._folders:
            folder = posixpath.dirname(folder)
        resolver = Resolver(module, self._project)
        read_module(Context(module, resolver, self.signatures, self.findings, status, folder))

    def _source(self, file: SourceFile) -> bytes | None:
        if file.path in self._data:
            return self._data[file.path]
        data = self._bytes(file, CODE_LIMIT)
        if data is not None and len(data) > _LINE_LIMIT and max(map(len, data.splitlines())) > _LINE_LIMIT:
            self._problem(file.path, "minified or generated line: not read")
            data = None
        return data

    def _load(self, path: str) -> Module | None:
        file = self._by_path.get(path)
        data = self._source(file) if file is not None else None
        if data is None:
            return None
        return read_script(path, data) if language_of(path) == "script" else read_python(path, data)

    def _relevant(self, language: str, data: bytes) -> bool:
        """Whether a file can hold anything: only those are parsed."""
        if any(mark in data for mark in _MARKS):
            return True
        if language == "script":
            return any(
                self.signatures.script_package(found.decode("utf-8", "replace")) is not None
                for found in set(_SCRIPT_IMPORT.findall(data))
            )
        for found in set(_PYTHON_IMPORT.findall(data)):
            for part in found.decode("ascii", "replace").split(","):
                root = part.strip().split(".", 1)[0]
                if root in self._roots or root.startswith(self._wild):
                    return True
        return False

    def _notebook(self, path: str, data: bytes, lines: list[int]) -> bool:
        """Read the joined code cells of a notebook; true when they use AI packages."""
        if not self._relevant("python", data):
            return False
        before = len(self.findings.sightings)
        module = read_python(path, data)
        module.problems.clear()
        self._module(module, status_of(path))
        found = [sighting.observation for sighting in self.findings.sightings[before:]]
        for observation in found:
            number = observation.evidence.line
            if observation.evidence.path == path and 0 < number <= len(lines):
                observation.evidence = replace(observation.evidence, line=lines[number - 1])
        return any(observation.kind != "credential_reference" for observation in found)

    def _secrets(self, path: str, data: bytes) -> None:
        if not any(mark in data for mark in SECRET_MARKS):
            return
        for line, service, fingerprint in find_secrets(data.decode("utf-8", "replace")):
            evidence = Evidence(path, line, "secret in the open", "pattern", 0.9, f"{service} {fingerprint}")
            self.findings.add(
                observe(
                    "credential_reference",
                    f"{service} secret",
                    f"credential:{fingerprint}",
                    evidence,
                    status=status_of(path),
                    attributes={"service": service, "exposed": True, "fingerprint": fingerprint},
                )
            )
