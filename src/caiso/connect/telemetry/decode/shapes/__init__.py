"""Logs of other products, told by their shape and put into our own field names; one small reader for each product.

A reader takes the decoded line and gives a record as our own NDJSON would carry it, or refuses it with the field's name. It takes over
only what has a name here: headers, cookies and free texts of a log must not end in the open store under a name nobody looks at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from caiso.connect.telemetry.decode.shapes import access, cloudtrail, litellm, ocsf, prediction

Record = dict[str, Any]
REPEAT: Final = "replay.repeat"  # tells lines of a replayed file apart that are equal byte for byte
NAMES: Final = "OTLP, OCSF, CloudTrail, LiteLLM's standard logging payload, nginx or Envoy access logs, logs of predictions, or fields of the event schema"

_SHAPES: Final[tuple[tuple[Callable[[Record], bool], Callable[[Record], Record]], ...]] = (
    (litellm.is_one, litellm.read),
    (ocsf.is_one, ocsf.read),
    (cloudtrail.is_one, cloudtrail.read),
    (access.is_one, access.read),
    (prediction.is_one, prediction.read),
)


def in_our_names(document: Record) -> Record | None:
    """The record of a line whose shape we know, None for every other; raises ``UnableToAccept`` with the field's name."""
    for is_one, read in _SHAPES:
        if is_one(document):
            found = read(document)
            return {**found, REPEAT: document[REPEAT]} if REPEAT in document else found
    return None
