"""Plain records of model registries, annotation tools and stores of training data, which have no format in common but the names.

A record counts as one where it names an act and what was acted on: a version of a model and its stage, address or digest; a data set
and who labelled or wrote it. Free texts are not taken over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from caiso.connect.telemetry.decode.shapes.values import first, moment, text, told, whole

_ACT: Final = ("action", "event", "event_type", "operation", "op", "event_name")
_TIMES: Final = ("timestamp", "time", "ts", "@timestamp", "event_time", "created_at", "occurred_at")
_WHO: Final = (
    "user", "actor", "principal", "user_id", "username", "initiator", "author", "created_by", "uploaded_by", "changed_by",
    "submitted_by", "by", "caller",
)  # fmt: skip
_LABELLER: Final = (
    "annotator",
    "annotator_id",
    "annotated_by",
    "labeler",
    "labeller",
    "labeled_by",
    "labelled_by",
    "worker_id",
)
_ADDRESS: Final = ("source_ip", "client_ip", "ip", "remote_addr", "src_ip")
_APPROVAL: Final = ("approval_id", "approval", "approved_by", "change_id", "change_ticket", "reviewed_by")
_MODEL: Final = ("model_name", "registered_model", "model", "model_id")
_VERSION: Final = ("model_version", "version", "revision")
_STAGE: Final = ("stage", "to_stage", "new_stage", "alias", "target_stage")
_FILE: Final = ("artifact_uri", "uri", "source", "path", "artifact", "file", "source_uri")
_DIGEST: Final = ("sha256", "digest", "artifact_digest", "checksum")
_SET: Final = ("dataset_id", "dataset_name", "dataset", "training_set", "project_name", "project")
_COUNTS: Final = ("labels", "label_counts", "label_distribution", "class_counts", "class_distribution")
_OF_REGISTRY: Final = re.compile(
    r"(?i)(?:regist|promot|transition|stage|alias|deploy|rollout|approv|review|download|pull|push|upload|export|load|delete|archive|scan|sign)"
)
_OF_DATA: Final = re.compile(
    r"(?i)(?:label|annotat|write|written|append|insert|ingest|upload|overwrit|import|commit|update|delete|replace|read|download|version|merge)"
)


def is_one(document: dict[str, Any]) -> bool:
    """Names an act and a version of a model, or an act and a data set with its writer; records of ours are read elsewhere."""
    if "event.kind" in document or "attributes" in document:
        return False
    act = next((document[name] for name in _ACT if isinstance(document.get(name), str)), None)
    return act is not None and (_is_registry(document, act) or _is_data(document, act))


def _is_registry(document: dict[str, Any], act: str) -> bool:
    beside = any(name in document for name in (*_STAGE, *_FILE, *_DIGEST))
    named = any(isinstance(document.get(name), str) for name in _MODEL)
    return named and beside and any(name in document for name in _VERSION) and _OF_REGISTRY.search(act) is not None


def _is_data(document: dict[str, Any], act: str) -> bool:
    named = any(isinstance(document.get(name), str) for name in _SET)
    someone = any(isinstance(document.get(name), str) for name in (*_LABELLER, *_WHO, "writer"))
    return named and someone and _OF_DATA.search(act) is not None


def read(document: dict[str, Any]) -> dict[str, Any]:
    """One act; raises ``UnableToAccept``."""
    act = text(document, *_ACT) or ""
    who = text(document, "writer", *_LABELLER, *_WHO)
    is_registry = _is_registry(document, act)
    labels_are_data = not is_registry and any(isinstance(document.get(name), str) for name in _LABELLER)
    base = told(
        time=moment(document, *_TIMES),
        name=act[:200],
        service__name=text(document, "service", "service_name", "app", "source_system", "tool"),
        action=act if not labels_are_data or "label" in act.lower() or "annotat" in act.lower() else f"{act}.labels",
        writer=who,
        user__id=who,
        client__address=text(document, *_ADDRESS),
        user_agent__original=text(document, "user_agent"),
        aisoc__approval__id=text(document, *_APPROVAL),
        artifact__uri=text(document, *_FILE),
        artifact__digest=text(document, *_DIGEST),
        artifact__format=text(document, "format", "file_format"),
        bytes=whole(document, "bytes", "size_bytes"),
        mlops__request=text(document, "request_id", "event_id", "id"),
    )
    return base | (_registry(document) if is_registry else _data(document))


def _registry(document: dict[str, Any]) -> dict[str, Any]:
    signed = document.get("signature_valid")
    return told(
        event__kind="registry",
        model__id=text(document, *_MODEL),
        model__version=text(document, *_VERSION),
        registry__stage=text(document, *_STAGE),
        artifact__signature=("valid" if signed else "invalid") if isinstance(signed, bool) else None,
    )


def _data(document: dict[str, Any]) -> dict[str, Any]:
    counts = first(document, *_COUNTS)
    is_counts = isinstance(counts, Mapping) and bool(counts)
    numbers = is_counts and all(
        isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in counts.values()
    )
    return told(
        event__kind="data_access",
        dataset__id=text(document, *_SET),
        dataset__version=text(document, "dataset_version", "version"),
        dataset__label_counts=dict(counts) if numbers else None,
        sample__id=text(document, "sample_id", "item_id", "task_id", "record_id"),
        rows=whole(document, "rows", "row_count", "records", "items", "count"),
    )
