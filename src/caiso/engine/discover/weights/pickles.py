"""Walks the opcodes of a pickle without running them, and names the globals it would import."""

from __future__ import annotations

import io
import pickletools
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import BinaryIO

_BYTES = 4_000_000
_OPCODES = 400_000
_STRINGS = ("SHORT_BINUNICODE", "BINUNICODE", "UNICODE", "BINUNICODE8", "SHORT_BINSTRING", "BINSTRING", "STRING")
_DANGEROUS = frozenset(
    (
        *("os", "posix", "nt", "subprocess", "sys", "builtins", "__builtin__", "shutil", "runpy", "pty", "commands"),
        *("code", "importlib", "ctypes", "multiprocessing", "asyncio", "threading", "signal", "types", "functools"),
        *("pickle", "_pickle", "cloudpickle", "dill", "marshal", "bdb", "pdb", "pip", "operator", "platform"),
        *("socket", "http", "urllib", "requests", "httplib", "aiohttp", "smtplib", "ftplib", "webbrowser", "tempfile"),
        *("timeit", "cProfile", "profile", "doctest", "venv", "ensurepip", "pydoc", "linecache", "idlelib"),
        *("lib2to3", "distutils"),
    )
)
_SAFE_BUILTINS = frozenset(
    (
        *("set", "frozenset", "dict", "list", "tuple", "bytearray", "bytes", "int", "float", "complex"),
        *("bool", "str", "object", "slice", "range"),
    )
)
_SAFE = frozenset({("functools", "partial"), ("operator", "itemgetter"), ("operator", "attrgetter")})


@dataclass(slots=True)
class PickleReport:
    """What a pickle would import; `complete` is false where a limit ended the walk."""

    imports: set[str] = field(default_factory=set)
    dangerous: set[str] = field(default_factory=set)
    complete: bool = True
    problem: str = ""


def inspect_pickle(stream: BinaryIO) -> PickleReport:
    """Walk up to 4 MB and 400,000 opcodes."""
    report = PickleReport()
    data = stream.read(_BYTES + 1)
    if len(data) > _BYTES:
        data, report.complete = data[:_BYTES], False
    position = 0
    # Torch's old format and joblib write several pickles one after the other.
    for _ in range(20):
        if position >= len(data):
            break
        used = _one(data[position:], report)
        if used <= 0:
            break
        position += used
    return report


def _one(data: bytes, report: PickleReport) -> int:
    strings: list[str] = []
    memo: dict[int, str] = {}
    count = 0
    end = 0
    try:
        for opcode, argument, position in pickletools.genops(io.BytesIO(data)):
            count += 1
            if count > _OPCODES:
                report.complete = False
                return 0
            end = (position or 0) + 1
            _step(opcode.name, argument, strings, memo, report)
    except Exception as error:  # noqa: BLE001 - genops raises many kinds over hostile bytes; each means "not a pickle"
        report.problem = report.problem or f"opcodes end early: {type(error).__name__}"
        report.complete = False
        return 0
    return end


def _step(name: str, argument: object, strings: list[str], memo: dict[int, str], report: PickleReport) -> None:
    if name in ("GLOBAL", "INST") and isinstance(argument, str):
        module, _, attribute = argument.partition(" ")
        _global(report, module, attribute)
    elif name == "STACK_GLOBAL":
        if len(strings) >= 2:
            _global(report, strings[-2], strings[-1])
        else:
            report.dangerous.add("(computed)")
    elif name in _STRINGS and isinstance(argument, str):
        strings.append(argument)
        del strings[:-64]
    elif name == "MEMOIZE" and strings:
        memo[len(memo)] = strings[-1]
    elif name in ("BINPUT", "LONG_BINPUT", "PUT") and strings:
        memo[_number(argument)] = strings[-1]
    elif name in ("BINGET", "LONG_BINGET", "GET"):
        known = memo.get(_number(argument))
        if known is not None:
            strings.append(known)


def _number(argument: object) -> int:
    return argument if isinstance(argument, int) else int(str(argument)) if str(argument).isdigit() else -1


def _global(report: PickleReport, module: str, attribute: str) -> None:
    label = f"{module}.{attribute}"[:200]
    if len(report.imports) < 500:
        report.imports.add(label)
    root = module.split(".", 1)[0]
    if root not in _DANGEROUS or (module, attribute) in _SAFE:
        return
    if root in ("builtins", "__builtin__") and attribute in _SAFE_BUILTINS:
        return
    report.dangerous.add(label)


def inspect_archive(stream: BinaryIO) -> PickleReport:
    """The pickles inside a torch zip: only the members named *.pkl, read in part."""
    report = PickleReport()
    try:
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            if len(members) > 100_000:
                report.complete, report.problem = False, "too many members"
                return report
            for member in [item for item in members if item.filename.endswith((".pkl", ".pickle"))][:8]:
                with archive.open(member) as inner:
                    found = inspect_pickle(io.BytesIO(inner.read(_BYTES + 1)))
                report.imports |= found.imports
                report.dangerous |= found.dangerous
                report.complete &= found.complete
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError, EOFError, zlib.error) as error:
        report.complete, report.problem = False, f"broken archive: {type(error).__name__}"
    return report


def inspect_compressed(data: bytes) -> PickleReport:
    """A zlib stream of joblib, unpacked to the same limit."""
    try:
        unpacked = zlib.decompressobj().decompress(data, _BYTES)
    except zlib.error as error:
        return PickleReport(complete=False, problem=f"broken stream: {error}")
    return inspect_pickle(io.BytesIO(unpacked))
