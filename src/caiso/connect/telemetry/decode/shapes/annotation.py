"""Webhooks of Label Studio: an annotation that somebody made, changed or deleted, with the task that it is about.

Of the task only its number is taken over; what stands in it is not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from caiso.connect.telemetry.decode.shapes.values import moment, part, text, told

_ACTS: Final = re.compile(r"ANNOTATIONS?_(?:CREATED|UPDATED|DELETED|SUBMITTED)", re.IGNORECASE)
_CHOSEN: Final = ("choices", "rectanglelabels", "labels", "taxonomy")
_TIMES: Final = ("timestamp", "time", "created_at", "updated_at")
_MOST: Final = 64


def is_one(document: dict[str, Any]) -> bool:
    """Names an act on annotations, and holds the annotation or the task."""
    act = document.get("action", document.get("event"))
    return (
        isinstance(act, str)
        and any(isinstance(document.get(name), dict) for name in ("annotation", "task"))
        and _ACTS.fullmatch(act) is not None
    )


def read(document: dict[str, Any]) -> dict[str, Any]:
    """One annotation; raises ``UnableToAccept``."""
    made, task = part(document, "annotation"), part(document, "task")
    when = document if any(document.get(name) for name in _TIMES) else made
    project = document.get("project")
    who = made.get("completed_by", document.get("user"))
    writer = text(who, "email", "username", "id") if isinstance(who, dict) else _told(who)
    labels = _labels(made.get("result"))
    return told(
        time=moment(when, *_TIMES),
        name="annotation",
        event__kind="data_access",
        action=(text(document, "action", "event") or "").lower(),
        dataset__id=text(project, "title", "id") if isinstance(project, dict) else _told(project),
        sample__id=text(task, "id") or text(made, "task"),
        sample__label=next(iter(labels), None) if len(labels) == 1 else None,
        dataset__label_counts=labels or None,
        rows=1,
        writer=writer,
        user__id=writer,
    )


def _labels(result: Any) -> dict[str, int]:
    """The labels of an annotation, each with how often it was given."""
    found: dict[str, int] = {}
    for one in result[:_MOST] if isinstance(result, list) else ():
        value = one.get("value") if isinstance(one, Mapping) else None
        given = value if isinstance(value, Mapping) else {}
        for name in _CHOSEN:
            chosen = given.get(name)
            for label in chosen[:_MOST] if isinstance(chosen, list) else ():
                if isinstance(label, str):
                    found[label[:200]] = found.get(label[:200], 0) + 1
    return found


def _told(value: Any) -> str | None:
    return str(value)[:200] if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None
