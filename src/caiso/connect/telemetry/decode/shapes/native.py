"""Records of ours whose sender writes label counts, probabilities, scores or approvals under one of the other common names for them.

Annotation tools, builders of data sets and model servers that send our own fields mostly know their own names for these; each is
taken over where it says the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_COUNTS: Final = (
    "labels", "label_counts", "labels.counts", "label_distribution", "label.distribution", "labels.distribution", "dataset.labels",
    "dataset.label_distribution", "class_counts", "class_distribution", "annotations.labels",
)  # fmt: skip
_VECTORS: Final = ("output.probabilities", "output.scores", "output.logits", "probabilities", "class_probabilities")
_OF_VERSIONS: Final = frozenset(("registry", "evaluation"))
_KINDS_OF_DATA: Final = frozenset(("data_access", "training", "registry"))
_APPROVED: Final = frozenset(("approved", "accepted", "granted", "released"))
_WHOLE: Final = 0.01  # how far shares may be from one when added up


def is_one(document: dict[str, Any]) -> bool:
    """A flat record of ours about data with counts under another name, or about an answer with all its probabilities."""
    kind = document.get("event.kind")
    if not isinstance(kind, str):
        return False
    if "change.id" in document or (kind in _OF_VERSIONS and "model.version" in document):
        return True
    if kind in _KINDS_OF_DATA:
        return any(isinstance(document.get(name), Mapping) for name in _COUNTS)
    return kind == "ml_inference" and any(name in document for name in _VECTORS)


def read(document: dict[str, Any]) -> dict[str, Any]:
    """The record with our names in place of those."""
    return _answer(document) if document["event.kind"] == "ml_inference" else _data(_approved(document))


def _approved(document: dict[str, Any]) -> dict[str, Any]:
    """The record with the approval that a change is, and with the address that registries give to a version of a model."""
    found = dict(document)
    state = next(
        (found[name] for name in ("change.state", "change.status", "approval.state") if name in found), "approved"
    )
    if "change.id" in found and str(state).lower() in _APPROVED:
        found.setdefault("aisoc.approval.id", str(found["change.id"])[:128])
    model, version = found.get("model.id"), found.get("model.version")
    if document["event.kind"] in _OF_VERSIONS and model and version:
        found.setdefault("artifact.uri", f"models:/{model}/{version}"[:512])
    return found


def _data(document: dict[str, Any]) -> dict[str, Any]:
    found = dict(document)
    for name in _COUNTS:
        counts = _counts(found.get(name), found.get("rows"))
        if counts:
            del found[name]
            found.setdefault("dataset.label_counts", counts)
    return found


def _counts(given: Any, rows: Any) -> dict[str, float] | None:
    """Counts as they are, shares as what they come to of so many rows; None for an object that is neither."""
    if not isinstance(given, Mapping) or not given:
        return None
    if not all(isinstance(one, int | float) and not isinstance(one, bool) and one >= 0 for one in given.values()):
        return None
    if abs(sum(given.values()) - 1) > _WHOLE or all(isinstance(one, int) for one in given.values()):
        return dict(given)
    if not isinstance(rows, int) or isinstance(rows, bool):
        return None
    return {name: round(share * rows) for name, share in given.items()}


def _answer(document: dict[str, Any]) -> dict[str, Any]:
    found = dict(document)
    for name in _VECTORS:
        given = found.pop(name, None)
        values = list(given.values()) if isinstance(given, Mapping) else given
        if not isinstance(values, list) or not values:
            continue
        found.setdefault("output_granularity", "probabilities")
        numbers = [float(one) for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
        largest = max(numbers, default=-1.0)
        if 0 <= largest <= 1:
            found.setdefault("output.confidence", largest)
    return found
