"""Reading an event's dotted fields in templates."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django import template
from django.utils import timezone

from caiso.web.soc.presentation import readable, said, time_left

register = template.Library()

_HIDDEN = frozenset({"content.ref"})


@register.filter
def field(event: Mapping[str, Any], name: str) -> str:
    """A field's value as text; empty when the event does not have it."""
    value = event.get(name)
    return "" if value is None else str(value)


@register.filter
def fields(event: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every field but internal references, by name."""
    return [
        (name, str(value)) for name, value in sorted(event.items()) if name not in _HIDDEN and value not in ("", None)
    ]


@register.filter
def moment(event: Mapping[str, Any]) -> datetime:
    """The event's own time."""
    return datetime.fromtimestamp(int(event["time"]) / 1_000_000, UTC)


@register.filter
def what(event: Mapping[str, Any]) -> str:
    """What the event is about: tool, model, agent, else its name."""
    for name in (
        "gen_ai.tool.name",
        "gen_ai.request.model",
        "gen_ai.agent.name",
        "mcp.method.name",
        "action",
        "event.name",
    ):
        if event.get(name):
            return str(event[name])
    return ""


@register.filter
def left(deadline: datetime | None) -> str:
    """How much time is left to a deadline, or how long it is over."""
    return time_left(deadline, now=timezone.now())


register.filter("said", said)
register.filter("readable", readable)
