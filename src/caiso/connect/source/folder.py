"""Walks a folder for a scan: links are never followed, vendored and oversized files are counted and left out."""

from __future__ import annotations

import os
import stat
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from caiso.engine.discover import ScanProblem, SourceFile
from caiso.errors import DomainError

_VENDORED = frozenset(
    {
        "node_modules",
        ".venv",
        "venv",
        "site-packages",
        "dist-packages",
        "bower_components",
        "__pycache__",
        ".git",
        ".hg",
        ".svn",
        ".tox",
        ".nox",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".eggs",
        ".next",
        ".nuxt",
        ".svelte-kit",
        ".terraform",
        "third_party",
        "vendor",
        "dist",
        ".yarn",
        ".pnpm-store",
    }
)
_MINIFIED = (".min.js", ".bundle.js", ".min.mjs", "-min.js", ".min.css")
_BINARY_ENDINGS = (
    *(".png", ".jpg", ".jpeg", ".gif", ".webp", ".ico", ".svg", ".bmp", ".tiff", ".pdf", ".psd"),
    *(".zip", ".gz", ".bz2", ".xz", ".7z", ".tar", ".tgz", ".whl", ".egg", ".jar", ".class"),
    *(".so", ".dll", ".dylib", ".exe", ".o", ".a", ".pyc", ".pyo", ".wasm", ".map"),
    *(".mp3", ".mp4", ".wav", ".flac", ".ogg", ".mov", ".avi", ".woff", ".woff2", ".ttf", ".otf", ".eot"),
    *(".parquet", ".arrow", ".feather", ".npy", ".npz", ".csv", ".tsv", ".jsonl", ".db", ".sqlite", ".sqlite3"),
    *(".docx", ".xlsx", ".pptx"),
)
MAX_FILES = 200_000
MAX_TEXT = 8_000_000
_MAX_DEPTH = 60
_LARGE_OK = (
    ".safetensors",
    ".gguf",
    ".onnx",
    ".pkl",
    ".pickle",
    ".pt",
    ".pth",
    ".ckpt",
    ".joblib",
    ".h5",
    ".hdf5",
    ".keras",
    ".tflite",
    ".pb",
    ".bin",
)


class UnableToReadFolder(DomainError):
    """The path is not a folder or file that can be read."""


@dataclass(slots=True)
class Listing:
    """The files of a tree, what was left out (reason -> count), and folders that could not be read."""

    files: list[SourceFile] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    problems: list[ScanProblem] = field(default_factory=list)


def read(path: Path, *, max_files: int = MAX_FILES) -> Listing:
    """List a folder, or one file, without opening anything; raises UnableToReadFolder."""
    try:
        root = path.resolve(strict=True)
        mode = root.stat().st_mode
    except (OSError, RuntimeError) as error:
        raise UnableToReadFolder(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    listing = Listing()
    if stat.S_ISREG(mode):
        listing.files.append(_file(root, root.name, root.stat().st_size))
        return listing
    if not stat.S_ISDIR(mode):
        raise UnableToReadFolder(f"{path} is neither a folder nor a file")
    _walk(root, listing, max_files)
    return listing


def _walk(root: Path, listing: Listing, max_files: int) -> None:
    folders: list[tuple[str, str, int]] = [(str(root), "", 0)]
    while folders:
        folder, prefix, depth = folders.pop()
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            listing.problems.append(ScanProblem(prefix or ".", f"folder cannot be read: {error.strerror}"))
            continue
        for entry in entries:
            relative = f"{prefix}/{entry.name}" if prefix else entry.name
            if entry.is_symlink():
                listing.skipped["symbolic link"] += 1
            elif entry.is_dir(follow_symlinks=False):
                _folder(entry, relative, depth, folders, listing)
            elif len(listing.files) >= max_files:
                listing.skipped["file limit reached"] += 1
            else:
                _entry(entry, relative, listing)


def _folder(
    entry: os.DirEntry[str], relative: str, depth: int, folders: list[tuple[str, str, int]], listing: Listing
) -> None:
    if entry.name in _VENDORED or entry.name.endswith((".egg-info", ".dist-info")):
        listing.skipped["vendored or generated folder"] += 1
    elif depth >= _MAX_DEPTH:
        listing.skipped["folder too deep"] += 1
    elif (Path(entry.path) / "pyvenv.cfg").exists():
        listing.skipped["vendored or generated folder"] += 1
    else:
        folders.append((entry.path, relative, depth + 1))


def _entry(entry: os.DirEntry[str], relative: str, listing: Listing) -> None:
    try:
        found = entry.stat(follow_symlinks=False)
    except OSError as error:
        listing.problems.append(ScanProblem(relative, f"cannot be read: {error.strerror}"))
        return
    name = entry.name.lower()
    if not stat.S_ISREG(found.st_mode):
        listing.skipped["not a plain file"] += 1
    elif name.endswith(_BINARY_ENDINGS):
        listing.skipped["binary or data file"] += 1
    elif name.endswith(_MINIFIED):
        listing.skipped["minified file"] += 1
    elif found.st_size > MAX_TEXT and not name.endswith(_LARGE_OK):
        listing.skipped["large file"] += 1
    elif not _printable(relative):
        listing.skipped["name that is not text"] += 1
    else:
        listing.files.append(_file(Path(entry.path), relative, found.st_size))


def _printable(relative: str) -> bool:
    try:
        relative.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _file(path: Path, relative: str, size: int) -> SourceFile:
    return SourceFile(path=relative, size=size, opener=lambda: _open(path))


def _open(path: Path) -> BinaryIO:
    """Open without following a link that took the file's place, and without waiting on a pipe."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("not a plain file")
    return os.fdopen(descriptor, "rb")
