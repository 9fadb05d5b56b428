"""Logs of model invocations of Amazon Bedrock: who called which model in which region, what was asked and what was answered."""

from __future__ import annotations

from typing import Any, Final

from caiso.connect.telemetry.decode.shapes import spoken
from caiso.connect.telemetry.decode.shapes.cloudtrail import asking
from caiso.connect.telemetry.decode.shapes.values import moment, part, text, told, whole
from caiso.connect.telemetry.records import UnableToAccept

_KIND: Final = "ModelInvocationLog"


def is_one(document: dict[str, Any]) -> bool:
    """Every record names its kind; older ones lack the name and have the parts."""
    kind = document.get("schemaType")
    return kind == _KIND or (
        kind is None and "modelId" in document and "identity" in document and "operation" in document
    )


def read(document: dict[str, Any]) -> dict[str, Any]:
    """One invocation; raises ``UnableToAccept``."""
    model = text(document, "modelId")
    if not model:
        raise UnableToAccept("modelId must not be empty, without it nobody knows which model was called")
    arn = text(part(document, "identity"), "arn")
    user, role = _caller(arn)
    given, made = part(document, "input"), part(document, "output")
    called, answered = spoken.asked(given.get("inputBodyJson")), spoken.answered(made.get("outputBodyJson"))
    counted = told(
        gen_ai__usage__input_tokens=whole(given, "inputTokenCount"),
        gen_ai__usage__output_tokens=whole(made, "outputTokenCount"),
        gen_ai__usage__cache_read__input_tokens=whole(given, "cacheReadInputTokenCount"),
        gen_ai__usage__cache_creation__input_tokens=whole(given, "cacheWriteInputTokenCount"),
    )
    operation = text(document, "operation")
    said = {name: value for name, value in (called | answered).items() if value is not None}
    return said | asking(role or user or text(document, "accountId")) | told(
        time=moment(document, "timestamp"),
        name=f"bedrock {operation}" if operation else "bedrock",
        event__kind="embedding" if "embed" in model.lower() else "inference",
        user__id=user,
        gen_ai__request__model=model.rpartition("/")[2][:200],
        error__type=text(document, "errorCode"),
        cloud__provider="aws",
        cloud__account__id=text(document, "accountId"),
        cloud__region=text(document, "region"),
        bedrock__request=text(document, "requestId"),
    ) | counted  # fmt: skip


def _caller(arn: str | None) -> tuple[str | None, str | None]:
    """The user as CloudTrail names it, so that both logs of one call agree, and the role where it is one."""
    if not arn:
        return None, None
    if ":assumed-role/" in arn:
        named = arn.rpartition(":assumed-role/")[2]
        return named, named.partition("/")[0]
    user = arn.rpartition(":")[2].removeprefix("user/")
    return user, None
