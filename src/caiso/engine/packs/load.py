"""Finds the packs of a kind in one or more folders and reads them, naming every mistake."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from caiso.engine.packs.compose import Limits, Node, UnableToCompose, compose
from caiso.engine.packs.problems import PackProblem, quoted
from caiso.engine.packs.read import Reader, line_at

T = TypeVar("T")
MAX_FILES = 5_000
CONTENT = Path(__file__).resolve().parents[2] / "content"
"""The folder of the content that ships with the product."""


@dataclass(frozen=True, slots=True)
class Pack(Generic[T]):
    """One file's content with where it came from; `digest` is the SHA-256 of the file."""

    value: T
    path: Path
    digest: str
    root: Node = field(repr=False, compare=False)

    def problem(self, where: Iterable[str | int], message: str) -> PackProblem:
        """A mistake at a key path such as ("checks", 0, "collection"), with its line."""
        return PackProblem(self.path, line_at(self.root, where), message)


@dataclass(frozen=True, slots=True)
class PackKind(Generic[T]):
    """A kind of content: its folder under `content/`, its dataclass, its schema file's name, the key that must be unique."""

    name: str
    folder: str
    model: type[T]
    key: Callable[[T], str]
    check: Callable[[Sequence[Pack[T]]], Iterable[PackProblem]] = lambda packs: ()
    limits: Limits = field(default_factory=Limits)


def read_pack(kind: PackKind[T], path: Path) -> tuple[Pack[T] | None, tuple[PackProblem, ...]]:
    """Read one file; either the pack or at least one problem."""
    try:
        with path.open("rb") as stream:
            source = stream.read(kind.limits.size + 1)
    except OSError as error:
        return None, (PackProblem(path, 0, f"cannot be read: {error.strerror}"),)
    return read_source(kind, source, path=path)


def read_source(kind: PackKind[T], source: bytes, *, path: Path) -> tuple[Pack[T] | None, tuple[PackProblem, ...]]:
    """Read a pack from bytes that came from `path` (a file, an upload, an archive member)."""
    try:
        root = compose(source, kind.limits)
    except UnableToCompose as error:
        return None, tuple(PackProblem(path, line, message) for line, message in error.faults)
    reader = Reader()
    value = reader.read(kind.model, root)
    if value is None:
        return None, tuple(PackProblem(path, line, message) for line, message in sorted(set(reader.faults)))
    return Pack(value, path, hashlib.sha256(source).hexdigest(), root), ()


def load_folder(kind: PackKind[T], *folders: Path) -> tuple[tuple[Pack[T], ...], tuple[PackProblem, ...]]:
    """Read every `*.yaml` and `*.yml` below the folders, shipped folder first; a bad file is named, the rest load.

    Keys must be unique over all folders, so that a user's pack cannot silently replace a shipped one.
    """
    packs: list[Pack[T]] = []
    problems: list[PackProblem] = []
    for folder in folders:
        files, refusals = _files(folder)
        problems.extend(refusals)
        for path in files:
            pack, found = read_pack(kind, path)
            problems.extend(found)
            if pack is not None:
                packs.append(pack)
    unique, repeated = _unique(kind, packs)
    problems.extend(repeated)
    if not problems:
        # References into a file that did not load would only repeat the first mistake.
        problems.extend(kind.check(unique))
    return tuple(unique), tuple(sorted(problems))


def _files(folder: Path) -> tuple[list[Path], list[PackProblem]]:
    if not folder.is_dir():
        return [], [PackProblem(folder, 0, "is not a folder")]
    inside = folder.resolve()
    files: list[Path] = []
    problems: list[PackProblem] = []
    for path in sorted(folder.rglob("*")):
        if path.suffix not in {".yaml", ".yml"} or not path.is_file():
            continue
        if not path.resolve().is_relative_to(inside):
            problems.append(PackProblem(path, 0, "is a link to a file outside its folder"))
        elif len(files) < MAX_FILES:
            files.append(path)
        else:
            problems.append(PackProblem(folder, 0, f"holds more than {MAX_FILES} packs"))
            break
    return files, problems


def _unique(kind: PackKind[T], packs: Sequence[Pack[T]]) -> tuple[list[Pack[T]], list[PackProblem]]:
    first: dict[str, Pack[T]] = {}
    problems: list[PackProblem] = []
    for pack in packs:
        key = kind.key(pack.value)
        if key in first:
            line = line_at(first[key].root, ("id",))
            message = f"{kind.name} {quoted(key)} is already defined at {first[key].path}:{line}"
            problems.append(pack.problem(("id",), message))
        else:
            first[key] = pack
    return list(first.values()), problems
