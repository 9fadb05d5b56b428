"""Asks a child process for Hyperscan databases under a time budget, and keeps them on disk by content."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from caiso.engine.detect.pattern import Pattern

try:
    import hyperscan
except ImportError:  # the RE2 back end takes over
    hyperscan = None  # type: ignore[assignment]  # a module or nothing

BUILD_BUDGET_S: Final = 60.0  # of processor time, as the next one
PATTERN_BUDGET_S: Final = 1.5
PATIENCE: Final = 15  # seconds on the clock for each of processor time: a machine may be busy with other work
_MAGIC: Final = b"caiso-hs-2\n"
_CHILD: Final = Path(__file__).with_name("hyperscan_child.py")

_SCRATCH: Final = threading.Lock()  # a database and its scratch space serve one scan at a time

Request = list[list[Any]]  # [expression, flags] each


class Late:
    """A database that stays packed, a seventh of its size, until it is asked for."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed
        self._opened: Any = None

    def opened(self) -> Any:
        """The database itself."""
        if self._opened is None:
            self._opened, self._packed = _open(self._packed), b""
        return self._opened


@dataclass(frozen=True, slots=True)
class Databases:
    """For one field: the database that reports every match, the one that reports each pattern once, what was refused."""

    every: Any
    once: Late  # only a flood of matches asks for it
    refused: frozenset[int]  # positions that Hyperscan does not take, or not in time


def available() -> bool:
    """True where Hyperscan is installed."""
    return hyperscan is not None


def scan(database: Any, buffer: bytes, on_match: Any) -> None:
    """Reports matches until the end, or until ``on_match`` returns True."""
    with suppress(hyperscan.ScanTerminated), _SCRATCH:
        ready = database.opened() if isinstance(database, Late) else database
        ready.scan(buffer, match_event_handler=on_match)


def build(sets: Sequence[Sequence[Pattern]], *, cache: Path | None, isolate: bool = True) -> list[Databases]:
    """Databases for each set, from the cache when there; patterns that are refused or too slow are left out."""
    requests = [[_request(pattern) for pattern in patterns] for patterns in sets]
    unfit = [{number for number, pattern in enumerate(patterns) if pattern.empty} for patterns in sets]
    for request, out in zip(requests, unfit, strict=True):
        for number in out:
            request[number] = _NOTHING
    key = _key(requests)
    found = _load(cache, key)
    if found is None:
        refused, blobs = _build_checked(requests, isolate=isolate)
        packed = [zlib.compress(blob, 1) for blob in blobs]
        _store(cache, key, refused, packed)
        loaded = _opened(packed)
    else:
        refused, loaded = found
    return [
        Databases(loaded[2 * index], loaded[2 * index + 1], frozenset(refused[index] | unfit[index]))
        for index in range(len(requests))
    ]


def _request(pattern: Pattern) -> list[Any]:
    flags = hyperscan.HS_FLAG_ALLOWEMPTY
    if pattern.joined_utf8:
        flags |= hyperscan.HS_FLAG_UTF8
    return [pattern.joined, flags]


def _key(requests: list[Request]) -> str:
    described = json.dumps([version("hyperscan"), platform.machine(), requests])
    return hashlib.sha256(described.encode()).hexdigest()


def _build_checked(requests: list[Request], *, isolate: bool) -> tuple[list[set[int]], list[bytes]]:
    refused: list[set[int]] = [set() for _ in requests]
    blobs = _build(requests, refused, isolate=isolate)
    if blobs is None:
        refused = [_triage(request) if isolate else _triage_here(request) for request in requests]
        blobs = _build(requests, refused, isolate=isolate)
    if blobs is None:
        # Each pattern compiles alone but the sets do not in time: leave all of them to RE2.
        refused = [set(range(len(request))) for request in requests]
        blobs = _build(requests, refused, isolate=isolate)
    if blobs is None:
        raise OSError("Hyperscan cannot compile even an empty set")
    return refused, blobs


_NOTHING: Final = ["\\x1e\\x1e\\x1e\\x1e\\x1e\\x1e\\x1e\\x1e", 0]  # stands in for a refused pattern; never occurs


def _build(requests: list[Request], refused: list[set[int]], *, isolate: bool) -> list[bytes] | None:
    sets = [
        [_NOTHING if index in out else pattern for index, pattern in enumerate(request)] or [_NOTHING]
        for request, out in zip(requests, refused, strict=True)
    ]
    if not isolate:
        return _build_here(sets)
    # The sets are shared out among the cores; the largest go first.
    shares: list[list[int]] = [[] for _ in range(min(len(os.sched_getaffinity(0)), len(sets)))]
    for index in sorted(range(len(sets)), key=lambda index: -len(sets[index])):
        min(shares, key=lambda share: sum(len(sets[other]) for other in share)).append(index)
    with ThreadPoolExecutor(max(len(shares), 1)) as pool:
        built = list(pool.map(lambda share: _build_in_child([sets[index] for index in share]), shares))
    blobs: dict[int, list[bytes]] = {}
    for share, found in zip(shares, built, strict=True):
        if found is None:
            return None
        blobs.update({index: found[2 * place : 2 * place + 2] for place, index in enumerate(share)})
    return [blob for index in range(len(sets)) for blob in blobs[index]]


