"""Describes a model file by its header, and names what would run when it is loaded."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable

from caiso.engine.discover.collect import Findings, observe
from caiso.engine.discover.records import Evidence, SourceFile, Status
from caiso.engine.discover.weights.headers import read_gguf, read_onnx, read_safetensors
from caiso.engine.discover.weights.pickles import (
    PickleReport,
    inspect_archive,
    inspect_compressed,
    inspect_pickle,
)

_FORMATS = {
    ".safetensors": "safetensors",
    ".gguf": "gguf",
    ".onnx": "onnx",
    ".pkl": "pickle",
    ".pickle": "pickle",
    ".pt": "torch",
    ".pth": "torch",
    ".ckpt": "torch",
    ".joblib": "joblib",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".keras": "keras",
    ".tflite": "tflite",
    ".pb": "tensorflow",
}
_HASH_LIMIT = 64_000_000
_POINTER = b"version https://git-lfs.github.com/spec/"


def is_weights(path: str) -> bool:
    name = path.rpartition("/")[2]
    return _format(name) != ""


def _format(name: str) -> str:
    if name in ("pytorch_model.bin", "adapter_model.bin", "model.bin", "training_args.bin"):
        return "torch"
    return next((label for ending, label in _FORMATS.items() if name.endswith(ending)), "")


def read_weights(file: SourceFile, findings: Findings, status: Status, problem: Callable[[str, str], None]) -> None:
    """Record one model file. A pointer to large-file storage has a hash but no header."""
    name = file.path.rpartition("/")[2]
    label = _format(name)
    head = file.read(4096)
    attributes: dict[str, object] = {"format": label, "size": file.size}
    if head.startswith(_POINTER):
        attributes["stored_elsewhere"] = True
        digest = next(
            (line[11:].decode("ascii", "replace") for line in head.split(b"\n") if line.startswith(b"oid sha256:")), ""
        )
    else:
        if label == "tensorflow" and name != "saved_model.pb":
            return
        digest = _digest(file)
        try:
            attributes |= _describe(file, label, head)
        except (ValueError, OSError) as error:
            problem(file.path, f"{label} file: {error}")
            attributes["broken"] = True
            if label in ("onnx", "gguf", "safetensors") and file.size < 64:
                return
    if label in ("pickle",) and not attributes.get("imports") and not attributes.get("stored_elsewhere"):
        # A pickle of plain data is no model.
        return
    identity = f"model_file:sha256:{digest}" if digest else f"model_file:{file.path}"
    detail = ""
    if attributes.get("dangerous"):
        detail = "loading it would call " + ", ".join(map(str, attributes["dangerous"]))  # type: ignore[call-overload]
    evidence = Evidence(file.path, 0, "model file", "file header", 0.95, detail[:200])
    findings.add(observe("model_file", name, identity, evidence, status=status, attributes=attributes))


def _digest(file: SourceFile) -> str:
    if file.size > _HASH_LIMIT:
        return ""
    digest = hashlib.sha256()
    with file.opener() as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _describe(file: SourceFile, label: str, head: bytes) -> dict[str, object]:
    if label == "safetensors":
        with file.opener() as stream:
            return read_safetensors(stream, file.size)
    if label == "gguf":
        with file.opener() as stream:
            return read_gguf(stream)
    if label == "onnx":
        return read_onnx(io.BytesIO(head))
    if label in ("pickle", "torch", "joblib"):
        return _report(_pickle(file, head))
    if label == "hdf5":
        if not head.startswith(b"\x89HDF\r\n\x1a\n"):
            raise ValueError("not HDF5")
        return _lambda(file)
    return _keras(file) if label == "keras" else {}


def _pickle(file: SourceFile, head: bytes) -> PickleReport:
    with file.opener() as stream:
        if head.startswith(b"PK"):
            return inspect_archive(stream)
        if head[:1] == b"x" and head[1:2] in (b"\x01", b"\x5e", b"\x9c", b"\xda"):
            return inspect_compressed(stream.read(8_000_000))
        return inspect_pickle(stream)


def _report(report: PickleReport) -> dict[str, object]:
    if report.problem and not report.imports and not report.dangerous:
        raise ValueError(report.problem)
    return {
        "imports": sorted(report.imports)[:60],
        "dangerous": sorted(report.dangerous)[:60],
        "fully_read": report.complete,
        "unsafe": bool(report.dangerous),
    }


def _lambda(file: SourceFile) -> dict[str, object]:
    """A Lambda layer carries code: its marker stands in the JSON configuration near the start."""
    found = b'"class_name": "Lambda"' in file.read(2_000_000)
    return {"unsafe": found, "dangerous": ["keras.Lambda"] if found else []}


def _keras(file: SourceFile) -> dict[str, object]:
    try:
        with file.opener() as stream, zipfile.ZipFile(stream) as archive, archive.open("config.json") as inner:
            config = inner.read(2_000_000)
    except (zipfile.BadZipFile, KeyError, OSError, RuntimeError, NotImplementedError, EOFError, zlib.error) as error:
        raise ValueError(f"broken archive: {type(error).__name__}") from error
    found = b'"class_name": "Lambda"' in config
    return {"unsafe": found, "dangerous": ["keras.Lambda"] if found else []}
