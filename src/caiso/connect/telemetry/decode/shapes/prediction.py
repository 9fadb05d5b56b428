"""Logs of predictions as model servers and their wrappers write them: one flat JSON object for each answer of a model.

There is no standard; read are the names that serving frameworks and their examples share. Two things must be there: which model answered,
and what it said or how sure it was. Inputs are taken over where they are numbers; texts and pictures are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from caiso.connect.telemetry.decode.shapes.values import first, moment, number, text, told
from caiso.connect.telemetry.records import UnableToAccept

_MODEL: Final = ("model_name", "model_id", "model", "deployment_name", "endpoint_name")
_VERSION: Final = ("model_version", "version", "model_revision")
_LABEL: Final = ("predicted_label", "predicted_class", "prediction", "label", "class", "decision")
_CONFIDENCE: Final = ("confidence", "max_probability", "top_probability")
_SCORE: Final = ("score", "risk_score", "probability")
_VECTOR: Final = ("probabilities", "probas", "class_probabilities", "scores", "logits")
_INPUT: Final = ("features", "inputs", "input", "instance", "feature_vector")
_TIMES: Final = ("timestamp", "time", "ts", "@timestamp", "event_time", "request_time", "created_at")
_WHO: Final = ("client_id", "user_id", "user", "caller", "account_id", "customer_id", "consumer")
_ADDRESS: Final = ("client_ip", "source_ip", "remote_addr", "ip")
_MOST: Final = 4_096  # numbers of an input


def is_one(document: dict[str, Any]) -> bool:
    """Names a model, and has an answer beside an input or a measure of certainty; our own field names are read elsewhere."""
    if "event.kind" in document or "attributes" in document or any("." in name for name in document):
        return False
    if any(isinstance(document.get(name), str) for name in ("input", "inputs", "prompt")) or "messages" in document:
        return False  # of a model that speaks: what was said would be lost
    answer = any(name in document for name in (*_LABEL, *_SCORE, *_VECTOR))
    beside = any(name in document for name in (*_INPUT, *_CONFIDENCE, *_VECTOR))
    return answer and beside and any(name in document for name in _MODEL)


def read(document: dict[str, Any]) -> dict[str, Any]:
    """One prediction; raises ``UnableToAccept``."""
    vector = first(document, *_VECTOR)
    prediction = first(document, *_LABEL)
    certain = number(document, *_CONFIDENCE)
    named = prediction is not None and not isinstance(prediction, float | dict | list)
    detailed = document.get("logprobs_requested")
    return told(
        time=moment(document, *_TIMES),
        trace_id=text(document, "trace_id"),
        name="prediction",
        event__kind="ml_inference",
        service__name=text(document, "service", "service_name", "app"),
        model__id=text(document, *_MODEL),
        model__version=text(document, *_VERSION),
        user__id=text(document, *_WHO),
        api_key__id=text(document, "api_key_id", "key_id"),
        client__address=text(document, *_ADDRESS),
        input__features=_numbers(first(document, *_INPUT)),
        input__fingerprint=text(document, "input_hash", "input_fingerprint", "fingerprint"),
        output__label=str(prediction)[:200] if named else None,
        output__confidence=certain if certain is not None else _largest(vector),
        output__score=number(document, *_SCORE) if not isinstance(prediction, float) else prediction,
        output_granularity=text(document, "output_granularity") or ("probabilities" if vector else None),
        logprobs_requested=detailed if isinstance(detailed, bool) else None,
        ood__score=number(document, "ood_score", "anomaly_score"),
        segment=text(document, "segment", "slice", "cohort"),
        prediction__request=text(document, "request_id", "prediction_id"),
    )


def _numbers(given: Any) -> list[float] | None:
    """A vector; of an object its numbers in the order of their names, so that the same record is the same vector."""
    if isinstance(given, Mapping):
        given = [given[name] for name in sorted(given)]
    if not isinstance(given, list) or not given:
        return None
    if len(given) == 1 and isinstance(given[0], list):  # a batch of one
        given = given[0]
    if len(given) > _MOST:
        raise UnableToAccept(f"an input of {len(given)} numbers is longer than {_MOST}")
    if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in given):
        return None
    return [float(one) for one in given]


def _largest(vector: Any) -> float | None:
    values = list(vector.values()) if isinstance(vector, Mapping) else vector if isinstance(vector, list) else []
    numbers = [float(one) for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
    largest = max(numbers, default=-1.0)
    return largest if 0 <= largest <= 1 else None
