"""Webhooks of the model registry of MLflow (``entity``, ``action``, ``data``), and those of Databricks' workspace registry (``event``)."""

from __future__ import annotations

import re
from typing import Any, Final

from caiso.connect.telemetry.decode.shapes.plain_names import APPROVALS
from caiso.connect.telemetry.decode.shapes.values import first, moment, part, text, told
from caiso.connect.telemetry.records import UnableToAccept

_ENTITIES: Final = frozenset(
    (
        "registered_model", "model_version", "model_version_tag", "model_version_alias",
        "prompt", "prompt_version", "prompt_tag", "prompt_version_tag", "prompt_alias",
        "budget_policy", "logged_model",
    )
)  # fmt: skip
# What rules call these acts: the names of MLflow's own interface.
_ACTS: Final = {
    ("registered_model", "created"): "create_registered_model",
    ("model_version", "created"): "create_model_version",
    ("model_version_alias", "created"): "set_alias",
    ("model_version_alias", "deleted"): "delete_alias",
    ("model_version_tag", "set"): "set_tag",
    ("model_version_tag", "deleted"): "delete_tag",
    ("prompt_alias", "created"): "set_alias",
}
_EVENTS: Final = re.compile(
    r"(?:MODEL_VERSION|REGISTERED_MODEL|TRANSITION_REQUEST|COMMENT)_[A-Z_]{3,40}"
)  # of the workspace registry
_REVIEW: Final = re.compile(r"(?i)(?:valid|review|approv|sign[-_ ]?off|attest|certif|gate)")
_PASSED: Final = re.compile(
    r"(?i)(?:approved?|accept(?:ed)?|pass(?:ed)?|valid(?:ated)?|signed(?:[-_ ]off)?|ok|yes|true|done|completed?)(?:[ ,;:][^\n]{1,200})?"
)
_NUMBER: Final = re.compile(r"[A-Za-z]{2,10}[-_ #]?[0-9]{2,10}")  # of a change or an approval
_MEASURES: Final = re.compile(
    r"(?i)(?:^|[^a-z])(?:auc|roc|f1|accuracy|acc|precision|recall|rmse|mae|mape|ndcg|bleu|rouge|wer|loss|score)(?:[^a-z]|$)"
)
_WHO: Final = ("user", "user_id", "creator", "author", "last_updated_by")
_NAMED: Final = re.compile(r"\s{0,4}(?P<who>[^\s@]{1,80}@[^\s@]{1,120})\s")
_LONGEST: Final = 500


def is_one(document: dict[str, Any]) -> bool:
    """Told by what was acted on, or by the name of the event."""
    entity = document.get("entity")
    if isinstance(entity, str) and entity in _ENTITIES and "action" in document:
        return True
    event = document.get("event")
    return isinstance(event, str) and "model_name" in document and _EVENTS.fullmatch(event) is not None


def read(document: dict[str, Any]) -> dict[str, Any] | list[dict[str, Any]]:
    """One act; raises ``UnableToAccept``."""
    return _workspace(document) if "event" in document and "entity" not in document else _acts(document)


