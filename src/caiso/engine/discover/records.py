"""What discovery takes in and gives back: files, observations, assets, relations."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import BinaryIO

KINDS: Mapping[str, str] = {
    "framework": "an orchestration framework that the code really uses",
    "dependency": "an AI package that a manifest declares or the code imports",
    "provider": "an organisation whose AI service is called",
    "hosted_model": "a model served by a provider, named by provider and model id",
    "model": "an open-weights model, named by its hub id",
    "model_file": "a weights file in the tree, named by content hash or path",
    "dataset": "a dataset, named by its hub id or location",
    "agent": "a program that lets a model choose the next step",
    "tool": "a function that a model may call",
    "mcp_server": "a Model Context Protocol server that is written or launched here",
    "mcp_client": "code that connects to Model Context Protocol servers",
    "vector_store": "an index of embeddings",
    "memory": "state that an AI component keeps between turns",
    "prompt": "an instruction or template given to a model",
    "pipeline": "a chain, training or processing run over models and data",
    "recipe": "a configuration file from which a model is trained",
    "endpoint": "the URL of an AI provider, gateway or model server",
    "notebook": "a notebook that uses AI packages",
    "ai_workflow": "a CI workflow that runs an AI model or agent",
    "credential_reference": "the name of a secret for an AI service, never its value",
    "guardrail": "a check on what goes into or comes out of a model",
}


class Status(StrEnum):
    """What an observation says about use; the strongest one decides for the asset."""

    ACTIVE = "active"
    TEST = "test"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file: a POSIX path relative to the scanned root and a way to open it."""

    path: str
    size: int
    opener: Callable[[], BinaryIO]

    @classmethod
    def from_bytes(cls, path: str, data: bytes) -> SourceFile:
        return cls(path=path, size=len(data), opener=lambda: io.BytesIO(data))

    def read(self, limit: int) -> bytes:
        """The first `limit` bytes."""
        with self.opener() as stream:
            return stream.read(limit)


@dataclass(frozen=True, slots=True, order=True)
class Evidence:
    """The line that proves an observation; `line` is 0 where a file has no lines."""

    path: str
    line: int
    rule: str
    technique: str
    confidence: float
    detail: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Relation:
    """A typed edge to the identity of another asset."""

    type: str
    target: str


@dataclass(slots=True)
class Observation:
    """One sighting of an asset; merged with others only when kind and identity agree."""

    kind: str
    name: str
    identity: str
    evidence: Evidence
    status: Status = Status.ACTIVE
    attributes: dict[str, object] = field(default_factory=dict)
    relations: list[Relation] = field(default_factory=list)


@dataclass(slots=True)
class Asset:
    """The merge of all observations with one kind and identity."""

    kind: str
    name: str
    identity: str
    status: Status
    evidence: list[Evidence]
    attributes: dict[str, object]
    relations: list[Relation]


@dataclass(frozen=True, slots=True, order=True)
class ScanProblem:
    """A file that could not be read in full, and why."""

    path: str
    reason: str


@dataclass(slots=True)
class ScanResult:
    """Everything one scan found, sorted, with what it could not read."""

    assets: list[Asset]
    errors: list[ScanProblem]
    files_scanned: int
    bytes_scanned: int
    observations: int

    def as_dict(self) -> dict[str, object]:
        """The shape of `caiso scan --json`."""
        by_kind: dict[str, int] = {}
        by_status: dict[str, int] = {}
        for asset in self.assets:
            by_kind[asset.kind] = by_kind.get(asset.kind, 0) + 1
            by_status[asset.status.value] = by_status.get(asset.status.value, 0) + 1
        return {
            "assets": [_asset_dict(asset) for asset in self.assets],
            "summary": {
                "files": self.files_scanned,
                "bytes": self.bytes_scanned,
                "assets": len(self.assets),
                "observations": self.observations,
                "by_kind": dict(sorted(by_kind.items())),
                "by_status": dict(sorted(by_status.items())),
            },
            "errors": [{"path": problem.path, "reason": problem.reason} for problem in self.errors],
        }


def _asset_dict(asset: Asset) -> dict[str, object]:
    return {
        "kind": asset.kind,
        "name": asset.name,
        "identity": asset.identity,
        "status": asset.status.value,
        "evidence": [
            {
                "path": item.path,
                "line": item.line,
                "rule": item.rule,
                "technique": item.technique,
                "confidence": item.confidence,
                "detail": item.detail,
            }
            for item in asset.evidence
        ],
        "attributes": asset.attributes,
        "relations": [{"type": item.type, "target": item.target} for item in asset.relations],
    }
