"""Decodes OTLP trace requests (protobuf) into columns, natively and many requests at once.

The descriptor below reads the same wire format as OpenTelemetry's own, but leaves as bytes what is either shared by many
spans (resource, scope, status) or rare (nested values, span events); those are decoded by the official classes, each
different one once. What it does not name - links, dropped counts, trace state - is skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import ptars
import pyarrow as pa
from google.protobuf import descriptor_pb2, descriptor_pool

Ints = npt.NDArray[np.int64]

_T: Final = descriptor_pb2.FieldDescriptorProto
_REPEATED: Final = _T.LABEL_REPEATED
# message -> (field, number, type or message, repeated)
_MESSAGES: Final[dict[str, tuple[tuple[str, int, int | str, bool], ...]]] = {
    "Value": (
        ("text", 1, _T.TYPE_STRING, False), ("flag", 2, _T.TYPE_BOOL, False), ("whole", 3, _T.TYPE_INT64, False),
        ("real", 4, _T.TYPE_DOUBLE, False), ("list", 5, _T.TYPE_BYTES, False), ("pairs", 6, _T.TYPE_BYTES, False),
        ("raw", 7, _T.TYPE_BYTES, False),
    ),
    "Pair": (("key", 1, _T.TYPE_STRING, False), ("value", 2, "Value", False)),
    "Span": (
        ("trace_id", 1, _T.TYPE_BYTES, False), ("span_id", 2, _T.TYPE_BYTES, False),
        ("parent_span_id", 4, _T.TYPE_BYTES, False), ("name", 5, _T.TYPE_STRING, False),
        ("start", 7, _T.TYPE_FIXED64, False), ("end", 8, _T.TYPE_FIXED64, False), ("attributes", 9, "Pair", True),
        ("events", 11, _T.TYPE_BYTES, True), ("status", 15, _T.TYPE_BYTES, False),
    ),
    "Scoped": (("scope", 1, _T.TYPE_BYTES, False), ("spans", 2, "Span", True)),
    "Group": (("resource", 1, _T.TYPE_BYTES, False), ("scoped", 2, "Scoped", True)),
    "Request": (("groups", 1, "Group", True),),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attributes:
    """The attributes of many spans as parallel arrays; ``spans`` (ascending) says whose each one is."""

    spans: Ints
    keys: pa.Array
    text: pa.Array
    flag: pa.Array
    whole: pa.Array
    real: pa.Array
    list: pa.Array
    pairs: pa.Array
    raw: pa.Array


@dataclass(frozen=True, slots=True)
class Spans:
    """Spans as parallel arrays; ``requests``, ``resources`` and ``scopes`` are numbers into what they belong to."""

    requests: Ints
    resources: pa.Array  # serialised Resource of each span
    scopes: pa.Array
    trace_ids: pa.Array
    span_ids: pa.Array
    parent_span_ids: pa.Array
    names: pa.Array
    starts: pa.Array  # uint64 nanoseconds
    ends: pa.Array
    events: Ints  # how many span events each has
    statuses: pa.Array
    attributes: Attributes

    def __len__(self) -> int:
        return len(self.requests)


@cache
def _handler() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="caiso_spans.proto", package="caiso", syntax="proto3")
    for message, fields in _MESSAGES.items():
        made = file.message_type.add(name=message)
        if message == "Value":
            made.oneof_decl.add(name="value")
        for name, number, kind, repeated in fields:
            field = made.field.add(name=name, number=number, label=_REPEATED if repeated else _T.LABEL_OPTIONAL)
            if isinstance(kind, str):
                field.type, field.type_name = _T.TYPE_MESSAGE, f".caiso.{kind}"
            else:
                field.type = kind
            if message == "Value":
                field.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    request = pool.FindMessageTypeByName("caiso.Request")
    return ptars.HandlerPool([request.file]).get_for_message(request)


def read_spans(bodies: Sequence[bytes]) -> Spans | None:
    """Return the spans of all requests, or None when one of them is not valid protobuf."""
    try:
        batch = _handler().list_to_record_batch(list(bodies))
    except ValueError:
        return None
    groups, requests = _inside(batch.column(0), np.arange(len(bodies), dtype=np.int64))
    scoped, of_group = _inside(groups.field("scoped"), np.arange(len(groups), dtype=np.int64))
    spans, of_scope = _inside(scoped.field("spans"), np.arange(len(scoped), dtype=np.int64))
    group_of_span = of_group[of_scope]
    pairs, of_span = _inside(spans.field("attributes"), np.arange(len(spans), dtype=np.int64))
    value = pairs.field("value")
    return Spans(
        requests=requests[group_of_span],
        resources=groups.field("resource").take(pa.array(group_of_span)),
        scopes=scoped.field("scope").take(pa.array(of_scope)),
        trace_ids=spans.field("trace_id"),
        span_ids=spans.field("span_id"),
        parent_span_ids=spans.field("parent_span_id"),
        names=spans.field("name"),
        starts=spans.field("start"),
        ends=spans.field("end"),
        events=_lengths(spans.field("events")),
        statuses=spans.field("status"),
        attributes=Attributes(of_span, pairs.field("key"), *(value.field(name) for name, *_ in _MESSAGES["Value"])),
    )


def _lengths(lists: pa.ListArray) -> Ints:
    lengths: Ints = np.diff(lists.offsets.to_numpy()).astype(np.int64)
    return lengths


def _inside(lists: pa.ListArray, owners: Ints) -> tuple[Any, Ints]:
    """What is in the lists, and the owner of each item."""
    lengths = _lengths(lists)
    return lists.flatten(), np.repeat(owners, lengths)