def _build_in_child(sets: list[Request]) -> list[bytes] | None:
    try:
        done = _child({"mode": "build", "sets": sets, "budget_s": BUILD_BUDGET_S}, timeout_s=PATIENCE * BUILD_BUDGET_S)
    except subprocess.TimeoutExpired:
        return None
    head, _, rest = done.partition(b"\n")
    try:
        sizes = json.loads(head).get("sizes")
    except ValueError:
        return None
    if not sizes or sum(sizes) != len(rest):
        return None
    blobs: list[bytes] = []
    start = 0
    for size in sizes:
        blobs.append(rest[start : start + size])
        start += size
    return blobs


def _build_here(sets: list[Request]) -> list[bytes] | None:
    from caiso.engine.detect import hyperscan_child  # noqa: PLC0415 - needs hyperscan, which may be absent

    try:
        return [
            hyperscan_child.build(patterns, extra) for patterns in sets for extra in (0, hyperscan.HS_FLAG_SINGLEMATCH)
        ]
    except hyperscan.error:
        return None


def _triage_here(request: Request) -> set[int]:
    return {index for index, pattern in enumerate(request) if _build_here([[pattern]]) is None}


def _triage(request: Request) -> set[int]:
    """The patterns that are refused or take too long, found by letting the child die on each slow one."""
    refused: set[int] = set()
    start = 0
    while start < len(request):
        message = {"mode": "triage", "patterns": request[start:], "budget_s": PATTERN_BUDGET_S}
        try:
            answer = _child(message, timeout_s=PATIENCE * BUILD_BUDGET_S)
        except subprocess.TimeoutExpired as late:
            answer = late.stdout or b""
        started = done = -1
        for line in answer.splitlines():
            report = json.loads(line)
            if "started" in report:
                started = report["started"]
            else:
                done = report["done"]
                if not report["fine"]:
                    refused.add(start + done)
        if started == done:
            start += done + 1
            if done < 0:
                return set(range(len(request)))
        else:
            refused.add(start + started)
            start += started + 1
    return refused


def _child(message: dict[str, Any], *, timeout_s: float) -> bytes:
    done = subprocess.run(  # noqa: S603 - our own file, no shell
        [sys.executable, "-I", str(_CHILD)],
        input=json.dumps(message | {"parent": os.getpid()}).encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=timeout_s,
        check=False,
    )
    return done.stdout


def _opened(packed: Sequence[bytes]) -> list[Any]:
    return [Late(blob) if number % 2 else _open(blob) for number, blob in enumerate(packed)]


def _open(packed: bytes) -> Any:
    database = hyperscan.loadb(zlib.decompress(packed), mode=hyperscan.HS_MODE_BLOCK)
    database.scratch = hyperscan.Scratch(database)
    return database


def _path(cache: Path, key: str) -> Path:
    return cache / f"hyperscan-{key[:40]}.bin"


def _store(cache: Path | None, key: str, refused: list[set[int]], blobs: list[bytes]) -> None:
    if cache is None:
        return
    head = json.dumps({"key": key, "refused": [sorted(out) for out in refused], "sizes": [len(blob) for blob in blobs]})
    body = head.encode() + b"\n" + b"".join(blobs)
    cache.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=cache, prefix="hyperscan-", suffix=".part")
    with os.fdopen(handle, "wb") as stream:
        stream.write(_MAGIC + hashlib.sha256(body).digest() + body)
    Path(name).replace(_path(cache, key))


def _read(cache: Path | None, key: str) -> tuple[dict[str, Any], bytes] | None:
    """The header and the databases, or None when there is no whole, unchanged file for this key."""
    if cache is None:
        return None
    try:
        raw = _path(cache, key).read_bytes()
    except OSError:
        return None
    body = raw[len(_MAGIC) + 32 :]
    if not raw.startswith(_MAGIC) or hashlib.sha256(body).digest() != raw[len(_MAGIC) : len(_MAGIC) + 32]:
        return None
    head, _, blobs = body.partition(b"\n")
    header = json.loads(head)
    return (header, blobs) if header["key"] == key and sum(header["sizes"]) == len(blobs) else None


def _load(cache: Path | None, key: str) -> tuple[list[set[int]], list[Any]] | None:
    found = _read(cache, key)
    if found is None:
        return None
    header, blobs = found
    packed, start = [], 0
    for size in header["sizes"]:
        packed.append(blobs[start : start + size])
        start += size
    try:
        return [set(out) for out in header["refused"]], _opened(packed)
    except hyperscan.error:  # made by another version or for another processor
        return None
