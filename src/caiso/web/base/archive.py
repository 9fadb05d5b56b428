"""Back-up archives: folders of a data directory in one tar with a manifest of digests; knows no Django.

Reading trusts nothing in the archive: names are checked, only plain files are taken, every digest is compared before
anything in the data directory is touched.
"""

import fcntl
import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from caiso.errors import DomainError

MANIFEST = "manifest.json"
DUMP = "database.dump"  # of an installation on PostgreSQL
FORMAT = 1
CHUNK = 1 << 20
LARGEST_MANIFEST = 256 << 20
LOCK = "caiso.lock"


class UnableToBackUp(DomainError):
    """The back-up cannot be made; nothing was left behind."""


class UnableToRestore(DomainError):
    """The archive is not whole, or its target may not be written."""


@dataclass(frozen=True)
class Packed:
    """An archive as it lies on the disk; the digest is SHA-256 of the whole file."""

    path: str
    bytes: int
    digest: str
    files: int


@dataclass(frozen=True)
class Manifest:
    """What an archive holds: name -> (size, SHA-256)."""

    format: int
    version: str
    made_at: str
    database: str
    files: dict[str, tuple[int, str]]


def pack(stage: Path, target: Path, *, version: str, made_at: datetime, database: str) -> Packed:
    """Write everything under `stage` into the archive `target`; it appears under its name only when it is on disk."""
    draft = target.with_name(f".{target.name}.partial")
    files: dict[str, tuple[int, str]] = {}
    whole = hashlib.sha256()
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as raw:
            counting = _Digesting(raw, whole)
            with tarfile.open(fileobj=counting, mode="w|") as archive:
                for path in _files(stage):
                    name = path.relative_to(stage).as_posix()
                    files[name] = _add(archive, path, name)
                manifest = Manifest(FORMAT, version, made_at.isoformat(), database, files)
                _add_text(archive, MANIFEST, json.dumps(asdict(manifest)))
            raw.flush()
            os.fsync(raw.fileno())
            size = raw.tell()
        draft.rename(target)
        _sync(target.parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UnableToBackUp(f"cannot write {target}: {error.strerror or error}") from error
    return Packed(str(target), size, whole.hexdigest(), len(files))


def read_manifest(archive_path: Path) -> Manifest:
    """The manifest of an archive, after comparing every digest."""
    return _unpack(archive_path, None)


def restore(
    archive_path: Path,
    data: Path,
    *,
    force: bool = False,
    now: datetime | None = None,
    load: Callable[[Path], None] | None = None,
) -> Manifest:
    """Put an archive in place of the data directory; what was there (only with `force`) is kept aside in it.

    `load` writes the archive's dump into a database; it is asked when every digest fits and before anything is replaced.
    """
    entries = sorted(path.name for path in data.iterdir()) if data.exists() else []
    if _in_use(data):
        raise UnableToRestore(f"{data} is in use: stop caiso first")
    kept = [name for name in entries if name != LOCK and not name.startswith("replaced-")]
    if kept and not force:
        raise UnableToRestore(f"{data} is not empty ({', '.join(kept[:5])}…): restore elsewhere, or use --force")
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    fresh = data / f".restoring-{stamp}"
    try:
        manifest = _unpack(archive_path, fresh)
        _load(fresh, manifest, load)
    except (DomainError, OSError):
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    if kept:
        aside = data / f"replaced-{stamp}"
        aside.mkdir(mode=0o700)
        for name in kept:
            (data / name).rename(aside / name)
    for path in sorted(fresh.iterdir()):
        path.rename(data / path.name)
    fresh.rmdir()
    _sync(data)
    return manifest


def _load(fresh: Path, manifest: Manifest, load: Callable[[Path], None] | None) -> None:
    """The database of an archive goes where its installation keeps it; what does not fit together is refused."""
    dump = fresh / DUMP
    if load is None and dump.exists():
        raise UnableToRestore(
            "the archive is of an installation on PostgreSQL: set CAISO_DATABASE_URL to an empty database and try again"
        )
    if load is not None and not dump.exists():
        raise UnableToRestore(
            f"the archive holds a database of {manifest.database}, but CAISO_DATABASE_URL is set: unset it and try again"
        )
    if load is not None:
        load(dump)
        dump.unlink()


def copy_tree(source: Path, target: Path, *, immutable: bool = False) -> int:
    """Copy the files that `target` lacks (or has shorter); files that vanish meanwhile were trimmed, and are left out.

    Files that never change after they appear are linked where the disk allows it, which costs neither time nor space.
    """
    copied = 0
    for path in _files(source) if source.is_dir() else ():
        goal = target / path.relative_to(source)
        try:
            if goal.exists() and (immutable or goal.stat().st_size >= path.stat().st_size):
                continue
            make_private(goal.parent)
            if not (immutable and _linked(path, goal)):
                shutil.copyfile(path, goal)
                shutil.copymode(path, goal)
            copied += 1
        except FileNotFoundError:
            continue
    return copied


def make_private(folder: Path) -> None:
    """Make a folder and the missing ones above it, all for their owner only."""
    if not folder.is_dir():
        make_private(folder.parent)
        folder.mkdir(exist_ok=True, mode=0o700)


def _linked(path: Path, goal: Path) -> bool:
    try:
        os.link(path, goal)
    except FileNotFoundError:
        raise
    except OSError:
        return False
    return True


def _files(folder: Path) -> Iterator[Path]:
    for root, _, names in os.walk(folder):
        for name in sorted(names):
            path = Path(root) / name
            if not path.is_symlink() and not name.endswith((".partial", ".tmp")):
                yield path


def _add(archive: tarfile.TarFile, path: Path, name: str) -> tuple[int, str]:
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        info = tarfile.TarInfo(name)
        info.size = os.fstat(handle.fileno()).st_size
        info.mode = 0o600
        archive.addfile(info, _Reading(handle, digest, info.size))
    return info.size, digest.hexdigest()


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode()
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o600
    archive.addfile(info, io.BytesIO(data))


class _Reading(io.RawIOBase):
    """Reads a file up to the size that the archive was told, and takes its digest on the way."""

    def __init__(self, handle: io.BufferedReader, digest: "hashlib._Hash", size: int) -> None:
        super().__init__()
        self._handle, self._digest, self._left = handle, digest, size

    def read(self, size: int = -1) -> bytes:
        chunk = self._handle.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(chunk)
        self._digest.update(chunk)
        return chunk


class _Digesting(io.RawIOBase):
    """Writes through and takes the digest of everything that was written."""

    def __init__(self, handle: io.BufferedWriter, digest: "hashlib._Hash") -> None:
        super().__init__()
        self._handle, self._digest = handle, digest

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # tarfile writes bytes only
        self._digest.update(data)
        return self._handle.write(data)


def _unpack(archive_path: Path, target: Path | None) -> Manifest:
    """Read the archive once, writing under `target` where there is one; refuse whatever does not fit the manifest."""
    found: dict[str, tuple[int, str]] = {}
    text = ""
    try:
        with tarfile.open(archive_path, "r|") as archive:
            for member in archive:
                name = _safe_name(member)
                source = archive.extractfile(member)
                if source is None or name in found:
                    raise UnableToRestore(f"{archive_path} holds {name} twice or not as a plain file")
                if name == MANIFEST:
                    text = source.read(LARGEST_MANIFEST).decode()
                else:
                    found[name] = _take(source, target / name if target else None)
    except (tarfile.TarError, EOFError, UnicodeDecodeError) as error:
        raise UnableToRestore(f"{archive_path} is not a whole back-up archive: {error}") from error
    except FileNotFoundError as error:
        raise UnableToRestore(f"there is no file {archive_path}") from error
    manifest = _parse(text, archive_path)
    for name in sorted(set(found) | set(manifest.files)):
        if found.get(name) != manifest.files.get(name):
            raise UnableToRestore(f"{archive_path} is damaged: {name} is not what the manifest says")
    return manifest


def _safe_name(member: tarfile.TarInfo) -> str:
    path = PurePosixPath(member.name)
    if not member.isfile() or path.is_absolute() or ".." in path.parts or "\\" in member.name or not path.parts:
        raise UnableToRestore(f"the archive holds {member.name[:200]!r}, which no back-up of ours does")
    return path.as_posix()


def _take(source: object, target: Path | None) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    out = None
    if target is not None:
        make_private(target.parent)
        out = os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    try:
        while chunk := source.read(CHUNK):  # type: ignore[attr-defined]  # a file object of tarfile
            digest.update(chunk)
            size += len(chunk)
            if out:
                out.write(chunk)
        if out:
            out.flush()
            os.fsync(out.fileno())
    finally:
        if out:
            out.close()
    return size, digest.hexdigest()


def _parse(text: str, archive_path: Path) -> Manifest:
    try:
        raw = json.loads(text)
        files = {str(name): (int(size), str(digest)) for name, (size, digest) in raw["files"].items()}
        manifest = Manifest(int(raw["format"]), str(raw["version"]), str(raw["made_at"]), str(raw["database"]), files)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnableToRestore(
            f"{archive_path} has no manifest that can be read: it was cut off, or is no back-up"
        ) from error
    if manifest.format != FORMAT:
        raise UnableToRestore(f"{archive_path} has format {manifest.format}; this version reads format {FORMAT}")
    return manifest


def _in_use(data: Path) -> bool:
    """Whether a supervisor holds the directory."""
    try:
        with (data / LOCK).open() as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