def _acts(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The act, and before it the evaluation that a new version of a run carries in its tags."""
    found, data = _registry(document), part(document, "data")
    measured = [name for name in part(data, "tags") if isinstance(name, str) and _MEASURES.search(name)]
    made = found["action"] == "create_model_version" and found.get("model.version") and found.get("mlflow.run")
    if not (made and measured):
        return [found]
    name, version = found["model.id"], found["model.version"]
    return [
        told(
            time=found["time"],
            name="mlflow evaluation",
            event__kind="evaluation",
            service__name="mlflow",
            action="evaluated_by_run",
            model__id=name,
            model__version=version,
            artifact__uri=f"models:/{name}/{version}",
            gen_ai__evaluation__name=measured[0][:80],
            mlflow__run=found["mlflow.run"],
        ),
        found,
    ]


def _registry(document: dict[str, Any]) -> dict[str, Any]:
    entity, act = text(document, "entity") or "", text(document, "action") or ""
    data = part(document, "data")
    name, version = text(data, "name"), text(data, "version")
    if not name:
        raise UnableToAccept("data.name must not be empty, without it nobody knows what was changed")
    tags = part(data, "tags")
    is_prompt = entity.startswith("prompt")
    approves = _approves(entity, act, data)
    return told(
        time=moment(document, "timestamp"),
        name=f"mlflow {entity}.{act}"[:200],
        event__kind="config" if is_prompt else "registry",
        service__name="mlflow",
        action="approve" if approves else _ACTS.get((entity, act), f"{entity}.{act}"),
        model__id=None if is_prompt else name,
        model__version=version,
        artifact__uri=_source(data, name, version, is_prompt=is_prompt),
        registry__stage=text(data, "alias"),
        aisoc__approval__id=text(data, "value") if approves and _numbered(data) else text(tags, *APPROVALS),
        writer=text(document, *_WHO) or text(data, *_WHO) or text(tags, "mlflow.user", *_WHO),
        user__id=text(document, *_WHO) or text(data, *_WHO),
        client__address=text(document, "source_ip", "client_ip"),
        config__target=f"prompt/{name}" if is_prompt else f"tag/{key}" if (key := text(data, "key")) else None,
        config__new=(value[:_LONGEST] if (value := text(data, "value")) else None) if "tag" in entity else None,
        mlflow__run=text(data, "run_id"),
        mlflow__delivery=text(document, "delivery_id"),
    )


def _approves(entity: str, act: str, data: dict[str, Any]) -> bool:
    """Where a registry has no reviews of its own, a tag on the version says that it passed one."""
    if entity != "model_version_tag" or act != "set":
        return False
    key, value = text(data, "key") or "", text(data, "value") or ""
    passed = _PASSED.fullmatch(value.strip()) is not None or _numbered(data)
    return _REVIEW.search(key) is not None and passed


def _numbered(data: dict[str, Any]) -> bool:
    """Whether a tag holds the number of a change or an approval (CAB-4711) and no word about it."""
    return _NUMBER.fullmatch((text(data, "value") or "").strip()) is not None


def _source(data: dict[str, Any], name: str, version: str | None, *, is_prompt: bool) -> str | None:
    """Where the files of a version lie; of a version that is only named, its address in the registry."""
    if is_prompt:
        return None
    return text(data, "source") or (f"models:/{name}/{version}" if version else None)


def _workspace(document: dict[str, Any]) -> dict[str, Any]:
    event, name = text(document, "event") or "", text(document, "model_name")
    version, stage = text(document, "version"), text(document, "to_stage")
    if not name:
        raise UnableToAccept("model_name must not be empty, without it nobody knows what was changed")
    told_by = _NAMED.match(str(first(document, "text") or "")[:300])
    return told(
        time=moment(document, "event_timestamp", "timestamp"),
        name=f"mlflow {event}"[:200],
        event__kind="registry",
        service__name="mlflow",
        action=_workspace_act(event),
        model__id=name,
        model__version=version,
        artifact__uri=f"models:/{name}/{version}" if version else None,
        registry__stage=stage or event.rpartition("_TO_")[2].removesuffix("_CREATED").title()
        if "_TO_" in event or stage
        else None,
        config__old=text(document, "from_stage"),
        config__new=stage,
        writer=text(document, *_WHO) or (told_by["who"] if told_by else None),
        mlflow__run=text(document, "run_id"),
    )


def _workspace_act(event: str) -> str:
    if event.startswith("TRANSITION_REQUEST"):
        return "request_transition"
    if "TRANSITIONED" in event:
        return "transition_stage"
    return {"MODEL_VERSION_CREATED": "create_model_version", "MODEL_VERSION_TAG_SET": "set_tag", "REGISTERED_MODEL_CREATED": "create_registered_model"}.get(event, event.lower())  # fmt: skip
