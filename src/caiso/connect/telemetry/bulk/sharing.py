"""What many spans share - their resource and their instrumentation scope - decoded once for each different one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import orjson
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from caiso.connect.telemetry.meaning.facts import CITATIONS
from caiso.connect.telemetry.normalise import KIND_SIGNS, SCOPE_CHARS, sort_attributes
from caiso.connect.telemetry.otlp import attributes_of
from caiso.connect.telemetry.records import Limits, UnableToAccept
from caiso.connect.telemetry.table import COLUMN_TYPES

_ERROR: Final = 2
# What decides over a whole event is looked for in the span alone; a resource that says it sends its spans the slow way.
_DECIDING: Final = frozenset(
    {*KIND_SIGNS, CITATIONS, "openinference.span.kind", "traceloop.span.kind", "aisoc.content.trust", "aisoc.session"}
)


@dataclass(frozen=True, slots=True)
class Shared:
    """What a resource gives to each of its spans: columns, and the rest as JSON. ``slow``: decode its spans one by one."""

    columns: dict[str, object] = field(default_factory=dict)
    rest: dict[str, object] = field(default_factory=dict)
    slow: bool = False


_known: dict[bytes, Shared] = {}
_KNOWN_LIMIT: Final = 2048


def shared_of(resource: bytes | None, limits: Limits) -> Shared:
    """Decode a resource; the answers are kept, because few resources send nearly all spans."""
    data = resource or b""
    found = _known.get(data)
    if found is None:
        found = _shared(data, limits)
        if len(_known) >= _KNOWN_LIMIT:
            _known.clear()
        if len(data) < 16_384:
            _known[data] = found
    return found


def _shared(data: bytes, limits: Limits) -> Shared:
    event: dict[str, object] = {}
    content: dict[str, object] = {}
    try:
        sort_attributes(attributes_of(Resource.FromString(data).attributes, limits), event, content)
    except (DecodeError, UnableToAccept):
        return Shared(slow=True)
    columns = {name: value for name, value in event.items() if COLUMN_TYPES.get(name) is value.__class__}
    rest = {name: value for name, value in event.items() if name not in columns}
    slow = bool(content) or not _DECIDING.isdisjoint(event) or not COLUMN_TYPES.keys().isdisjoint(rest)
    return Shared(columns, rest, slow)


def scope_name(scope: bytes | None) -> str | None:
    """The name of an instrumentation scope; None where it cannot be read."""
    try:
        return str(InstrumentationScope.FromString(scope or b"").name)[:SCOPE_CHARS]
    except DecodeError:
        return None


def is_error(status: bytes | None) -> bool | None:
    """Whether a span's status says that it failed; None where it cannot be read."""
    try:
        return bool(Status.FromString(status or b"").code == _ERROR)
    except DecodeError:
        return None


def written(rest: dict[str, object], scope: str) -> str | None:
    """The JSON that stands in the column of what is shared."""
    said = {**rest, "otel.scope.name": scope} if scope else rest
    return orjson.dumps(said).decode() if said else None
