"""Logs of predictions as model servers and their wrappers write them: one flat JSON object for each answer of a model.

There is no standard; read are the names that serving frameworks and their examples share. Two things must be there: which model answered,
and what it said or how sure it was. Inputs are taken over where they are numbers; texts and pictures are not.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

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
_UNKNOWN: Final = ("ood_score", "anomaly_score", "novelty_score", "out_of_distribution", "outlier_score")
_DEVICE: Final = ("camera_label", "camera", "camera_name", "capture_device", "capture_driver", "video_source", "video_device", "microphone_label", "audio_device")  # fmt: skip
_INJECTED: Final = ("injection_suspected", "injection_detected", "virtual_camera", "virtual_camera_detected", "is_virtual_camera", "emulator_detected", "replay_detected")  # fmt: skip
_ALIKE: Final = re.compile(r"(?i)(?:sim|min|fuzzy|percept\w{0,4}|(?:^|_)[pda])_?hash")
_OF_WHOLE: Final = re.compile(
    r"(?i)(?:image|img|frame|photo|picture|face|audio|voice|video|clip|file|media|content|blob)_?(?:sha_?(?:1|256|512)|md5|digest|checksum)"
)
_HEX: Final = re.compile(r"[0-9a-fA-F]{8,128}")
_MOST: Final = 4_096  # numbers of an input
_SOME_NUMBERS: Final = 3
_ROUNDED: Final = 0.02  # how far a sum of probabilities may be from one
_LARGEST: Final = 1e18


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
    detailed = document.get("logprobs_requested")
    asked = first(document, *_INPUT)
    return (
        told(
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
            user_agent__original=text(document, "user_agent", "http_user_agent"),
            segment=text(document, "segment", "slice", "cohort"),
            logprobs_requested=detailed if isinstance(detailed, bool) else None,
            prediction__request=text(document, "request_id", "prediction_id"),
            **(inputs(asked) | capture(document, asked)),
        )
        | answer(document)
        | told(
            input__fingerprint=text(document, "input_hash", "input_fingerprint", "fingerprint"),
            output_granularity=text(document, "output_granularity"),
        )
    )


def answer(given: Any) -> dict[str, Any]:
    """What a model said and how sure it was: an object that names it, a list of probabilities, a class, or a number."""
    while isinstance(given, list) and len(given) == 1:
        given = given[0]
    if isinstance(given, Mapping):
        return _named_answer(given)
    if isinstance(given, list):
        largest = _largest(given)
        plain = all(isinstance(one, int | float) and not isinstance(one, bool) for one in given)
        if largest is None or not plain or abs(sum(given) - 1) > _ROUNDED:
            return {}
        return told(
            output__label=str(given.index(max(given))), output__confidence=largest, output_granularity="probabilities"
        )
    if isinstance(given, float):
        return {"output.score": given} if abs(given) < _LARGEST else {}
    return {} if given in (None, "") else {"output.label": str(given)[:200]}


def _named_answer(given: Mapping[str, Any]) -> dict[str, Any]:
    vector, prediction = first(given, *_VECTOR), first(given, *_LABEL)
    certain = number(given, *_CONFIDENCE)
    is_number = isinstance(prediction, float)
    named = prediction is not None and not is_number and not isinstance(prediction, dict | list)
    return told(
        output__label=str(prediction)[:200] if named else None,
        output__confidence=certain if certain is not None else _largest(vector),
        output__score=prediction if is_number else number(given, *_SCORE),
        output_granularity="probabilities" if isinstance(vector, list | Mapping) and len(vector) > 1 else None,
        ood__score=number(given, *_UNKNOWN),
    )


def inputs(given: Any) -> dict[str, Any]:
    """An input as a vector where it is numbers; where it is not, as a hash by which the same one is known again."""
    whole = _digest(given) if isinstance(given, Mapping) else None
    if whole:
        return {"input.fingerprint": whole}
    vector = _numbers(given)
    if vector is not None:
        return {"input.features": vector}
    alike = _alike(given) if isinstance(given, Mapping) else None
    if alike:
        return {"input.fingerprint": alike}
    if not isinstance(given, Mapping | list) or not given:
        return {}
    try:
        written = orjson.dumps(given, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return {}
    return {"input.fingerprint": hashlib.blake2b(written, digest_size=16).hexdigest()}


def _digest(given: Mapping[str, Any]) -> str | None:
    """The digest of a picture or a sound that stands for it; the numbers beside it only say how it was taken."""
    named = (value for name, value in given.items() if isinstance(value, str) and _OF_WHOLE.search(str(name)))
    return next((value for value in named if _HEX.fullmatch(value)), None)


def _alike(given: Mapping[str, Any]) -> str | None:
    """A hash that near-equal inputs share most of, where the sender made one; it tells variants, which our own does not."""
    named = (value for name, value in given.items() if isinstance(value, str) and _ALIKE.search(str(name)))
    return next((value for value in named if _HEX.fullmatch(value)), None)


def capture(document: Mapping[str, Any], asked: Any) -> dict[str, Any]:
    """By which camera, microphone or driver an input was taken, and whether the sender takes it for put in from elsewhere."""
    beside = asked if isinstance(asked, Mapping) else {}
    injected = first(document, *_INJECTED) or first(beside, *_INJECTED)
    device = first(document, *_DEVICE) or first(beside, *_DEVICE)
    return told(
        input__capture__device=device[:200] if isinstance(device, str) else None,
        input__capture__injected=True if injected is True else None,
    )


def _numbers(given: Any) -> list[float] | None:
    """A vector; of an object its numbers in the order of their names, so that the same record is the same vector.

    Of an object or row that holds words as well, the numbers count where there are some.
    """
    if isinstance(given, Mapping):
        given = [given[name] for name in sorted(given)]
    if isinstance(given, list) and any(isinstance(one, str | bool) for one in given):
        numbers = [float(one) for one in given if isinstance(one, int | float)]
        given = numbers if len(numbers) >= _SOME_NUMBERS else None
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
