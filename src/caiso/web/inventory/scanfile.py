"""Reads the file that `caiso scan --json` wrote on another machine: untrusted, checked field by field, bounded."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from caiso.engine.discover import KINDS, Asset, Evidence, Relation, ScanProblem, ScanResult, Status
from caiso.errors import DomainError

MOST_BYTES = 20 * 1024 * 1024
MOST_ASSETS = 20_000
MOST_EVIDENCE = 200
MOST_RELATIONS = 500
MOST_PROBLEMS = 10_000
LONGEST = 1000


class UnableToReadScan(DomainError):
    """The file is no scan; says where it differs."""


@dataclass(frozen=True)
class ScanFile:
    """What the file holds."""

    result: ScanResult
    commit: str


def read_scan_file(data: bytes) -> ScanFile:
    """The scan that the file holds; the first fault refuses the whole file and names the field."""
    if len(data) > MOST_BYTES:
        raise UnableToReadScan(f"the file is larger than {MOST_BYTES // 1024 // 1024} MB")
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise UnableToReadScan(f"the file is not JSON: line {error.lineno}, {error.msg}") from error
    if not isinstance(document, dict) or "assets" not in document:
        raise UnableToReadScan("the file has no field “assets”; make it with: caiso scan PATH --json > scan.json")
    assets = _list(document["assets"], "assets", MOST_ASSETS)
    summary = document.get("summary", {})
    if not isinstance(summary, dict):
        raise UnableToReadScan("summary: expected an object")
    problems = _list(document.get("errors", []), "errors", MOST_PROBLEMS)
    result = ScanResult(
        assets=[_asset(one, f"assets[{number}]") for number, one in enumerate(assets)],
        errors=[_problem(one, f"errors[{number}]") for number, one in enumerate(problems)],
        files_scanned=_whole(summary.get("files", 0), "summary.files"),
        bytes_scanned=_whole(summary.get("bytes", 0), "summary.bytes"),
        observations=_whole(summary.get("observations", 0), "summary.observations"),
    )
    return ScanFile(result, _text(summary.get("commit", ""), "summary.commit", is_required=False))


def _asset(one: Any, where: str) -> Asset:
    row = _object(one, where)
    kind = _text(row.get("kind"), f"{where}.kind")
    if kind not in KINDS:
        raise UnableToReadScan(f"{where}.kind: “{kind[:60]}” is not one of {', '.join(sorted(KINDS))}")
    status = _text(row.get("status"), f"{where}.status")
    if status not in set(Status):
        raise UnableToReadScan(f"{where}.status: “{status[:60]}” is not one of {', '.join(Status)}")
    attributes = _object(row.get("attributes", {}), f"{where}.attributes")
    evidence = _list(row.get("evidence"), f"{where}.evidence", MOST_EVIDENCE)
    if not evidence:
        raise UnableToReadScan(f"{where}.evidence: an asset needs at least one line that proves it")
    relations = _list(row.get("relations", []), f"{where}.relations", MOST_RELATIONS)
    return Asset(
        kind=kind,
        name=_text(row.get("name"), f"{where}.name"),
        identity=_text(row.get("identity"), f"{where}.identity"),
        status=Status(status),
        evidence=[_evidence(item, f"{where}.evidence[{number}]") for number, item in enumerate(evidence)],
        attributes=dict(list(attributes.items())[:100]),
        relations=[_relation(item, f"{where}.relations[{number}]") for number, item in enumerate(relations)],
    )


def _evidence(one: Any, where: str) -> Evidence:
    row = _object(one, where)
    confidence = row.get("confidence", 1.0)
    if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not math.isfinite(confidence):
        raise UnableToReadScan(f"{where}.confidence: expected a number from 0 to 1")
    if not 0 <= confidence <= 1:
        raise UnableToReadScan(f"{where}.confidence: {confidence} lies outside 0 to 1")
    return Evidence(
        path=_text(row.get("path"), f"{where}.path"),
        line=_whole(row.get("line", 0), f"{where}.line"),
        rule=_text(row.get("rule"), f"{where}.rule"),
        technique=_text(row.get("technique"), f"{where}.technique"),
        confidence=float(confidence),
        detail=_text(row.get("detail", ""), f"{where}.detail", is_required=False),
    )


def _relation(one: Any, where: str) -> Relation:
    row = _object(one, where)
    return Relation(_text(row.get("type"), f"{where}.type"), _text(row.get("target"), f"{where}.target"))


def _problem(one: Any, where: str) -> ScanProblem:
    row = _object(one, where)
    return ScanProblem(_text(row.get("path"), f"{where}.path"), _text(row.get("reason"), f"{where}.reason"))


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise UnableToReadScan(f"{where}: expected an object")
    return value


def _list(value: Any, where: str, most: int) -> list[Any]:
    if not isinstance(value, list):
        raise UnableToReadScan(f"{where}: expected a list")
    if len(value) > most:
        raise UnableToReadScan(f"{where}: {len(value)} entries are too many; at most {most}")
    return value


def _text(value: Any, where: str, *, is_required: bool = True) -> str:
    if not isinstance(value, str) or (is_required and not value.strip()):
        raise UnableToReadScan(f"{where}: expected a text")
    if len(value) > LONGEST:
        raise UnableToReadScan(f"{where}: {len(value)} characters are too many; at most {LONGEST}")
    return value


def _whole(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise UnableToReadScan(f"{where}: expected a whole number from 0 to 2147483647")
    return value
