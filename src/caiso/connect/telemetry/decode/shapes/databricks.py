"""Inference tables of Databricks (Mosaic AI Model Serving), both the older form and that of the AI Gateway: one row for each request.

Request and answer stand there as JSON texts. A request may hold many records, which become an event each, so that what a client asked
is counted whole; a call of a model that speaks is a call of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from caiso.connect.telemetry.decode.shapes import spoken
from caiso.connect.telemetry.decode.shapes.prediction import answer, inputs
from caiso.connect.telemetry.decode.shapes.values import moment, number, part, text, told, whole
from caiso.connect.telemetry.decode.times import nanoseconds
from caiso.connect.telemetry.meaning.messages import load
from caiso.connect.telemetry.records import UnableToAccept

_TIMES: Final = ("timestamp_ms", "request_time", "timestamp")
MOST_ROWS: Final = 1_000  # of one request


def is_one(document: dict[str, Any]) -> bool:
    """Every row has an id of Databricks' own."""
    return "databricks_request_id" in document and "request" in document


def read(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The records of one request; raises ``UnableToAccept``."""
    request, response = _body(document, "request"), _body(document, "response", may_fail=True)
    about = part(document, "request_metadata")
    endpoint = text(about, "endpoint_name") or text(document, "endpoint_name", "served_entity_name")
    model = text(about, "model_name") or endpoint or text(document, "served_entity_id")
    failed = (whole(document, "status_code") or 200) >= 400
    began = nanoseconds(moment(document, *_TIMES))
    took = number(document, "execution_time_ms", "execution_duration_ms") or 0.0
    base = told(
        time=began,
        end_time=began + max(0, int(1e6 * took)),
        service__name=endpoint,
        user__id=text(document, "requester"),
        http__response__status_code=whole(document, "status_code"),
        error__type=str(document.get("status_code")) if failed else None,
        databricks__request=text(document, "databricks_request_id"),
    )
    if spoken.is_asked(request):
        said = spoken.asked(request) | spoken.answered(response)
        return [{
            **base, **{name: value for name, value in said.items() if value is not None},
            **told(event__kind="inference", gen_ai__operation__name="chat", gen_ai__provider__name="databricks",
                   gen_ai__request__model=model, name="databricks chat"),
        }]  # fmt: skip
    rows, answers = _rows(request), _answers(response)
    if not rows and not answers:
        raise UnableToAccept(
            "request has neither dataframe_records, dataframe_split, instances, inputs nor messages, and response no predictions"
        )
    shared = base | told(
        event__kind="ml_inference", name="prediction", model__id=model, model__version=text(about, "model_version")
    )
    count = max(len(rows), len(answers))
    return [
        {
            **shared,
            **inputs(rows[place] if place < len(rows) else None),
            **answer(answers[place] if place < len(answers) else None),
            **({"prediction.row": place} if count > 1 else {}),
        }
        for place in range(count)
    ]


def _body(document: dict[str, Any], name: str, *, may_fail: bool = False) -> Any:
    """A body that is JSON text; a failed call has an answer that is none."""
    body = load(document.get(name))
    if isinstance(body, str) and not may_fail:
        raise UnableToAccept(f"{name} must be JSON, not {body[:40]!r}")
    return body


def _rows(request: Any) -> list[Any]:
    """The records that were asked about, in whichever of the forms of MLflow they were sent."""
    if isinstance(request, list):
        return _bounded(request)
    if not isinstance(request, Mapping):
        return []
    split = request.get("dataframe_split")
    if isinstance(split, Mapping) and isinstance(split.get("data"), list):
        names = split.get("columns")
        columns_named = [str(name) for name in names] if isinstance(names, list) else None
        return _bounded([
            dict(zip(columns_named, row, strict=False)) if columns_named and isinstance(row, list) else row
            for row in split["data"]
        ])  # fmt: skip
    found = next(
        (request[name] for name in ("dataframe_records", "instances", "inputs") if request.get(name) is not None), None
    )
    if isinstance(found, Mapping):  # columns
        columns = [column if isinstance(column, list) else [column] for column in found.values()]
        longest = max(map(len, columns), default=0)
        return _bounded([
            {name: column[row] for name, column in zip(found, columns, strict=True) if row < len(column)}
            for row in range(min(longest, MOST_ROWS + 1))
        ])  # fmt: skip
    return _bounded(found if isinstance(found, list) else [])


def _answers(response: Any) -> list[Any]:
    if isinstance(response, Mapping):
        response = next((response[name] for name in ("predictions", "outputs", "prediction") if name in response), None)
    if response is None or isinstance(response, str):  # what a failed call said
        return []
    return _bounded(response if isinstance(response, list) else [response])


def _bounded(rows: list[Any]) -> list[Any]:
    if len(rows) > MOST_ROWS:
        raise UnableToAccept(f"{len(rows)} records in one request, at most {MOST_ROWS} are taken")
    return rows
