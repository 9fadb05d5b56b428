"""Logs of other products, told by their shape and put into our own field names; one small reader for each product.

A reader takes the decoded line and gives a record as our own NDJSON would carry it, or refuses it with the field's name. It takes over
only what has a name here: headers, cookies and free texts of a log must not end in the open store under a name nobody looks at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from caiso.connect.telemetry.decode.shapes import (
    access,
    annotation,
    bedrock,
    cloudtrail,
    databricks,
    hubs,
    kong,
    litellm,
    mlflow,
    native,
    ocsf,
    openai_audit,
    plain,
    prediction,
    sagemaker,
    webproxy,
)

Record = dict[str, Any]
REPEAT: Final = "replay.repeat"  # tells lines of a replayed file apart that are equal byte for byte
NAMES: Final = (
    "OTLP, OCSF, CloudTrail, Bedrock's model invocation log, SageMaker's data capture, Databricks' inference tables, MLflow's webhooks, "
    "LiteLLM's standard logging payload, Kong's request log, logs of web proxies with the bodies of calls of models, nginx or Envoy access logs, "
    "logs of predictions, OpenAI's audit log, Label Studio's and Hugging Face's webhooks, notifications of registries of containers, plain events of scanners, registries, stores of data and schedulers, "
    "or fields of the event schema"
)

_Reader = tuple[Callable[[Record], bool], Callable[[Record], Record | list[Record]]]
_SHAPES: Final[tuple[_Reader, ...]] = (
    (native.is_one, native.read),
    (litellm.is_one, litellm.read),
    (ocsf.is_one, ocsf.read),
    (cloudtrail.is_one, cloudtrail.read),
    (webproxy.is_one, webproxy.read),
    (access.is_one, access.read),
    (openai_audit.is_one, openai_audit.read),
    (annotation.is_one, annotation.read),
    (hubs.is_one, hubs.read),
    (plain.is_scan, plain.read),
    (prediction.is_one, prediction.read),
    (plain.is_one, plain.read),
)
# Each of their records has one of these fields, so that nobody else's are asked five times more.
_SIGNS: Final = frozenset(
    ("schemaType", "modelId", "captureData", "databricks_request_id", "entity", "event", "started_at")
)
_PLATFORMS: Final[tuple[_Reader, ...]] = (
    (bedrock.is_one, bedrock.read),
    (sagemaker.is_one, sagemaker.read),
    (databricks.is_one, databricks.read),
    (mlflow.is_one, mlflow.read),
    (kong.is_one, kong.read),
)


def in_our_names(document: Record) -> list[Record] | None:
    """The records of a line whose shape we know, None for every other; raises ``UnableToAccept`` with the field's name."""
    shapes = _SHAPES if _SIGNS.isdisjoint(document) else (*_PLATFORMS, *_SHAPES)
    for is_one, read in shapes:
        if is_one(document):
            found = read(document)
            records = found if isinstance(found, list) else [found]
            return [{**one, REPEAT: document[REPEAT]} for one in records] if REPEAT in document else records
    return None
