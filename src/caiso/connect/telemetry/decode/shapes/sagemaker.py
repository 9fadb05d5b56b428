"""What SageMaker captures of an endpoint: the bytes that went in and came out, as CSV or JSON, and when."""

from __future__ import annotations

import base64
import binascii
import csv
from collections.abc import Mapping
from typing import Any, Final

import orjson

from caiso.connect.telemetry import lenient
from caiso.connect.telemetry.decode.shapes import spoken
from caiso.connect.telemetry.decode.shapes.databricks import MOST_ROWS
from caiso.connect.telemetry.decode.shapes.prediction import answer, inputs
from caiso.connect.telemetry.decode.shapes.values import first, moment, part, text, told
from caiso.connect.telemetry.records import UnableToAccept

_ENDPOINT: Final = ("endpointName", "endpoint_name", "variantName", "variant_name", "modelName")
_LISTS: Final = ("instances", "predictions", "inputs", "outputs", "features", "data")


def is_one(document: dict[str, Any]) -> bool:
    """Every record has these two."""
    return "captureData" in document and "eventMetadata" in document


def read(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The records of one call; raises ``UnableToAccept``."""
    captured, about = part(document, "captureData"), part(document, "eventMetadata")
    given, made = part(captured, "endpointInput"), part(captured, "endpointOutput")
    if not given and not made:
        raise UnableToAccept("captureData must hold endpointInput or endpointOutput")
    endpoint = text(document, *_ENDPOINT) or text(about, *_ENDPOINT) or "sagemaker"
    caller = about.get("customAttributes")
    base = told(
        time=moment(about, "inferenceTime", "timestamp"),
        service__name=endpoint,
        user__id=str(caller[0])[:200] if isinstance(caller, list) and caller else None,
        sagemaker__event=text(about, "inferenceId") or text(about, "eventId"),
    )
    went_in, came_out = _data(given, "endpointInput"), _data(made, "endpointOutput")
    if spoken.is_asked(went_in):
        said = spoken.asked(went_in) | spoken.answered(came_out)
        return [{
            **base, **{name: value for name, value in said.items() if value is not None},
            **told(event__kind="inference", gen_ai__operation__name="chat", gen_ai__provider__name="aws.sagemaker",
                   gen_ai__request__model=endpoint, name="sagemaker chat"),
        }]  # fmt: skip
    rows, answers = _rows(went_in), _rows(came_out)
    shared = base | told(event__kind="ml_inference", name="prediction", model__id=endpoint)
    count = max(len(rows), len(answers))
    if not 0 < count <= MOST_ROWS:
        raise UnableToAccept(f"captureData holds {count} records, 1 to {MOST_ROWS} are taken")
    return [
        {
            **shared,
            **inputs(rows[place] if place < len(rows) else None),
            **answer(answers[place] if place < len(answers) else None),
            **({"prediction.row": place} if count > 1 else {}),
        }
        for place in range(count)
    ]


def _data(side: dict[str, Any], name: str) -> Any:
    """What was captured of one side: JSON as what it holds, CSV as rows of numbers and words, anything else as nothing."""
    found = first(side, "data")
    if found is None:
        return None
    encoding, kind = (text(side, "encoding") or "").upper(), text(side, "observedContentType") or ""
    if not isinstance(found, str):
        return found
    if encoding == "BASE64":
        try:
            found = base64.b64decode(found, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            return None  # a picture, or bytes of another kind
    if encoding == "JSON" or "json" in kind:
        return _json(found, name)
    if encoding == "CSV" or "csv" in kind:
        return [[_value(cell) for cell in row] for row in csv.reader(found.splitlines()[: MOST_ROWS + 1]) if row]
    return found if encoding != "BASE64" else None


def _json(found: str, name: str) -> Any:
    try:
        return lenient.loads(found)
    except orjson.JSONDecodeError:
        pass
    try:  # JSON Lines
        return [lenient.loads(line) for line in found.splitlines() if line.strip()]
    except orjson.JSONDecodeError as error:
        raise UnableToAccept(f"{name}.data is not valid JSON: {error}") from error


def _value(cell: str) -> Any:
    try:
        return float(cell)
    except ValueError:
        return cell.strip()


def _rows(found: Any) -> list[Any]:
    """The records of one side."""
    if isinstance(found, Mapping):
        listed = next((found[name] for name in _LISTS if isinstance(found.get(name), list)), None)
        if listed is None:
            return [found]
        found = listed
    if isinstance(found, list):
        return found if found and all(isinstance(one, list | dict) for one in found) else [found] if found else []
    return [] if found is None else [found]
